"""A sending node serves its own addresses, and none of a city's."""

import hashlib

import pytest

from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.wire.names import POST, REDIRECT
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
    assert facts.attributes == {ATTRIBUTE + name for name in (*minimum, *MADE_OF_TABLES)}


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
        ("GET", "/login/AAAAAAAAAAAAAAAAAAAAAA/countries"),
        ("POST", "/login/AAAAAAAAAAAAAAAAAAAAAA/language"),
        ("GET", "/"),
    ],
)
def test_a_node_serves_no_relying_parties(browser: Browser, method: str, path: str) -> None:
    answer = browser.go(method, path)
    assert answer.status == 404
    assert answer.cookies == {}


@pytest.mark.parametrize("path", ["/login/AAAAAAAAAAAAAAAAAAAAAA/at/national", "/login/x/at/national"])
def test_a_login_that_is_not_in_this_browser_is_none(browser: Browser, path: str) -> None:
    assert browser.go("GET", path).status == 409


def test_answers_to_a_login_that_somebody_made_up_count_against_nobody_else_of_their_address(
    browser: Browser, stage: NodeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = stage.application.watched.rates
    monkeypatch.setattr(rates, "address", lambda _client: "made up")
    monkeypatch.setattr(rates, "_limits", rates._limits.model_copy(update={"failures": 2}))
    fields = {"SAMLResponse": "x", "RelayState": "A" * 22}
    made_up = {"__Host-l-" + fields["RelayState"]: "a123"}
    monkeypatch.setattr("idp.server.wrong_answers.ADDRESS_TIMES", 1)
    for jar in ({}, made_up):
        assert [browser.returns(fields, jar).status for _ in range(4)] == [409] * 4
    assert browser.informed().status == 200


def test_every_page_is_one_that_nobody_keeps_or_frames(browser: Browser) -> None:
    page = browser.informed()
    sent = browser.decides(page)
    for answer in (page, sent, browser.asks(contexts=())):
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "form-action" not in sent.headers["content-security-policy"], "the node may lead on to a third origin"


def test_a_long_request_is_parked(browser: Browser, stage: NodeStage) -> None:
    """A state that does not fit a cookie lies sealed in the database, and the login goes on as any other."""
    fill = tuple(f"urn:other:level:{hashlib.shake_256(b'%d' % number).hexdigest(120)}" for number in range(13))
    contexts = (f"{LOA}low", f"{LOA}substantial", f"{LOA}high", *fill)
    leaving = browser.asks(comparison="exact", contexts=contexts)
    (cookie,) = (value for name, value in browser.jar.items() if name.startswith("__Host-l-"))
    assert cookie[0] == "A"
    assert len(cookie) < 400
    page = browser.returns(browser.signs_in(leaving))
    assert browser.opened(browser.decides(page)).assertion is not None
    assert stage.application.site.tenant == "node.localhost"
