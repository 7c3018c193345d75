"""The group writer: one thread that commits everything that waits in one transaction, table by table.

A unit is written whole or not at all. Its marks are taken in the transaction that they guard; of units that want the same
mark exactly one gets it, in one batch or in two processes. The order of statements, and of the rows in each, is fixed.

Where a connection ends between COMMIT and its answer, nobody can tell whether the batch was written. Then it is written
once more on another connection: its marks wait for the first transaction's end, and what is lost to a mark that carries the
unit's own number was written the first time. Such a unit's row is written again, so that a standby has it, too, before it
is acknowledged. So every thread hears how its unit ended, once. A unit that brings neither a mark nor a record gets a mark.
"""

import queue
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from os import urandom

from sqlalchemy import Connection, Delete, Engine, Insert, bindparam, delete
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp.ledger.leaf import Prepared, complete, prepare
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ports import Unit
from idp.store import tables
from idp.store.attempt import Attempt, KeptConnection
from idp.store.engine import Upsert, unavailable, writing
from idp.store.outcome import recorded, write_again, written_before
from idp.store.read_back import NotKept, act_now, assert_decisions, assert_marks, assert_records
from idp.store.statements import Inserting, Row, Statement, plain
from idp.store.subjects import Subject, count_subjects
from idp.store.turn import Turn
from idp.system.clock import system_clock
from idp.system.logs import log_of
from policies.errors import Conflict, StoreUnavailable

MAX_BATCH = 1000
# Far beyond what the threads of a server can have waiting: there the database stands still, and waiting helps nobody
MAX_WAITING = 10_000
UNIT_BYTES = 16
# The kind of the mark of a unit that brings none and no record, and how long it is kept: its tries take seconds
OWN, OWN_SECONDS = "unit", 600
# How long a thread waits for its unit: a statement is given up after half of it (engine.BUSY_MILLISECONDS)
COMMIT_SECONDS = 10.0
# Whoever was told of the last batch comes back in a moment, and the first of them must not have a transaction alone. So
# after a batch of this many the next one waits for half of them, though no longer than this share of what the last one
# took, and than half of a commit whose standby is in another town: behind a disk that stood still nobody comes any sooner
SIBLINGS, GATHER_SHARE, GATHER_MOST, GATHER_LOOK = 4, 0.5, 0.02, 0.0002
# How often whoever closes the writer looks whether it stands still
CLOSE_LOOK = 0.1


def _taking(fresh: Upsert) -> Insert:
    table = tables.marks.c
    return fresh.on_conflict_do_nothing().returning(table.tenant, table.kind, table.digest)


def _removing(_connection: Connection) -> Delete:
    table = tables.parked.c
    return delete(tables.parked).where(table.tenant == bindparam("tenant"), table.digest == bindparam("digest"))


_TAKE = Inserting(tables.marks, _taking)
_RECORD, _STAGE = plain(tables.records), plain(tables.staged)
_DECIDE, _PARK = plain(tables.decisions), plain(tables.parked)
_REMOVE = Statement(_removing)
# Tenant and key: the order of rows
_FIRST_TWO = itemgetter(0, 1)

MarkKey = tuple[str, str, bytes]


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
    # The keys of its marks, each with its end: computed once, in the thread that asks. Where it has neither a mark nor a
    # record, one by its number: what it removed or parked does not tell whether a try before was written, and a transaction
    # that finds nothing to remove writes nothing, so that its COMMIT waits for no standby
    marks: Mapping[MarkKey, int] = field(init=False)
    # Why it was not written, once it is told
    error: Exception | None = field(init=False, default=None)
    _claim: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _told: threading.Lock = field(init=False, repr=False, default_factory=_locked)

    def __post_init__(self) -> None:
        """Compute the keys of its marks: a batch looks at them again and again."""
        marks: dict[MarkKey, int] = {}
        for mark in self.unit.marks:
            key = (self.unit.tenant, mark.kind, mark.digest)
            marks[key] = max(mark.end, marks.get(key, mark.end))
        if not marks and self.unit.record is None:
            marks[self.unit.tenant, OWN, self.number] = system_clock() + OWN_SECONDS
        self.marks = marks

    def claim(self) -> bool:
        """Whether it is the caller's, who is the first to ask: to write it, or to withdraw it."""
        return self._claim.acquire(blocking=False)

    def tell(self, error: Exception | None = None) -> None:
        """Tell its thread how it ended, once."""
        self.error = error
        self._told.release()

    def wait(self, seconds: float) -> None:
        """Wait until it is told, and raise why it was not written. Raises `StoreUnavailable` where that is too late."""
        if not self._told.acquire(timeout=seconds):
            if self.claim():
                raise StoreUnavailable("the database is slow: nothing was written")
            raise StoreUnavailable("the database is slow: whether it was written is not known")
        if self.error is not None:
            raise self.error


# Of one transaction: the numbers of the units that lost a mark, each with its kind, and the units that it left for another
Outcome = tuple[dict[bytes, str], list[Waiting]]


class Writer:
    """Owns the thread that writes. `commit` may be called from any number of threads; `close` writes what waits."""

    def __init__(self, *, engine: Engine, keys: LedgerKeys, max_batch: int = MAX_BATCH) -> None:
        self._kept, self._turn = KeptConnection(writing(engine)), Turn(engine)
        self._keys = keys
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        # Since when it writes what it writes, or waits for its turn, by the steady clock; 0: it waits for units
        self._since = 0.0
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def commit(self, unit: Unit) -> None:
        """Write the unit; returns after a durable commit. Raises `Conflict`: nothing is written.

        Raises `StoreUnavailable` where it is not written, or where nobody knows within `COMMIT_SECONDS` whether it is: its
        marks decide what comes of another unit that takes them.
        """
        prepared = prepare(unit.record, unit.tenant, self._keys) if unit.record is not None else None
        waiting = Waiting(unit, prepared)
        with self._closing:
            if self._closed:
                raise StoreUnavailable("the writer is closed")
            if self._queue.qsize() >= MAX_WAITING:
                raise StoreUnavailable("too many units wait")
            self._queue.put(waiting)
        waiting.wait(COMMIT_SECONDS)

    @property
    def stands_still(self) -> bool:
        """Whether a transaction takes longer than anybody waits: of a COMMIT that waits for a standby there is no end."""
        since = self._since
        return since > 0 and time.monotonic() - since > COMMIT_SECONDS

    def close(self) -> None:
        """Write everything that waits, then end the thread. Later commits are refused.

        A transaction that stands still is left behind: whoever wanted it has been told that its outcome is not known, and
        the thread ends with the process.
        """
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(CLOSE_LOOK)
        while self._thread.is_alive() and not self.stands_still:
            self._thread.join(CLOSE_LOOK)

    def _run(self) -> None:
        try:
            self._write_what_comes()
        finally:
            self._kept.end()
            self._turn.close()

    def _write_what_comes(self) -> None:
        before, took = 0, 0.0
        while (first := self._queue.get()) is not None:
            if before >= SIBLINGS:
                self._gather(before, min(took * GATHER_SHARE, GATHER_MOST))
            self._since = time.monotonic()
            with self._turn:
                # Whoever came while another process wrote is of this batch
                batch, last = self._batch(first)
                begun = self._since = time.monotonic()
                # Whoever waited too long has gone: what it wanted is not written behind its back
                self.write([waiting for waiting in batch if waiting.claim()])
            before, took, self._since = len(batch), time.monotonic() - begun, 0.0
            if last:
                return

    def _batch(self, first: Waiting) -> tuple[list[Waiting], bool]:
        """The first one and those that wait behind it, and whether there are no more to come."""
        batch = [first]
        while len(batch) < self._max_batch and not self._queue.empty():
            waiting = self._queue.get()
            if waiting is None:
                return batch, True
            batch.append(waiting)
        return batch, False

    def _gather(self, before: int, seconds: float) -> None:
        """Wait until half of all those are here, or until it would cost more than it saves: the others come meanwhile."""
        wanted, until = (before + self._queue.qsize() + 1) // 2, time.monotonic() + seconds
        while self._queue.qsize() + 1 < wanted and not self._closed and time.monotonic() < until:
            time.sleep(GATHER_LOOK)

    def write(self, batch: Sequence[Waiting], *, again: bool = False) -> None:
        """Write a batch and tell each of its threads how its unit ended. Never raises: the thread outlives every batch.

        `again`: an earlier try may have been written.
        """
        attempt = Attempt(self._kept, unknown=again)
        try:
            lost, later = self._written(batch, attempt)
        except (OperationalError, InternalError, PoolTimeout) as error:
            # Locked, read-only, full, gone: no unit would fare better alone
            self._fail(batch, error)
        except (DBAPIError, NotKept) as error:
            if len(batch) == 1:
                self._fail(batch, error)
            else:
                for waiting in batch:
                    self.write([waiting], again=attempt.unknown)
        except Exception as error:  # noqa: BLE001  the outermost edge of this thread: whoever waits gets to know
            for waiting in batch:
                waiting.tell(error)
        else:
            for waiting in [one for one in batch if one not in later]:
                waiting.tell(Conflict(lost[waiting.number]) if waiting.number in lost else None)
            if later:
                self.write(later, again=attempt.unknown)

    def _fail(self, batch: Iterable[Waiting], error: DBAPIError | PoolTimeout | NotKept) -> None:
        for waiting in batch:
            if isinstance(error, NotKept):
                log_of(waiting.unit.tenant).critical(error.code, detail=error.detail, fix="ciconia doctor")
                waiting.tell(error)
            elif isinstance(error, PoolTimeout):
                waiting.tell(StoreUnavailable("no connection to the database is free"))
            else:
                waiting.tell(StoreUnavailable(unavailable(error).detail))

    def _written(self, batch: Sequence[Waiting], attempt: Attempt) -> Outcome:
        """Write a batch in one transaction, as often as the attempt allows."""
        while True:
            try:
                return attempt.run(lambda connection: self._transaction(connection, batch, again=attempt.unknown))
            except DBAPIError as error:
                if not attempt.again(error):
                    raise

    def _transaction(self, connection: Connection, batch: Sequence[Waiting], *, again: bool) -> Outcome:
        """Write every unit that gets all its marks."""
        before = recorded(connection, batch) if again else frozenset()
        kept, lost, later = take_marks(connection, [one for one in batch if one.number not in before])
        if again:
            if lost:
                found = written_before(connection, batch, lost)
                lost = {number: kind for number, kind in lost.items() if number not in found}
                before |= found
            write_again(connection, [one for one in batch if one.number in before])
        records = [w for w in kept if w.prepared is not None]
        named = [(w.unit.tenant, w.prepared.draft.subject) for w in records if w.prepared is not None]
        counters = count_subjects(connection, named, self._keys)
        rows, leaves = self._insert_records(connection, records, counters)
        decisions = _insert_parked(connection, kept)
        removed = {(w.unit.tenant, digest) for w in kept for digest in w.unit.removed}
        for tenant, digest in sorted(removed):
            _REMOVE.rows(connection, tenant=tenant, digest=digest)
        act_now(connection)
        assert_marks(connection, [(*key, one.number, end) for one in kept for key, end in one.marks.items()])
        assert_records(connection, rows, leaves, counters)
        assert_decisions(connection, decisions)
        return lost, later

    def _insert_records(
        self, connection: Connection, waiting: Iterable[Waiting], counters: dict[Subject, tuple[bytes, int]]
    ) -> tuple[list[Row], dict[bytes, bytes]]:
        """The leaf bytes, then a row of each record and its staged leaf; returns the rows, and the leaf of each record."""
        rows: list[Row] = []
        staged: list[Row] = []
        for one in waiting:
            prepared, tenant = one.prepared, one.unit.tenant
            if prepared is None:
                continue
            draft, key, position = prepared.draft, None, 0
            if draft.subject is not None:
                salt, before = counters[tenant, draft.subject]
                position = before + 1
                counters[tenant, draft.subject] = (salt, position)
                key = self._keys.subject_key(tenant, draft.subject, salt)
            entry = complete(prepared, tenant, key, position)
            sealed = prepared.sealed
            staged.append((tenant, draft.record, entry.leaf))
            rows.append(
                (
                    tenant,
                    draft.record,
                    draft.time,
                    leaf_hash(entry.leaf),
                    draft.subject,
                    position or None,
                    sealed["sent"],
                    sealed["decision"],
                    sealed.get("login"),
                    entry.subject_opening,
                )
            )
        if rows:
            _RECORD.run(connection, sorted(rows, key=_FIRST_TWO))
            _STAGE.run(connection, sorted(staged, key=_FIRST_TWO))
        return rows, {record: leaf for _, record, leaf in staged}


def take_marks(connection: Connection, batch: Iterable[Waiting]) -> tuple[list[Waiting], dict[bytes, str], list[Waiting]]:
    """Take the marks of a batch. Returns the units that got all of theirs, then as `Outcome` has it.

    Each mark is asked for once, in one statement: two processes that want the same ones wait for each other in one order.
    Who wants what an earlier unit of the batch wants waits for its end. Where that one is dropped for another mark, theirs
    is free again, and they are written in a transaction of their own.
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
    taken = _insert_marks(connection, asking)
    if not taken and not others:
        return asking, {}, []
    lost = {one.number: min(gone)[1] for one in asking if (gone := one.marks.keys() & taken)}
    dropped = [one for one in asking if one.number in lost]
    _give_back(connection, [key for one in dropped for key in one.marks if key not in taken])
    kept = [one for one in asking if one.number not in lost]
    held = {key for one in kept for key in one.marks} | taken
    lost |= {one.number: min(gone)[1] for one in others if (gone := one.marks.keys() & held)}
    return kept, lost, [one for one in others if one.number not in lost]


def _insert_marks(connection: Connection, asking: Iterable[Waiting]) -> frozenset[MarkKey]:
    """Insert the marks in one statement. The rows that come back are those that were free: returns all others."""
    rows = sorted([(*key, one.number, end) for one in asking for key, end in one.marks.items()])
    free = set(_TAKE.run(connection, rows))
    return frozenset([row[:3] for row in rows if row[:3] not in free])


def _give_back(connection: Connection, keys: Sequence[MarkKey]) -> None:
    if not keys:
        return
    table = tables.marks.c
    matches = (table.tenant == bindparam("t"), table.kind == bindparam("k"), table.digest == bindparam("d"))
    rows = [{"t": tenant, "k": kind, "d": digest} for tenant, kind, digest in sorted(keys)]
    connection.execute(delete(tables.marks).where(*matches), rows)


def _insert_parked(connection: Connection, kept: Iterable[Waiting]) -> list[Row]:
    """The rows of decisions and of what is parked; returns the former."""
    decisions: list[Row] = []
    parked: list[Row] = []
    for one in kept:
        tenant, decision = one.unit.tenant, one.unit.decision
        if decision is not None:
            decisions.append((tenant, decision.login, decision.choice, decision.end))
        parked.extend((tenant, row.digest, row.kind, row.payload, row.end) for row in one.unit.parked)
    if decisions:
        _DECIDE.run(connection, sorted(decisions, key=_FIRST_TWO))
    if parked:
        _PARK.run(connection, sorted(parked, key=_FIRST_TWO))
    return decisions
