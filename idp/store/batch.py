"""One transaction of the writer: each unit of a batch is written whole, table by table, or not at all.

Each mark is asked for once, in one statement, and the order of statements and of their rows is fixed: so two processes that
want the same rows wait for each other in one order. Of several units that want a mark, exactly one gets it.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from operator import itemgetter
from os import urandom

from sqlalchemy import ColumnElement, Connection, Delete, Insert, bindparam, delete, select, tuple_, update

from idp.ledger.leaf import Prepared, complete, new_salt
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ports import APPROVAL, ENDED, Unit
from idp.store import tables
from idp.store.engine import Upsert, is_postgres
from idp.store.read_back import APPROVALS, act_now, assert_approvals, assert_decisions, assert_marks, assert_records
from idp.store.statements import CompiledStatement, Inserting, Row, plain
from idp.system.clock import system_clock
from policies.errors import StoreUnavailable

UNIT_BYTES = 16
# The kind of the mark of a unit that brings no mark and no record, and how long it is kept: the tries take seconds
OWN, OWN_SECONDS = "unit", 600
# Tenant and key: the order of rows
_FIRST_TWO = itemgetter(0, 1)

MarkKey = tuple[str, str, bytes]
Subject = tuple[str, bytes]


def _taking(fresh: Upsert) -> Insert:
    table = tables.marks.c
    return fresh.on_conflict_do_nothing().returning(table.tenant, table.kind, table.digest)


def _counting(fresh: Upsert) -> Insert:
    table = tables.subjects.c
    return fresh.on_conflict_do_update(
        index_elements=[table.tenant, table.subject], set_={"counter": table.counter + fresh.excluded.counter}
    ).returning(table.tenant, table.subject, table.salt, table.counter)


def _remembering(fresh: Upsert) -> Insert:
    table = tables.approvals.c
    newer = {"content": fresh.excluded.content, "ends": fresh.excluded.ends}
    return fresh.on_conflict_do_update(index_elements=[table.tenant, table.digest], set_=newer)


def _signing_in(fresh: Upsert) -> Insert:
    table = tables.sessions.c
    moved = {each.name: fresh.excluded[each.name] for each in table if each.name not in ("tenant", "session")}
    return fresh.on_conflict_do_update(index_elements=[table.tenant, table.session], set_=moved)


def _taking_part(fresh: Upsert) -> Insert:
    table = tables.participants.c
    ends = {"ends": fresh.excluded.ends}
    return fresh.on_conflict_do_update(index_elements=[table.tenant, table.session, table.client], set_=ends)


def _outliving(_connection: Connection) -> Delete:
    table = tables.parked.c
    earlier = (table.tenant == bindparam("tenant"), table.digest == bindparam("digest"), table.ends < bindparam("end"))
    return delete(tables.parked).where(*earlier)


def _removing(_connection: Connection) -> Delete:
    table = tables.parked.c
    return delete(tables.parked).where(table.tenant == bindparam("tenant"), table.digest == bindparam("digest"))


_TAKE, _COUNT = Inserting(tables.marks, _taking), Inserting(tables.subjects, _counting)
_RECORD, _STAGE = plain(tables.records), plain(tables.staged)
_DECIDE, _PARK = plain(tables.decisions), plain(tables.parked)
_END = Inserting(tables.parked, lambda fresh: fresh.on_conflict_do_nothing())
_REMEMBER = Inserting(tables.approvals, _remembering)
_SIGN_IN, _TAKE_PART = Inserting(tables.sessions, _signing_in), Inserting(tables.participants, _taking_part)
_QUEUE = plain(tables.logouts)
_REMOVE, _OUTLIVE = CompiledStatement(_removing), CompiledStatement(_outliving)


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Waiting:
    """A unit in the queue: its random id, what was computed of its record, and where its thread waits."""

    unit: Unit
    prepared: Prepared | None
    number: bytes = field(default_factory=lambda: urandom(UNIT_BYTES))
    # The keys of its marks, each with its end: computed once, in the thread that asks. A unit with neither a mark nor a
    # record gets one by its number: what it removed or parked does not tell whether an earlier try was written, and the
    # COMMIT of a transaction that finds nothing to remove waits for no standby
    marks: Mapping[MarkKey, int] = field(init=False)
    # Why it was not written, once the writer has told
    error: Exception | None = field(init=False, default=None)
    _claim: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _told: threading.Lock = field(init=False, repr=False, default_factory=_locked)

    def __post_init__(self) -> None:
        """Compute the keys of its marks."""
        marks: dict[MarkKey, int] = {}
        for mark in self.unit.marks:
            key = (self.unit.tenant, mark.kind, mark.digest)
            marks[key] = max(mark.end, marks.get(key, mark.end))
        if not marks and self.unit.record is None:
            marks[self.unit.tenant, OWN, self.number] = system_clock() + OWN_SECONDS
        self.marks = marks

    def claim(self) -> bool:
        """Whether the caller is the first to ask: the writer to write it, or its thread to withdraw it."""
        return self._claim.acquire(blocking=False)

    def tell(self, error: Exception | None = None) -> None:
        """Tell its thread how it ended, once."""
        self.error = error
        self._told.release()

    def wait(self, seconds: float) -> None:
        """Wait for the writer, and raise why the unit was not written. Raises `StoreUnavailable` if that takes too long."""
        if not self._told.acquire(timeout=seconds):
            if self.claim():
                raise StoreUnavailable("the database is slow: nothing was written")
            raise StoreUnavailable("the database is slow: whether it was written is not known")
        if self.error is not None:
            raise self.error


# After one transaction: the numbers of the units that lost a mark, each with its kind, and the units left for another one
Written = tuple[dict[bytes, str], list[Waiting]]


def write_batch(connection: Connection, batch: Sequence[Waiting], keys: LedgerKeys, *, again: bool) -> Written:
    """Write every unit that gets all its marks. `again` says that an earlier try may have been written."""
    before = _recorded(connection, batch) if again else frozenset()
    ended = _ended(connection, batch)
    asking = [one for one in batch if one.number not in before and one.number not in ended]
    asking, waiting = _in_turn(asking)
    changed = _changed(connection, asking)
    kept, lost, later = take_marks(connection, [one for one in asking if one.number not in changed])
    lost |= {**dict.fromkeys(ended, "session"), **dict.fromkeys(changed, APPROVAL)}
    later += waiting
    if again:
        if lost:
            found = _written_before(connection, batch, lost)
            lost = {number: kind for number, kind in lost.items() if number not in found}
            before |= found
        _touch(connection, [one for one in batch if one.number in before])
    recording = [(one.unit.tenant, one.prepared) for one in kept if one.prepared is not None]
    counters = _count_subjects(connection, recording, keys)
    records, leaves = _completed(recording, counters, keys)
    decisions = [(w.unit.tenant, d.login, d.choice, d.end) for w in kept if (d := w.unit.decision) is not None]
    parked, moments = _parked(kept)
    # A statement takes one row a key: of two approvals of one person at once the later one counts
    approvals = {(w.unit.tenant, row.digest): (row.content, row.end) for w in kept for row in w.unit.approvals.written}
    remembered = [(*key, *row) for key, row in approvals.items()]
    sessions, participants = _sessions(kept)
    queued = [(w.unit.tenant, q.entry, q.client, q.about, q.made, 0, q.due, "", q.end) for w in kept for q in w.unit.queued]
    writing = (
        *((_RECORD, records), (_STAGE, leaves), (_DECIDE, decisions), (_PARK, parked), (_END, moments)),
        *((_REMEMBER, remembered), (_SIGN_IN, sessions), (_TAKE_PART, participants), (_QUEUE, queued)),
    )
    for of, digest, *_, latest in sorted(moments):
        _OUTLIVE.rows(connection, tenant=of, digest=digest, end=latest)
    for inserting, rows in writing:
        if rows:
            inserting.run(connection, sorted(rows, key=_FIRST_TWO))
    for tenant, digest in sorted({(w.unit.tenant, digest) for w in kept for digest in w.unit.removed}):
        _REMOVE.rows(connection, tenant=tenant, digest=digest)
    act_now(connection)
    assert_marks(connection, [(*key, one.number, end) for one in kept for key, end in one.marks.items()])
    assert_records(connection, records, {record: leaf for _, record, leaf in leaves}, counters)
    assert_decisions(connection, decisions)
    assert_approvals(connection, remembered)
    return lost, later


def take_marks(connection: Connection, batch: Iterable[Waiting]) -> tuple[list[Waiting], dict[bytes, str], list[Waiting]]:
    """Take the marks of a batch. Returns the units that got all of theirs, then as `Written` has it.

    A unit that wants a mark of an earlier unit of the batch waits until that one's fate is known. If the earlier one is
    dropped for another mark, the later one goes into a transaction of its own.
    """
    asking: list[Waiting] = []
    others: list[Waiting] = []
    wanted: set[MarkKey] = set()
    for one in batch:
        if one.marks.keys().isdisjoint(wanted):
            asking.append(one)
            wanted.update(one.marks)
        else:
            others.append(one)
    rows = sorted([(*key, one.number, end) for one in asking for key, end in one.marks.items()])
    # The rows that come back are those that were free
    free = set(_TAKE.run(connection, rows))
    taken = frozenset([row[:3] for row in rows if row[:3] not in free])
    if not taken and not others:
        return asking, {}, []
    lost = {one.number: min(gone)[1] for one in asking if (gone := one.marks.keys() & taken)}
    dropped = [key for one in asking if one.number in lost for key in one.marks if key not in taken]
    if dropped:
        connection.execute(delete(tables.marks).where(_is_mark(dropped)))
    kept = [one for one in asking if one.number not in lost]
    held = {key for one in kept for key in one.marks} | taken
    lost |= {one.number: min(gone)[1] for one in others if (gone := one.marks.keys() & held)}
    return kept, lost, [one for one in others if one.number not in lost]


def _ended(connection: Connection, batch: Iterable[Waiting]) -> frozenset[bytes]:
    """The numbers of those units that go on in a session which has ended. The others' sessions stay until the COMMIT."""
    joined = {w.number: (w.unit.tenant, row.session) for w in batch if (row := w.unit.session) is not None and row.joined}
    if not joined:
        return frozenset()
    table = tables.sessions.c
    named = tuple_(table.tenant, table.session).in_(sorted({*joined.values()}))
    standing = {
        tuple(row) for row in connection.execute(select(table.tenant, table.session).where(named).with_for_update())
    }
    return frozenset(number for number, session in joined.items() if session not in standing)


def _in_turn(batch: Iterable[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    """The units of this transaction, and those that rest on a row that one of these writes: they come after it."""
    asking, waiting, written = list[Waiting](), list[Waiting](), set[Subject]()
    for one in batch:
        rows, tenant = one.unit.approvals, one.unit.tenant
        if rows.read is not None and (tenant, rows.read[0]) in written:
            waiting.append(one)
        else:
            asking.append(one)
            written.update((tenant, row.digest) for row in rows.written)
    return asking, waiting


def _changed(connection: Connection, batch: Iterable[Waiting]) -> frozenset[bytes]:
    """The numbers of those units that rest on a row of approvals which is another one by now.

    The rows stay as they are until the COMMIT. A row that is not there yet cannot be locked: on PostgreSQL its name is.
    """
    resting, named = dict[bytes, tuple[Subject, bytes]](), set[bytes]()
    for one in batch:
        rows = one.unit.approvals
        if rows.read is not None:
            resting[one.number] = ((one.unit.tenant, rows.read[0]), rows.read[1])
        named.update([row.digest for row in rows.written] if rows.read is None else [rows.read[0]])
    if named and is_postgres(connection):
        locks = sorted({int.from_bytes(digest[:8], signed=True) for digest in named})
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(name) FROM unnest(%s::bigint[]) AS name", (locks,)).close()
    if not resting:
        return frozenset()
    asked = sorted({key for key, _ in resting.values()})
    found = {(row[0], row[1]): sha256(row[2]).digest() for row in APPROVALS.rows(connection, asked)}
    return frozenset(number for number, (key, content) in resting.items() if found.get(key, b"") != content)


def _sessions(kept: Iterable[Waiting]) -> tuple[list[Row], list[Row]]:
    """The rows of sessions and of their participants. Of two sign-ins of one session at once the later one counts."""
    found = [(w.unit.tenant, row) for w in kept if (row := w.unit.session) is not None]
    # After the idle time a logout still has to find the session, and nobody can go on in it: the content opens no more
    sessions = {
        (tenant, r.session): (r.cookie, r.person, r.upstream, r.provider, r.content, r.latest, r.latest)
        for tenant, r in found
    }
    participants = {(tenant, row.session, row.client): (row.sid, row.latest) for tenant, row in found}
    return [(*key, *row) for key, row in sessions.items()], [(*key, *row) for key, row in participants.items()]


def _parked(kept: Iterable[Waiting]) -> tuple[list[Row], list[Row]]:
    """The rows that are parked, and those that say when something ended: of these the latest one of a digest counts."""
    rows = [(w.unit.tenant, row.digest, row.kind, row.payload, row.end) for w in kept for row in w.unit.parked]
    ended = {row[:2]: row for row in sorted(rows, key=itemgetter(4)) if row[2] == ENDED}
    return [row for row in rows if row[2] != ENDED], [*ended.values()]


def _is_mark(keys: Iterable[MarkKey]) -> ColumnElement[bool]:
    table = tables.marks.c
    return tuple_(table.tenant, table.kind, table.digest).in_(sorted(keys))


def _count_subjects(
    connection: Connection, recording: Iterable[tuple[str, Prepared]], keys: LedgerKeys
) -> dict[Subject, tuple[bytes, int]]:
    """Count the new records of each person in one statement, which holds their rows.

    Returns each person's salt, and their counter as it was *before* these records.
    """
    new = Counter((tenant, made.draft.subject) for tenant, made in recording if made.draft.subject is not None)
    if not new:
        return {}
    rows = [
        (tenant, subject, new_salt(keys, tenant, subject), count, 0) for (tenant, subject), count in sorted(new.items())
    ]
    found = _COUNT.run(connection, rows)
    return {(tenant, subject): (salt, counter - new[tenant, subject]) for tenant, subject, salt, counter in found}


def _completed(
    recording: Iterable[tuple[str, Prepared]], counters: dict[Subject, tuple[bytes, int]], keys: LedgerKeys
) -> tuple[list[Row], list[tuple[str, bytes, bytes]]]:
    """The rows of records and of their staged leaves. `counters` then has each person's counter after them."""
    records: list[Row] = []
    leaves: list[tuple[str, bytes, bytes]] = []
    for tenant, made in recording:
        draft, key, position = made.draft, None, 0
        if draft.subject is not None:
            salt, before = counters[tenant, draft.subject]
            position = before + 1
            counters[tenant, draft.subject] = (salt, position)
            key = keys.subject_key(tenant, draft.subject, salt)
        entry, sealed = complete(made, tenant, key, position), made.sealed
        leaves.append((tenant, draft.record, entry.leaf))
        facts = (tenant, draft.record, draft.time, leaf_hash(entry.leaf), draft.subject, position or None)
        records.append((*facts, sealed["sent"], sealed["decision"], sealed.get("login"), entry.subject_opening))
    return records, leaves


# -- a second try, after a COMMIT that nobody answered


def _recorded(connection: Connection, batch: Iterable[Waiting]) -> frozenset[bytes]:
    """The numbers of those units without a mark whose record is there: its id of 16 random bytes is theirs alone."""
    asked = {
        (one.unit.tenant, one.prepared.draft.record): one.number
        for one in batch
        if one.prepared is not None and not one.unit.marks
    }
    if not asked:
        return frozenset()
    table = tables.records.c
    query = select(table.tenant, table.record).where(tuple_(table.tenant, table.record).in_(sorted(asked)))
    return frozenset(asked[tenant, record] for tenant, record in connection.execute(query))


def _written_before(connection: Connection, batch: Iterable[Waiting], lost: Mapping[bytes, str]) -> frozenset[bytes]:
    """The numbers of those units that lost a mark to themselves: an earlier try of theirs was written."""
    asked = _is_mark(key for one in batch if one.number in lost for key in one.marks)
    return frozenset(connection.scalars(select(tables.marks.c.unit).where(asked))) & lost.keys()


def _touch(connection: Connection, found: Iterable[Waiting]) -> None:
    """Write a row again of each unit that an earlier try wrote, so that this COMMIT comes after theirs and waits as long.

    A transaction that writes nothing waits for no standby. If a backend ends while it waits for one, it has committed on
    its own disk alone: the unit would be acknowledged, and be gone with that disk.
    """
    for one in found:
        if one.marks:
            statement = update(tables.marks).where(_is_mark([min(one.marks)])).values(unit=tables.marks.c.unit)
        elif one.prepared is not None:
            record = tables.records.c
            there = (record.tenant == one.unit.tenant, record.record == one.prepared.draft.record)
            statement = update(tables.records).where(*there).values(time=record.time)
        connection.execute(statement)
