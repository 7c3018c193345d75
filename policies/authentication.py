"""Requests of services, and assertions of identity providers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from policies.assurance import LevelOfAssurance
from policies.attributes import LATIN, AttributeName, Form, Value
from policies.parties import EntityId, ProviderId, PurposeId, RegisterId, ServiceId, SubjectNamespace
from policies.persons import ActingFor, PersonKind


@dataclass(frozen=True, slots=True)
class AskedAttribute:
    """One attribute that a relying party asks for: the form that it wants.

    `required`: another country's node takes no answer without it, though it is of no minimum data set.
    """

    name: AttributeName
    form: Form
    required: bool = False


@dataclass(frozen=True, slots=True)
class Requester:
    """The service that a node speaks for, or that we speak for: its name, `public` or `private`, and a URI or ""."""

    provider_name: str
    sp_type: str
    requester_id: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, verified, and so where its answer goes.

    Only the frontend of this name reads `protocol`: there lies what its protocol needs for the answer.
    """

    frontend: str
    service: ServiceId
    # how the service names itself in its messages: a client_id, or an entity id
    issuer: str
    # a request with an id is answered once; "" where the protocol's requests have none
    message_id: str = ""
    protocol: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SharedSignIn:
    """The part of a request of a service that shares sign-ins: its group, and whether it takes an answer without a page.

    `session` names the session of the browser that it came in, as only we know it; "" without one.
    """

    group: str
    passive: bool = False
    session: str = ""


@dataclass(frozen=True, slots=True)
class Scoping:
    """The bounds that a request sets on who may sign the person in (SAML Core 2.0 §3.4.1.2); the default sets none.

    `providers` are entity ids, one of which has to (IDPList). `proxy_count` is how many proxies may stand between the
    service and that one, ours among them. `requesters` are those for whom the service asks, the first of all first.
    """

    providers: tuple[str, ...] = ()
    proxy_count: int | None = None
    requesters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A service's request, judged, in whatever protocol it came. Its service and purpose are registered.

    It holds nothing about a person, but for a digest of the pseudonym that is expected. Times are in seconds.
    """

    origin: Origin
    purpose_id: PurposeId  # "" of another country's node, which names none
    asked: tuple[AskedAttribute, ...]  # sorted by name, each name once
    # wire names of what was asked beyond our catalogue or form: never released, listed as withheld; the first of very
    # many, and `+N` for the rest
    unknown: tuple[str, ...]
    minimum_assurance: LevelOfAssurance
    # names of levels, one of which the answer has to name; none where every level from the minimum on does
    contexts: tuple[str, ...] = ()
    # names of levels that it would like to read, where it takes others, too
    wished: tuple[str, ...] = ()
    force_authentication: bool = False
    # the service wants the whole question, whatever was approved before
    ask_anew: bool = False
    max_age: int | None = None
    languages: tuple[str, ...] = ()
    # the country that the service names, "" where the citizen chooses
    country: str = ""
    # a digest of the pseudonym that has to come back; "" where anybody may
    expected: str = ""
    # the service that a node asks for; None of a service that asks for itself
    requester: Requester | None = None
    # the number of the configuration that was in force when it came; 0 where nobody noted it
    applied: int = 0
    # whatever was vouched for, the service hears of no higher level
    at_most: LevelOfAssurance = LevelOfAssurance.HIGH
    # None of a service that shares its sign-ins with none: no session is kept
    shared: SharedSignIn | None = None
    scoping: Scoping = field(default_factory=Scoping)
    # the optional attributes that the citizen ticked where they chose a country; None until they were offered any
    ticked: tuple[AttributeName, ...] | None = None
    # the source that the citizen chose for each attribute that has several
    chosen: tuple[tuple[AttributeName, RegisterId], ...] = ()

    @property
    def all_ticked(self) -> "ServiceRequest":
        """The same with every box ticked: nothing that the service may have is left out."""
        return replace(self, ticked=tuple(one.name for one in self.asked))


@dataclass(frozen=True, slots=True)
class AttributeSource:
    """The register that vouches for one attribute, how surely, and until when; `ends` is 0 where it said nothing.

    `register_id` is "" where the source is another than the sign-in, and was not asked.
    """

    register_id: RegisterId
    loa: LevelOfAssurance
    ends: int = 0


@dataclass(frozen=True, slots=True)
class Offered:
    """A source's attributes of a person, and how sure it is: all that `decide` may look at.

    `sources` names the register of each attribute that has one. For all others the source itself vouches.
    `away` are the attributes whose register could not be asked now. `affirmed` are the questions to which the source itself
    said yes, of attributes whose value it kept.
    """

    attributes: Mapping[AttributeName, Value] = field(repr=False)
    loa: LevelOfAssurance
    # the legal sphere of the source; "" is within every one
    sphere: str = ""
    # the person's values of REFEDS assurance, and what the source wants of a service before it gives anything
    assurance: frozenset[str] = frozenset()
    only_for: frozenset[str] = frozenset()
    # the kind of person that it is about
    kind: PersonKind = PersonKind.NATURAL
    sources: Mapping[AttributeName, AttributeSource] = field(default_factory=dict)
    away: frozenset[AttributeName] = frozenset()
    affirmed: Mapping[AttributeName, Form] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SourceSession:
    """The words by which a SAML provider knows a session of its: the NameID that it gave, and the SessionIndex.

    `speaks_as` is the entity id of the public body in whose name it was asked; "" in our own.
    """

    name: str = field(repr=False)
    name_format: str
    name_qualifier: str
    sp_name_qualifier: str
    index: str = field(repr=False)
    speaks_as: str = ""


@dataclass(frozen=True, slots=True)
class Assertion:
    """An identity provider's word about a person, verified in every respect. Only `connectors` makes one."""

    provider_id: ProviderId
    issuer: EntityId
    namespace: SubjectNamespace
    subject: str = field(repr=False)  # the identifier as received
    offered: Offered
    response_id: str
    assertion_id: str
    authenticated_at: int  # AuthnInstant, auth_time; 0 where an OpenID provider said none
    not_on_or_after: int  # the end of the assertion's use, seconds since the epoch, without skew
    # the named deviations that its message used (`policies.deviations`), for the log and for inspection
    deviations: tuple[str, ...] = ()
    # the session at the source (`sid`), which a logout of it names; "" where it said none
    session: str = field(default="", repr=False)
    # when that session is over, as the source says (SessionNotOnOrAfter); 0 where it said nothing
    session_ends: int = 0
    # the same session as the source knows it, where its registration lets us ask it to end that; None elsewhere
    at_source: SourceSession | None = None
    # the entity ids of those behind the source who signed the person in, as it says (AuthenticatingAuthority)
    authorities: tuple[str, ...] = ()
    # the names on the wire of all else that it said of the person, of which nothing is read; the first of very many
    beside: tuple[str, ...] = ()
    # the kind of the sign-in, and the one for whom `subject` acts; None where they act for nobody
    kind: PersonKind = PersonKind.NATURAL
    acting_for: ActingFor | None = None
    # the level as it named it, which its registration knows
    said: str = ""

    @property
    def arrived(self) -> tuple[AttributeName, ...]:
        """The names of all that came: the catalogue's, and those on the wire of what it does not have."""
        read = sorted(name for name in self.offered.attributes if not name.endswith(f".{LATIN}"))
        return (*read, *map(AttributeName, self.beside))
