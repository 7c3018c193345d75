"""One login at a sending node, in one direction: NodeRequested -> NodeAsked -> NodeDecided -> NodeReleased, or NodeRefused.

`NodeRequested` and `NodeAsked` travel sealed in a cookie and hold nothing about a person. `NodeDecided` lies in a sealed
form field and holds what would be sent, never the assertion that it came from.
"""

from dataclasses import dataclass, field

from connectors.connector import Expectation
from connectors.formats.eidas.request import RequestedAttribute
from idp.codec import NEVER_DEFLATED, PLAIN_COOKIE, Codec
from idp.seal import LoginId
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Value
from policies.parties import EntityId, NodeId, ProviderId


@dataclass(frozen=True, slots=True)
class NodeRequest:
    """A node's AuthnRequest, verified and judged. Its address is no part of it: that is the one of its metadata, each time.

    `comparison` is `minimum` with one notified level, or `exact`; `name_id_format` is "" where none was asked for.
    `attributes` are those that the profile knows, in the order of the message; the minimum data set is among them.
    """

    node_id: NodeId
    issuer: EntityId
    request_id: str
    relay_state: str
    name_id_format: str
    comparison: str
    contexts: tuple[str, ...]
    attributes: tuple[RequestedAttribute, ...]
    sp_type: str  # "public" or "private"
    provider_name: str


@dataclass(frozen=True, slots=True)
class NodeRequested:
    """A node asked; the citizen has not chosen among the country's identity providers yet."""

    login: LoginId
    began: int
    request: NodeRequest


@dataclass(frozen=True, slots=True)
class NodeAsked:
    """We asked an identity provider of the country, and remember what its answer must match.

    `acts` is how many acts of the switchboard were known before, as in a city's `Asked`.
    """

    login: LoginId
    began: int
    request: NodeRequest
    expectation: Expectation
    acts: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """One attribute that would be sent whole; `latin` is its transliteration where it is in another script."""

    name: AttributeName
    value: Value = field(repr=False)
    latin: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NodeDecided:
    """What would be sent, person identifier included. `context_class` is the level as the answer will name it.

    `response` and `assertion` are SHA-256 over (issuer, id) of the national answer: the marks that the decision takes,
    until `marks_end`.
    """

    login: LoginId
    began: int
    end: int
    request: NodeRequest
    provider_id: ProviderId
    loa: LevelOfAssurance
    context_class: str
    authenticated_at: int
    attributes: tuple[Carried, ...] = field(repr=False)
    response: bytes
    assertion: bytes
    marks_end: int
    acts: int = 0
    deviations: tuple[str, ...] = ()  # the named deviations that the national answer used


@dataclass(frozen=True, slots=True)
class NodeReleased:
    """Recorded, durable, and on its way: what the node is told, under ids that the same choice gives again."""

    decided: NodeDecided
    response_id: str
    assertion_id: str
    # a NameID of one use, where the node asked for such a one
    transient: str = field(repr=False)
    # whether this very choice wrote the record, and none before it
    recorded: bool = field(default=False, compare=False)

    @property
    def request(self) -> NodeRequest:
        """Which request it answers."""
        return self.decided.request


@dataclass(frozen=True, slots=True)
class NodeRefused:
    """The login ended without a release; the node gets a failure under this id."""

    request: NodeRequest
    response_id: str
    recorded: bool = field(default=False, compare=False)


NODE_REQUESTED = Codec(NodeRequested, plain=PLAIN_COOKIE)
NODE_ASKED = Codec(NodeAsked, plain=PLAIN_COOKIE)
NODE_DECIDED = Codec(NodeDecided, plain=NEVER_DEFLATED)


class NodeStates:
    """How `NodeRequested` and `NodeAsked` are written into a cookie: see `idp.endpoints.logins.States`."""

    def pack(self, state: NodeRequested | NodeAsked) -> tuple[str, bytes]:
        """`r` or `a`, and the state."""
        return ("a", NODE_ASKED.dump(state)) if isinstance(state, NodeAsked) else ("r", NODE_REQUESTED.dump(state))

    def unpack(self, letter: str, payload: bytes) -> NodeRequested | NodeAsked:
        """The state of this letter. Raises `NotFound` where the bytes are not one."""
        return NODE_ASKED.load(payload) if letter == "a" else NODE_REQUESTED.load(payload)
