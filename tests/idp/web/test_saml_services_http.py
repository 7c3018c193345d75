"""A service that speaks SAML signs its citizens in over HTTP, as one that speaks OpenID Connect does."""

import base64
import json
from pathlib import Path
from typing import Any  # JSON of a receipt
from urllib.parse import quote

import pytest
from lxml import etree

from connectors.connector import Post
from connectors.formats.grammar import written
from connectors.signatures.key_ring import Ring, Scheduled
from connectors.wire.names import ARTIFACT, POST, REDIRECT
from idp.audit.verify import verify_ledger
from idp.keys.file import create_saml_key, load_signer
from idp.protocols.saml.identity_provider import idp_metadata
from idp.receipts.receipt_verify import verify_receipt
from tests.idp.staging import Lines
from tests.idp.web.saml_party import ARTIFACTS, ENTITY, NAMES, SamlParty, arrives, verified
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor, login_of
from tests.independent_receipt import check

PAIRWISE = "urn:oasis:names:tc:SAML:attribute:pairwise-id"


def answered(visitor: Visitor, picker: Answer) -> Answer:
    """The citizen chooses a country, signs in there, and approves."""
    assert picker.status == 200, picker.text
    page = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
    assert page.status == 200, page.text
    return visitor.decides(page)


def receipt(visitor: Visitor, stage: Stage) -> dict[str, Any]:
    """The record of the newest sign-in, as its citizen can open it. Two programs have verified it."""
    octets, ledger = visitor.go("GET", "/receipt.json").text.encode(), stage.application.keys.ledger.log.at(0).verifier
    verify_receipt(octets, [ledger])
    check(octets, str(ledger))
    found: dict[str, Any] = json.loads(octets)["openings"]
    return {name: one["content"] for name, one in found.items() if "content" in one}


@pytest.mark.spec("saml.md §13")
@pytest.mark.parametrize("binding", [REDIRECT, POST])
@pytest.mark.parametrize("encrypts", [True, False], ids=["encrypted", "plain"])
def test_a_citizen_signs_in_at_a_service_that_speaks_saml(
    visitor: Visitor, stage: Stage, tmp_path: Path, binding: str, *, encrypts: bool
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, encrypts=encrypts)
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        before = stage.records
        answer = answered(visitor, library.asks(visitor, binding=binding))
        heard = library.read(answer, stage.application.keys.saml.at(0).certificate)
        assert stage.records == before + 1
        committed = receipt(visitor, stage)["login"]
    assert heard.was_encrypted is encrypts
    assert heard.statuses == ["Success"]
    assert heard.relay_state == "to the shelf"
    assert heard.root.get("InResponseTo") == library.asked[0]
    assert heard.text("saml:Audience") == ENTITY
    assert heard.text("saml:AuthnContextClassRef") == "http://eidas.europa.eu/LoA/high"
    own = f"{stage.issuer}/attributes"
    (identifier,) = heard.attributes.pop(PAIRWISE)
    assert identifier.endswith("@broker.localhost")
    person = identifier.removesuffix("@broker.localhost")
    assert committed == {"iss": stage.issuer, "aud": "library", "sub": person, "nonce": library.asked[0]}
    assert heard.attributes == {f"{own}/age_over_18": ["true"], f"{own}/resident_of/Storkhaven": ["true"]}


@pytest.mark.spec("saml.md §4")
def test_an_answer_by_artifact_is_fetched_by_its_service_over_soap(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, artifacts=True)
    asked = library.request(ProtocolBinding=ARTIFACT, AssertionConsumerServiceURL=ARTIFACTS)
    soap = {**DIRECT, "content-type": "text/xml; charset=utf-8"}
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        carried = answered(visitor, library.asks(visitor, asked)).back
        assert carried["RelayState"] == "to the shelf"
        envelope = library.resolves(carried["SAMLart"])
        first = visitor.go("POST", "/saml/artifact", body=envelope, headers=soap, jar={})
        # As pysaml2 names an envelope of SOAP 1.1
        named = {**DIRECT, "content-type": "application/soap+xml"}
        again = visitor.go("POST", "/saml/artifact", body=envelope, headers=named, jar={})
        stranger = visitor.go("POST", "/saml/artifact", body=b"<a/>", headers=soap, jar={})
        no_soap = visitor.go("POST", "/saml/artifact", body=envelope, headers=DIRECT, jar={})
    assert (first.status, first.headers["content-type"], first.headers["cache-control"]) == (
        *(200, "text/xml; charset=utf-8"),
        "no-store",
    )
    response = etree.fromstring(first.text.encode()).find(".//samlp:Response", NAMES)
    assert response is not None
    fields = {"SAMLResponse": base64.b64encode(etree.tostring(response)).decode()}
    heard = library.heard(fields, stage.application.keys.saml.at(0).certificate)
    assert f"{stage.issuer}/attributes/age_over_18" in heard.attributes
    assert (again.status, "samlp:Response" in again.text) == (200, False)
    assert (stranger.status, "faultcode" in stranger.text, no_soap.status) == (500, True, 415)


def test_a_list_of_one_identity_provider_skips_the_choice(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock)
    entry = f'<samlp:IDPEntry ProviderID="{stage.country.entity_id}"/>'
    asked = library.request(f"<samlp:Scoping><samlp:IDPList>{entry}</samlp:IDPList></samlp:Scoping>")
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        sent = library.asks(visitor, asked)
        assert (sent.status, sent.headers["location"].startswith(f"{stage.country_base}/sso")) == (303, True)


@pytest.mark.spec("security.md §2.1 AuthnRequest side")
def test_what_no_address_is_verified_for_gets_a_page_alone_and_a_passive_request_its_answer(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock)
    before = stage.records
    changes: list[dict[str, object]] = [
        {"AssertionConsumerServiceURL": "https://evil.example/acs"},
        {"AssertionConsumerServiceIndex": "0"},
        {"IssueInstant": written(stage.clock() + 3600)},
    ]
    octets = base64.b64encode(etree.tostring(library.request())).decode()
    unsigned = Post(f"{stage.issuer}/saml/sso", (("SAMLRequest", octets),))
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        refused = [library.asks(visitor, library.request(**one)) for one in changes]
        refused.append(arrives(visitor, unsigned))
        passive = library.asks(visitor, library.request(IsPassive="true"))
        assert stage.records == before + 1, "the configuration alone"
    for page in refused:
        assert page.status == 400
        assert "evil.example" not in page.text
        assert not page.found("//main//form/@action")
    heard = library.read(passive, stage.application.keys.saml.at(0).certificate)
    assert heard.statuses == ["Responder", "NoPassive"]


@pytest.mark.spec("SAML Profiles 2.0 §4.1.5")
def test_a_portals_link_asks_the_citizen_all_and_signs_them_in(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    target = "https://library.storkhaven.example/loans"
    library = SamlParty(tmp_path, stage.issuer, stage.clock, more=f'unsolicited = true\ntargets = ["{target}"]')
    link = f"/saml/sso/unsolicited?providerId={quote(ENTITY, safe='')}&time=1"
    before = stage.records
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        answer = answered(visitor, visitor.go("GET", f"{link}&target={quote(target, safe='')}"))
        heard = library.read(answer, stage.application.keys.saml.at(0).certificate)
        assert stage.records == before + 2, "the configuration, and the release"
        evil = visitor.go("GET", f"{link}&target=https://evil.example")
        twice = visitor.go("GET", f"{link}&providerId=https://evil.example")
    assert (heard.statuses, heard.relay_state, heard.root.get("InResponseTo")) == (["Success"], target, None)
    assert f"{stage.issuer}/attributes/age_over_18" in heard.attributes
    for refused in (evil, twice):
        assert (refused.status, "evil.example" in refused.text, refused.found("//main//form/@action")) == (400, False, [])


@pytest.mark.spec("SAML Core §2.7.2")
@pytest.mark.parametrize("more", ["", "tell_authorities = true"])
def test_a_service_hears_who_signed_the_citizen_in_where_its_registration_says_so_and_the_page_does(
    visitor: Visitor, stage: Stage, tmp_path: Path, more: str
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, more=more)
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        page = visitor.returns(visitor.signs_in(visitor.asked(login_of(library.asks(visitor)))))
        assert (stage.country.entity_id in page.text) is bool(more)
        heard = library.read(visitor.decides(page), stage.application.keys.saml.at(0).certificate)
    named = [str(one.text) for one in heard.root.iterfind(".//saml:AuthenticatingAuthority", NAMES)]
    assert named == ([stage.country.entity_id] if more else [])


def test_a_request_is_answered_once(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock)
    sent = library.sent(library.request())
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        first = answered(visitor, arrives(visitor, sent))
        assert library.read(first, stage.application.keys.saml.at(0).certificate).statuses == ["Success"]
        again = answered(visitor, arrives(visitor, sent))
    assert (again.status, "SAMLResponse" in again.fields) == (409, False)


def test_a_citizen_whom_a_service_turned_away_reads_whose_move_it_is_and_nothing_that_a_link_says(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock)
    evil = "tid=%3Cscript%3E&ctx=https://evil.example&ts=evil"
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        for code, shown, rp, name in (
            ("IDENTIFICATION_FAILURE", "service_lacks_data", ENTITY, "library"),
            ("AUTHENTICATION_FAILURE", "service_wants_more", "https://evil.example", None),
            ("ERRORURL_CODE", "service_turned_away", "ERRORURL_RP", None),
            ("%3Cb%3Eevil", "service_turned_away", "evil", None),
        ):
            page = visitor.go("GET", f"/saml/error?code={code}&rp={quote(rp, safe='')}&{evil}")
            assert (page.status, shown in page.text) == (200, True)
            assert not [one for one in ("evil", "script>") if one in page.text]
            assert (logs[-1]["code"], logs[-1]["peer"], "evil" in str(logs[-1])) == (shown, name, False)


def test_our_metadata_says_both_keys_while_one_takes_over(visitor: Visitor, stage: Stage) -> None:
    found = etree.fromstring(visitor.go("GET", "/saml/idp", headers=DIRECT).text.encode())
    verified(found, stage.application.keys.saml.at(0).certificate)
    assert found.get("entityID") == f"{stage.issuer}/saml/idp"
    bindings = [str(one.get("Binding")).rpartition(":")[2] for one in found.iterfind(".//{*}SingleSignOnService")]
    assert bindings == ["HTTP-Redirect", "HTTP-POST", "HTTP-POST-SimpleSign"]
    ring = stage.application.keys.saml
    now, other = stage.clock(), load_signer(_made(stage))
    both = Ring([*ring.scheduled, Scheduled(now + 60, other)], ring.overlap)
    octets = idp_metadata(stage.issuer, both, now, 60)
    assert octets.count(b"KeyDescriptor use=") == 2


def _made(stage: Stage) -> Path:
    path = stage.folder / "next.pem"
    create_saml_key(path, "broker.localhost")
    return path


def test_the_ledger_has_the_same_record_as_over_openid_connect(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, more='sector = "mobility"')
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        visitor.code(scope="openid purpose:resident-parking address email")
        over_openid = receipt(visitor, stage)
        answered(visitor, library.asks(visitor))
        over_saml = receipt(visitor, stage)
    app = stage.application
    assert not verify_ledger(app.store.engine, tenant=app.settings.tenant, keys=app.keys.ledger, role="city").findings
    # Scopes ask for all of an attribute, and a service of SAML for what it is registered for
    apart = dict.fromkeys(("client", "record", "time", "asked"))
    for part in ("sent", "decision"):
        assert {**over_saml[part], **apart} == {**over_openid[part], **apart}
    # One sector has one pseudonym, in whatever protocol it asks
    assert over_saml["login"]["sub"] == over_openid["login"]["sub"]
    assert (over_saml["login"]["aud"], over_saml["login"]["nonce"]) == ("library", library.asked[0])
