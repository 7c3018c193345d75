"""What is kept of other countries' nodes, behind `connectors.metadata.peers.PeerCopies`: one row a node.

Several processes keep copies at once: a server that fetches, and a command that approves. So `keep` merges under the
database's lock: it never puts an older copy over a newer one, and writes what is approved only where nobody else changed
that since this thread last looked. Whoever writes to the database and has no key of ours adds nothing: a row with another
seal counts as none, and then everything waits for an approval again. An older row of ours has a valid seal; its end
(`validUntil`) bounds what it can bring back.
"""

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection, Engine, Row, select
from sqlalchemy.dialects import sqlite

from connectors.formats.eidas.metadata import PeerFacts, from_json
from connectors.metadata.peers import Held, PeerCopies
from idp.ports import Commits, Unit
from idp.store import tables
from idp.store.engine import reading, writing
from idp.transparency.draft import draft_approval, new_record
from idp.transparency.keys import LedgerKeys, framed
from policies.parties import EntityId, Tenant


@dataclass(frozen=True, slots=True)
class _Columns:
    """A row as it is written: facts as canonical JSON, "" where nothing is approved."""

    octets: bytes
    facts: str
    approved: str
    fetched: int


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
        with reading(), self._engine.connect() as connection:
            found = self._read(connection, entity_id)
        self._seen.approved[entity_id] = found.approved if found is not None else None
        return found

    def keep(self, held: Held) -> None:
        """As `PeerCopies` has it, merged with what others wrote meanwhile."""
        known = self._seen.approved
        with reading(), writing(self._engine).begin() as connection:
            stored = self._read(connection, held.entity_id)
            if stored is not None:
                if stored.facts.valid_until > held.facts.valid_until:
                    held = replace(stored, approved=held.approved)
                if held.entity_id in known and stored.approved != known[held.entity_id]:
                    held = replace(held, approved=stored.approved)
            self._write(connection, held)
        known[held.entity_id] = held.approved

    def _read(self, connection: Connection, entity_id: EntityId) -> Held | None:
        table = tables.peers.c
        query = select(tables.peers).where(table.tenant == self._tenant, table.entity_id == entity_id)
        row = connection.execute(query).first()
        return None if row is None else self._believed(row, entity_id)

    def _believed(self, row: Row[tuple[object, ...]], entity_id: EntityId) -> Held | None:
        columns = _Columns(row.octets, row.facts, row.approved or "", row.fetched)
        if not hmac.compare_digest(self._seal(entity_id, columns), row.seal):
            structlog.get_logger().warning("peer_row_changed", peer=entity_id, fix="ciconia metadata pending")
            return None
        try:
            facts = from_json(columns.facts)
            approved = from_json(columns.approved) if columns.approved else None
        except ValueError:
            # Another version of this program, which had other facts, wrote it
            structlog.get_logger().warning("peer_row_unreadable", peer=entity_id, fix="ciconia metadata pending")
            return None
        return Held(entity_id, columns.octets, facts, approved, columns.fetched)

    def _write(self, connection: Connection, held: Held) -> None:
        approved = held.approved.as_json if held.approved is not None else ""
        columns = _Columns(held.octets, held.facts.as_json, approved, held.fetched)
        row: Mapping[str, object] = {
            "octets": columns.octets,
            "facts": columns.facts,
            "approved": columns.approved or None,
            "fetched": columns.fetched,
            "seal": self._seal(held.entity_id, columns),
        }
        key = {"tenant": self._tenant, "entity_id": held.entity_id}
        table = tables.peers.c
        statement = sqlite.insert(tables.peers).values({**key, **row})
        connection.execute(statement.on_conflict_do_update(index_elements=[table.tenant, table.entity_id], set_=dict(row)))

    def _seal(self, entity_id: EntityId, columns: _Columns) -> bytes:
        """The MAC of a row."""
        texts = (self._tenant, entity_id, columns.facts, columns.approved, str(columns.fetched))
        return hmac.digest(self._keys.rows, framed(b"peer", columns.octets, *(t.encode() for t in texts)), "sha256")


class RecordedCopies:
    """Copies for one approval: the release ledger gets its record before anything is approved.

    Log first: where the process dies between the two, the record says that an operator approved, and nothing counts yet. An
    approval that stands in a registration in advance (`Peer.digest`) is not recorded: the configuration is the record.
    """

    def __init__(self, copies: PeerCopies, *, commits: Commits, tenant: Tenant, now: int) -> None:
        self._copies, self._commits, self._tenant, self._now = copies, commits, tenant, now

    def held(self, entity_id: EntityId) -> Held | None:
        """As `PeerCopies` has it."""
        return self._copies.held(entity_id)

    def keep(self, held: Held) -> None:
        """Record that all facts of this copy are approved, then keep it."""
        if held.approved != held.facts:
            raise ValueError("a copy of which something is not approved is no approval")
        record = draft_approval(record=new_record(), time=self._now, peer=held.entity_id, digest=held.facts.digest)
        self._commits.commit(Unit(tenant=self._tenant, record=record))
        self._copies.keep(held)
        kept = self._copies.held(held.entity_id)
        if kept is None or kept.approved != held.approved:
            # A server took something out of what is approved at this very moment. What was recorded has to count, and what
            # the node's metadata has no longer is of no use, approved or not.
            self._copies.keep(held)


class MemoryCopies:
    """The twin for tests: one dictionary."""

    def __init__(self) -> None:
        self.rows: dict[EntityId, Held] = {}

    def held(self, entity_id: EntityId) -> Held | None:
        """As `PeerCopies` has it."""
        return self.rows.get(entity_id)

    def keep(self, held: Held) -> None:
        """As `PeerCopies` has it."""
        self.rows[held.entity_id] = held
