"""What is kept of other countries' nodes, behind `connectors.metadata.peers.PeerCopies`: one row a node.

Several processes keep copies at once: a server that fetches, and a command that approves. So `keep` merges under the
database's lock: it never puts an older copy over a newer one, and writes what is approved only where nobody else changed
that since this thread last looked. A copy that the registration no longer allows gives way to a good one, whatever its end;
one that an operator had forgotten gives way in every process (`generation`).

Whoever writes to the database and has no key of ours adds nothing: a row with another seal counts as none, and then
everything waits for an approval again. An older row of ours has a valid seal; a process that has a newer copy in memory
takes none, and the end (`validUntil`) bounds what it can bring back after a restart.
"""

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, Row, select

from connectors.formats.eidas.metadata import PeerFacts, from_json
from connectors.metadata.peers import Held
from idp.ledger.ledger_keys import LedgerKeys, framed
from idp.ledger.record_contents import draft_approval, new_record
from idp.ports import Commits, Unit
from idp.store import tables
from idp.store.engine import exclusively, reading, single, upsert, writing
from idp.system.logs import log_of
from policies.parties import EntityId, Tenant

# In the place of a digest in the ledger's record: from then on nothing of the node is approved
NOTHING = "0" * 64


@dataclass(frozen=True, slots=True)
class _Columns:
    """A row as it is written: facts as canonical JSON, "" where nothing is approved."""

    octets: bytes
    facts: str
    approved: str
    fetched: int
    named: str
    generation: int


class _Seen(threading.local):
    """What this thread saw approved, by entity id."""

    def __init__(self) -> None:
        self.approved: dict[EntityId, PeerFacts | None] = {}


class StoredCopies:
    """The copies of one tenant in the database. Safe in any thread, and beside other processes."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant, self._keys = engine, tenant, keys
        self._seen = _Seen()

    def held(self, entity_id: EntityId) -> Held | None:
        """As `PeerCopies` has it. A row that somebody else changed is none."""
        with reading(), single(self._engine).connect() as connection:
            found = self._read(connection, entity_id)
        self._seen.approved[entity_id] = found.approved if found is not None else None
        return found

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """As `PeerCopies` has it, merged with what others wrote meanwhile."""
        known = self._seen.approved
        with reading(), writing(self._engine).begin() as connection:
            exclusively(connection, tables.peers)
            stored = self._read(connection, held.entity_id)
            if stored is not None:
                if stored.generation > held.generation:
                    return  # forgotten meanwhile, and this is what was to be forgotten
                gives_way = instead is not None and _what(stored) == _what(instead)
                if not gives_way and _stays(stored, held):
                    held = replace(stored, approved=held.approved, named=held.named)
                if held.entity_id in known and stored.approved != known[held.entity_id]:
                    held = replace(held, approved=stored.approved, named=stored.named)
            self._write(connection, held)
        known[held.entity_id] = held.approved

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:  # noqa: ARG002  `now` is for a record
        """As `PeerCopies` has it."""
        self.keep(held, instead=instead)

    def forget(self, entity_id: EntityId, now: int) -> None:
        """Drop the copy and what is approved of it, in every process: each sees that at its next look."""
        with reading(), writing(self._engine).begin() as connection:
            exclusively(connection, tables.peers)
            stored = self._read(connection, entity_id)
            if stored is not None:
                generation = stored.generation + 1
                self._write(connection, replace(stored, octets=b"", approved=None, fetched=now, generation=generation))

    def _read(self, connection: Connection, entity_id: EntityId) -> Held | None:
        table = tables.peers.c
        query = select(tables.peers).where(table.tenant == self._tenant, table.entity_id == entity_id)
        row = connection.execute(query).first()
        return None if row is None else self._believed(row, entity_id)

    def _believed(self, row: Row[tuple[object, ...]], entity_id: EntityId) -> Held | None:
        columns = _Columns(row.octets, row.facts, row.approved or "", row.fetched, row.named, row.generation)
        if not hmac.compare_digest(self._seal(entity_id, columns), row.seal):
            log_of(self._tenant).warning("peer_row_changed", peer=entity_id, fix="ciconia metadata pending")
            return None
        try:
            facts = from_json(columns.facts)
            approved = from_json(columns.approved) if columns.approved else None
        except ValueError:
            # Another version of this program, which had other facts, wrote it
            log_of(self._tenant).warning("peer_row_unreadable", peer=entity_id, fix="ciconia metadata pending")
            return None
        return Held(entity_id, columns.octets, facts, approved, columns.fetched, columns.named, columns.generation)

    def _write(self, connection: Connection, held: Held) -> None:
        approved = held.approved.as_json if held.approved is not None else ""
        columns = _Columns(held.octets, held.facts.as_json, approved, held.fetched, held.named, held.generation)
        row: Mapping[str, object] = {
            "octets": columns.octets,
            "facts": columns.facts,
            "approved": columns.approved or None,
            "fetched": columns.fetched,
            "named": columns.named,
            "generation": columns.generation,
            "seal": self._seal(held.entity_id, columns),
        }
        key = {"tenant": self._tenant, "entity_id": held.entity_id}
        table = tables.peers.c
        statement = upsert(connection, tables.peers).values({**key, **row})
        connection.execute(statement.on_conflict_do_update(index_elements=[table.tenant, table.entity_id], set_=dict(row)))

    def _seal(self, entity_id: EntityId, columns: _Columns) -> bytes:
        """The MAC of a row."""
        texts = [self._tenant, entity_id, columns.facts, columns.approved, str(columns.fetched)]
        if columns.named or columns.generation:
            # Rows of the revision before had neither, and still count
            texts += [columns.named, str(columns.generation)]
        return hmac.digest(self._keys.rows, framed(b"peer", columns.octets, *(t.encode() for t in texts)), "sha256")


def _what(held: Held) -> tuple[bytes, int]:
    return held.octets, held.generation


def _stays(stored: Held, held: Held) -> bool:
    """Whether what is kept is newer, or as new and other: whoever wrote it was first."""
    if stored.forgotten or stored.generation != held.generation or stored.facts.valid_until < held.facts.valid_until:
        return False
    return stored.facts.valid_until > held.facts.valid_until or stored.facts.digest != held.facts.digest


class RecordedCopies:
    """Copies whose approvals are in the release ledger before they count: by a command, or by a registration's digest.

    Log first: where the process dies between the two, the record says that an operator approved, and nothing counts yet.
    """

    def __init__(self, copies: StoredCopies, *, commits: Commits, tenant: Tenant) -> None:
        self._copies, self._commits, self._tenant = copies, commits, tenant

    def held(self, entity_id: EntityId) -> Held | None:
        """As `PeerCopies` has it."""
        return self._copies.held(entity_id)

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """As `PeerCopies` has it: nothing of this is an approval."""
        self._copies.keep(held, instead=instead)

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:
        """Record that all facts of this copy are approved, then keep it."""
        if held.approved != held.facts:
            raise ValueError("a copy of which something is not approved is no approval")
        self._record(held.entity_id, held.facts.digest, now)
        self._copies.keep(held, instead=instead)
        kept = self._copies.held(held.entity_id)
        if kept is None or kept.approved != held.approved:
            # A server took something out of what is approved at this very moment. What was recorded has to count, and what
            # the node's metadata has no longer is of no use, approved or not.
            self._copies.keep(held, instead=instead)

    def forget(self, entity_id: EntityId, now: int) -> bool:
        """Record that nothing of the node is approved from now on, then drop what is held. False where nothing is held."""
        held = self._copies.held(entity_id)
        if held is None or held.forgotten:
            return False
        self._record(entity_id, NOTHING, now)
        self._copies.forget(entity_id, now)
        return True

    def _record(self, entity_id: EntityId, digest: str, now: int) -> None:
        record = draft_approval(record=new_record(), time=now, peer=entity_id, digest=digest)
        self._commits.commit(Unit(tenant=self._tenant, record=record))
