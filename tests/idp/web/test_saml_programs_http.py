"""A citizen gets a code in their browser, and a program without one signs in with it (ECP)."""

from pathlib import Path
from urllib.parse import quote

import pytest
from lxml import etree

from connectors.formats.artifact import in_envelope
from connectors.profiles import SAML2INT
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import PAOS
from tests.idp.protocols.test_saml_programs import PROGRAMS, SERVICE, basic
from tests.idp.web.kiosk import PURPOSE
from tests.idp.web.saml_party import ENTITY, NAMES, SamlParty
from tests.idp.web.stage import Stage
from tests.idp.web.test_saml_services_http import answered
from tests.idp.web.visitor import DIRECT, Answer, Visitor

SOAP = {**DIRECT, "content-type": "text/xml"}


def brings(visitor: Visitor, library: SamlParty, authorization: str | None) -> Answer:
    """The program posts the service's own request."""
    asked = library.request(Destination=None, ProtocolBinding=PAOS, AssertionConsumerServiceURL=PROGRAMS)
    for one in asked.findall("samlp:RequestedAuthnContext", NAMES):
        asked.remove(one)
    body = in_envelope(sign_enveloped(asked, library.signer, place=1, profile=SAML2INT))
    headers = {**SOAP, **({"authorization": authorization} if authorization else {})}
    return visitor.go("POST", "/saml/ecp", body=body, headers=headers, jar={})


@pytest.mark.spec("SAML ECP 2.0 §2.3.4")
def test_a_program_signs_in_once_with_the_code_that_its_citizen_read(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    more = 'ecp = true\nsector = "hall"'
    library = SamlParty(tmp_path, stage.issuer, stage.clock, more=more, wanted=SERVICE, purpose="kiosk-permit")
    files = {**library.files, "purposes/kiosk-permit.toml": PURPOSE}
    with stage.other_broker(tmp_path / "b", {}, files) as visitor.port:
        metadata = visitor.go("GET", "/saml/idp", headers=DIRECT).text
        assert f'bindings:SOAP" Location="{stage.issuer}/saml/ecp"' in metadata
        unsaid = brings(visitor, library, None)
        assert (unsaid.status, unsaid.headers["www-authenticate"].startswith('Basic realm="')) == (401, True)
        before = stage.records
        leaving = answered(visitor, visitor.go("GET", f"/saml/ecp/begin?providerId={quote(ENTITY, safe='')}"))
        assert stage.records == before + 1, "it is recorded before anybody has the code"
        assert leaving.found("//main//form/@action") == [f"{stage.issuer}/saml/ecp/code"]
        shown = visitor.go("POST", "/saml/ecp/code", fields=leaving.fields)
        (code,) = shown.found("//main//code/text()")
        assert code == leaving.fields["code"]
        foreign = visitor.comes_back("/saml/ecp/code", "https://evil.example", {"code": code})
        assert (foreign.status, code in foreign.text) == (403, False)
        odd = visitor.go("POST", "/saml/ecp/code", fields={"code": "<b>call this number</b>"})
        assert "call this number" not in odd.text
        taken, again = (brings(visitor, library, basic(code)) for _ in range(2))
    assert (taken.status, taken.headers["cache-control"]) == (200, "no-store")
    response = etree.fromstring(taken.text.encode()).find(".//samlp:Response", NAMES)
    assert response is not None
    assert response.get("InResponseTo") == library.asked[-2]
    assert again.status == 401
