"""How we ask an identity provider and hear back: the shapes that every connector and every responder shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Form
from policies.authentication import Assertion, Requester, Scoping
from policies.parties import ProviderId
from policies.persons import NATURAL_ALONE, PersonKind


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it came over HTTP: each parameter once (a repeated one was refused before), not yet believed.

    `binding` is `redirect` (query), `post` (form body) or `soap` (a program's). `raw` is the query, or the envelope, as it
    came: a detached signature covers that.
    """

    binding: str
    parameters: Mapping[str, str] = field(repr=False)
    raw: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser to `url`."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """Let the browser post `fields` to `url`."""

    url: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)


Outbound = Redirect | Post


@dataclass(frozen=True, slots=True)
class Ask:
    """Our question to an identity provider in one login."""

    relay_state: str  # selects the login's cookie, authorises nothing
    minimum_assurance: LevelOfAssurance
    force_authentication: bool
    # the relying party's max_age in seconds: the answer's AuthnInstant is held against it
    max_age: int | None = None
    # the attributes that the purpose needs, and those of them that cannot be missing: nobody asks for more
    attributes: tuple[AttributeName, ...] = ()
    required: frozenset[AttributeName] = frozenset()
    # of some of them the one question to which a yes is enough, and without a yes nothing more happens
    questions: Mapping[AttributeName, Form] = field(default_factory=dict)
    requester: Requester | None = None
    scoping: Scoping = field(default_factory=Scoping)
    # the entity id of the public body in whose name we ask, and the number of its service there; "" asks in our own
    speaks_as: str = ""
    attribute_service: int = 0
    # the kinds of person that the purpose and the service take
    persons: frozenset[PersonKind] = NATURAL_ALONE


@dataclass(frozen=True, slots=True)
class Expectation:
    """The facts that an answer must match, sealed in the browser until it comes. They hold nothing about a person."""

    provider_id: ProviderId
    request_id: str
    issued_at: int
    minimum_assurance: LevelOfAssurance
    force_authentication: bool
    max_age: int | None = None
    # the NameID format that was asked for; "" where none was
    name_id_format: str = ""
    # for an answer that we fetch: PKCE's verifier, which travels sealed
    secret: str = field(default="", repr=False)
    # how many proxies may stand behind whom we ask; None where nobody limited it
    proxies: int | None = None
    # entity ids, one of which has to have signed the person in; none where nobody was named (IDPList)
    authorities: tuple[str, ...] = ()
    # the entity id of the public body that asked, and that the answer is for; "" where we asked in our own name
    speaks_as: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """An assertion, and what its message said of the person in its own names: inspection may show that, a login uses none.

    `subject_format` is the NameID's format, or the wire name of the attribute that identifies.
    """

    assertion: Assertion
    subject_format: str
    subject: str = field(repr=False)
    attributes: Mapping[str, tuple[str, ...]] = field(repr=False)
    # of an attribute, whether it is there, not there or withheld, where the protocol says so
    statuses: Mapping[str, str] = field(default_factory=dict)


class Connector(Protocol):
    """One way to ask one identity provider. Judging does no I/O: bytes, keys and `now` are arguments.

    A protocol whose answer is fetched asks the provider inside `request` and `receive`, by one deadline (decision 0039).
    """

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        """Make the question, and what its answer must match.

        Raises `AssuranceTooLow`, `PeerUnavailable`, and `AllRevoked` where nobody can sign it, or open what comes of it.
        """

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """Judge the answer. Raises `AssertionRejected` and its kinds, and `PeerUnavailable`."""
