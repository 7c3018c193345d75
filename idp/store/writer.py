"""The group writer: one thread that commits everything that waits in one transaction, table by table.

A unit is written whole or not at all. Its marks are taken in the transaction that they guard; of units that want the same
mark exactly one gets it, in one batch or in two processes. The order of statements, and of the rows in each, is fixed.
"""

import queue
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, bindparam, delete, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, OperationalError

from idp.ports import Mark, Unit
from idp.store import tables
from idp.store.engine import unavailable, writing
from idp.transparency.entry import Prepared, complete, new_salt, prepare
from idp.transparency.keys import LedgerKeys
from idp.transparency.tree import leaf_hash
from policies.errors import Conflict, StoreUnavailable

MAX_BATCH = 1000
# Far beyond what the threads of a server can have waiting: there the database stands still, and waiting helps nobody
MAX_WAITING = 10_000
UNIT_BYTES = 16

MarkKey = tuple[str, str, bytes]
Row = dict[str, object]
Subject = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A unit in the queue: its random id, what was computed of its record, and where its thread waits."""

    unit: Unit
    prepared: Prepared | None
    number: bytes = field(default_factory=lambda: secrets.token_bytes(UNIT_BYTES))
    done: "Future[None]" = field(default_factory=Future)

    @property
    def marks(self) -> frozenset[MarkKey]:
        """The keys of the unit's marks."""
        return frozenset((self.unit.tenant, mark.kind, mark.digest) for mark in self.unit.marks)


class Writer:
    """Owns the thread that writes. `commit` may be called from any number of threads; `close` writes what waits."""

    def __init__(self, *, engine: Engine, keys: LedgerKeys) -> None:
        self._engine = writing(engine)
        self._keys = keys
        self._queue: queue.Queue[Waiting | None] = queue.Queue(MAX_WAITING)
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def commit(self, unit: Unit) -> None:
        """Write the unit; returns after a durable commit. Raises `Conflict` and `StoreUnavailable`: nothing is written."""
        prepared = prepare(unit.record, unit.tenant, self._keys) if unit.record is not None else None
        waiting = Waiting(unit, prepared)
        with self._closing:
            if self._closed:
                raise StoreUnavailable("the writer is closed")
            try:
                self._queue.put_nowait(waiting)
            except queue.Full as error:
                raise StoreUnavailable("too many units wait") from error
        waiting.done.result()

    def close(self) -> None:
        """Write everything that waits, then end the thread. Later commits are refused."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            while len(batch) < MAX_BATCH and not last and not self._queue.empty():
                waiting = self._queue.get()
                if waiting is None:
                    last = True
                else:
                    batch.append(waiting)
            self.write(batch)
            if last:
                return

    def write(self, batch: Sequence[Waiting]) -> None:
        """Write a batch and tell each of its threads how its unit ended. Never raises: the thread outlives every batch."""
        try:
            lost = self._transaction(batch)
        except OperationalError as error:
            # Locked, read-only, full: no unit would fare better alone
            self._fail(batch, error)
        except DBAPIError as error:
            if len(batch) == 1:
                self._fail(batch, error)
            else:
                for waiting in batch:
                    self.write([waiting])
        except Exception as error:  # noqa: BLE001  the outermost edge of this thread: whoever waits gets to know
            for waiting in batch:
                waiting.done.set_exception(error)
        else:
            for waiting in batch:
                kind = lost.get(waiting.number)
                if kind is None:
                    waiting.done.set_result(None)
                else:
                    waiting.done.set_exception(Conflict(kind))

    def _fail(self, batch: Iterable[Waiting], error: DBAPIError) -> None:
        for waiting in batch:
            waiting.done.set_exception(unavailable(error))

    def _transaction(self, batch: Sequence[Waiting]) -> dict[bytes, str]:
        """Write every unit that gets all its marks; returns the others' numbers, each with the kind of a lost mark."""
        with self._engine.begin() as connection:
            kept, lost = take_marks(connection, batch)
            records = [w for w in kept if w.prepared is not None]
            counters = count_subjects(connection, records, self._keys)
            self._insert_records(connection, records, counters)
            _insert_parked(connection, kept)
            removed = {(w.unit.tenant, digest) for w in kept for digest in w.unit.removed}
            if removed:
                matches = (tables.parked.c.tenant == bindparam("t"), tables.parked.c.digest == bindparam("d"))
                connection.execute(delete(tables.parked).where(*matches), [{"t": t, "d": d} for t, d in sorted(removed)])
        return lost

    def _insert_records(
        self, connection: Connection, waiting: Iterable[Waiting], counters: dict[Subject, tuple[bytes, int]]
    ) -> None:
        """The leaf bytes, then a row of each record and its staged leaf."""
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
            staged.append({"tenant": tenant, "record": draft.record, "leaf": entry.leaf})
            rows.append(
                {
                    "tenant": tenant,
                    "record": draft.record,
                    "time": draft.time,
                    "leaf_hash": leaf_hash(entry.leaf),
                    "subject": draft.subject,
                    "position": position or None,
                    "sent_opening": prepared.sealed["sent"],
                    "decision_opening": prepared.sealed["decision"],
                    "login_opening": prepared.sealed.get("login"),
                    "subject_opening": entry.subject_opening,
                }
            )
        if rows:
            connection.execute(insert(tables.records), sorted(rows, key=_by("tenant", "record")))
            connection.execute(insert(tables.staged), sorted(staged, key=_by("tenant", "record")))


def take_marks(connection: Connection, batch: Sequence[Waiting]) -> tuple[list[Waiting], dict[bytes, str]]:
    """Take the marks of a batch. Returns the units that got all of theirs, and the others with the kind of a lost mark.

    Units that want what an earlier unit of the batch wants wait for its end: where it is dropped for another mark, theirs
    is free again. So a round asks for each mark once, and only a dropped unit makes a further round.
    """
    kept: list[Waiting] = []
    lost: dict[bytes, str] = {}
    held: set[MarkKey] = set()
    waiting = list(batch)
    while waiting:
        asking: list[Waiting] = []
        deferred: list[Waiting] = []
        wanted: set[MarkKey] = set()
        for one in waiting:
            if taken := one.marks & held:
                lost[one.number] = min(taken)[1]
            elif one.marks & wanted:
                deferred.append(one)
            else:
                asking.append(one)
                wanted |= one.marks
        won = _insert_marks(connection, asking)
        dropped = [one for one in asking if won.get(one.number, frozenset()) != one.marks]
        for one in dropped:
            lost[one.number] = min(one.marks - won.get(one.number, frozenset()))[1]
        _give_back(connection, [key for one in dropped for key in won.get(one.number, ())])
        got = [one for one in asking if one.number not in lost]
        kept.extend(got)
        held.update(key for one in got for key in one.marks)
        waiting = deferred
    return kept, lost


def _insert_marks(connection: Connection, asking: Iterable[Waiting]) -> dict[bytes, frozenset[MarkKey]]:
    """Insert the marks in one statement. The rows that come back are those that were free, each with its unit's number."""
    ends: dict[tuple[MarkKey, bytes], int] = {}
    for one in asking:
        for mark in one.unit.marks:
            key = (_key(one, mark), one.number)
            ends[key] = max(mark.end, ends.get(key, 0))
    rows = [
        {"tenant": tenant, "kind": kind, "digest": digest, "unit": number, "ends": end}
        for ((tenant, kind, digest), number), end in sorted(ends.items())
    ]
    if not rows:
        return {}
    table = tables.marks.c
    statement = (
        sqlite.insert(tables.marks).on_conflict_do_nothing().returning(table.tenant, table.kind, table.digest, table.unit)
    )
    won: dict[bytes, set[MarkKey]] = {}
    for tenant, kind, digest, number in connection.execute(statement, rows):
        won.setdefault(number, set()).add((tenant, kind, digest))
    return {number: frozenset(keys) for number, keys in won.items()}


def _give_back(connection: Connection, keys: Sequence[MarkKey]) -> None:
    if not keys:
        return
    table = tables.marks.c
    matches = (table.tenant == bindparam("t"), table.kind == bindparam("k"), table.digest == bindparam("d"))
    rows = [{"t": tenant, "k": kind, "d": digest} for tenant, kind, digest in sorted(keys)]
    connection.execute(delete(tables.marks).where(*matches), rows)


def count_subjects(
    connection: Connection, records: Iterable[Waiting], keys: LedgerKeys
) -> dict[Subject, tuple[bytes, int]]:
    """Count each subject's new records in one upsert; returns its salt, and its counter as it was *before* them."""
    new: Counter[Subject] = Counter()
    for one in records:
        if one.prepared is not None and one.prepared.draft.subject is not None:
            new[one.unit.tenant, one.prepared.draft.subject] += 1
    if not new:
        return {}
    rows = [
        {"tenant": tenant, "subject": subject, "salt": new_salt(keys, tenant, subject), "counter": count}
        for (tenant, subject), count in sorted(new.items())
    ]
    table = tables.subjects.c
    fresh = sqlite.insert(tables.subjects)
    statement = fresh.on_conflict_do_update(
        index_elements=[table.tenant, table.subject], set_={"counter": table.counter + fresh.excluded.counter}
    ).returning(table.tenant, table.subject, table.salt, table.counter)
    found: dict[Subject, tuple[bytes, int]] = {}
    for tenant, subject, salt, counter in connection.execute(statement, rows):
        found[tenant, subject] = (salt, counter - new[tenant, subject])
    return found


def _insert_parked(connection: Connection, kept: Iterable[Waiting]) -> None:
    decisions: list[Row] = []
    parked: list[Row] = []
    for one in kept:
        tenant, decision = one.unit.tenant, one.unit.decision
        if decision is not None:
            row = {"tenant": tenant, "login": decision.login, "choice": decision.choice, "ends": decision.end}
            decisions.append(row)
        parked.extend(
            {"tenant": tenant, "digest": row.digest, "kind": row.kind, "payload": row.payload, "ends": row.end}
            for row in one.unit.parked
        )
    if decisions:
        connection.execute(insert(tables.decisions), sorted(decisions, key=_by("tenant", "login")))
    if parked:
        connection.execute(insert(tables.parked), sorted(parked, key=_by("tenant", "digest")))


def _key(one: Waiting, mark: Mark) -> MarkKey:
    return one.unit.tenant, mark.kind, mark.digest


def _by(*columns: str) -> Callable[[Mapping[str, object]], tuple[str | bytes, ...]]:
    """Sort by key: two workers that lock the same rows in two orders would wait for each other."""
    return lambda row: tuple(part for part in (row[name] for name in columns) if isinstance(part, str | bytes))
