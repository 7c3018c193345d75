"""Who takes part: relying parties, identity providers and the names they are known by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Form

Tenant = NewType("Tenant", str)
ClientId = NewType("ClientId", str)
EntityId = NewType("EntityId", str)
ProviderId = NewType("ProviderId", str)
PurposeId = NewType("PurposeId", str)
Sector = NewType("Sector", str)
SubjectNamespace = NewType("SubjectNamespace", str)

# A text in several languages, by BCP 47 tag; "en" is always there.
Translated = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where in the configuration a rule stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One attribute of a registration: the strongest form that may go, and where the file says so."""

    form: Form
    source: Source


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """A registered relying party (an OpenID Connect client)."""

    client_id: ClientId
    title: Translated
    sector: Sector
    redirect_uris: tuple[str, ...]
    purposes: tuple[PurposeId, ...]
    attributes: Mapping[AttributeName, Rule]
    source: Source
    # "client_secret_basic" or "private_key_jwt"
    authentication_method: str = "client_secret_basic"
    # SHA-256 of the secret as hex: the secret itself is random and long, so a plain hash is enough
    secret_sha256: str = field(default="", repr=False)
    # for private_key_jwt: the JWKS (public keys) as JSON text
    jwks: str = field(default="", repr=False)
    # the one algorithm of its client assertions: "ES256", "ES384" or "RS256"
    authentication_alg: str = "ES256"
    id_token_alg: str = "ES256"


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider of a country, asked over SAML 2.0. Its metadata is pinned in a file."""

    provider_id: ProviderId
    title: Translated
    # ISO 3166-1 alpha-2
    country: str
    # the configured, immutable name of the scheme of its subject identifiers, such as `demo/EE`
    namespace: SubjectNamespace
    entity_id: EntityId
    # the pinned metadata, as the file had it
    metadata: bytes = field(repr=False)
    # wire name of a SAML attribute -> (our attribute, part of it: "" or a field name of Address)
    attributes: Mapping[str, tuple[AttributeName, str]]
    # wire name of the attribute that identifies the subject; "" where the NameID does
    subject_attribute: str
    # AuthnContextClassRef -> level, as configured (default: the eIDAS URIs)
    assurance: Mapping[str, LevelOfAssurance]
    source: Source
    # "redirect" or "post"
    binding: str = "redirect"
