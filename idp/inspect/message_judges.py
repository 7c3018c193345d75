"""Judges of requests and of single logout, each for one sender and one address: the server's own, and their facts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.authn_request_checks import judge_authn_request
from connectors.formats.authn_request import AuthnRequestMessage, read_authn_request
from connectors.formats.eidas.request import EidasRequest
from connectors.formats.logout import read_logout_request, read_logout_response
from connectors.formats.service_provider import ServiceProviderFacts
from connectors.logout_checks import ExpectedLogout, judge_logout_request, judge_logout_response
from connectors.node_request import check_relay_state
from connectors.profiles import EIDAS, Profile
from connectors.request_checks import Asking, PeerRequestRefused, receive_request
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import LOGOUT_REQUEST, LOGOUT_RESPONSE, REQUEST
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmldsig import Shape
from connectors.wire.names import samlp
from idp.inspect.options import MessageKind
from policies.errors import RequestRefused

OF_LOGOUT = "This message about signing out could not be accepted."


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of messages: an entity id, its keys in force now, and the profile that they sign in."""

    entity_id: str
    keys: tuple[PinnedKey, ...] = field(repr=False)
    profile: Profile


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """Facts for everybody; `values` are a citizen's, or lead to one, and are shown only where asked for."""

    facts: Mapping[str, object]
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


# Judges a signed message with the RelayState beside it ("" for none) at a time. Raises `BrokerError`
Judge = Callable[[Signed, str, int], MessageFacts]


@dataclass(frozen=True, slots=True)
class MessageJudge:
    """Judges one kind of message from one sender, after its signature held.

    `root` is the tag of the message, `parameter` SAMLRequest or SAMLResponse, `shape` the place of its signature by POST;
    `public` and `not_checked` are those of the `Inspector`.
    """

    kind: MessageKind
    root: str
    parameter: str
    shape: Shape
    public: str
    not_checked: tuple[str, ...]
    sender: Sender
    judge: Judge


def logout_request_judge(sender: Sender, destination: str) -> MessageJudge:
    """Judges a LogoutRequest."""
    expected = ExpectedLogout(sender.entity_id, destination)

    def judge(signed: Signed, _relay_state: str, now: int) -> MessageFacts:
        found = judge_logout_request(read_logout_request(signed), expected, now, sender.profile)
        facts = {
            "id": found.request_id,
            "issuer": found.issuer,
            "issued": found.issue_instant,
            "ends": found.not_on_or_after,
            "reason": found.reason or None,
            "name_id_format": found.name.name_format,
            "session_indexes": len(found.session_indexes),
        }
        return MessageFacts(facts, {"name_id": found.name.value, "session_index": list(found.session_indexes)})

    kind, left_open = MessageKind.LOGOUT_REQUEST, ("one-time use", "session")
    return MessageJudge(kind, samlp("LogoutRequest"), "SAMLRequest", LOGOUT_REQUEST, OF_LOGOUT, left_open, sender, judge)


def logout_response_judge(sender: Sender, destination: str, request_id: str | None) -> MessageJudge:
    """Judges a LogoutResponse. Without a `request_id` it takes the request that the message names."""

    def judge(signed: Signed, _relay_state: str, now: int) -> MessageFacts:
        read = read_logout_response(signed)
        expected = ExpectedLogout(sender.entity_id, destination, read.in_response_to if request_id is None else request_id)
        found = judge_logout_response(read, expected, now, sender.profile)
        facts = {
            "id": found.response_id,
            "issuer": found.issuer,
            "issued": found.issue_instant,
            "in_response_to": found.in_response_to,
            "status": found.status,
            "sub_status": found.sub_status or None,
            "complete": found.complete,
        }
        return MessageFacts(facts)

    kind, root = MessageKind.LOGOUT_RESPONSE, samlp("LogoutResponse")
    left_open = ("one-time use", "browser binding", *(() if request_id is not None else ("request id",)))
    return MessageJudge(kind, root, "SAMLResponse", LOGOUT_RESPONSE, OF_LOGOUT, left_open, sender, judge)


def authn_request_judge(sender: Sender, party: ServiceProviderFacts, destination: str) -> MessageJudge:
    """Judges an AuthnRequest of a service provider of `saml2int`."""

    def judge(signed: Signed, _relay_state: str, now: int) -> MessageFacts:
        found = judge_authn_request(read_authn_request(signed), party, destination, now, sender.profile)
        return MessageFacts(_asked(found, found.acs_url))

    return _of_request(sender, judge, RequestRefused.public, ())


def node_request_judge(sender: Sender, asking: Asking, destination: str, left_open: Sequence[str]) -> MessageJudge:
    """Judges an AuthnRequest of another country's node, by the rules of a sending node. Raises `PeerRequestRefused`."""

    def judge(signed: Signed, relay_state: str, now: int) -> MessageFacts:
        check_relay_state(relay_state)
        found = receive_request(signed, here=destination, peer=asking, now=now, profile=EIDAS)
        attributes = {attribute.name: attribute.required for attribute in found.attributes}
        return MessageFacts({**_asked(found, asking.acs_url), "sp_type": found.sp_type, "attributes": attributes})

    return _of_request(sender, judge, PeerRequestRefused.public, left_open)


def _asked(found: AuthnRequestMessage | EidasRequest, answer_to: str) -> dict[str, object]:
    return {
        "id": found.request_id,
        "issuer": found.issuer,
        "issued": found.issue_instant,
        "answer_to": answer_to,
        "force_authentication": found.force_authentication,
        "passive": bool(found.is_passive),
        "name_id_format": found.name_id_format or None,
        "comparison": found.comparison or None,
        "contexts": list(found.contexts),
    }


def _of_request(sender: Sender, judge: Judge, public: str, left_open: Sequence[str]) -> MessageJudge:
    kind, open_ends = MessageKind.AUTHN_REQUEST, ("one-time use", *left_open)
    return MessageJudge(kind, samlp("AuthnRequest"), "SAMLRequest", REQUEST, public, open_ends, sender, judge)
