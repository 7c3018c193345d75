"""In-memory twins: of `Store`, with a tree that grows and is signed with each record, and of peers' copies."""

import hashlib
import threading
from collections.abc import Collection, Sequence

from connectors.metadata.peers import Held
from idp.ledger.checkpoint import TreeHead, sign_note
from idp.ledger.leaf import complete, new_salt, prepare
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import CompactRange, Position, inclusion_spans, leaf_hash, proof_hashes
from idp.ledger.tiles import HEIGHT, Tile
from idp.ports import APPROVAL, UNSENT, ApprovalRow, Checkpoint, DecisionRow, ParkedRow, Unit
from policies.errors import Conflict, NotFound
from policies.parties import EntityId, Tenant


class MemoryStore:
    """`Commits`, `Parked`, `Decisions` and `Log` of one tenant. Nothing is kept when the process ends."""

    def __init__(self, *, tenant: Tenant, ledger_keys: LedgerKeys) -> None:
        self.tenant = tenant
        self._keys = ledger_keys
        self._lock = threading.Lock()
        self._marks: dict[tuple[str, bytes], int] = {}
        self._parked: dict[bytes, ParkedRow] = {}
        self._decisions: dict[bytes, DecisionRow] = {}
        self._approvals: dict[bytes, ApprovalRow] = {}
        self._subjects: dict[bytes, tuple[bytes, int]] = {}
        self._leaves: dict[bytes, bytes] = {}  # record id -> leaf hash, in the order of the tree
        self._hashes: dict[Position, bytes] = {}
        self._tree = CompactRange()
        self._checkpoint: Checkpoint | None = None

    def commit(self, unit: Unit) -> None:
        """Implement `idp.ports.Commits`."""
        if unit.tenant != self.tenant:
            raise ValueError("a unit of another tenant")
        with self._lock:
            for mark in unit.marks:
                if (mark.kind, mark.digest) in self._marks:
                    raise Conflict(mark.kind)
            self._assert_unchanged(unit)
            if unit.record is not None:
                self._append(unit)
            self._marks.update({(mark.kind, mark.digest): mark.end for mark in unit.marks})
            if unit.decision is not None:
                self._decisions[unit.decision.login] = unit.decision
            self._approvals.update({row.digest: row for row in unit.approvals.written})
            for row in sorted(unit.parked, key=lambda one: one.end):
                if (before := self._parked.get(row.digest)) is None or before.end <= row.end:
                    self._parked[row.digest] = row
            for digest in unit.removed:
                self._parked.pop(digest, None)

    def _assert_unchanged(self, unit: Unit) -> None:
        if (read := unit.approvals.read) is not None:
            found = self._approvals.get(read[0])
            if read[1] != (b"" if found is None else hashlib.sha256(found.content).digest()):
                raise Conflict(APPROVAL)

    def _append(self, unit: Unit) -> None:
        if unit.record is None:
            return
        prepared, key, counter = prepare(unit.record, self.tenant, self._keys), None, 0
        if (subject := unit.record.subject) is not None:
            salt, before = self._subjects.get(subject, (new_salt(self._keys, self.tenant, subject), 0))
            self._subjects[subject] = (salt, counter := before + 1)
            key = self._keys.subject_key(self.tenant, subject, salt)
        hashed = leaf_hash(complete(prepared, self.tenant, key, counter).leaf)
        self._leaves[unit.record.record] = self._hashes[0, self._tree.size] = hashed
        self._hashes.update(self._tree.append(hashed))
        head = TreeHead(self._keys.origin, self._tree.size, self._tree.root())
        note = sign_note(head.text, head.origin, self._keys.log.at(0).signer)
        self._checkpoint = Checkpoint(size=head.size, root=head.root, note=note, time=unit.record.time)

    def parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        """Implement `idp.ports.Parked`."""
        row = self._parked.get(digest)
        if tenant != self.tenant or row is None or row.kind != kind or row.end <= now:
            raise NotFound(f"no {kind} that is alive under this handle")
        return row.payload

    def decision(self, tenant: Tenant, login: bytes, now: int) -> DecisionRow | None:
        """Implement `idp.ports.Decisions`."""
        row = self._decisions.get(login)
        return row if tenant == self.tenant and row is not None and row.end > now else None

    def approvals(self, tenant: Tenant, digests: Collection[bytes]) -> Sequence[ApprovalRow]:
        """Implement `idp.ports.Decisions`."""
        return [self._approvals[one] for one in digests if tenant == self.tenant and one in self._approvals]

    def unsent(self, tenant: Tenant, login: bytes, now: int) -> bool:
        """Implement `idp.ports.Decisions`."""
        row = self._parked.get(login)
        return tenant == self.tenant and row is not None and row.kind == UNSENT and row.end > now

    def checkpoint(self, tenant: Tenant) -> Checkpoint | None:
        """Implement `idp.ports.Log`."""
        return self._checkpoint if tenant == self.tenant else None

    def recent(self, tenant: Tenant) -> Sequence[Checkpoint]:
        """Implement `idp.ports.Log`."""
        found = self.checkpoint(tenant)
        return () if found is None else (found,)

    def final(self, tenant: Tenant, year: int) -> Checkpoint:
        """Implement `idp.ports.Log`; none of its years ends."""
        raise NotFound(f"{tenant} has no final checkpoint of {year}")

    def index_of(self, tenant: Tenant, leaf_hash: bytes) -> int | None:
        """Implement `idp.ports.Log`."""
        places = {hashed: index for index, hashed in enumerate(self._leaves.values())}
        return places.get(leaf_hash) if tenant == self.tenant else None

    def inclusion(self, tenant: Tenant, index: int, size: int) -> Sequence[bytes]:
        """Implement `idp.ports.Log`; raises `NotFound` where the tree has no such leaf or size."""
        if tenant != self.tenant or not 0 <= index < size <= self._tree.size:
            raise NotFound("no such leaf in a tree of this size")
        return proof_hashes(inclusion_spans(index, size), self._hashes)

    def leaf_of(self, tenant: Tenant, record: bytes) -> bytes | None:
        """Implement `idp.ports.Log`."""
        return self._leaves.get(record) if tenant == self.tenant else None

    def tile(self, tenant: Tenant, level: int | None, index: int, width: int) -> bytes:
        """Implement `idp.ports.Log`; of leaves their hashes, since it keeps no leaf."""
        tile = Tile(level, index, width)
        if tenant != self.tenant or self._checkpoint is None or not tile.is_in(self._checkpoint.size):
            raise NotFound("no checkpoint covers such a tile")
        return b"".join(self._hashes[HEIGHT * (level or 0), tile.begin + at] for at in range(width))

    def purge(self, now: int) -> int:
        """Forget marks, parked rows and decisions whose end has come; returns how many went."""
        with self._lock:
            before = len(self._marks) + len(self._parked) + len(self._decisions)
            self._marks = {key: end for key, end in self._marks.items() if end > now}
            self._parked = {digest: row for digest, row in self._parked.items() if row.end > now}
            self._decisions = {login: row for login, row in self._decisions.items() if row.end > now}
            return before - len(self._marks) - len(self._parked) - len(self._decisions)

    def close(self) -> None:
        """Nothing to do: there is no thread and no file."""


class MemoryCopies:
    """The twin for tests: one dictionary."""

    def __init__(self) -> None:
        self.rows: dict[EntityId, Held] = {}

    def held(self, entity_id: EntityId) -> Held | None:
        """Implement `PeerCopies`."""
        return self.rows.get(entity_id)

    def keep(self, held: Held, *, instead: Held | None = None) -> None:  # noqa: ARG002  no other process writes
        """Implement `PeerCopies`."""
        self.rows[held.entity_id] = held

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:  # noqa: ARG002  nothing is recorded
        """Implement `PeerCopies`."""
        self.keep(held, instead=instead)
