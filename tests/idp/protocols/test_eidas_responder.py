"""The proxy service without HTTP: whose key signed, which failure is told to whom, and how an answer is encrypted."""

import base64
import time
from dataclasses import replace
from traceback import format_exception

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from connectors import node_request
from connectors.connector import Inbound, Post
from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.peers import PeerInUse, Peers
from connectors.profiles import AES128_GCM, AES192_GCM, AES256_GCM, EIDAS, KW_AES128, KW_AES256
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.decryption_keys import FileAgreement
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import ENCRYPTED_RESPONSE
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import open_assertion
from idp.login.frontend import Declined, Received
from idp.login.states import Grant, Released
from idp.protocols.eidas.proxy_service import EIDAS_QUESTION, EidasQuestion, Here, ProxyService
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Attribute, AttributeName
from policies.authentication import ServiceRequest
from policies.catalogue import STANDARD
from policies.errors import (
    AssertionRejected,
    AssuranceTooLow,
    AuthenticationFailed,
    BrokerError,
    PeerUnavailable,
    ReleaseDenied,
    SignatureInvalid,
    TooManyRequests,
)
from policies.parties import EntityId, NodeId, Peer, ProviderId, RequestingNode, Source
from tests.connectors import forge
from tests.idp.memory import MemoryCopies
from tests.idp.neighbour import signer
from tests.idp.web_node.peer import LOA, Opened, PeerNode

NODE = signer("node messages")
HERE = Here("https://node.example/eidas/metadata", "https://node.example/eidas/sso")
NOW = int(time.time()) + 3600  # after the certificates that are made when a test needs them
SAID = {
    "person_identifier": "EE/NL/abc",
    "family_name": "Maasikas",
    "given_name": "Mari",
    "birthdate": "1990-02-28",
}


@pytest.fixture(scope="module")
def nl(tmp_path_factory: pytest.TempPathFactory) -> PeerNode:
    return PeerNode(tmp_path_factory.mktemp("nl"), "nl", "NL")


@pytest.fixture(scope="module")
def lv(tmp_path_factory: pytest.TempPathFactory) -> PeerNode:
    return PeerNode(tmp_path_factory.mktemp("lv"), "lv", "LV")


@pytest.fixture
def proxy(nl: PeerNode, lv: PeerNode) -> ProxyService:
    return made(nl, lv)[0]


def made(*nodes: PeerNode, until: int = NOW + 3600) -> tuple[ProxyService, Peers]:
    source, copies = Source("nodes/x.toml", 1), MemoryCopies()
    registered = {}
    for node in nodes:
        copies.keep(node.held(until, NOW))
        peer = Peer(
            EntityId(node.entity_id), node.country, node.entity_id, node.metadata_signer.certificate, "", (), source
        )
        registered[NodeId(node.name)] = RequestingNode(NodeId(node.name), {"en": node.name}, peer, source)
    peers = Peers(
        {one.peer.entity_id: one.peer for one in registered.values() if isinstance(one.peer, Peer)},
        role="connector",
        copies=copies,
        fetcher=Fetcher(demo=True),
        profile=EIDAS,
        ours=PROTOCOL_VERSIONS,
    )
    service = ProxyService(here=HERE, nodes=registered, peers=peers, signer=NODE, catalogue=STANDARD)
    return service, peers


def post(fields: dict[str, str]) -> Inbound:
    return Inbound("post", fields)


def received(proxy: ProxyService, node: PeerNode, **changes: object) -> ServiceRequest:
    found = proxy.receive(post(node.posted(node.request(HERE.sso_url, NOW, **changes), "r")), NOW)
    assert isinstance(found, Received)
    return found.request


def relay_state(request: ServiceRequest) -> str:
    question: EidasQuestion = EIDAS_QUESTION.load(request.origin.protocol.encode())
    return question.relay_state


def opened(answer: Post, node: PeerNode) -> Opened:
    assert answer.url == node.acs_url
    return node.opened(dict(answer.fields), NODE.certificate)


def released(request: ServiceRequest) -> Released:
    grant = Grant(
        origin=request.origin,
        purpose_id=request.purpose_id,
        provider_id=ProviderId("national"),
        sub=SAID["person_identifier"],
        loa=LevelOfAssurance.HIGH,
        context=f"{LOA}high",
        authenticated_at=NOW - 3,
        attributes=tuple(Attribute(AttributeName(name), EXACT, value) for name, value in SAID.items()),
    )
    return Released(grant, b"k" * 32)


# -- who asks --------------------------------------------------------------------------------------------------------------


def test_who_asks_is_whose_key_it_is(proxy: ProxyService, nl: PeerNode, lv: PeerNode) -> None:
    assert received(proxy, nl).origin.service == "nl"
    assert received(proxy, lv).origin.service == "lv"
    request = received(proxy, nl, requester_id="urn:parking", name_id_format="")
    assert request.origin.issuer == nl.entity_id
    assert request.requester is not None
    assert request.requester.sp_type == "public"
    assert relay_state(request) == "r"
    assert len(request.asked) == 4


def test_without_any_node_nobody_may_ask(nl: PeerNode) -> None:
    for service, now in ((made()[0], NOW), (made(nl)[0], NOW + 3601)):
        with pytest.raises(PeerRequestRefused) as refused:
            service.receive(post(nl.posted(nl.request(HERE.sso_url, now))), now)
        assert refused.value.check == "keys"


def test_the_metadata_of_one_node_that_ended_does_not_stop_another(nl: PeerNode, lv: PeerNode) -> None:
    service, peers = made(nl, lv)
    peers._copies.keep(lv.held(NOW + 5000, NOW))
    peers.reload(EntityId(lv.entity_id))
    later = NOW + 3700
    fields = lv.posted(lv.request(HERE.sso_url, later))
    assert isinstance(service.receive(post(fields), later), Received)
    with pytest.raises(PeerRequestRefused) as refused:
        service.receive(post(nl.posted(nl.request(HERE.sso_url, later))), later)
    assert refused.value.check == "signature"


def test_a_surprise_in_a_parser_is_a_refusal(proxy: ProxyService, nl: PeerNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprising(*_: object) -> None:
        raise KeyError("a piece of the message")

    monkeypatch.setattr("connectors.signed_messages.verify", surprising)
    with pytest.raises(PeerRequestRefused) as refused:
        proxy.receive(post(nl.posted(nl.request(HERE.sso_url, NOW))), NOW)
    assert (refused.value.check, refused.value.detail) == ("unforeseen", "KeyError.")
    assert "a piece of the message" not in "".join(format_exception(refused.value))


def test_a_declined_request_knows_its_node_and_its_answer(proxy: ProxyService, nl: PeerNode) -> None:
    fields = nl.posted(nl.request(HERE.sso_url, NOW, contexts=()), "r")
    declined = proxy.receive(post(fields), NOW)
    assert isinstance(declined, Declined)
    assert declined.origin.service == "nl"
    assert isinstance(declined.error, PeerRequestRefused)
    assert declined.error.check == "authn_context_refs"
    answer = proxy.refuse(declined.origin, declined.error, NOW)
    assert dict(answer.fields)["RelayState"] == "r"
    assert opened(answer, nl).codes[0] == "Requester"


@pytest.mark.parametrize("contexts", [None, ()])
def test_a_signed_request_is_counted_before_anything_is_signed_for_it(
    proxy: ProxyService, nl: PeerNode, contexts: tuple[str, ...] | None
) -> None:
    changes = {} if contexts is None else {"contexts": contexts}
    counted: list[str] = []

    def full(node: str) -> None:
        counted.append(node)
        raise TooManyRequests("begin_party", 60)

    with pytest.raises(TooManyRequests):
        proxy.receive(post(nl.posted(nl.request(HERE.sso_url, NOW, **changes))), NOW, full)
    assert counted == ["nl"]
    for nobodys in ({"SAMLRequest": "PHg+"}, nl.posted(nl.request(HERE.sso_url, NOW - 365 * 86400, **changes))):
        with pytest.raises(PeerRequestRefused):
            proxy.receive(post(nobodys), NOW, full)
    assert counted == ["nl"], "what nobody signed is nobody's, and an old one is whoever's saw it"


def test_of_a_name_that_is_too_long_nothing_is_read() -> None:
    """Each reference takes a call, and no signature held yet."""
    longest, longer = (b"<Issuer>" + b"&amp;" * count + b"</Issuer>" for count in (204, 206))
    for octets, read in ((longest, "&" * 204), (longer, "")):
        fields = {"SAMLRequest": base64.b64encode(octets).decode()}
        assert node_request.unverified_issuer(post(fields)) == read


# -- failures --------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §4 refusal")
@pytest.mark.parametrize(
    "error",
    [
        AuthenticationFailed("status"),
        AssertionRejected("minimum_data_set", "no birth date"),
        SignatureInvalid("signature"),
    ],
)
def test_what_could_not_be_given_is_told_as_a_refusal_is(proxy: ProxyService, nl: PeerNode, error: BrokerError) -> None:
    request = received(proxy, nl)
    told = opened(proxy.refuse(request.origin, error, NOW), nl)
    left = opened(proxy.refuse(request.origin, ReleaseDenied("cancelled"), NOW, b"k" * 32), nl)
    assert told.codes == left.codes == ("Responder", "AuthnFailed", "")
    assert told.response.in_response_to == request.origin.message_id


@pytest.mark.spec("eidas.md §4 level not reached")
def test_too_low_a_level_is_told(proxy: ProxyService, nl: PeerNode) -> None:
    told = opened(proxy.refuse(received(proxy, nl).origin, AssuranceTooLow("authn_context_too_low"), NOW), nl)
    assert told.codes == ("Responder", "AuthnFailed", "The requested level of assurance was not reached.")


def test_a_failure_to_a_node_that_may_not_be_answered_is_none(proxy: ProxyService, nl: PeerNode) -> None:
    request = received(proxy, nl)
    with pytest.raises(PeerUnavailable):
        proxy.refuse(request.origin, AuthenticationFailed("status"), NOW + 3601)


# -- the answer ------------------------------------------------------------------------------------------------------------


def in_use(proxy: ProxyService, node: PeerNode, *methods: str) -> PeerInUse:
    peer = proxy._peers.current(EntityId(node.entity_id), NOW)
    return replace(peer, facts=replace(peer.facts, encryption_methods=methods))


def answered(proxy: ProxyService, node: PeerNode, peer: PeerInUse) -> Post:
    """The answer to a node of which this is known."""
    one = released(received(proxy, node))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(proxy, "_peer", lambda _origin, _now: peer)
        return proxy.answer(one, NOW)


@pytest.mark.spec("eidas.md §4 Response")
def test_the_answer_opens_at_its_node_and_nowhere_else(proxy: ProxyService, nl: PeerNode, lv: PeerNode) -> None:
    answer = answered(proxy, nl, in_use(proxy, nl))
    found = opened(answer, nl)
    assert found.assertion is not None
    assert found.assertion.assertion_id != found.response.response_id
    assert found.assertion.authentications[0].instant == NOW - 3
    assert found.values("DateOfBirth") == ["1990-02-28"]
    with pytest.raises(AssertionRejected) as refused:
        lv.opened(dict(answer.fields), NODE.certificate)
    assert refused.value.check == "decryption"


@pytest.mark.parametrize(
    ("methods", "used"),
    [
        ((), AES256_GCM),
        ((AES128_GCM, AES256_GCM), AES128_GCM),
        ((AES192_GCM,), AES192_GCM),
        (("http://www.w3.org/2001/04/xmlenc#aes256-cbc", AES128_GCM), AES128_GCM),
        (("http://www.w3.org/2001/04/xmlenc#aes256-cbc",), AES256_GCM),
    ],
)
def test_the_node_s_own_order_of_methods_counts_as_far_as_the_profile_goes(
    proxy: ProxyService, nl: PeerNode, methods: tuple[str, ...], used: str
) -> None:
    answer = answered(proxy, nl, in_use(proxy, nl, *methods))
    octets = base64.b64decode(dict(answer.fields)["SAMLResponse"])
    assert f'Algorithm="{used}"'.encode() in octets
    assert opened(answer, nl).assertion is not None


@pytest.mark.spec("eidas.md §7 ECDH-ES")
@pytest.mark.parametrize(
    ("methods", "used"),
    [
        ((), KW_AES256),
        ((AES128_GCM, KW_AES128), KW_AES128),
        ((KW_AES256, KW_AES128), KW_AES256),
        (("http://www.w3.org/2001/04/xmlenc#kw-aes192", KW_AES128), KW_AES128),
        (("http://www.w3.org/2001/04/xmlenc#kw-tripledes",), KW_AES256),
    ],
)
def test_a_node_on_a_curve_is_answered_with_the_first_key_wrap_that_it_names(
    proxy: ProxyService, nl: PeerNode, methods: tuple[str, ...], used: str
) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    certificate = forge.party(private).certificate
    known = in_use(proxy, nl, *methods)
    peer = replace(known, _encryption=((certificate, replace(key_of_certificate(certificate, EIDAS), not_after=None)),))
    answer = answered(proxy, nl, peer)
    root = etree.fromstring(base64.b64decode(dict(answer.fields)["SAMLResponse"]))
    assert [method.get("Algorithm") for method in root.iter("{*}EncryptionMethod")][1:] == [used]
    message = verify(etree.tostring(root), [key_of_certificate(NODE.certificate, EIDAS)], ENCRYPTED_RESPONSE, EIDAS)
    assert isinstance(message, SignedMessage)
    keys = [key_of_certificate(NODE.certificate, EIDAS)]
    ours = FileAgreement(_private_key=private, certificate=certificate, key_id="nl")
    assert b"Maasikas" in open_assertion(message.signed, [ours], keys, EIDAS).octets
