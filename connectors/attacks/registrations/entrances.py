"""Entrances for metadata: the server's own code, with one registration.

`node metadata`       a node's, as the server judges what it fetched; what is good is held, and waits for an operator
`node, approved`      the same, approved as it is, and then asked: some of it must be there to be used
`entity metadata`     of any entity of SAML 2.0, as `ciconia inspect` judges it
`pinned metadata`     an identity provider's, that an operator pinned: the server starts with it, or does not
`pinned, of a service`  a service provider's
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.attacks.attack_case import CaseBench, CaseKind, Entrance
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.metadata_text import IDP, NODE, id_of
from connectors.attacks.xml_signer import Edit, Signing, same, sign
from connectors.fetch import Fetcher, HttpAnswer
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.formats.service_provider import read_service_provider
from connectors.metadata.judgement import check_addresses, check_end, facts_of_entity, signed_octets
from connectors.metadata.peers import Held, Peers
from connectors.metadata.pinned_provider import pinned_provider
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.pinned_keys import key_of_certificate
from policies.errors import AssertionRejected
from policies.parties import EntityId, Peer, Source

DAY = 24 * 3600
NEAR = 7 * DAY
TRUST = "trust.pem"
SOURCE = Source("selftest", 1)


@dataclass(frozen=True, slots=True)
class MetadataBench(CaseBench):
    """Where metadata of one kind is judged. `text` makes a good one, `holder` signs it, `strange` is nobody's key.

    `another` is a key of the same entity, that signs no metadata.
    """

    kind = CaseKind.MESSAGE
    text: Callable[[], str]
    holder: KeyHolder
    how: Signing
    strange: KeyHolder
    another: KeyHolder
    now: int
    of: str

    def signed(
        self, edit: Edit = same, *, how: Signing | None = None, by: KeyHolder | None = None, late: Edit = same
    ) -> bytes:
        """Metadata that is edited, signed, and edited again."""
        text = edit(self.text())
        return late(sign(text.encode(), id_of(text), by or self.holder, how or self.how).decode()).encode()

    def outermost(self, how: Signing) -> bytes:
        """Good metadata, signed so."""
        return self.signed(how=how)

    def at(self, entrance: Entrance) -> "MetadataBench":
        """The same metadata at another entrance."""
        return replace(self, where=entrance.name, entrance=entrance)


class _Given(Fetcher):
    """Fetches nothing: what it gives is what it was given last."""

    octets = b""

    def get(self, url: str, *, networks: object = (), limit: int, timeout: float) -> bytes:  # noqa: ARG002 # nobody is asked
        return self.octets

    def look(self, url: str, *, networks: object = (), limit: int, timeout: float) -> HttpAnswer:  # noqa: ARG002 # nor here
        return HttpAnswer(200, None, self.octets)


class _Forgetful:
    """Implements `connectors.metadata.peers.PeerCopies`: each case is the first."""

    def held(self, entity_id: EntityId) -> Held | None:  # noqa: ARG002 # there is none
        return None

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """Keep nothing, as each case is the first."""

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:
        """Keep nothing, as each case is the first."""


def registered_node(certificate: bytes, country: str = "EE", deviations: frozenset[str] = frozenset()) -> Peer:
    """A node that is known by a certificate (DER), with what its registration switches on."""
    return Peer(EntityId(NODE), country, NODE, certificate, "", (), SOURCE, deviations=deviations)


def node_metadata(holder: KeyHolder, now: int) -> Entrance:
    """The node of Estonia. `inspect` is told its certificate, and not who it is."""
    arguments = ("--as", "metadata", "--profile", "eidas", "--trust", f"{{folder}}/{TRUST}", "--at", str(now))
    judged = registered(holder, now, "node metadata")
    return Entrance(judged.name, judged.judge, arguments, {TRUST: _certificate_of(holder)})


def registered(
    holder: KeyHolder,
    now: int,
    name: str,
    country: str = "EE",
    *,
    approved: bool = False,
    deviations: frozenset[str] = frozenset(),
    own: frozenset[int] = frozenset(),
) -> Entrance:
    """A node, as it is registered: entity and country must be those, too. `own` are the moduli of our own keys."""
    fetcher, peer = _Given(demo=False), registered_node(holder.certificate, country, deviations)

    def judge(octets: bytes) -> None:
        fetcher.octets = octets
        peers = _peers(peer, fetcher, own)
        peers.refresh(peer.entity_id, now)
        if approved:
            for waiting in peers.pending(now):
                peers.approve(waiting.entity_id, waiting.digest, now)
            peers.current(peer.entity_id, now)

    return Entrance(name, judge, None)


def node_certificate(now: int) -> Entrance:
    """The certificate (DER) that a registration names for a node's metadata: the server starts with it, or does not."""
    fetcher = _Given(demo=False)

    def judge(octets: bytes) -> None:
        _peers(registered_node(octets), fetcher).available(EntityId(NODE), now)

    return Entrance("certificate of a node", judge, None)


def entity_metadata(holder: KeyHolder, now: int) -> Entrance:
    """Any entity, known by the certificate that signs its metadata."""
    key = key_of_certificate(holder.certificate, SAML2INT)

    def judge(octets: bytes) -> None:
        facts = facts_of_entity(signed_octets(octets, (key,), SAML2INT), SAML2INT)
        check_addresses(facts.addresses, demo=False)
        check_end(facts.valid_until, now, SAML2INT)

    arguments = ("--as", "metadata", "--profile", "saml2int", "--trust", f"{{folder}}/{TRUST}", "--at", str(now))
    return Entrance("entity metadata", judge, arguments, {TRUST: _certificate_of(holder)})


def pinned_metadata() -> Entrance:
    """An identity provider's, as its registration pins it."""

    def judge(octets: bytes) -> None:
        pinned_provider(octets, EntityId(IDP), SOURCE)

    return Entrance("pinned metadata", judge, None)


def pinned_metadata_of_a_service() -> Entrance:
    """A service provider's: what is wrong with it is said in words, for an operator."""

    def judge(octets: bytes) -> None:
        try:
            read_service_provider(octets)
        except ValueError as error:
            raise AssertionRejected("metadata", str(error)) from error

    return Entrance("pinned metadata of a service", judge, None)


def _peers(peer: Peer, fetcher: Fetcher, own: frozenset[int] = frozenset()) -> Peers:
    return Peers(
        {peer.entity_id: peer},
        role="proxy",
        copies=_Forgetful(),
        fetcher=fetcher,
        profile=EIDAS,
        ours=PROTOCOL_VERSIONS,
        own=lambda: own,
    )


def _certificate_of(holder: KeyHolder) -> bytes:
    begin = b"-----BEGIN CERTIFICATE-----"
    return begin + holder.pem.partition(begin)[2]
