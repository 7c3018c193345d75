"""A sending node serves its own addresses, and none of a city's."""

from dataclasses import replace

import pytest

from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.wire.names import POST, REDIRECT
from idp.config.folder import load_configuration
from idp.protocols.eidas.metadata import supported_attributes
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.persons import NATURAL_ALONE
from tests.connectors.registers.views import register
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import ATTRIBUTE, LOA, OTHER_LOA
from tests.idp.web_node.stage import NodeStage

DAY = 24 * 3600
MADE_OF_TABLES = ("CurrentAddress", "Gender", "EmailAddress")


def metadata(browser: Browser, stage: NodeStage) -> tuple[PeerFacts, bytes]:
    answer = browser.go("GET", "/eidas/metadata")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    keys = stage.application.keys.node
    assert keys is not None
    message = verify(answer.text.encode(), [key_of_certificate(keys.metadata.at(0).certificate, EIDAS)], METADATA, EIDAS)
    assert isinstance(message, SignedMessage)
    return read_peer(message.signed, "proxy"), answer.text.encode()


@pytest.mark.spec("eidas.md §6 NodeCountry")
@pytest.mark.spec("eidas.md §6 IDPSSODescriptor")
def test_the_metadata_says_who_answers_and_where(browser: Browser, stage: NodeStage) -> None:
    facts, _ = metadata(browser, stage)
    assert (facts.entity_id, facts.country) == (f"{stage.issuer}/eidas/metadata", "EE")
    assert facts.endpoints == {(POST, stage.sso_url), (REDIRECT, stage.sso_url)}
    assert facts.signing == {stage.certificate}
    assert facts.encryption == frozenset()
    assert facts.versions == {"1.4", "1.3", "1.2"}
    assert not facts.wants_requester_id


@pytest.mark.spec("eidas.md §6 assurance-certification")
@pytest.mark.spec("eidas.md §6 supported attributes")
def test_the_metadata_says_what_the_providers_can_give(browser: Browser, stage: NodeStage) -> None:
    facts, _ = metadata(browser, stage)
    assert facts.assurance == {f"{LOA}high", f"{OTHER_LOA}low", f"{OTHER_LOA}substantial"}
    minimum = ("PersonIdentifier", "CurrentFamilyName", "CurrentGivenName", "DateOfBirth")
    legal = ("LegalPersonIdentifier", "LegalName", "VATRegistrationNumber")
    assert facts.attributes == {
        *(ATTRIBUTE + name for name in (*minimum, *MADE_OF_TABLES)),
        *(f"{ATTRIBUTE}representative/{name}" for name in minimum),
        *(f"http://eidas.europa.eu/attributes/legalperson/{name}" for name in legal),
        *("https://trade.example/attributes/Licence", "http://data.europa.eu/p4s/attributes/PowerOfRepresentationScope"),
    }
    # and whoever vouches for persons alone is no reason to name companies
    natural = [replace(one, persons=NATURAL_ALONE) for one in load_configuration(stage.folder).providers.values()]
    found = supported_attributes(natural, (), STANDARD, "1.4")
    assert set(found) == {ATTRIBUTE + name for name in (*minimum, *MADE_OF_TABLES)}
    assert {*found} - {*supported_attributes(natural, (), STANDARD, "1.2")} == {ATTRIBUTE + "EmailAddress"}
    # but a register beside them is
    says = {name: (AttributeName(name), "") for name in ("legal_person_identifier", "legal_name", "mandate")}
    powers = replace(register("sqlite:///x"), attributes=says, represents="ee/companies")
    beside = {*supported_attributes(natural, [powers], STANDARD, "1.4")} - {*found}
    assert beside > {f"http://eidas.europa.eu/attributes/legalperson/{name}" for name in legal[:2]}
    assert beside > {f"{ATTRIBUTE}representative/{name}" for name in minimum[:1]}


@pytest.mark.spec("eidas.md §6 validUntil")
def test_the_metadata_is_renewed_before_half_of_it_is_over(browser: Browser, stage: NodeStage) -> None:
    first, octets = metadata(browser, stage)
    assert DAY // 2 < first.valid_until - stage.clock() <= DAY
    assert metadata(browser, stage)[1] == octets, "no signature for each request"
    stage.clock.ahead = DAY // 2 + 1
    second, renewed = metadata(browser, stage)
    assert renewed != octets
    assert second.valid_until >= first.valid_until + DAY // 2
    assert second.digest == first.digest, "nothing that would have to be approved again"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/authorize"),
        ("POST", "/token"),
        ("GET", "/userinfo"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/jwks"),
        ("POST", "/eidas/acs"),
        ("POST", "/stork/acs"),
        ("GET", "/login/AAAAAAAAAAAAAAAAAAAAAA/countries"),
        # It keeps nothing of a person that a page could show (decision 0000.26)
        ("GET", "/me"),
        ("POST", "/me/sign-in"),
        ("GET", "/me/receipt.json"),
        ("GET", "/nowhere"),
    ],
)
def test_a_node_serves_no_relying_parties(browser: Browser, method: str, path: str) -> None:
    answer = browser.go(method, path)
    assert answer.status == 404
    assert answer.cookies == {}


def test_every_page_is_one_that_nobody_keeps_or_frames(browser: Browser) -> None:
    page = browser.informed()
    sent = browser.decides(page)
    for answer in (page, sent, browser.asks(contexts=())):
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "form-action" not in sent.headers["content-security-policy"], "the node may lead on to a third origin"
