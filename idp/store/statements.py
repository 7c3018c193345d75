"""Statements of Core that run at every login, compiled once for each database and number of rows.

To build a statement, find it in the cache of compiled ones and prepare its result costs several times what SQLite then
takes for it. So a statement is built and compiled by Core at its first use, and from then on goes to the driver as the text
that Core made. `run` gives Core's result. `rows` gives what the driver has, for what runs at every login: on SQLite by the
dialect's `do_execute` alone, with errors of the types of Core. What binds are is what the drivers take as it is: text,
integers and bytes.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any  # Any: of what types the columns of a text are, nobody knows

from sqlalchemy import Connection, CursorResult, Insert, Table, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import CompilerElement

from idp.store.engine import Upsert, is_postgres, upsert

# How many rows one statement takes; more go in several, in their order. SQLite takes 32,766 parameters in one statement
SIZES = (64, 16, 4, 3, 2, 1)
# More rows go to PostgreSQL as arrays. psycopg keeps what it read of a text of at most 4096 signs and 50 parameters, and
# reads a longer one again each time: two thirds of what a batch of 64 took of our process
MOST_BY_VALUE = 4

Result = CursorResult[*tuple[Any, ...]]
Row = tuple[Any, ...]
Given = Mapping[str, object] | tuple[object, ...]


class CompiledStatement:
    """The text of one statement for one database, and how its parameters are given."""

    def __init__(self, connection: Connection, statement: CompilerElement) -> None:
        compiled = statement.compile(dialect=connection.dialect)
        self.text = str(compiled)
        # None: by name
        self.order: Sequence[str] | None = getattr(compiled, "positiontup", None)

    def run(self, connection: Connection, parameters: Mapping[str, object]) -> Result:
        """Run it once."""
        return connection.exec_driver_sql(self.text, self._given(parameters))

    def rows(self, connection: Connection, parameters: Mapping[str, object]) -> Sequence[Row]:
        """Run it once; all that comes back."""
        return _rows(connection, self.text, self._given(parameters))

    def _given(self, parameters: Mapping[str, object]) -> Given:
        return parameters if self.order is None else tuple([parameters[name] for name in self.order])


class Statement:
    """A statement without a changing number of parts. `made` gives it, with a `bindparam` for each parameter."""

    def __init__(self, made: Callable[[Connection], Executable]) -> None:
        self._made = made
        self._compiled: dict[str, CompiledStatement] = {}

    def run(self, connection: Connection, **parameters: object) -> Result:
        """Run it with these parameters."""
        return self._of(connection).run(connection, parameters)

    def rows(self, connection: Connection, **parameters: object) -> Sequence[Row]:
        """The same, and all that comes back."""
        return self._of(connection).rows(connection, parameters)

    def _of(self, connection: Connection) -> CompiledStatement:
        name = connection.dialect.name
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compiled[name] = CompiledStatement(connection, _element(self._made(connection)))
        return compiled


class _Insertion:
    """The INSERT of so many rows for one database: their values stand in it one after another."""

    def __init__(self, connection: Connection, statement: Insert, names: Sequence[str]) -> None:
        compiled = CompiledStatement(connection, statement)
        if compiled.order is not None and list(compiled.order) != list(names):
            raise TypeError("not the columns in their order")
        self._text, self._names, self._by_name = compiled.text, names, compiled.order is None

    def run(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Run it once; all that comes back."""
        given = tuple(chain.from_iterable(rows))
        if len(given) != len(self._names):
            raise ValueError("a row with other columns than its table")
        return _rows(connection, self._text, dict(zip(self._names, given, strict=True)) if self._by_name else given)


class _Unnesting:
    """PostgreSQL's INSERT of any number of rows: each column is one parameter, an array."""

    def __init__(self, connection: Connection, statement: Insert, names: Sequence[str]) -> None:
        text = CompiledStatement(connection, statement).text
        for name in names:
            # psycopg's way to say that it goes as octets: as text an array of octets is twice as long
            text = text.replace(f"%({name})s", f"%({name})b")
        self._text, self._names = text, names

    def run(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Run it once; all that comes back."""
        columns = map(list, zip(*rows, strict=True))
        return _rows(connection, self._text, dict(zip(self._names, columns, strict=True)))


def statement_size(left: int) -> int:
    """How many of those that are left the next statement takes."""
    for size in SIZES:
        if size <= left:
            return size
    raise ValueError("nothing is left")


class Inserting:
    """Rows into a table, each with its values in the order of the columns, in few statements.

    `completed` says what becomes of rows that are there, and what comes back.
    """

    def __init__(self, table: Table, completed: Callable[[Upsert], Insert]) -> None:
        self._table, self._completed = table, completed
        self._types = {column.name: column.type for column in table.columns}
        self._compiled: dict[tuple[str, int], _Insertion] = {}
        self._unnesting: _Unnesting | None = None

    def run(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Insert the rows, in their order; all that comes back."""
        at_once = self._compiled.get((connection.dialect.name, len(rows)))
        if at_once is not None:
            return at_once.run(connection, rows)
        if len(rows) > MOST_BY_VALUE and is_postgres(connection):
            if self._unnesting is None:
                self._unnesting = self._of_arrays(connection)
            return self._unnesting.run(connection, rows)
        found: list[Row] = []
        done = 0
        while done < len(rows):
            size = statement_size(len(rows) - done)
            found += self._of(connection, size).run(connection, rows[done : done + size])
            done += size
        return found

    def _of(self, connection: Connection, size: int) -> _Insertion:
        key = (connection.dialect.name, size)
        compiled = self._compiled.get(key)
        if compiled is None:
            values = [
                {name: bindparam(f"{name}_{place}", type_=kind) for name, kind in self._types.items()}
                for place in range(size)
            ]
            names = [f"{name}_{place}" for place in range(size) for name in self._types]
            fresh = upsert(connection, self._table).values(values)
            compiled = self._compiled[key] = _Insertion(connection, self._completed(fresh), names)
        return compiled

    def _of_arrays(self, connection: Connection) -> _Unnesting:
        arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in self._types.items()]
        columns = [column(name, kind) for name, kind in self._types.items()]
        source = func.unnest(*arrays).table_valued(*columns).render_derived()
        fresh = upsert(connection, self._table).from_select(list(self._types), select(source))
        return _Unnesting(connection, self._completed(fresh), list(self._types))


def _rows(connection: Connection, text: str, given: Given) -> Sequence[Row]:
    """Run a text in the transaction that has begun, if one has, and give all rows that come back."""
    dialect = connection.dialect
    if dialect.name != "sqlite":
        result = connection.exec_driver_sql(text, given)
        return [tuple(row) for row in result] if result.returns_rows else ()
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not SQLite's own driver")
    try:
        cursor = driver.cursor()
        dialect.do_execute(cursor, text, given)
        return cursor.fetchall()
    except sqlite3.Error as error:
        # No values in it: they are a citizen's
        raise DBAPIError.instance(text, None, error, sqlite3.Error, hide_parameters=True, dialect=dialect) from error


def _element(statement: Executable) -> CompilerElement:
    if not isinstance(statement, CompilerElement):
        raise TypeError("not a statement that compiles")
    return statement


def plain(table: Table) -> Inserting:
    """Rows into a table, and nothing else about them."""
    return Inserting(table, lambda fresh: fresh)
