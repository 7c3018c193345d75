"""Rows are read back at the end of the transaction that wrote them, before anybody is told that they are there.

A hidden trigger, a rule or a replaced function may make a database forget or change a row while it reports success:
reading back shows it. A batch's marks, decisions, remembered approvals, and records with their staged leaves and
subjects' counters are read by their keys and compared, column by column, with what was written: three statements a
batch, whatever its size. Parked rows are not read: they lie sealed, and one that vanishes or changes is refused when
its holder brings the handle.

PostgreSQL can put a trigger off until the COMMIT, behind every look. So all of them must act before it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import chain

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    column,
    func,
    select,
    values,
)
from sqlalchemy.dialects.postgresql import ARRAY

from idp.store import tables
from idp.store.engine import is_postgres
from idp.store.statements import CompiledStatement, Row, portions
from policies.errors import StoreUnavailable

NOT_KEPT = "rows_not_kept"
_RECORDED = len(tables.records.columns)
_OPENINGS = [column for column in tables.records.columns if column.name.endswith("_opening")]
_FIRST_OPENING = _RECORDED - len(_OPENINGS)


class NotKept(StoreUnavailable):
    """The database did not keep what was written: nothing of the transaction may count."""

    def __init__(self, table: str) -> None:
        what = f"the database did not keep what was written to {table}: something in it changes or forgets rows"
        super().__init__(what, code=NOT_KEPT)


class ByKeys:
    """The rows under many keys, in few statements. `made` selects them, joined to the keys that are wanted."""

    def __init__(
        self, table: Table, keys: Sequence[str], made: Callable[[FromClause, ColumnElement[bool]], Select[Row]]
    ) -> None:
        self._keys: Sequence[Column[object]] = [table.c[name] for name in keys]
        self._made = made
        self._sized: dict[int, CompiledStatement] = {}
        self._of_arrays = CompiledStatement(lambda _connection: self._joined(self._unnested()))

    def rows(self, connection: Connection, wanted: Sequence[Row]) -> list[Row]:
        """The rows that exist under the wanted keys, each of which has its parts in their order."""
        if not wanted:
            return []
        if is_postgres(connection):
            arrays = enumerate(map(list, zip(*wanted, strict=True)))
            return list(self._of_arrays.rows(connection, **{f"key_{place}": array for place, array in arrays}))
        found: list[Row] = []
        for portion in portions(wanted):
            parts = enumerate(chain.from_iterable(portion))
            found += self._of(len(portion)).rows(connection, **{f"key_{place}": part for place, part in parts})
        return found

    def _of(self, size: int) -> CompiledStatement:
        if size not in self._sized:
            self._sized[size] = CompiledStatement(lambda _connection: self._joined(self._listed(size)))
        return self._sized[size]

    def _joined(self, wanted: FromClause) -> Select[Row]:
        return self._made(wanted, and_(*[key == wanted.c[key.name] for key in self._keys]))

    def _unnested(self) -> FromClause:
        arrays = [bindparam(f"key_{place}", type_=ARRAY(key.type)) for place, key in enumerate(self._keys)]
        names = [column(key.name, key.type) for key in self._keys]
        return func.unnest(*arrays).table_valued(*names, name="wanted").render_derived()

    def _listed(self, size: int) -> FromClause:
        width = len(self._keys)
        listed = [
            tuple(bindparam(f"key_{row * width + place}", type_=key.type) for place, key in enumerate(self._keys))
            for row in range(size)
        ]
        return values(*[column(key.name, key.type) for key in self._keys], name="wanted").data(listed).cte("wanted")


def _whole(table: Table, *keys: str) -> ByKeys:
    return ByKeys(table, keys, lambda wanted, same: select(*table.columns).join_from(wanted, table, same))


def _records(
    hashed: Callable[[ColumnElement[bytes]], ColumnElement[bytes]], wanted: FromClause, same: ColumnElement[bool]
) -> Select[Row]:
    records, staged, subjects = tables.records, tables.staged, tables.subjects
    waiting = and_(staged.c.tenant == records.c.tenant, staged.c.record == records.c.record)
    person = and_(subjects.c.tenant == records.c.tenant, subjects.c.subject == records.c.subject)
    joined = wanted.join(records, same).outerjoin(staged, waiting).outerjoin(subjects, person)
    shown = [hashed(each) if each.name.endswith("_opening") else each for each in records.columns]
    return select(*shown, staged.c.leaf, subjects.c.salt, subjects.c.counter).select_from(joined)


_MARKS = _whole(tables.marks, "tenant", "kind", "digest")
_DECISIONS = _whole(tables.decisions, "tenant", "login")
APPROVALS = _whole(tables.approvals, "tenant", "digest")
# Openings are most of what a release takes: over a network their hashes come back
_RECORDS = ByKeys(tables.records, ("tenant", "record"), partial(_records, lambda opening: opening))
_HASHED_RECORDS = ByKeys(tables.records, ("tenant", "record"), partial(_records, func.sha256))


def assert_marks(connection: Connection, rows: Sequence[Row]) -> None:
    """Raise `NotKept` if a mark is missing, or is another unit's by now."""
    _assert(_MARKS, connection, tables.marks, rows, 3)


def assert_decisions(connection: Connection, rows: Sequence[Row]) -> None:
    """Raise `NotKept` if a decision is not as it was written."""
    _assert(_DECISIONS, connection, tables.decisions, rows, 2)


def assert_approvals(connection: Connection, rows: Sequence[Row]) -> None:
    """Raise `NotKept` if a remembered approval is not as it was written: one that was forgotten must not stay."""
    _assert(APPROVALS, connection, tables.approvals, rows, 2)


def assert_records(
    connection: Connection, rows: Sequence[Row], leaves: Mapping[bytes, bytes], subjects: Mapping[tuple[str, bytes], Row]
) -> None:
    """Raise `NotKept` if a record, its staged leaf or its subject is not as it was written.

    `leaves` are by the records' ids, `subjects` are salt and counter by tenant and subject.
    """
    if not rows:
        return
    hashed = is_postgres(connection)
    by_keys = _HASHED_RECORDS if hashed else _RECORDS
    found = {row[:2]: row for row in by_keys.rows(connection, [row[:2] for row in rows])}
    for row in rows:
        there = found.get(row[:2])
        if there is None or there[:_RECORDED] != (_hashed(row) if hashed else row):
            raise NotKept(tables.records.name)
        leaf, *subject = there[_RECORDED:]
        if leaf != leaves[row[1]]:
            raise NotKept(tables.staged.name)
        if row[4] is not None and tuple(subject) != subjects[row[0], row[4]]:
            raise NotKept(tables.subjects.name)


def _hashed(row: Row) -> Row:
    """A record with its openings as `sha256` has them."""
    return (*row[:_FIRST_OPENING], *[None if each is None else sha256(each).digest() for each in row[_FIRST_OPENING:]])


def act_now(connection: Connection) -> None:
    """Have every trigger act that was put off until the COMMIT; SQLite has none."""
    if is_postgres(connection):
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")


def _assert(by_keys: ByKeys, connection: Connection, table: Table, rows: Sequence[Row], width: int) -> None:
    if rows and not set(rows) <= set(by_keys.rows(connection, [row[:width] for row in rows])):
        raise NotKept(table.name)
