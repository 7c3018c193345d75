"""What judges of requests and of single logout tell of a message that they accepted, each from one sender to one address.

The judges are the server's own: `connectors.logout_checks`, `authn_request_checks` and `request_checks` there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.authn_request_checks import judge_authn_request
from connectors.formats.authn_request import read_authn_request
from connectors.formats.eidas.request import EidasRequest
from connectors.formats.logout import read_logout_request, read_logout_response
from connectors.formats.metadata import ServiceProviderFacts
from connectors.logout_checks import ExpectedLogout, judge_logout_request, judge_logout_response
from connectors.profiles import EIDAS, Profile
from connectors.request_checks import Asking, PeerRequestRefused, receive_request
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import LOGOUT_REQUEST, LOGOUT_RESPONSE, REQUEST
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmldsig import Shape
from connectors.wire.names import samlp
from idp.inspect.options import Kind
from idp.protocols.eidas.proxy_service import MAX_RELAY_STATE, RELAY_STATE
from policies.errors import RequestRefused

OF_LOGOUT = "This message about signing out could not be accepted."


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose messages: an entity id, its keys in force now, and the profile that they are signed in."""

    entity_id: str
    keys: tuple[PinnedKey, ...] = field(repr=False)
    profile: Profile


@dataclass(frozen=True, slots=True)
class Told:
    """Facts for everybody; `values` are a citizen's, or lead to one, and are shown where asked for alone."""

    facts: Mapping[str, object]
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


class MessageJudge(Protocol):
    """Judges one kind of message of one sender, after its signature held."""

    @property
    def kind(self) -> Kind:
        """What it judges."""

    @property
    def root(self) -> str:
        """The tag of that message's root."""

    @property
    def parameter(self) -> str:
        """SAMLRequest or SAMLResponse."""

    @property
    def shape(self) -> Shape:
        """Where its signature stands by POST."""

    @property
    def public(self) -> str:
        """As `Inspector` has it."""

    @property
    def not_checked(self) -> tuple[str, ...]:
        """As `Inspector` has it."""

    @property
    def sender(self) -> Sender:
        """Whose keys sign it."""

    def judge(self, signed: Signed, relay_state: str, now: int) -> Told:
        """Read and judge a message with the RelayState beside it, "" for none. Raises `BrokerError`."""


class LogoutRequestJudge:
    """Implements `MessageJudge`."""

    kind = Kind.LOGOUT_REQUEST
    root, parameter, shape, public = samlp("LogoutRequest"), "SAMLRequest", LOGOUT_REQUEST, OF_LOGOUT
    not_checked = ("one-time use", "session")

    def __init__(self, sender: Sender, destination: str) -> None:
        self.sender = sender
        self._expected = ExpectedLogout(sender.entity_id, destination)

    def judge(self, signed: Signed, relay_state: str, now: int) -> Told:  # noqa: ARG002 - it means nothing to us
        """As `MessageJudge` has it."""
        found = judge_logout_request(read_logout_request(signed), self._expected, now, self.sender.profile)
        facts = {
            "id": found.request_id,
            "issuer": found.issuer,
            "issued": found.issue_instant,
            "ends": found.not_on_or_after,
            "reason": found.reason or None,
            "name_id_format": found.name.name_format,
            "session_indexes": len(found.session_indexes),
        }
        return Told(facts, {"name_id": found.name.value, "session_index": list(found.session_indexes)})


class LogoutResponseJudge:
    """Implements `MessageJudge`. Without a `request_id` it is held against whatever request it names itself."""

    kind = Kind.LOGOUT_RESPONSE
    root, parameter, shape, public = samlp("LogoutResponse"), "SAMLResponse", LOGOUT_RESPONSE, OF_LOGOUT

    def __init__(self, sender: Sender, destination: str, request_id: str | None) -> None:
        self.sender = sender
        self._destination, self._request_id = destination, request_id

    @property
    def not_checked(self) -> tuple[str, ...]:
        """As `MessageJudge` has it."""
        return ("one-time use", "browser binding", *(() if self._request_id is not None else ("request id",)))

    def judge(self, signed: Signed, relay_state: str, now: int) -> Told:  # noqa: ARG002 - it means nothing to us
        """As `MessageJudge` has it."""
        read = read_logout_response(signed)
        request_id = read.in_response_to if self._request_id is None else self._request_id
        expected = ExpectedLogout(self.sender.entity_id, self._destination, request_id)
        found = judge_logout_response(read, expected, now, self.sender.profile)
        facts = {
            "id": found.response_id,
            "issuer": found.issuer,
            "issued": found.issue_instant,
            "in_response_to": found.in_response_to,
            "status": found.status,
            "sub_status": found.sub_status or None,
            "complete": found.complete,
        }
        return Told(facts)


class AuthnRequestJudge:
    """Implements `MessageJudge`, for a service provider of `saml2int`."""

    kind = Kind.AUTHN_REQUEST
    root, parameter, shape, public = samlp("AuthnRequest"), "SAMLRequest", REQUEST, RequestRefused.public
    not_checked = ("one-time use",)

    def __init__(self, sender: Sender, party: ServiceProviderFacts, destination: str) -> None:
        self.sender = sender
        self._party, self._here = party, destination

    def judge(self, signed: Signed, relay_state: str, now: int) -> Told:  # noqa: ARG002 - it means nothing to us
        """As `MessageJudge` has it."""
        found = judge_authn_request(read_authn_request(signed), self._party, self._here, now, self.sender.profile)
        facts = {
            "id": found.request_id,
            "issuer": found.issuer,
            "issued": found.issue_instant,
            "answer_to": found.acs_url,
            "force_authentication": found.force_authentication,
            "passive": found.is_passive,
            "name_id_format": found.name_id_format or None,
            "comparison": found.comparison or None,
            "contexts": list(found.contexts),
        }
        return Told(facts)


class NodeRequestJudge:
    """Implements `MessageJudge`, for another country's node, by the rules that a sending node runs."""

    kind = Kind.AUTHN_REQUEST
    root, parameter, shape, public = samlp("AuthnRequest"), "SAMLRequest", REQUEST, PeerRequestRefused.public

    def __init__(self, sender: Sender, asking: Asking, destination: str, left_open: Sequence[str]) -> None:
        self.sender = sender
        self._asking, self._here = asking, destination
        self.not_checked = ("one-time use", *left_open)

    def judge(self, signed: Signed, relay_state: str, now: int) -> Told:
        """As `MessageJudge` has it. Raises `PeerRequestRefused`."""
        if len(relay_state.encode()) > MAX_RELAY_STATE:
            raise PeerRequestRefused(RELAY_STATE, f"a RelayState of more than {MAX_RELAY_STATE} octets")
        found = receive_request(signed, here=self._here, peer=self._asking, now=now, profile=EIDAS)
        return Told(_of_node(found, self._asking.acs_url))


def _of_node(found: EidasRequest, acs_url: str) -> Mapping[str, object]:
    return {
        "id": found.request_id,
        "issuer": found.issuer,
        "issued": found.issue_instant,
        "answer_to": acs_url,
        "force_authentication": found.force_authentication,
        "passive": bool(found.is_passive),
        "name_id_format": found.name_id_format or None,
        "comparison": found.comparison,
        "contexts": list(found.contexts),
        "sp_type": found.sp_type,
        "attributes": {attribute.name: attribute.required for attribute in found.attributes},
    }
