"""pysaml2 as a service of the city: it reads our published metadata, asks, and believes the answer, over real sockets."""

import gc
import logging
import warnings
from pathlib import Path
from typing import Any  # pysaml2 has no types
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from lxml import html

from connectors.formats.grammar import written
from tests.idp.web.saml_party import ACS, ENTITY, PARTY, SamlParty
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor, login_of
from tests.interop.saml_peers import XMLSEC1
from tests.peers import require_peer

with warnings.catch_warnings():
    # It names ciphers where cryptography had them before
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
    from saml2.client import Saml2Client
    from saml2.config import SPConfig
    from saml2.metadata import entity_descriptor
    from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

pytestmark = pytest.mark.peer
GONE = "https://library.storkhaven.example/saml/gone"


def configuration(party: SamlParty, ours: str) -> Any:
    """Its configuration, as its documentation has it; everything is signed, and encrypted to it."""
    certificate = party.folder / "library.crt"
    der = x509.load_der_x509_certificate(party.signer.certificate)
    certificate.write_bytes(der.public_bytes(Encoding.PEM))
    paths = {"key_file": str(party.key_file), "cert_file": str(certificate)}
    service = {
        "endpoints": {
            "assertion_consumer_service": [(ACS, BINDING_HTTP_POST)],
            "single_logout_service": [(GONE, BINDING_HTTP_REDIRECT)],
        },
        "logout_requests_signed": True,
        "authn_requests_signed": True,
        "want_response_signed": True,
        "want_assertions_signed": True,
        "allow_unsolicited": False,
        "signing_algorithm": SIG_RSA_SHA256,
        "digest_algorithm": DIGEST_SHA256,
    }
    return SPConfig().load(
        {
            "entityid": ENTITY,
            "xmlsec_binary": str(XMLSEC1),
            "allow_unknown_attributes": True,
            **paths,
            "encryption_keypairs": [paths],
            "metadata": {"inline": [ours]} if ours else {},
            "service": {"sp": service},
        }
    )


@pytest.mark.spec("saml.md §13")
@pytest.mark.parametrize("binding", [BINDING_HTTP_REDIRECT, BINDING_HTTP_POST])
def test_pysaml2_signs_a_citizen_in(visitor: Visitor, stage: Stage, tmp_path: Path, binding: str) -> None:
    require_peer("xmlsec1", present=XMLSEC1.exists())
    logging.getLogger("saml2").setLevel(logging.CRITICAL)
    party = SamlParty(tmp_path, stage.issuer, stage.clock)
    files = {
        "parties/library.toml": PARTY.format(
            entity=ENTITY, more='subject = "persistent"', name="library", purpose="resident-parking"
        ),
        "metadata/library.xml": str(entity_descriptor(configuration(party, ""))),
    }
    with stage.other_broker(tmp_path / "b", {}, files) as visitor.port:
        ours = visitor.go("GET", "/saml/idp", headers=DIRECT)
        service = Saml2Client(config=configuration(party, ours.text))
        asked, sent = service.prepare_for_authenticate(relay_state="a/b+c", binding=binding, sign=True)
        if binding == BINDING_HTTP_REDIRECT:
            picker = visitor.go("GET", "/saml/sso?" + urlsplit(dict(sent["headers"])["Location"]).query)
        else:
            inputs = html.document_fromstring(str(sent["data"])).iterfind(".//input[@name]")
            posted = {one.get("name", ""): one.get("value", "") for one in inputs}
            picker = visitor.comes_back("/saml/sso", "https://library.storkhaven.example", posted)
        question = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
        answer = visitor.decides(question)
        response = answer.fields["SAMLResponse"]
        read = service.parse_authn_request_response(response, BINDING_HTTP_POST, {asked: "/"})
    assert read.name_id.format.endswith(":persistent")
    assert (len(read.name_id.text), read.name_id.sp_name_qualifier) == (52, ENTITY)
    assert {name.rpartition("/attributes/")[2]: values for name, values in read.ava.items()} == {
        "age_over_18": ["true"],
        "resident_of/Storkhaven": ["true"],
    }
    with warnings.catch_warnings():
        # It leaves its temporary files to the garbage collector, whose warnings would come in somebody else's test
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.spec("saml.md §5")
def test_pysaml2_signs_a_citizen_out_and_takes_our_answer(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    require_peer("xmlsec1", present=XMLSEC1.exists())
    logging.getLogger("saml2").setLevel(logging.CRITICAL)
    party = SamlParty(tmp_path, stage.issuer, stage.clock)
    files = {
        "session_groups.toml": "[city]\n",
        "parties/library.toml": PARTY.format(
            entity=ENTITY, more='session_group = "city"', name="library", purpose="resident-parking"
        ),
        "metadata/library.xml": str(entity_descriptor(configuration(party, ""))),
    }
    with stage.other_broker(tmp_path / "b", {}, files) as visitor.port:
        ours = visitor.go("GET", "/saml/idp", headers=DIRECT)
        service = Saml2Client(config=configuration(party, ours.text))
        asked, sent = service.prepare_for_authenticate(binding=BINDING_HTTP_REDIRECT, sign=True)
        picker = visitor.go("GET", "/saml/sso?" + urlsplit(dict(sent["headers"])["Location"]).query)
        answer = visitor.decides(visitor.returns(visitor.signs_in(visitor.asked(login_of(picker)))))
        read = service.parse_authn_request_response(answer.fields["SAMLResponse"], BINDING_HTTP_POST, {asked: "/"})
        assert any(name.startswith("__Host-session-") for name in visitor.jar)
        entity = f"{stage.issuer}/saml/idp"
        why, end = "urn:oasis:names:tc:SAML:2.0:logout:user", written(stage.clock() + 300)
        away = service.do_logout(read.name_id, [entity], why, end, sign=True, expected_binding=BINDING_HTTP_REDIRECT)
        address = dict(away[entity][1]["headers"])["Location"]
        gone = visitor.go("GET", f"/saml/idp/logout?{urlsplit(address).query}")
        assert not any(name.startswith("__Host-session-") for name in visitor.jar)
        (back,) = gone.found("//a/@href")
        query = dict(parse_qsl(urlsplit(back).query))
        told = service.parse_logout_request_response(query["SAMLResponse"], BINDING_HTTP_REDIRECT)
    assert back.startswith(f"{GONE}?")
    assert told.response.status.status_code.value.endswith(":Success")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
