"""Other countries' nodes, known by their signed metadata alone: fetched, judged, held, approved.

A node is asked and answered by what its last good copy says and an operator approved, until that copy ends. `refresh` does
the I/O and may fail; `current` and `available` look at what is held in memory, so a slow node delays nobody's login.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.addresses import PEER, FetchError
from connectors.deviations import NOTHING, tolerance
from connectors.fetch import Fetcher
from connectors.formats.eidas.metadata import Expected, PeerFacts, Role
from connectors.formats.eidas.registry import spoken
from connectors.formats.grammar import written
from connectors.metadata.approval import additions, approved_part
from connectors.metadata.chains import Chains, Reading, chains_of, narrowed, pki_of
from connectors.metadata.copies import CopyChange, Held, Write, check_newer, looked, taken
from connectors.metadata.judgement import (
    NODE_VALIDITY,
    check_addresses,
    check_apart_from,
    check_end,
    check_keys,
    check_registered,
    facts_of_node,
    signed_octets,
)
from connectors.metadata.listed import ListedNodes, NoList
from connectors.metadata.pinned_provider import misconfigured
from connectors.metadata.signers import metadata_keys
from connectors.profiles import Profile
from connectors.signatures.parse import MAX_METADATA
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.wire.names import POST
from policies.errors import PeerUnavailable, RequestRefused
from policies.parties import EntityId, Peer

__all__ = ["NODE_VALIDITY", "Held", "PeerCopies", "PeerInUse", "Peers", "PendingMetadata", "in_use"]

# Nodes publish some 20 kB over one connection. Two timeouts, and a second between: ten seconds after the first fetch a node
# that does not answer, or drips, is unavailable (`idp.protocols.eidas.peer_refresh`).
TIMEOUT = 4.0
# So many failures in a row make a node unavailable; one may be an accident
FAILURES = 2


class PeerCopies(Protocol):
    """Where copies survive a restart, and where another process's approval is seen."""

    def held(self, entity_id: EntityId) -> Held | None:
        """The copy of a node, None before the first."""

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """Keep this copy in the place of any other of its entity that does not end later. Durable when it returns.

        `instead` is what `held` gave last, and was judged: it gives way whatever its end.
        """

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:
        """Keep a copy, all of which is approved from `now` on; otherwise like `keep`."""


@dataclass(frozen=True, slots=True)
class PendingMetadata:
    """Metadata with something new in it, which waits for an operator: `ciconia metadata approve`."""

    entity_id: EntityId
    country: str
    digest: str  # SHA-256 as hex, of `PeerFacts`
    additions: tuple[str, ...]  # one sentence each
    first: bool  # nothing of this node was approved before
    deviations: tuple[str, ...] = ()  # the named deviations that the metadata used


@dataclass(frozen=True, slots=True)
class PeerInUse:
    """A node as it may be used now. `facts` holds what was approved and nothing else."""

    peer: Peer
    facts: PeerFacts
    version: str  # the highest protocol version of both
    _signing: tuple[PinnedKey, ...] = field(repr=False)
    _encryption: tuple[tuple[bytes, PinnedKey], ...] = field(repr=False)
    # the chain of each certificate, where the registration names anchors
    chains: Chains | None = field(default=None, repr=False)

    def signing_keys(self, now: int) -> tuple[PinnedKey, ...]:
        """The keys that sign its messages. Raises `PeerUnavailable` where none is within its certificate's dates."""
        keys = tuple(key for key in self._signing if key.in_force(now))
        if not keys:
            raise PeerUnavailable(f"{self.peer.entity_id} has no approved signing key that is in force. {PEER}")
        return keys

    def encryption_certificate(self, now: int) -> bytes:
        """DER of the certificate to encrypt to: of several, the one that began last. Raises `PeerUnavailable` for none."""
        usable = [(key.not_before or 0, der) for der, key in self._encryption if key.in_force(now)]
        if not usable:
            raise PeerUnavailable(f"{self.peer.entity_id} has no approved key for encryption that is in force. {PEER}")
        return max(usable)[1]

    def url(self, binding: str) -> str:
        """Its approved address for a binding. Raises `PeerUnavailable` where it has none."""
        for known, url in self.facts.endpoints:
            if known == binding:
                return url
        raise PeerUnavailable(f"{self.peer.entity_id} has no approved address of the binding {binding}.")

    @property
    def acs_url(self) -> str:
        """Where a receiving node takes responses. Raises `PeerUnavailable` where it has none."""
        return self.url(POST)


class Peers:
    """All registered nodes of one `role`, which speak one of the versions `ours` with us. Usable by several threads.

    `own` gives the moduli of our RSA keys: no key of theirs may share a factor. `node_list` is what listed nodes rest on.
    Raises `Misconfigured`.
    """

    def __init__(
        self,
        peers: Mapping[EntityId, Peer],
        *,
        role: Role,
        copies: PeerCopies,
        fetcher: Fetcher,
        profile: Profile,
        ours: Collection[str],
        max_validity: int = NODE_VALIDITY,
        timeout: float = TIMEOUT,
        own: Callable[[], Collection[int]] = frozenset,
        node_list: ListedNodes | None = None,
    ) -> None:
        self._peers, self._role, self._copies, self._fetcher = dict(peers), role, copies, fetcher
        self._own, self._list = own, node_list or NoList()
        self._profile, self._ours, self._max_validity, self._timeout = profile, frozenset(ours), max_validity, timeout
        self._keys = {entity_id: _metadata_keys(peer, profile) for entity_id, peer in self._peers.items()}
        self._pki = {entity_id: pki_of(peer, profile) for entity_id, peer in self._peers.items()}
        self._locks = {entity_id: threading.Lock() for entity_id in self._peers}
        # Both are replaced item by item under the node's lock, and read without one.
        self._held: dict[EntityId, tuple[Held, PeerInUse]] = {}
        self._failures: dict[EntityId, int] = {}
        for entity_id in self._peers:
            self.reload(entity_id)

    def refresh(self, entity_id: EntityId, now: int) -> None:
        """Fetch a node's metadata and judge it. Raises `FetchError`, for the operator's log: the held copy stays.

        It raises one, too, where the node's list could not be fetched; the node itself is fetched all the same.
        """
        peer = self._peers[entity_id]
        trouble = self._list.trouble(now) if peer.listed else None
        with self._locks[entity_id]:
            self._load(peer)
            known = self._held.get(entity_id)
            try:
                octets = self._fetcher.get(
                    peer.metadata_url, networks=peer.networks, limit=MAX_METADATA, timeout=self._timeout
                )
                facts, chains, signer = self._judged(peer, octets, now, known[0].facts if known else None)
            except FetchError as error:
                self._failures[entity_id] = self._failures.get(entity_id, 0) + 1
                self._load(peer)
                if trouble is not None and error.check == "list_unnamed":
                    raise trouble from error
                raise
            self._failures[entity_id] = 0
            self._take(peer, Held(entity_id, octets, facts, None, now, signer=signer), chains, now)
        if trouble is not None:
            raise trouble

    def _signers(self, peer: Peer, now: int) -> Sequence[PinnedKey]:
        """The keys that may sign a node's metadata: those that are pinned, or that the list lets count."""
        return self._list.keys(peer, now) if peer.listed else self._keys[peer.entity_id]

    def reload(self, entity_id: EntityId) -> None:
        """Look at what is kept, and at what another process approved, without fetching."""
        with self._locks[entity_id]:
            self._load(self._peers[entity_id])

    def fault_of_held(self, entity_id: EntityId, now: int | None = None) -> FetchError | None:
        """Why the kept copy counts for nothing by today's registration, or None; without `now`, as of when it came."""
        stored = self._copies.held(entity_id)
        if stored is None or stored.forgotten:
            return None
        try:
            self._read(self._peers[entity_id], stored.octets, self._since(stored) if now is None else now)
        except FetchError as error:
            return error
        return None

    def fault_of(self, entity_id: EntityId, octets: bytes, now: int) -> FetchError | None:
        """Why these octets would be refused if they were the first of this node, or None. Nothing is taken."""
        try:
            self._judged(self._peers[entity_id], octets, now, None)
        except FetchError as error:
            return error
        return None

    def current(self, entity_id: EntityId, now: int) -> PeerInUse:
        """The node as it may be asked or answered now. Raises `PeerUnavailable`, which says what is missing."""
        known = self._held.get(entity_id)
        if known is None:
            raise PeerUnavailable(f"no copy of the metadata of {entity_id} is held: it was never fetched.")
        held, use = known
        if use.peer.listed:
            self._list.check(use.peer, now, held.signer)
        if use.facts.valid_until <= now:
            raise PeerUnavailable(f"the metadata of {entity_id} ended at {written(use.facts.valid_until)}. {PEER}")
        if not (use.facts.signing and use.facts.endpoints):
            raise PeerUnavailable(f"no key or no address of {entity_id} is approved: see `ciconia metadata pending`.")
        use.signing_keys(now)
        if not use.version:
            raise PeerUnavailable(f"{entity_id} has no approved protocol version that we speak: {sorted(self._ours)}.")
        return use

    def in_use(self, entity_id: EntityId, now: int) -> PeerFacts:
        """The node's facts in use. Raises `PeerUnavailable`."""
        return self.current(entity_id, now).facts

    def digest(self, entity_id: EntityId, now: int) -> str:
        """Their digest. Raises `PeerUnavailable`."""
        return self.in_use(entity_id, now).digest

    def available(self, entity_id: EntityId, now: int) -> bool:
        """Whether citizens may be sent there: it may be used, and did not fail twice in a row."""
        if self._failures.get(entity_id, 0) >= FAILURES:
            return False
        try:
            self.current(entity_id, now)
        except PeerUnavailable:
            return False
        return True

    def pending(self, now: int, entity_id: EntityId | None = None) -> tuple[PendingMetadata, ...]:
        """The parts that wait for an operator, by entity id, or of this node alone. Ended ones are not shown."""
        ids = sorted(self._peers) if entity_id is None else [entity_id]
        return tuple(waiting for found in ids if (waiting := self._waiting(found, now)) is not None)

    def approve(self, entity_id: EntityId, digest: str, now: int) -> PeerFacts:
        """Approve all that is pending of a node, if it is what `digest` names. Raises `RequestRefused`."""
        if entity_id not in self._peers:
            raise _refused(f"no node {entity_id} is registered.")
        with self._locks[entity_id]:
            stored = self._load(self._peers[entity_id])
            waiting = self._waiting(entity_id, now)
            if waiting is None:
                known = self._held.get(entity_id)
                if known is not None and known[0].facts.valid_until > now:
                    raise _refused(f"all that is held of {entity_id} is approved already: nothing is left to do.")
                raise _refused(f"nothing of {entity_id} is pending: fetch its metadata first.")
            if waiting.digest != digest:
                # It changed after the operator looked: what they saw is not what they would approve.
                raise _refused(f"what is pending of {entity_id} has another digest: look at it again.")
            held, use = self._held[entity_id]
            self._approve(self._peers[entity_id], replace(held, approved=held.facts), use.chains, now, stored)
            return held.facts

    def _waiting(self, entity_id: EntityId, now: int) -> PendingMetadata | None:
        known = self._held.get(entity_id)
        if known is None or known[0].facts.valid_until <= now:
            return None
        facts, approved = known[0].facts, known[0].approved
        new = additions(facts, approved, self._peers[entity_id].metadata_url)
        if not new:
            return None
        return PendingMetadata(entity_id, facts.country, facts.digest, new, approved is None, facts.deviations)

    def _judged(self, peer: Peer, octets: bytes, now: int, before: PeerFacts | None) -> Reading:
        """The pinned key is in force; signature, shape, registration; the end is ahead and near; no older than before."""
        facts, chains, signer = self._read(peer, octets, now, check_keys(self._signers(peer, now), now))
        check_end(facts.valid_until, now, self._profile, self._max_validity)
        if before is not None:
            check_newer(facts, before)
        return facts, chains, signer

    def _read(self, peer: Peer, octets: bytes, now: int, keys: Sequence[PinnedKey] = ()) -> Reading:
        """Metadata that one of `keys` signed (without keys: any registered one), and its chains at `now`."""
        pki = self._pki[peer.entity_id]
        signed = signed_octets(octets, keys or self._signers(peer, now), self._profile)
        expected = Expected(peer.country, tolerance(self._profile, peer.deviations))
        facts = facts_of_node(signed, self._role, expected, chains=pki is not None)
        check_registered(facts, peer.entity_id, peer.country)
        check_addresses((url for _, url in facts.endpoints), demo=self._fetcher.demo)
        check_apart_from(facts.signing | facts.encryption, self._own())
        return facts, chains_of(pki, signed, facts, now) if pki is not None else None, signed.key_id

    def _since(self, stored: Held) -> int:
        """A time at which a copy that was kept can be judged: when it came, or when the newest list began."""
        pki = self._pki[stored.entity_id]
        return max(stored.fetched, pki.begins if pki is not None else 0)

    def _take(self, peer: Peer, came: Held, chains: Chains | None, now: int) -> None:
        """Stop using removed parts before anything is written; use new parts when they are recorded and kept."""
        stored = self._load(peer)
        known = self._held.get(peer.entity_id)
        if known and known[0].signer not in {key.key_id for key in self._signers(peer, now)}:
            known = None  # its signer counts no longer: it gives way, whatever its end
        found = taken(came, known[0] if known else None, stored, peer.digest)
        if known and found.at_once.facts.digest != came.facts.digest:
            chains = known[1].chains
        self._install(peer, found.at_once, chains)
        if found.write is Write.APPROVE:
            self._approve(peer, found.then, chains, now, stored)
        elif found.write is Write.KEEP:
            self._copies.keep(found.then, instead=stored)

    def _approve(self, peer: Peer, held: Held, chains: Chains | None, now: int, stored: Held | None) -> None:
        """Record and keep a copy, and only then use it. The next start must not begin with an unusable copy."""
        use = self._use(peer, held, chains)
        self._copies.approve(held, now, instead=stored)
        self._held[peer.entity_id] = (held, use)

    def _load(self, peer: Peer) -> Held | None:
        """Take over what is kept, judged by the registration as it is now. Returns it, good or not, as it is kept."""
        stored, known = self._copies.held(peer.entity_id), self._held.get(peer.entity_id)
        look = looked(known[0] if known else None, stored)
        if look is CopyChange.FORGOTTEN:
            del self._held[peer.entity_id]
        if known and stored and look is CopyChange.APPROVED:
            self._install(peer, replace(known[0], approved=stored.approved, named=stored.named), known[1].chains)
        if stored and look in (CopyChange.NEWER, CopyChange.FORGOTTEN):
            try:
                facts, chains, signer = self._read(peer, stored.octets, self._since(stored))
            except FetchError:
                return stored
            self._install(peer, replace(stored, facts=facts, signer=signer), chains)
        return stored

    def _install(self, peer: Peer, held: Held, chains: Chains | None) -> None:
        self._held[peer.entity_id] = (held, self._use(peer, held, chains))

    def _use(self, peer: Peer, held: Held, chains: Chains | None) -> PeerInUse:
        return in_use(peer, approved_part(held.facts, held.approved), self._profile, self._ours, chains)


def in_use(
    peer: Peer, facts: PeerFacts, profile: Profile, ours: Collection[str], chains: Chains | None = None
) -> PeerInUse:
    """A node as `facts` let it be used. With `chains` no key is in force beyond the end of its certificate's chain."""
    version = max({spoken(one) for one in facts.versions} & frozenset(ours), key=_version, default="")
    signing = tuple(key for _, key in _usable(facts.signing, profile, chains))
    # RFC 4055 §1.2: a key for RSASSA-PSS alone encrypts nothing
    encryption = tuple((der, key) for der, key in _usable(facts.encryption, profile, chains) if key.pss is None)
    return PeerInUse(peer, facts, version, signing, encryption, chains)


def _metadata_keys(peer: Peer, profile: Profile) -> tuple[PinnedKey, ...]:
    try:
        return metadata_keys(peer, profile)
    except ValueError as error:
        what = f"The certificate of the node's metadata cannot be used: {error}"
        fix = "Ask its operator for the certificate whose key signs its metadata, and pin that."
        raise misconfigured(peer.source, "certificate", what, fix) from error


def _usable(certificates: Collection[bytes], profile: Profile, chains: Chains | None) -> list[tuple[bytes, PinnedKey]]:
    """Those that the profile takes: a node in rollover may list one for others that we do not."""
    found = []
    for der in sorted(certificates if chains is None else chains.keys() & certificates):
        try:
            # A chain is one of certificates as they were issued, and of none that was mended
            key = key_of_certificate(der, profile, tolerance(profile) if chains is None else NOTHING)
        except ValueError:
            continue
        found.append((der, key if chains is None else narrowed(key, chains[der])))
    return found


def _version(text: str) -> tuple[int, ...]:
    """`1.10` is after `1.9`."""
    return tuple(int(part) if part.isdecimal() else 0 for part in text.split("."))


def _refused(detail: str) -> RequestRefused:
    return RequestRefused(detail, code="approval_refused", public="This approval is refused. " + detail)
