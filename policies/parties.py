"""The participants: relying parties, identity providers and the names by which they are known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from policies.assurance import LevelOfAssurance
from policies.assurance.ladders import Vocabulary
from policies.attributes import AttributeName, Form
from policies.federation.categories import InFederation
from policies.persons import NATURAL_ALONE, PersonKind
from policies.registrations.openid_client import OpenIDClient
from policies.registrations.openid_registration import OpenIDRegistration
from policies.registrations.redirects import is_redirect
from policies.registrations.saml_registration import SamlRegistration
from policies.registrations.saml_service import SamlService

Tenant = NewType("Tenant", str)
ClientId = NewType("ClientId", str)
EntityId = NewType("EntityId", str)
ProviderId = NewType("ProviderId", str)
RegisterId = NewType("RegisterId", str)
PurposeId = NewType("PurposeId", str)
Sector = NewType("Sector", str)
SubjectNamespace = NewType("SubjectNamespace", str)
NodeId = NewType("NodeId", str)
# The id of a relying party or a requesting node, in any protocol
ServiceId = NewType("ServiceId", str)

# RFC 7523 §3 leaves the life of a client assertion to us: five minutes, and ten where a registration says so
ASSERTION_LIFE, LONGEST_ASSERTION_LIFE = 5 * 60, 10 * 60

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
    """A registered relying party: an OpenID Connect client, or a service that speaks SAML."""

    client_id: ClientId
    title: Translated
    sector: Sector
    redirect_uris: tuple[str, ...]
    purposes: tuple[PurposeId, ...]
    attributes: Mapping[AttributeName, Rule]
    source: Source
    # "client_secret_basic", "client_secret_post" or "private_key_jwt"; "none" of a public client
    authentication_method: str = "client_secret_basic"
    # SHA-256 of the secret as hex: the secret itself is random and long, so a plain hash is enough
    secret_sha256: str = field(default="", repr=False)
    # for private_key_jwt: the JWKS (public keys) as JSON text
    jwks: str = field(default="", repr=False)
    # the one algorithm of its client assertions: "ES256", "ES384" or "RS256"
    authentication_alg: str = "ES256"
    # the audience of its client assertions: "issuer", or "token_endpoint" where its library knows no other
    assertion_audience: str = "issuer"
    # the longest life of its client assertions in seconds
    assertion_life: int = ASSERTION_LIFE
    id_token_alg: str = "ES256"
    # Whether the id_token repeats every claim of userinfo, for libraries that never ask there
    claims_in_id_token: bool = False
    # False for a confidential client whose library has no PKCE: then each of its requests needs a nonce
    pkce_required: bool = True
    # for other countries' nodes: "public" or "private", and a URI for nodes that ask for one ("" is ours)
    sp_type: str = "public"
    requester_id: str = ""
    # Whether other countries' nodes learn our own name in place of its (decision 0000.19)
    blind: bool = False
    # An app in a browser or on a device, which can keep no secret: nothing but PKCE binds a code to it (RFC 8252 §8.4)
    public: bool = False
    # The origins whose pages may call for it; none for a client that is not public
    origins: tuple[str, ...] = ()
    # Whether the broker itself ends a login that falls short of the purpose, and tells the service of a refusal
    enforce: bool = False
    # The legal sphere that it lies in; "" is within every one
    sphere: str = ""
    # Whether it registered itself: it learns that somebody signed in, under a pseudonym of that one sign-in
    registered: bool = False
    federation: InFederation = field(default_factory=InFederation)
    openid: OpenIDClient = field(default_factory=OpenIDClient)
    # of a service that speaks SAML; None of a client
    saml: SamlService | None = None
    # the public body that it speaks for ("" for none), and the number of its AttributeConsumingService there
    body: str = ""
    attribute_service: int = 0
    # the names of levels that it may use beside the eIDAS ones: those of the ladders that it registered
    vocabulary: Vocabulary = field(default_factory=dict)
    # the kinds of person that it takes
    persons: frozenset[PersonKind] = NATURAL_ALONE

    @property
    def crosses_devices(self) -> bool:
        """Whether what a citizen approves on one device goes to another: a kiosk, or a program with their code."""
        return self.openid.is_kiosk or (self.saml is not None and self.saml.ecp)

    def takes(self, redirect_uri: str) -> bool:
        """Whether an answer may go there."""
        return is_redirect(redirect_uri, self.redirect_uris, any_port=self.public)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another country's node, as registered: known by its signed metadata, and by nothing else."""

    entity_id: EntityId
    # ISO 3166-1 alpha-2: the NodeCountry that its metadata must have
    country: str
    metadata_url: str
    # DER of the certificate whose key signs its metadata; b"" where the list of all nodes alone names it
    certificate: bytes = field(repr=False)
    # the digest of metadata that the operator approves in advance (`ciconia metadata pending`); "" approves nothing
    digest: str
    # the networks that its address may lie in; none: public addresses alone
    networks: tuple[str, ...]
    source: Source
    # DER of the authorities to which every certificate in its metadata must chain; none: nothing is asked of those
    anchors: tuple[bytes, ...] = field(default=(), repr=False)
    # file and DER of each pinned list of revoked certificates (CRL)
    revocation: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    # names of `policies.deviations` that are switched on for it, besides those of its profile
    deviations: frozenset[str] = frozenset()
    # DER of the other certificates that are pinned for its metadata: its next one, or the chain of the first
    further_certificates: tuple[bytes, ...] = field(default=(), repr=False)
    # Whether it counts only while the list of all nodes (`service_list.toml`) names it and the key of its metadata
    listed: bool = False

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """All that are pinned for its metadata."""
        return tuple(filter(None, (self.certificate, *self.further_certificates)))


@dataclass(frozen=True, slots=True)
class StorkPeer:
    """Another country's node that speaks STORK, which has no metadata: its address and its keys are in its registration."""

    entity_id: EntityId
    # ISO 3166-1 alpha-2
    country: str
    # where our questions to it go, or our answers
    url: str
    # DER of the certificates whose keys sign its messages
    certificates: tuple[bytes, ...] = field(repr=False)
    source: Source
    # DER of the certificate to which what we send is encrypted; b"" sends it signed alone
    encryption_certificate: bytes = field(default=b"", repr=False)
    # Whether it is a middleware country's (V-IDP), or asks us as one: then each request says for which service it is
    middleware: bool = False
    # the id by which it knows us as a service (SPID); "" names none
    sp_id: str = ""
    # Whether it knows its citizens' ages, and says of one that is asked (isAgeOver) whether it has come
    is_age_over: bool = False
    deviations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RequestingNode:
    """A receiving node of another country, which asks this sending node about its citizens."""

    node_id: NodeId
    title: Translated
    peer: Peer | StorkPeer
    source: Source
    # Whether it may learn that the citizen refused (decision 0000.29)
    tell_refusal: bool = False
    # the kinds of person of whom it is answered
    persons: frozenset[PersonKind] = NATURAL_ALONE


# The persons of an identity provider are made up: for test logins alone, or for anybody's
ONLY_TEST, ALSO_TEST = "only", "also"


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """The voucher for a country's citizens: an identity provider, by pinned or a federation's metadata, or the node.

    `entity_id` of an OpenID provider is its issuer.
    """

    provider_id: ProviderId
    title: Translated
    # ISO 3166-1 alpha-2
    country: str
    # the configured, immutable name of the scheme of its subject identifiers, such as `demo/EE`
    namespace: SubjectNamespace
    entity_id: EntityId
    # the pinned metadata, as the file had it
    metadata: bytes = field(repr=False)
    # wire name of a SAML attribute or a claim -> (our attribute, part of it: "" or a field name of Address)
    attributes: Mapping[str, tuple[AttributeName, str]]
    # wire name of the attribute that identifies the subject; "" where the NameID or `sub` does
    subject_attribute: str
    # AuthnContextClassRef or acr -> level, as configured (default: the eIDAS URIs)
    assurance: Mapping[str, LevelOfAssurance]
    source: Source
    # "redirect" or "post"
    binding: str = "redirect"
    # "saml", "oidc", or "eidas" or "stork" for a country's node: then `peer` knows it, and `metadata` is empty
    protocol: str = "saml"
    peer: Peer | StorkPeer | None = None
    # the ladder of these names; "" where the file says what each of them is
    ladder: str = ""
    # Whether its scheme is notified (Regulation (EU) 910/2014 art. 9): what a sending node may call its levels
    notified: bool = False
    # wire name -> our attribute, where it holds that attribute's transliteration to Latin script
    latin: Mapping[str, AttributeName] = field(default_factory=dict)
    # those of our attributes that may have several values
    multiple: frozenset[AttributeName] = frozenset()
    # as of a peer; those of a country's node stand at its `peer`
    deviations: frozenset[str] = frozenset()
    # the URN of the NameID format that is asked for; "" asks for none
    name_id_format: str = ""
    # the legal sphere that it vouches in; "" is within every one
    sphere: str = ""
    # "only" where its persons are made up, for test logins alone; "also" where anybody's login may ask it, as in the demo
    test: str = ""
    # how we are registered at an OpenID provider; None of every other one
    openid: OpenIDRegistration | None = None
    # how a SAML provider is asked, and how much of its answer counts
    saml: SamlRegistration = field(default_factory=SamlRegistration)
    # the federation whose metadata knows it; "" where its own is pinned in a file, and `metadata` holds it
    federation: str = ""
    # Whether the page of a logout offers to sign out there, too: its own sign-in may serve others
    logout_upstream: bool = False
    # Whether it stands for all identity providers of `federation`: a family, which has no entity id, and is never asked
    members: bool = False
    # of a country's node that moved: the id of the one whose place it takes, of the same scheme, while it can be asked
    instead_of: ProviderId = ProviderId("")
    # of a member of a family: the id of that one. See `policies.federations.member_of`
    family: ProviderId = ProviderId("")
    # the kinds of person that it may vouch for
    persons: frozenset[PersonKind] = NATURAL_ALONE

    @property
    def pinned(self) -> bool:
        """Whether its registration has its keys and addresses: no metadata of its is fetched."""
        return not isinstance(self.peer, Peer) and not self.federation

    @property
    def fetched(self) -> bool:
        """Whether we fetch its answers."""
        return self.openid is not None or self.saml.fetched

    @property
    def pushes(self) -> bool:
        """Whether we ask it ourselves before a browser goes there."""
        return self.openid is not None and self.openid.pushed
