"""What a relying party asks for, and what an identity provider vouched for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Form, Value
from policies.parties import ClientId, EntityId, ProviderId, PurposeId, SubjectNamespace


@dataclass(frozen=True, slots=True)
class AskedAttribute:
    """One attribute that a relying party asks for: the form that it wants."""

    name: AttributeName
    form: Form


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """A relying party's request, judged: client, redirect address and purpose are registered and belong together.

    Times are seconds since the epoch. It holds nothing about a person, but for a digest of the pseudonym that is expected.
    """

    client_id: ClientId
    purpose_id: PurposeId
    redirect_uri: str
    response_mode: str  # "query" or "form_post"
    state: str  # "" where none was sent
    nonce: str  # "" where none was sent
    code_challenge: str
    asked: tuple[AskedAttribute, ...]  # sorted by name, each name once
    # wire names of what was asked beyond our catalogue or form: shown to nobody, released never, listed as withheld;
    # of very many the first, and `+N` for the rest
    unknown: tuple[str, ...]
    minimum_assurance: LevelOfAssurance
    force_authentication: bool  # prompt=login, or max_age=0
    max_age: int | None
    ui_locales: tuple[str, ...]
    # catalogue names that go into the id_token (claims.id_token); all others go to userinfo
    in_id_token: tuple[AttributeName, ...] = ()
    # the country that the service names (acr_values `country:EE`), "" where the citizen chooses
    country: str = ""
    # of id_token_hint, a digest of the `sub` that has to come; "" where anybody may
    expected: str = ""
    # the names of levels of an essential acr (claims.id_token), one of which has to come back
    acr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offered:
    """What a source has about a person, and how sure it is: all that `decide` may look at."""

    attributes: Mapping[AttributeName, Value] = field(repr=False)
    loa: LevelOfAssurance


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
    authenticated_at: int  # AuthnInstant
    not_on_or_after: int  # the end of the assertion's use, seconds since the epoch, without skew
    # the named deviations that its message used (`policies.deviations`), for the log and for inspection
    deviations: tuple[str, ...] = ()
