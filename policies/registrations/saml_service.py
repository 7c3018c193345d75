"""A service that speaks SAML: who it is, and under which identifier it knows a citizen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policies.assurance import LevelOfAssurance


class SubjectKind(StrEnum):
    """Where the identifier of a citizen stands, and of which kind it is.

    `PAIRWISE_ID` and `SUBJECT_ID` are attributes (SAML V2.0 Subject Identifier Attributes Profile 1.0), beside a NameID of
    that one sign-in. The others are the NameID itself (SAML Core 2.0 §8.3); `TRANSIENT` knows nobody again.
    """

    PAIRWISE_ID = "pairwise-id"
    SUBJECT_ID = "subject-id"
    PERSISTENT = "persistent"
    TRANSIENT = "transient"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class SamlService:
    """The choices of one service. `metadata` is the pinned file as it is."""

    entity_id: str
    metadata: bytes = field(repr=False)
    subject: SubjectKind = SubjectKind.PAIRWISE_ID
    # AuthnContextClassRef -> level: its own words beside the eIDAS URIs
    assurance: Mapping[str, LevelOfAssurance] = field(default_factory=dict)
    # whether a link may begin a sign-in for it that it did not ask for, and the RelayStates that such a link may name
    unsolicited: bool = False
    targets: tuple[str, ...] = ()
    # the federation whose metadata knows it; "" where its own is pinned in a file, and `metadata` holds it
    federation: str = ""
    # Whether it hears whom a citizen chose at our discovery service, before anybody signed in
    discovery_tells: bool = False
    # where a browser goes back from there, beside the DiscoveryResponses of its metadata
    discovery_returns: tuple[str, ...] = ()
    # Whether it hears who signed a citizen in (AuthenticatingAuthority)
    tells_authorities: bool = False
    # whether programs without a browser sign in at it, with a code that their citizen got here (ECP)
    ecp: bool = False
