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
from connectors.signatures.shapes import LOGOUT_REQUEST, LOGOUT_RESPONSE, REQUEST, STORK_REQUEST
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmldsig import Shape
from connectors.stork_request_checks import receive_request as receive_stork_request
from connectors.wire.names import samlp
from idp.inspect.options import MessageKind
from idp.protocols.stork.person import check_required
from policies.catalogue import Catalogue
from policies.errors import RequestRefused
from policies.parties import StorkPeer

OF_LOGOUT = "This message about signing out could not be accepted."


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of messages: an entity id, its keys in force now, and the profile that they sign in."""

    entity_id: str
    keys: tuple[PinnedKey, ...] = field(repr=False)
    profile: Profile
    # tried in turn where the profile refuses only an algorithm: a deviation of the registration
    older: tuple[Profile, ...] = ()


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


def stork_request_judge(
    sender: Sender, peer: StorkPeer, destination: str, country: str, catalogue: Catalogue
) -> MessageJudge:
    """Judges an AuthnRequest of another country over STORK, as the frontend does. Raises `PeerRequestRefused`.

    `country` is ours, whose citizen it has to be about.
    """

    def judge(signed: Signed, relay_state: str, now: int) -> MessageFacts:
        check_relay_state(relay_state)
        found = receive_stork_request(signed, here=destination, country=country, peer=peer, now=now)
        check_required(found.attributes, catalogue)
        facts = {
            "id": found.request_id,
            "issuer": found.issuer,
            "issued": found.issue_instant,
            "answer_to": found.acs_url,
            "force_authentication": found.force_authentication,
            "passive": found.is_passive,
            "qaa": found.qaa,
            "service": {
                "name": found.provider_name,
                "sector": found.sector or None,
                "institution": found.institution or None,
                "application": found.application or None,
                "country": found.country or None,
                "id": found.vidp.sp_id if found.vidp else None,
            },
            "shares": {
                "sector": found.sector_share,
                "cross_sector": found.cross_sector_share,
                "cross_border": found.cross_border_share,
            },
            "citizen_country": (found.vidp.citizen_country if found.vidp else "") or None,
            "attributes": {one.name: one.required for one in found.attributes},
            "requested_values": {one.name: list(one.values) for one in found.attributes if one.values},
        }
        return MessageFacts(facts)

    return _of_request(sender, judge, PeerRequestRefused.public, (), STORK_REQUEST)


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


def _of_request(
    sender: Sender, judge: Judge, public: str, left_open: Sequence[str], shape: Shape = REQUEST
) -> MessageJudge:
    kind, open_ends = MessageKind.AUTHN_REQUEST, ("one-time use", *left_open)
    return MessageJudge(kind, samlp("AuthnRequest"), "SAMLRequest", shape, public, open_ends, sender, judge)
