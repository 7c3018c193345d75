"""Compares a database's tables with what the migrations make: an attacker who can write to it can have it act by itself.

A trigger that deletes each mark makes codes good for ever; one that deletes each record leaves a ledger in which everything
fits. A table without its key takes a mark twice. A table's own definition can do the same: SQLite silently forgets a row
for `ON CONFLICT IGNORE`; PostgreSQL calls anybody's function for a default, a check or an index; both delete rows with
those that a foreign key leads to. An UNLOGGED table of PostgreSQL is empty after a crash.

The comparison trusts no label: SQLite runs a trigger whose row says that it is a table, and PostgreSQL one that its
catalogue calls internal. `serve` looks at its start and then with each look of the sequencer, `doctor` and `ledger verify`
when they are asked. The writer finds what is missed here: it reads back what it wrote (`idp.store.read_back`).
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, Engine, PrimaryKeyConstraint, Table, UniqueConstraint

from idp.store import tables
from idp.store.engine import database_name, is_postgres, reading, snapshot
from idp.store.migrate import is_newest
from idp.store.periods import PARTITIONED
from idp.store.postgres import LOST
from idp.store.schema.facts import Column, SchemaFacts
from idp.store.schema.postgres_catalogue import found_on_postgres
from idp.store.schema.sqlite_catalogue import found_on_sqlite
from policies.errors import Misconfigured, Problem

UNLOGGED = "this table is UNLOGGED: after a crash it is empty"
_FIX = "find out who can write to the database, and restore it from a backup of before"


def faults_of_schema(connection: Connection) -> Iterator[tuple[str, str]]:
    """The name of each thing that acts by itself, and of each table that is not as we made it, with a sentence."""
    newest = is_newest(connection)
    postgres = is_postgres(connection)
    found = found_on_postgres(connection) if postgres else found_on_sqlite(connection, newest=newest)
    for thing in found.acting:
        yield thing.name, f"it is a {thing.kind} on {thing.table}, and none of ours: whoever made it changes rows unseen"
    yield from ((name, UNLOGGED) for name in found.unlogged)
    yield from ((one.name, "this table is gone") for one in tables.metadata.sorted_tables if one.name not in found.columns)
    for one in tables.metadata.sorted_tables:
        if one.name in found.columns:
            yield from ((one.name, what) for what in _faults_of_table(connection, one, found, newest=newest))


def _faults_of_table(connection: Connection, table: Table, found: SchemaFacts, *, newest: bool) -> Iterator[str]:
    keys, ours = found.keys.get(table.name, frozenset()), _keys_of(table)
    # The keys of a table in partitions include the column that says in which partition a row is
    in_periods = is_postgres(connection) and table in PARTITIONED
    wanted = {key | {"ends"} for key in ours} if in_periods else ours
    as_ours = _as_ours(connection, table, found.columns[table.name], newest=newest)
    if not wanted <= keys:
        yield "a key of this table is gone: it takes one thing twice"
    if not keys <= wanted:
        yield "a key of this table is none of ours: what comes for the first time seems to come again"
    if not as_ours:
        yield "its columns are not as we made them: a row may vanish, or change as it is written"
    if table.name in found.redefined and as_ours and keys == wanted:
        yield "it is not defined as we made it: a row may vanish, or change as it is written"


def schema_faults(engine: Engine) -> dict[str, str]:
    """`faults_of_schema` of a database that is served; looks twice, since a later program may migrate in between.

    Raises `StoreUnavailable`.
    """
    found: dict[str, str] = {}
    for _ in range(2):
        with reading(), snapshot(engine) as connection:
            found = dict(faults_of_schema(connection))
        if not found:
            break
    return found


def assert_as_made(engine: Engine) -> None:
    """Raise `Misconfigured` for each fault of the schema."""
    if faults := schema_faults(engine):
        place = database_name(engine.url.render_as_string(hide_password=False))
        raise Misconfigured(tuple(_problem(place, name, what) for name, what in faults.items()))


def _problem(place: str, name: str, what: str) -> Problem:
    if what == UNLOGGED:
        return Problem(place, 0, "database", f"its table {name} is UNLOGGED: {LOST}", f"run ALTER TABLE {name} SET LOGGED")
    return Problem(place, 0, "database", f"{name}: {what}.", _FIX)


def _as_ours(connection: Connection, table: Table, columns: Mapping[str, Column], *, newest: bool) -> bool:
    """Whether a table has our columns, and no others but those that a later program may have added."""
    expected = {each.name: (each.type.compile(connection.dialect), not each.nullable) for each in table.columns}
    for name, column in columns.items():
        may_be_later = not newest and name not in expected and (column.has_default or not column.required)
        if column.computed or not ((column.of_type, column.required) == expected.get(name) or may_be_later):
            return False
    return expected.keys() <= columns.keys()


def _keys_of(table: Table) -> set[frozenset[str]]:
    """The columns of each key of ours."""
    keys = (each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint))
    return {frozenset(column.name for column in each.columns) for each in keys}
