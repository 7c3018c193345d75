"""Other countries' nodes in the database, behind `connectors.metadata.peers.PeerCopies`: one row a node.

A server that fetches and a command that approves keep copies at once. So `keep` merges under the database's lock: it never
puts an older copy over a newer one, and writes an approval only if nobody changed it since this thread last looked. A copy
that the registration no longer allows gives way to a good one, whatever its end. If an operator had a copy forgotten, it
gives way in every process (`generation`).

An attacker who can write to the database and has no key of ours adds nothing: a row with another seal counts as none, and
everything waits for an approval again. An older row of ours has a valid seal. A process with a newer copy in memory does
not take it, and the copy's end (`validUntil`) bounds what it can bring back after a restart.
"""

import hmac
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any  # Any: each column has its own type

from sqlalchemy import Connection, Engine, Row, select

from connectors.formats.eidas.metadata import PeerFacts, from_json
from connectors.metadata.peers import Held
from idp.ledger.ledger_keys import LedgerKeys, framed
from idp.ledger.operator_records import draft_approval
from idp.ledger.record_contents import new_record
from idp.ports import Commits, Unit
from idp.store import tables
from idp.store.engine import exclusively, reading, single, upsert, writing
from idp.system.logs import log_of
from policies.parties import EntityId, Tenant

# In place of a digest in the ledger's record: from then on nothing of the node is approved
NOTHING = "0" * 64
# The columns that the seal binds
_SEALED = ("octets", "facts", "approved", "fetched", "named", "generation")


class _Seen(threading.local):
    """The approvals that this thread saw, by entity id."""

    def __init__(self) -> None:
        self.approved: dict[EntityId, PeerFacts | None] = {}


class StoredCopies:
    """The copies of one tenant in the database. Safe in any thread, and beside other processes."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant, self._keys = engine, tenant, keys
        self._seen = _Seen()

    def held(self, entity_id: EntityId) -> Held | None:
        """`PeerCopies.held`. A row that somebody else changed counts as none."""
        with reading(), single(self._engine).connect() as connection:
            found = self._read(connection, entity_id)
        self._seen.approved[entity_id] = found.approved if found is not None else None
        return found

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """`PeerCopies.keep`, merged with what others wrote meanwhile."""
        known = self._seen.approved
        with reading(), writing(self._engine).begin() as connection:
            exclusively(connection, tables.peers)
            stored = self._read(connection, held.entity_id)
            if stored is not None:
                if stored.generation > held.generation:
                    return  # this copy was forgotten meanwhile
                gives_way = instead is not None and _what(stored) == _what(instead)
                if not gives_way and _stays(stored, held):
                    held = replace(stored, approved=held.approved, named=held.named)
                if held.entity_id in known and stored.approved != known[held.entity_id]:
                    held = replace(held, approved=stored.approved, named=stored.named)
            self._write(connection, held)
        known[held.entity_id] = held.approved

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:  # noqa: ARG002  `now` is for a record
        """`PeerCopies.approve`."""
        self.keep(held, instead=instead)

    def forget(self, entity_id: EntityId, now: int) -> None:
        """Drop the copy and its approval. Every process sees that at its next look."""
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
        values = {name: getattr(row, name) for name in _SEALED}
        if not hmac.compare_digest(self._seal(entity_id, values), row.seal):
            log_of(self._tenant).warning("peer_row_changed", peer=entity_id, fix="ciconia metadata pending")
            return None
        try:
            facts = from_json(row.facts)
            approved = from_json(row.approved) if row.approved else None
        except ValueError:
            # Another version of this program, which had other facts, wrote it
            log_of(self._tenant).warning("peer_row_unreadable", peer=entity_id, fix="ciconia metadata pending")
            return None
        return Held(entity_id, row.octets, facts, approved, row.fetched, row.named, row.generation)

    def _write(self, connection: Connection, held: Held) -> None:
        approved = held.approved.as_json if held.approved is not None else None
        sealed = (held.octets, held.facts.as_json, approved, held.fetched, held.named, held.generation)
        values: dict[str, object] = dict(zip(_SEALED, sealed, strict=True))
        values["seal"] = self._seal(held.entity_id, values)
        table = tables.peers.c
        fresh = upsert(connection, tables.peers).values(tenant=self._tenant, entity_id=held.entity_id, **values)
        connection.execute(fresh.on_conflict_do_update(index_elements=[table.tenant, table.entity_id], set_=values))

    def _seal(self, entity_id: EntityId, values: Mapping[str, Any]) -> bytes:
        """The MAC of a row."""
        octets, facts, approved, fetched, named, generation = (values[name] for name in _SEALED)
        texts = [self._tenant, entity_id, facts, approved or "", fetched]
        if named or generation:
            # Rows of the revision before had neither, and still count
            texts += [named, generation]
        parts = (str(each).encode() for each in texts)
        return hmac.digest(self._keys.rows, framed(b"peer", octets, *parts), "sha256")


def _what(held: Held) -> tuple[bytes, int]:
    return held.octets, held.generation


def _stays(stored: Held, held: Held) -> bool:
    """Whether the stored copy is newer, or as new and different: the first to write it wins."""
    if stored.forgotten or stored.generation != held.generation or stored.facts.valid_until < held.facts.valid_until:
        return False
    return stored.facts.valid_until > held.facts.valid_until or stored.facts.digest != held.facts.digest


class RecordedCopies:
    """Copies whose approvals, by a command or by a registration's digest, are in the release ledger before they count.

    Log first: if the process dies between the two, the record says that an operator approved, and nothing counts yet.
    """

    def __init__(self, copies: StoredCopies, *, commits: Commits, tenant: Tenant) -> None:
        self._copies, self._commits, self._tenant = copies, commits, tenant

    def held(self, entity_id: EntityId) -> Held | None:
        """`PeerCopies.held`."""
        return self._copies.held(entity_id)

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """`PeerCopies.keep`: it approves nothing."""
        self._copies.keep(held, instead=instead)

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:
        """Record that all facts of this copy are approved, then keep it."""
        if held.approved != held.facts:
            raise ValueError("an approval takes all facts of a copy")
        self._record(held.entity_id, held.facts.digest, now)
        self._copies.keep(held, instead=instead)
        kept = self._copies.held(held.entity_id)
        if kept is None or kept.approved != held.approved:
            # A server removed something from the approval at this very moment. The record must count, and facts that left
            # the node's metadata are of no use, approved or not.
            self._copies.keep(held, instead=instead)

    def forget(self, entity_id: EntityId, now: int) -> bool:
        """Record that nothing of the node is approved from now on, then drop its copy. False if there is none."""
        held = self._copies.held(entity_id)
        if held is None or held.forgotten:
            return False
        self._record(entity_id, NOTHING, now)
        self._copies.forget(entity_id, now)
        return True

    def _record(self, entity_id: EntityId, digest: str, now: int) -> None:
        record = draft_approval(record=new_record(), time=now, peer=entity_id, digest=digest)
        self._commits.commit(Unit(tenant=self._tenant, record=record))
