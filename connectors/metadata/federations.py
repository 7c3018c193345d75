"""All registered federations, as their last good copies have them: an entity is judged and parsed when it is first used.

A copy is two files in a private folder, which all workers open: `octets` and `index` (`federation_index.py`). The index is
sealed with a key of ours, and has the SHA-256 of each entity: who can write into the folder takes away, and adds nothing.
"""

import hmac
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path

from connectors.addresses import FetchError
from connectors.formats.grammar import written
from connectors.metadata.federated import FederatedEntity
from connectors.metadata.federation_index import CopyHead, Index, Row, ends
from connectors.metadata.judgement import check_addresses
from connectors.metadata.summaries import Summary, read_summaries
from connectors.signatures.aggregate import signed_entity
from connectors.signatures.parse import attributes
from connectors.signatures.second_reading import judge_reading
from policies.errors import AssertionRejected, PeerUnavailable
from policies.federations import Federation, FederationId, member_digest
from policies.parties import EntityId

INDEX, WAITING, SUMMARIES = "index", "waiting", "summaries"
# Parsed entities that a worker keeps: those who sign in today come from a few hundred
MOST_PARSED = 512
# The MAC of octets, under a key of the broker's
Seal = Callable[[bytes], bytes]


class FederationCopy:
    """One copy of a federation's metadata, opened. ValueError where its seal is another, or it cannot be read; OSError."""

    def __init__(self, folder: Path, seal: Seal, *, name: str = INDEX) -> None:
        index = opened(folder, seal, name)
        self.head: CopyHead = index.head
        self._rows = {row.entity_id: row for row in index.rows}
        # Read, and not mapped: where somebody shortens a mapped file, the process ends
        file = os.open(folder / index.head.octets, os.O_RDONLY)
        weakref.finalize(self, os.close, file)
        self._read = partial(os.pread, file)

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, entity_ids: Collection[str]) -> bool:
        """Whether it has all of these entities."""
        return self._rows.keys() >= set(entity_ids)

    def rows(self) -> Collection[Row]:
        """All entities that count."""
        return self._rows.values()

    @cached_property
    def providers(self) -> Mapping[str, EntityId]:
        """Its identity providers, by the digests in the ids of members."""
        return {member_digest(row.entity_id): EntityId(row.entity_id) for row in self.rows() if "idp" in row.roles.split()}

    def octets(self, entity_id: str) -> bytes:
        """The canonical octets of an entity, as they stand in the aggregate. KeyError for one that it does not have."""
        row = self._rows[entity_id]
        return self._read(row.end - row.begin, row.begin)

    def intact(self) -> bool:
        """Whether its octets are still all those that were verified."""
        return all(sha256(self.octets(row.entity_id)).hexdigest() == row.digest for row in self.rows())

    def judged(self, entity_id: EntityId, federation: FederationId, *, demo: bool) -> FederatedEntity:
        """The entity, parsed and judged. KeyError as `octets`; `FetchError`, `AssertionRejected` if it cannot be used."""
        row, octets = self._rows[entity_id], self.octets(entity_id)
        if sha256(octets).hexdigest() != row.digest:
            raise FetchError("metadata_changed", "its octets on this machine are not those that were verified.")
        signed = signed_entity(self.head.head.encode(), octets, self.head.tail.encode(), self.head.key_id)
        root = signed.tree()
        judge_reading(signed.octets, root, "an entity of a federation")
        if attributes(root).get("entityID") != entity_id:
            raise FetchError("metadata_entity", "its entityID is another than in the index.")
        places = [attributes(one) for one in root.iter("{*}*")]
        check_addresses((one[key] for one in places for key in ("Location", "ResponseLocation") if key in one), demo=demo)
        return FederatedEntity(
            entity_id=entity_id,
            federation=federation,
            octets=signed.octets,
            valid_until=ends(root, self.head.valid_until),
        )


def opened(folder: Path, seal: Seal, name: str) -> Index:
    """The index of a copy, whose seal is ours. ValueError, OSError."""
    return Index.read(_unsealed(folder / name, seal))


def _unsealed(file: Path, seal: Seal) -> bytes:
    mac, _, octets = file.read_bytes().partition(b"\n")
    if not hmac.compare_digest(mac, seal(octets).hex().encode()):
        raise ValueError("a file that somebody else wrote")
    return octets


def put(folder: Path, index: Index, seal: Seal, *, name: str = INDEX) -> None:
    """Write a sealed index in the place of the one before, whole or not at all."""
    put_sealed(folder, index.written(), seal, name=name)


def put_sealed(folder: Path, octets: bytes, seal: Seal, *, name: str) -> None:
    """Write a sealed file in the place of the one before, whole or not at all."""
    new = folder / f".{name}.new"
    with new.open("wb") as file:
        file.write(seal(octets).hex().encode() + b"\n" + octets)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / name)


@dataclass(frozen=True, slots=True)
class FederationState:
    """How a federation stands: `why` says why nothing of it counts, "" where it does."""

    federation_id: FederationId
    head: CopyHead | None
    why: str
    waiting: str  # the digest that waits for an operator, "" for none


class Federations:
    """Implements `connectors.metadata.federated.FederatedEntities`.

    `pinned` are the entity ids of nodes, and of providers that no federation vouches for: no federation speaks for them.
    Of two federations that have an entity, the first counts.
    """

    def __init__(
        self,
        federations: Mapping[FederationId, Federation],
        *,
        folder: Path,
        seal: Seal,
        pinned: Collection[EntityId] = (),
        demo: bool = False,
    ) -> None:
        self.registered = dict(federations)
        self.pinned = frozenset(pinned)
        self._folder, self._seal, self._demo = folder, seal, demo
        self._copies: dict[FederationId, FederationCopy] = {}
        self._seen: dict[FederationId, tuple[int, int]] = {}
        self._summaries: dict[FederationId, tuple[FederationCopy, Mapping[str, Summary]]] = {}
        self._parsed: OrderedDict[tuple[FederationId, EntityId], FederatedEntity | str] = OrderedDict()
        self._lock = threading.Lock()
        self.look()

    def folder(self, federation_id: FederationId) -> Path:
        """Where a federation's copies lie."""
        return self._folder / federation_id

    def look(self) -> None:
        """Take over the copies that came since the last look, from whichever process. A bad one leaves the former."""
        for federation_id, federation in self.registered.items():
            self._look(federation_id, federation)
            if federation.listed and not self.summarised(federation_id):
                self._look_for_summaries(federation_id)

    def _look(self, federation_id: FederationId, federation: Federation) -> None:
        folder = self.folder(federation_id)
        try:
            found = (folder / INDEX).stat()
            mark = found.st_mtime_ns, found.st_ino
            if self._seen.get(federation_id) == mark:
                return
            copy = FederationCopy(folder, self._seal)
        except (OSError, ValueError):
            return
        if copy.head.registered != federation.digest:
            return
        with self._lock:
            self._copies[federation_id], self._seen[federation_id] = copy, mark
            for key in [key for key in self._parsed if key[0] == federation_id]:
                del self._parsed[key]

    def _look_for_summaries(self, federation_id: FederationId) -> None:
        copy = self._copies.get(federation_id)
        if copy is not None:
            with suppress(OSError, ValueError):
                octets = _unsealed(self.folder(federation_id) / SUMMARIES, self._seal)
                self._summaries[federation_id] = copy, read_summaries(octets, copy.head)

    def copy(self, federation_id: FederationId) -> FederationCopy | None:
        """The copy in use, None before the first."""
        return self._copies.get(federation_id)

    def summaries(self, federation_id: FederationId) -> Mapping[str, Summary]:
        """Its identity providers by entity id: of the copy in use, or of the one before until they are summarised."""
        held = self._summaries.get(federation_id)
        return held[1] if held is not None else {}

    def summarised(self, federation_id: FederationId) -> bool:
        """Whether the summaries are those of the copy in use, or there is no copy."""
        held, copy = self._summaries.get(federation_id), self._copies.get(federation_id)
        return copy is None or (held is not None and held[0] is copy)

    def waiting(self, federation_id: FederationId) -> Index | None:
        """The copy that waits for an operator, None where there is none."""
        try:
            found = opened(self.folder(federation_id), self._seal, WAITING)
        except (OSError, ValueError):
            return None
        return found if found.head.registered == self.registered[federation_id].digest else None

    def entity(self, entity_id: EntityId, now: int, federation: str = "") -> FederatedEntity:
        """`FederatedEntities.entity`."""
        if entity_id in self.pinned:
            raise PeerUnavailable(f"the metadata of {entity_id} is pinned: no federation speaks for it.")
        why = f"no federation knows {entity_id}, or not the one that is named for it."
        for federation_id in self.registered:
            copy = self._copies.get(federation_id)
            if copy is None or federation not in {"", federation_id}:
                continue
            try:
                found = self._parsed.get((federation_id, entity_id)) or self._first(federation_id, copy, entity_id)
            except KeyError:
                continue
            if isinstance(found, str):
                raise PeerUnavailable(found)
            if found.valid_until > now:
                return found
            why = f"the metadata of {entity_id} in {federation_id} ended at {written(found.valid_until)}."
        raise PeerUnavailable(why)

    def states(self, now: int) -> tuple[FederationState, ...]:
        """How each registered federation stands."""
        return tuple(self._state(federation_id, now) for federation_id in self.registered)

    def _state(self, federation_id: FederationId, now: int) -> FederationState:
        copy, why = self._copies.get(federation_id), ""
        if copy is None:
            why = "no copy of its metadata is held."
        elif copy.head.valid_until <= now:
            why = f"its metadata ended at {written(copy.head.valid_until)}."
        waiting = self.waiting(federation_id)
        return FederationState(
            federation_id,
            copy.head if copy is not None else None,
            why,
            waiting.head.digest if waiting is not None else "",
        )

    def _first(self, federation_id: FederationId, copy: FederationCopy, entity_id: EntityId) -> FederatedEntity | str:
        """Parse and judge an entity, and keep it, or why it is refused, until `MOST_PARSED` others or another copy come."""
        found: FederatedEntity | str
        try:
            found = copy.judged(entity_id, federation_id, demo=self._demo)
        except (FetchError, AssertionRejected) as error:
            found = f"the metadata of {entity_id} in {federation_id} is refused ({error.check})."
        with self._lock:
            if self._copies.get(federation_id) is copy:
                self._parsed[federation_id, entity_id] = found
                if len(self._parsed) > MOST_PARSED:
                    self._parsed.popitem(last=False)
        return found
