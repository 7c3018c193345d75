"""Judges of responses, prepared once: with an expectation by hand, or by a registration of a configuration.

By hand the identity provider's metadata is pinned, as in a registration: it needs no signature, and has no end.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.connector import Examined, Expectation, Inbound
from connectors.deviations import tolerance
from connectors.eidas import ApprovedPeers, EidasConnector
from connectors.fetch import Fetcher
from connectors.formats.eidas.metadata import Expected, PeerFacts, Role, read_pinned_peer
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.formats.metadata import read_identity_provider
from connectors.metadata.peers import PeerInUse, Peers, in_use
from connectors.metadata.pinned_provider import pinned_provider
from connectors.profiles import EIDAS, SAML2INT, STORK, Profile
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.parse import MAX_PARAMETER, attributes, from_post, parse_metadata
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import ENCRYPTED_RESPONSE, OR_ENCRYPTED, RESPONSE
from connectors.signatures.signer import DecryptionKey, NoSigner
from connectors.signatures.xmldsig import Shape
from connectors.stork import StorkConnector, keys_now, pinned_keys
from connectors.wire.names import UNSPECIFIED, saml
from idp.application.load import load_all
from idp.config.settings import Settings
from idp.inspect.decryption_guard import Guard, Guarded, key_by_hand, keys_of_configuration
from idp.inspect.message_files import Question, XmlInspector, parameter, peek, read_certificate, read_side_file
from idp.inspect.options import Options, could_not, given
from idp.inspect.result import ALWAYS_UNCHECKED, Accepted, MessageStatement
from idp.ledger.ledger_keys import LedgerKeys
from idp.login.bodies import body_entity_id
from idp.protocols.eidas.receiving_node import known_peers
from idp.protocols.saml.service_provider import decryption_ring
from idp.protocols.stork.person import NAME as OVER_STORK
from idp.store.engine import disposed, open_engine
from idp.store.migrate import assert_current
from idp.store.peer_copies import StoredCopies
from idp.system.addresses import acs_url, entity_id, node_acs_url, node_entity_id, stork_acs_url, stork_entity_id
from policies.assurance import LevelOfAssurance
from policies.catalogue import STANDARD, Catalogue
from policies.errors import AssertionRejected, Misconfigured
from policies.load.ladders import shipped
from policies.parties import EntityId, IdentityProvider, Peer, ProviderId, Source, StorkPeer, SubjectNamespace
from policies.persons import EVERYBODY, PersonKind

# A SAML response in a file, judged by the connector of its profile: the code that a login runs.
#
# A file that begins with `<` is the XML itself, any other the base64 of a POST parameter. XML goes to the connector as it
# would come by POST, so a response that the server refuses for its size is refused here, too.

# By the word for a check that was not made: the option without which nothing is expected
OPEN_ENDS = {"request id": "request_id", "minimum level": "minimum_loa"}


class ExaminingConnector(Protocol):
    """A connector of SAML: `SamlConnector`, `EidasConnector` or `StorkConnector`."""

    def examine(self, inbound: Inbound, expectation: Expectation, now: int) -> Examined:
        """Does as `receive`; the result has the message's own names, too."""


@dataclass(frozen=True, slots=True)
class ResponseJudge:
    """A connector, the provider that it asks, the guard of its keys, and the words for what its expectation leaves open.

    `keys` (at a time) and `shape` are those by which the connector verifies, for a second implementation.
    """

    connector: ExaminingConnector
    provider_id: ProviderId
    profile: Profile
    guard: Guard | None
    keys: Callable[[int], Sequence[PinnedKey]] = field(repr=False)
    shape: Shape = field(repr=False)
    left_open: tuple[str, ...] = ()
    # the entity ids of public bodies in whose names its provider is asked
    bodies: frozenset[str] = frozenset()

    def body(self, octets: bytes) -> str:
        """The body that a response names as its audience, "" where it names none: so it was asked, or nobody asked it."""
        root = peek(octets) if self.bodies else None
        named = "" if root is None else next((one.text or "" for one in root.iter(saml("Audience"))), "")
        return named if named in self.bodies else ""


class ResponseInspector(XmlInspector):
    """Inspects SAML responses."""

    limit = MAX_PARAMETER

    def __init__(self, judge: ResponseJudge, options: Options) -> None:
        self._judge, self._options = judge, options
        self.not_checked = (*ALWAYS_UNCHECKED, *options.left_open(OPEN_ENDS), "authentication age", *judge.left_open)

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """See `Inspector`."""
        judge, options = self._judge, self._options
        request_id = options.request_id
        if request_id is None:
            # The request that it names: both places that name it must agree all the same
            root = peek(octets)
            request_id = attributes(root).get("InResponseTo", "") if root is not None else ""
        if judge.guard is not None:
            judge.guard.begin(digest)
        expectation = Expectation(
            provider_id=judge.provider_id,
            request_id=request_id,
            issued_at=options.now,
            minimum_assurance=options.minimum_loa or LevelOfAssurance.LOW,
            force_authentication=False,
            name_id_format=UNSPECIFIED,
            speaks_as=judge.body(octets),
        )
        inbound = Inbound("post", {"SAMLResponse": parameter(octets)})
        found = judge.connector.examine(inbound, expectation, options.now)
        assertion = found.assertion
        loa, said = assertion.offered.loa.label, dict(found.attributes)
        message: dict[str, object] = {
            "kind": "response",
            "profile": judge.profile.name,
            "sha256": digest,
            "response_id": assertion.response_id,
            "assertion_id": assertion.assertion_id,
            "in_response_to": request_id or None,
            "authenticated": assertion.authenticated_at,
            "ends": assertion.not_on_or_after,
            "deviations": list(assertion.deviations),
            **({"attribute_statuses": dict(found.statuses)} if found.statuses else {}),
            **({} if assertion.kind is PersonKind.NATURAL else {"person": assertion.kind}),
        }
        statement = MessageStatement(assertion.issuer, found.subject_format, found.subject, loa, said)
        return Accepted(statement, message, offered=assertion.offered)

    def question(self, octets: bytes) -> Question:
        """See `XmlInspector`. The second implementation does not get what was decrypted."""
        judge, xml, root = self._judge, from_post(parameter(octets)), peek(octets)
        hidden = root is not None and root.find(saml("EncryptedAssertion")) is not None
        left_open = ("second opinion of what is encrypted",) if hidden else ()
        return Question(xml, judge.keys(self._options.now), judge.shape, judge.profile, left_open)


BY_HAND = ProviderId("by-hand")


def response_inspector(options: Options, clock: Callable[[], int], stack: ExitStack) -> ResponseInspector:
    """The inspector with everything prepared. Raises `BrokerError` and `Misconfigured`; `stack` closes what was opened."""
    if options.party is not None:
        return ResponseInspector(_configured(options, clock, stack), options)
    over_stork = options.profile == STORK.name
    source = given(options.trust if over_stork else options.idp_metadata)
    metadata = read_certificate(source) if over_stork else read_side_file(source, "the metadata")
    unwrappers: tuple[DecryptionKey, ...] = ()
    if options.sp_key is not None:
        unwrappers = (key_by_hand(options.sp_key, options, clock, stack),)
    elif options.unsafe_decrypt:
        raise could_not("--unsafe-decrypt is for the keys of a configuration, and none is given.")
    make = {EIDAS.name: _eidas_by_hand, STORK.name: _stork_by_hand}.get(options.profile or "", _saml_by_hand)
    try:
        return ResponseInspector(make(metadata, options, unwrappers), options)
    except (ValueError, AssertionRejected) as error:
        raise could_not(f"{source} cannot be used: {error}") from None
    except Misconfigured as error:
        raise could_not(" ".join(problem.what for problem in error.problems)) from None


def _saml_by_hand(metadata: bytes, options: Options, unwrappers: tuple[DecryptionKey, ...]) -> ResponseJudge:
    issuer = EntityId(attributes(parse_metadata(metadata)).get("entityID", ""))
    binding = "redirect" if read_identity_provider(metadata, issuer).redirect_url else "post"
    return _saml_judge(_provider(issuer, metadata, binding), given(options.audience), given(options.acs), unwrappers)


def _saml_judge(provider: IdentityProvider, ours: str, acs: str, unwrappers: tuple[DecryptionKey, ...]) -> ResponseJudge:
    """The judge of an identity provider's responses to our entity id, at our address."""
    connector = SamlConnector(provider=provider, entity_id=ours, acs_url=acs, signer=NoSigner(), unwrappers=unwrappers)
    keys = pinned_provider(provider.metadata, provider.entity_id, provider.source).keys
    shape = OR_ENCRYPTED if unwrappers else RESPONSE
    return ResponseJudge(connector, provider.provider_id, SAML2INT, _guard(unwrappers), lambda _now: keys, shape)


def _eidas_by_hand(metadata: bytes, options: Options, unwrappers: tuple[DecryptionKey, ...]) -> ResponseJudge:
    if not unwrappers:
        raise could_not("assertions of a country's node are encrypted: --profile eidas needs --sp-key.")
    facts = read_pinned_peer(metadata, "proxy", Expected(tolerance=tolerance(EIDAS)))
    peer = Peer(EntityId(facts.entity_id), facts.country, facts.entity_id, b"", "", (), Source("--idp-metadata", 1))
    provider, node = _provider(peer.entity_id, b"", "redirect", peer), OneNode(peer, facts)
    here = (given(options.audience), given(options.acs))
    return _eidas_judge(provider, here, node, unwrappers, left_open=("receiving country", "end of the metadata"))


def _eidas_judge(
    provider: IdentityProvider,
    here: tuple[str, str],
    peers: ApprovedPeers,
    unwrappers: tuple[DecryptionKey, ...],
    *,
    country: str | None = None,
    catalogue: Catalogue = STANDARD,
    left_open: tuple[str, ...] = (),
) -> ResponseJudge:
    """The judge of a node's responses. `here`: our entity id, and the address that received the response."""
    connector = EidasConnector(
        provider=provider,
        entity_id=here[0],
        acs_url=here[1],
        signer=NoSigner(),
        unwrappers=unwrappers,
        peers=peers,
        country=country,
        catalogue=catalogue,
    )

    def keys(now: int) -> tuple[PinnedKey, ...]:
        return peers.current(provider.entity_id, now).signing_keys(now)

    open_ends, guard = ("NameID format", *left_open), _guard(unwrappers)
    return ResponseJudge(connector, provider.provider_id, EIDAS, guard, keys, ENCRYPTED_RESPONSE, open_ends)


def _stork_by_hand(certificate: bytes, options: Options, unwrappers: tuple[DecryptionKey, ...]) -> ResponseJudge:
    issuer, country = EntityId(given(options.issuer)), given(options.country)
    peer = StorkPeer(issuer, country, issuer, (certificate,), Source("--trust", 1))
    levels = {qaa: level for qaa, level in shipped()[OVER_STORK].levels.items() if qaa.isdigit()}
    provider = replace(
        _provider(issuer, b"", "post", peer), protocol=OVER_STORK, assurance=levels, ladder=OVER_STORK, persons=EVERYBODY
    )
    here = (given(options.audience), given(options.acs))
    return _stork_judge(provider, here, unwrappers, left_open=("receiving country", "kinds of person"))


def _stork_judge(
    provider: IdentityProvider,
    here: tuple[str, str],
    unwrappers: tuple[DecryptionKey, ...],
    *,
    country: str | None = None,
    catalogue: Catalogue = STANDARD,
    left_open: tuple[str, ...] = (),
) -> ResponseJudge:
    """The judge of the answers of a country that speaks STORK, whose keys are pinned. `here` is as of `_eidas_judge`."""
    connector = StorkConnector(
        provider=provider,
        entity_id=here[0],
        acs_url=here[1],
        signer=NoSigner(),
        unwrappers=unwrappers,
        country=country,
        catalogue=catalogue,
    )
    peer = provider.peer
    if not isinstance(peer, StorkPeer):
        raise could_not(f"{provider.provider_id} does not speak STORK.")
    pinned, guard = pinned_keys(peer), _guard(unwrappers)
    return ResponseJudge(
        connector, provider.provider_id, STORK, guard, lambda now: keys_now(peer, pinned, now), OR_ENCRYPTED, left_open
    )


def _provider(issuer: EntityId, metadata: bytes, binding: str, peer: Peer | StorkPeer | None = None) -> IdentityProvider:
    """A registration with the URIs of our ladders as its table of levels (of a node: those of eIDAS), and no attributes."""
    named = {} if peer is not None else {name: level for one in shipped().values() for name, level in one.levels.items()}
    # A name that is no URI means something in its own country alone
    uris = {name: level for name, level in named.items() if ":" in name}
    return IdentityProvider(
        provider_id=BY_HAND,
        title={"en": "by hand"},
        country=peer.country if peer is not None else "",
        namespace=SubjectNamespace("by-hand"),
        entity_id=issuer,
        metadata=metadata,
        attributes={},
        subject_attribute="",
        assurance={**uris, **{level.uri: level for level in LevelOfAssurance}},
        source=Source("--idp-metadata", 1),
        binding=binding,
        protocol="saml" if peer is None else "eidas",
        peer=peer,
    )


def _configured(options: Options, clock: Callable[[], int], stack: ExitStack) -> ResponseJudge:
    """The judge by a configuration's registration, as the server has it."""
    settings, configuration, keys = load_all(given(options.config))
    provider = configuration.providers.get(ProviderId(options.party or ""))
    if provider is None:
        known = ", ".join(configuration.providers) or "none at all"
        raise could_not(f"the configuration has no provider {options.party!r}: {known}.")
    if provider.openid is not None:
        raise could_not(f"{provider.provider_id} speaks OpenID Connect: `ciconia inspect id-token` judges what it sent.")
    profile = {"eidas": EIDAS, OVER_STORK: STORK}.get(provider.protocol, SAML2INT)
    if options.profile not in (None, profile.name):
        raise could_not(f"{provider.provider_id} is asked in the profile {profile.name}.")
    if profile is not EIDAS:
        held = keys.saml_encryption if profile is STORK else decryption_ring(provider, keys)
        ours = () if held is None else held.published(clock())
        unwrappers = keys_of_configuration(ours, settings, options, clock, stack)
        if profile is STORK:
            here = (stork_entity_id(settings.issuer), stork_acs_url(settings.issuer))
            ends, catalogue = settings.country, configuration.catalogue
            return _stork_judge(provider, here, unwrappers, country=ends, catalogue=catalogue)
        judge = _saml_judge(provider, entity_id(settings.issuer), acs_url(settings.issuer), unwrappers)
        bodies = configuration.bodies.values() if provider.saml.speaks_for else ()
        return replace(judge, bodies=frozenset(body_entity_id(settings.issuer, one) for one in bodies))
    if keys.node is None:
        raise could_not("the configuration has no keys of a node.")
    unwrappers = keys_of_configuration(keys.node.encryption.published(clock()), settings, options, clock, stack)
    peers = held_peers(settings, known_peers(configuration), keys.ledger, stack, role="proxy")
    here, country = (node_entity_id(settings.issuer), node_acs_url(settings.issuer)), settings.country
    return _eidas_judge(provider, here, peers, unwrappers, country=country, catalogue=configuration.catalogue)


class OneNode:
    """The pinned node of `--idp-metadata`. Implements `connectors.eidas.ApprovedPeers`."""

    def __init__(self, peer: Peer, facts: PeerFacts) -> None:
        self._use = in_use(peer, facts, EIDAS, PROTOCOL_VERSIONS)

    def current(self, entity_id: EntityId, now: int) -> PeerInUse:  # noqa: ARG002 - there is one, and it has no end
        """See `ApprovedPeers`."""
        return self._use


def held_peers(
    settings: Settings, known: Mapping[EntityId, Peer], ledger: LedgerKeys, stack: ExitStack, *, role: Role
) -> Peers:
    """Other countries' nodes of a role as the server holds them, approved or not, without fetching."""
    engine = stack.enter_context(disposed(open_engine(settings.database_url)))
    assert_current(engine)
    return Peers(
        known,
        role=role,
        copies=StoredCopies(engine=engine, tenant=settings.tenant, keys=ledger),
        fetcher=Fetcher(demo=settings.demo),
        profile=EIDAS,
        ours=PROTOCOL_VERSIONS,
    )


def _guard(unwrappers: tuple[DecryptionKey, ...]) -> Guard | None:
    """The guard of all keys, None where no key is guarded."""
    return next((key.guard for key in unwrappers if isinstance(key, Guarded)), None)
