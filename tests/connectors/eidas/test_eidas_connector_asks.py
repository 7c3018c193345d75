"""The receiving node's questions, judged by others' schemas, by our own rules for requests, and by the verifier."""

import base64
from urllib.parse import urlsplit

import pytest
from lxml import etree

from connectors.connector import Ask, Outbound, Post, Redirect
from connectors.formats.eidas.registry import MINIMUM, NATURAL, PROTOCOL_VERSIONS
from connectors.formats.eidas.request import EidasRequest, read_request
from connectors.profiles import EIDAS
from connectors.request_checks import Asking, check_request
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.redirect import verify_query
from connectors.signatures.shapes import REQUEST
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.wire.names import PERSISTENT, TRANSIENT, UNSPECIFIED
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.authentication import Requester
from policies.errors import AssertionRejected, AssuranceTooLow, Misconfigured, PeerUnavailable
from tests.connectors.eidas import judge
from tests.connectors.eidas.made import natural
from tests.connectors.eidas.node import (
    ACS,
    HIGH,
    LOW,
    NOTIFIED,
    NOW,
    OURS,
    OWN_HIGH,
    OWN_LOW,
    OWN_SUBSTANTIAL,
    SUBSTANTIAL,
    SendingNode,
    ask,
    connector_to,
    expectation,
)
from tests.connectors.metadata.node import rsa_signer

ADDRESS, EMAIL, GENDER, BIRTH_NAME, FAMILY = (
    AttributeName(name) for name in ("address", "email", "gender", "birth_family_name", "family_name")
)
LEVELS = {level.name.lower(): level for level in LevelOfAssurance}


@pytest.fixture(scope="module")
def node() -> SendingNode:
    return SendingNode()


def _heard(outbound: Outbound) -> tuple[EidasRequest, str]:
    """The request as the other node reads it, its signature verified, and its RelayState."""
    keys = [key_of_certificate(rsa_signer(0).certificate, EIDAS)]
    if isinstance(outbound, Redirect):
        signed, relay_state = verify_query(urlsplit(outbound.url).query, "SAMLRequest", keys, EIDAS)
        return read_request(signed), relay_state
    fields = dict(outbound.fields)
    octets = base64.b64decode(fields["SAMLRequest"])
    judge.assert_valid(etree.fromstring(octets))
    message = verify(octets, keys, REQUEST, EIDAS)
    assert isinstance(message, SignedMessage)
    return read_request(message.signed), fields.get("RelayState", "")


def _asked(node: SendingNode, question: Ask | None = None, **registration: object) -> EidasRequest:
    outbound, _ = connector_to(node, **registration).request(question or ask(), NOW)
    return _heard(outbound)[0]


def _judged(request: EidasRequest) -> EidasRequest:
    """The verdict of a sending node of ours."""
    peer = Asking(entity_id=OURS, acs_url=ACS, sp_type="", name_id_formats=frozenset({PERSISTENT, UNSPECIFIED}))
    return check_request(request, here=request.destination, peer=peer, now=NOW + 5, profile=EIDAS)


@pytest.mark.spec("eidas.md §3 transport")
@pytest.mark.spec("eidas.md §3 message")
@pytest.mark.spec("eidas.md §3 Destination")
@pytest.mark.parametrize(
    ("binding", "url", "kind"),
    [("redirect", "https://ee.example/sso", Redirect), ("post", "https://ee.example/sso/post", Post)],
)
def test_a_question_goes_signed_by_either_binding_to_the_address_of_the_metadata(
    node: SendingNode, binding: str, url: str, kind: type[Outbound]
) -> None:
    question = ask()
    outbound, expected = connector_to(node, binding=binding).request(question, NOW)
    assert isinstance(outbound, kind)
    assert outbound.url.partition("?")[0] == url
    request, relay_state = _heard(outbound)
    assert (request.destination, request.issuer, request.issue_instant) == (url, OURS, NOW)
    assert relay_state == question.relay_state
    assert request.request_id == expected.request_id
    assert expected.issued_at == NOW
    assert len(request.request_id) > 30, "160 random bits"


@pytest.mark.spec("eidas.md §3 ForceAuthn")
@pytest.mark.spec("eidas.md §3 IsPassive")
@pytest.mark.spec("eidas.md §3 no AssertionConsumerServiceURL is sent")
@pytest.mark.spec("eidas.md §3 ProviderName")
@pytest.mark.spec("eidas.md §3 SPType")
@pytest.mark.spec("eidas.md §3 SPType in request xor metadata")
def test_a_question_is_one_that_our_own_sending_node_takes(node: SendingNode) -> None:
    request = _asked(node, binding="post")
    assert _judged(request) == request
    assert (request.force_authentication, request.is_passive) == (True, False)
    assert (request.acs_url, request.protocol_binding, request.consent) == ("", "", "")
    assert (request.provider_name, request.sp_type) == ("City of Storkhaven", "public")


@pytest.mark.spec("eidas.md §3 ForceAuthn")
def test_an_older_authentication_answers_no_question_whatever_the_service_asked(node: SendingNode) -> None:
    _, expected = connector_to(node).request(ask(force_authentication=False, max_age=60), NOW)
    assert expected.force_authentication
    assert (expected.max_age, expected.minimum_assurance) == (60, LevelOfAssurance.SUBSTANTIAL)


@pytest.mark.spec("eidas.md §3 complete minimum data set")
@pytest.mark.spec("eidas.md §3 isRequired equals the registry")
@pytest.mark.spec("eidas.md §3 isRequired is always said")
@pytest.mark.spec("eidas.md §3 no representative attributes")
def test_the_whole_minimum_data_set_is_asked_for_and_what_is_needed_beside_it(node: SendingNode) -> None:
    assert [(one.name, one.required) for one in _asked(node).attributes] == [(uri, True) for uri in MINIMUM]
    needed = (EMAIL, FAMILY, ADDRESS, BIRTH_NAME, AttributeName("of-the-city"))
    request = _asked(node, ask(attributes=needed, required=frozenset(needed)), binding="post")
    assert [(one.name, one.required) for one in request.attributes] == [
        *((uri, True) for uri in MINIMUM),
        # a service's need is not the registry's word
        (natural("CurrentAddress"), False),
        (natural("EmailAddress"), False),
    ]
    assert _judged(request) == request
    assert not any("representative" in one.name for one in request.attributes)


@pytest.mark.spec("eidas.md §5 six attributes of 1.3")
@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_what_a_node_does_not_have_or_its_version_does_not_know_is_not_asked_for(node: SendingNode, version: str) -> None:
    supported = frozenset(NATURAL) - {natural("BirthName")}
    other = SendingNode(signer=node.signer, facts_changes={"attributes": supported, "versions": {"1.1", version}})
    asked = [one.name for one in _asked(other, ask(attributes=(EMAIL, GENDER, BIRTH_NAME))).attributes]
    assert asked == [*MINIMUM, natural("Gender"), *([natural("EmailAddress")] if version != "1.2" else [])]


@pytest.mark.spec("eidas.md §3 RequesterID")
@pytest.mark.spec("eidas.md §6 termsofaccess requesterid")
def test_who_asks_is_told_only_to_a_node_that_wants_to_know(node: SendingNode) -> None:
    assert _asked(node).requester_id == ""
    wants = SendingNode(signer=node.signer, facts_changes={"wants_requester_id": True})
    request = _asked(wants, binding="post")
    assert request.requester_id == "https://city.example/party/parking"
    assert _judged(request) == request


@pytest.mark.spec("eidas.md §3 RequesterID length")
@pytest.mark.parametrize("requester_id", ["", "https://" + "x" * 1017], ids=["a blind one", "1025 characters"])
def test_a_relying_party_that_may_not_be_told_is_not_taken_to_a_node_that_wants_to_know(
    node: SendingNode, requester_id: str
) -> None:
    wants = SendingNode(signer=node.signer, facts_changes={"wants_requester_id": True})
    question = ask(requester=Requester("Ciconia", "public", requester_id))
    with pytest.raises(PeerUnavailable, match=r"RequesterID.*registration"):
        connector_to(wants).request(question, NOW)
    connector_to(node).request(question, NOW)


@pytest.mark.spec("eidas.md §8 13")
@pytest.mark.spec("eidas.md §6 protocol-version")
@pytest.mark.parametrize("versions", [frozenset(), frozenset({"1.1", "2.0"})])
def test_without_a_protocol_version_in_common_nothing_is_sent(node: SendingNode, versions: frozenset[str]) -> None:
    strange = SendingNode(signer=node.signer, facts_changes={"versions": versions})
    with pytest.raises(PeerUnavailable, match="speaks no protocol version") as refusal:
        connector_to(strange).request(ask(), NOW)
    assert all(version in refusal.value.detail for version in [*versions, *PROTOCOL_VERSIONS])


@pytest.mark.spec("eidas.md §6 the last good copy until it ends")
def test_a_node_whose_metadata_ended_is_not_asked(node: SendingNode) -> None:
    ended = SendingNode(signer=node.signer, facts_changes={"valid_until": NOW})
    with pytest.raises(PeerUnavailable):
        connector_to(ended).request(ask(), NOW)
    connector_to(ended).request(ask(), NOW - 1)


@pytest.mark.spec("eidas.md §4 citizen country")
def test_a_node_of_another_country_than_its_registration_is_not_asked(node: SendingNode) -> None:
    other = SendingNode(signer=node.signer, facts_changes={"country": "LV"})
    with pytest.raises(AssertionRejected) as refusal:
        connector_to(other).request(ask(), NOW)
    assert refusal.value.check == "node_country"


MIXED = {
    **NOTIFIED,
    OWN_LOW: LevelOfAssurance.LOW,
    OWN_HIGH: LevelOfAssurance.SUBSTANTIAL,
    "urn:ee:mobile": LevelOfAssurance.HIGH,
}
OWN = {OWN_LOW: LevelOfAssurance.LOW, OWN_SUBSTANTIAL: LevelOfAssurance.SUBSTANTIAL, OWN_HIGH: LevelOfAssurance.HIGH}
ALL = frozenset({HIGH, OWN_LOW, OWN_SUBSTANTIAL, OWN_HIGH, "urn:ee:mobile"})


@pytest.mark.spec("eidas.md §3 RequestedAuthnContext")
@pytest.mark.spec("eidas.md §3 Comparison minimum or exact")
@pytest.mark.spec("eidas.md §3 minimum is one notified level")
@pytest.mark.spec("eidas.md §3 exact needs a non-notified level")
@pytest.mark.spec("eidas.md §3 exact lists all higher notified levels")
@pytest.mark.parametrize(
    ("table", "published", "minimum", "comparison", "contexts"),
    [
        (NOTIFIED, ALL, "low", "minimum", (LOW,)),
        (NOTIFIED, frozenset({SUBSTANTIAL}), "low", "minimum", (LOW,)),
        ({HIGH: LevelOfAssurance.SUBSTANTIAL, LOW: LevelOfAssurance.LOW}, ALL, "substantial", "minimum", (HIGH,)),
        (OWN, ALL, "low", "exact", (OWN_LOW, OWN_SUBSTANTIAL, OWN_HIGH)),
        (MIXED, ALL, "low", "exact", (LOW, SUBSTANTIAL, HIGH, OWN_LOW, OWN_HIGH, "urn:ee:mobile")),
        (MIXED, ALL, "high", "exact", (HIGH, "urn:ee:mobile")),
        (MIXED, frozenset({HIGH}), "high", "minimum", (HIGH,)),
    ],
)
def test_levels_are_asked_as_the_profile_has_it(
    node: SendingNode,
    table: dict[str, LevelOfAssurance],
    published: frozenset[str],
    minimum: str,
    comparison: str,
    contexts: tuple[str, ...],
) -> None:
    known = SendingNode(signer=node.signer, assurance=published)
    request = _asked(known, ask(LEVELS[minimum]), assurance=table, binding="post")
    assert (request.comparison, request.contexts) == (comparison, contexts)
    assert _judged(request) == request


@pytest.mark.spec("eidas.md §6 assurance-certification")
@pytest.mark.spec("house-style.md 10")
@pytest.mark.parametrize(
    ("table", "published"),
    [(NOTIFIED, frozenset({SUBSTANTIAL})), (NOTIFIED, frozenset()), (OWN, frozenset({HIGH}))],
)
def test_nobody_is_sent_to_a_node_that_publishes_no_level_that_reaches(
    node: SendingNode, table: dict[str, LevelOfAssurance], published: frozenset[str]
) -> None:
    low = SendingNode(signer=node.signer, assurance=published)
    with pytest.raises(AssuranceTooLow) as refusal:
        connector_to(low, assurance=table).request(ask(LevelOfAssurance.HIGH), NOW)
    assert refusal.value.check == "assurance_unreachable"


@pytest.mark.spec("eidas.md §3 NameIDPolicy")
@pytest.mark.spec("eidas.md §3 AllowCreate")
@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ({PERSISTENT, TRANSIENT, UNSPECIFIED}, UNSPECIFIED),
        ({PERSISTENT, TRANSIENT}, PERSISTENT),
        ({TRANSIENT}, TRANSIENT),
        (set(), ""),
    ],
)
def test_a_name_is_asked_for_in_a_format_that_the_node_has(node: SendingNode, known: set[str], asked: str) -> None:
    named = SendingNode(signer=node.signer, facts_changes={"name_id_formats": frozenset(known)})
    outbound, expected = connector_to(named, binding="post").request(ask(), NOW)
    request, _ = _heard(outbound)
    assert (request.name_id_format, expected.name_id_format) == (asked, asked)
    assert request.allow_create is (True if asked else None)


@pytest.mark.parametrize("changes", [{"peer": None}, {"assurance": {}}, {"binding": "artifact"}], ids=str)
def test_a_registration_that_cannot_work_is_said_at_start(node: SendingNode, changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured, match=r"providers/ee.toml:3"):
        connector_to(node, **changes)


def test_two_questions_have_nothing_in_common(node: SendingNode) -> None:
    connector = connector_to(node)
    first, second = (connector.request(ask(), NOW)[1].request_id for _ in range(2))
    assert first != second
    assert expectation().request_id not in (first, second)
