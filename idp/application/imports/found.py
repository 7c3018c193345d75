"""The findings of an import: services and providers in our own words, and a line for each thing that was left."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.registrations.saml_service import SubjectKind

# A client whose broker asked for no PKCE, and what to do
NO_PKCE = (
    "need not send PKCE there, and has to here.",
    'look whether its library sends it; for one that has none, write pkce = "optional" into its file.',
)
# What to do for an entity of SAML that took part in single logout
ITS_LOGOUT = (
    "pin its own metadata in place of what was written; a service also needs a session group: docs/sessions-and-logout.md."
)
# What to do for an entity that has ended: whoever has its keys by now is nobody we know
ENDED = "get its metadata of today from its operator, and pin that: docs/reference.md."


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that was not carried: of which service or provider, what and why, and what to do."""

    of: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class FoundClient:
    """A service that speaks OpenID Connect. `keys` are further keys of its registration, in our names."""

    client_id: str
    title: str
    redirect_uris: tuple[str, ...]
    method: str
    secret: str = field(default="", repr=False)
    jwks: bytes = field(default=b"", repr=False)
    origins: tuple[str, ...] = ()
    # where its citizens may go after a logout
    signed_out: tuple[str, ...] = ()
    keys: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundService:
    """A service that speaks SAML, by its metadata."""

    entity_id: str
    title: str
    metadata: bytes = field(repr=False)
    subject: SubjectKind = SubjectKind.PAIRWISE_ID


@dataclass(frozen=True, slots=True)
class FoundProvider:
    """An identity provider. A SAML one has `metadata`; `client_id` is our name at one that speaks OpenID Connect."""

    name: str
    title: str
    entity_id: str
    metadata: bytes = field(default=b"", repr=False)
    attributes: Mapping[str, str] = field(default_factory=dict)
    client_id: str = ""
    method: str = "client_secret_basic"


@dataclass(slots=True)
class Found:
    """All of it, gathered while a peer's files are read."""

    clients: list[FoundClient] = field(default_factory=list)
    services: list[FoundService] = field(default_factory=list)
    providers: list[FoundProvider] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def leave(self, of: str, what: str, fix: str) -> None:
        """Note what is not carried. `what` says why, and neither holds a secret."""
        self.left.append(Left(of, what, fix))


class Unreadable(Exception):
    """A file that cannot be read at all: its name, and why."""

    def __init__(self, file: str, what: str) -> None:
        super().__init__(f"{file} {what}")
        self.file, self.what = file, what
