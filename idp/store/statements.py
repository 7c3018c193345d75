"""Statements that run at every login, compiled once by Core for each database and number of rows.

Building a statement, finding it in Core's cache and preparing its result cost several times what SQLite then takes for it
(decision 0023). So Core builds and compiles a statement at its first use; from then on its text goes to the driver. `run`
gives Core's result. `rows` gives all rows as the driver has them, with errors of Core's types. Parameters are what the
drivers take as they are: text, integers and bytes.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar  # Any: nobody knows the types of a text's columns

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
T = TypeVar("T")


class _Compiled:
    """The text of one statement for one database, and how its parameters are given."""

    def __init__(self, connection: Connection, statement: Executable) -> None:
        if not isinstance(statement, CompilerElement):
            raise TypeError("not a statement that compiles")
        compiled = statement.compile(dialect=connection.dialect)
        self.text = str(compiled)
        # The order of the parameters; None: by name
        self.order: Sequence[str] | None = getattr(compiled, "positiontup", None)

    def given(self, parameters: Mapping[str, object]) -> Given:
        return parameters if self.order is None else tuple([parameters[name] for name in self.order])


class CompiledStatement:
    """A statement with a fixed number of parameters. `made` builds it, with a `bindparam` for each."""

    def __init__(self, made: Callable[[Connection], Executable]) -> None:
        self._made = made
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, **parameters: object) -> Result:
        """Run it with these parameters."""
        compiled = self._of(connection)
        return connection.exec_driver_sql(compiled.text, compiled.given(parameters))

    def rows(self, connection: Connection, **parameters: object) -> Sequence[Row]:
        """Run it, and return every row."""
        compiled = self._of(connection)
        return _rows(connection, compiled.text, compiled.given(parameters))

    def _of(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compiled[name] = _Compiled(connection, self._made(connection))
        return compiled


def portions(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows in their order, in portions of `SIZES`."""
    done = 0
    while done < len(rows):
        size = next(size for size in SIZES if size <= len(rows) - done)
        yield rows[done : done + size]
        done += size


class Inserting:
    """Rows into a table, each with its values in the order of the columns, in few statements.

    `completed` adds what happens to rows that exist, and what comes back.
    """

    def __init__(self, table: Table, completed: Callable[[Upsert], Insert]) -> None:
        self._table, self._completed = table, completed
        self._types = {column.name: column.type for column in table.columns}
        self._compiled: dict[tuple[str, int], _Compiled] = {}
        self._unnesting = ""

    def run(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Insert the rows, in their order, and return every row that comes back."""
        if (connection.dialect.name, len(rows)) in self._compiled:
            return self._insert(connection, rows)
        if len(rows) > MOST_BY_VALUE and is_postgres(connection):
            return self._unnest(connection, rows)
        return [found for portion in portions(rows) for found in self._insert(connection, portion)]

    def _insert(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """One INSERT, in which the values stand one after another."""
        size = len(rows)
        compiled = self._compiled.get((connection.dialect.name, size))
        if compiled is None:
            values = [{n: bindparam(f"{n}_{at}", type_=kind) for n, kind in self._types.items()} for at in range(size)]
            fresh = upsert(connection, self._table).values(values)
            compiled = _Compiled(connection, self._completed(fresh))
            if compiled.order is not None and list(compiled.order) != self._names(size):
                raise TypeError("not the columns in their order")
            self._compiled[connection.dialect.name, size] = compiled
        given = tuple(chain.from_iterable(rows))
        if len(given) != size * len(self._types):
            raise ValueError("a row with other columns than its table")
        by_name = compiled.order is None
        return _rows(connection, compiled.text, dict(zip(self._names(size), given, strict=True)) if by_name else given)

    def _names(self, size: int) -> list[str]:
        return [f"{name}_{at}" for at in range(size) for name in self._types]

    def _unnest(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """PostgreSQL's INSERT of any number of rows: each column is one parameter, an array."""
        if not self._unnesting:
            arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in self._types.items()]
            source = func.unnest(*arrays).table_valued(*[column(name, kind) for name, kind in self._types.items()])
            fresh = upsert(connection, self._table).from_select(list(self._types), select(source.render_derived()))
            text = _Compiled(connection, self._completed(fresh)).text
            for name in self._types:
                # psycopg then sends octets: as text an array of octets is twice as long
                text = text.replace(f"%({name})s", f"%({name})b")
            self._unnesting = text
        columns = map(list, zip(*rows, strict=True))
        return _rows(connection, self._unnesting, dict(zip(self._types, columns, strict=True)))


def plain(table: Table) -> Inserting:
    """Rows into a table, and nothing else about them."""
    return Inserting(table, lambda fresh: fresh)


def _rows(connection: Connection, text: str, given: Given) -> Sequence[Row]:
    """Run a text in the transaction that has begun, if one has, and return every row."""
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
        # Without parameters: they are a citizen's
        raise DBAPIError.instance(text, None, error, sqlite3.Error, hide_parameters=True, dialect=dialect) from error
