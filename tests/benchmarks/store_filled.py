"""A store with so many releases, written as fast as the database takes them: rows of the sizes that releases have.

Keys are spread evenly, as random ones are, and come sorted, so that a million takes a minute and not an hour. The tree is
the true one of these leaves: a sequencer goes on from it.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, Table, insert, select

from idp.ledger.merkle_tree import CompactRange
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.engine import is_postgres, writing
from idp.store.store import Store
from idp.store.tree_state import TreeState, create_state
from tests.idp.store.units import KEYS, NEVER, NOW, TENANT, commit_all, release, unit

CHUNK = 5000
Row = tuple[object, ...]


def fill(store: Store, size: int) -> None:
    """Put `size` releases, their leaves and their tree into an empty store."""
    pattern = _pattern(store)
    spread = [number.to_bytes(8) for number in range(0, 2**64, 2**64 // size)][:size]
    tree = CompactRange()
    with writing(store.engine).begin() as connection:
        if is_postgres(connection):
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        else:
            connection.exec_driver_sql("PRAGMA cache_size = -400000")
        for table in (tables.staged, tables.records, tables.subjects, tables.marks, tables.decisions):
            connection.execute(table.delete())
        _put(connection, tables.subjects, ((TENANT, _key(first, 32), b"s" * 32, 1, 0) for first in spread))
        _put(connection, tables.records, (_record(pattern, first) for first in spread))
        # A tenth of them within the quarter of an hour in which marks are remembered
        _put(connection, tables.marks, ((TENANT, "login", _hash(first), b"u" * 16, NEVER) for first in spread[::10]))
        _put(connection, tables.leaves, ((TENANT, at, pattern["leaf"], _hash(first)) for at, first in enumerate(spread)))
        _put(connection, tables.nodes, _nodes(tree, spread))
        state = TreeState(size=tree.size, root=tree.root(), epoch=1)
        create_state(connection, TENANT, state, KEYS)
    with store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ANALYZE" if is_postgres(connection) else "PRAGMA wal_checkpoint(TRUNCATE)")


def _pattern(store: Store) -> dict[str, object]:
    """The columns of one true release, for their sizes."""
    commit_all(store, [unit(record=release())])
    with store.engine.connect() as connection:
        row = connection.execute(select(tables.records)).one()
        leaf = connection.scalar(select(tables.staged.c.leaf))
    return {**row._mapping, "leaf": leaf}


def _key(first: bytes, length: int) -> bytes:
    return first + secrets.token_bytes(length - len(first))


def _hash(first: bytes) -> bytes:
    return first * 4


def _record(pattern: dict[str, object], first: bytes) -> Row:
    own = {"record": _key(first, 16), "leaf_hash": _hash(first), "subject": _key(first, 32), "time": NOW, "position": 1}
    return tuple({**pattern, **own}[column.name] for column in tables.records.columns)


def _nodes(tree: CompactRange, spread: Sequence[bytes]) -> Iterator[Row]:
    found = [(level, index, node) for first in spread for (level, index), node in tree.append(_hash(first))]
    for level, index, node in sorted(found):
        yield TENANT, level, index, node


def _put(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    names = [column.name for column in table.columns]
    if is_postgres(connection):
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    coming = iter(rows)
    while chunk := list(islice(coming, CHUNK)):
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in chunk])


def sequencer(store: Store) -> Sequencer:
    """A sequencer that signs nothing by itself, and so measures appending alone."""
    return Sequencer(store, KEYS, checkpoint_seconds=3600, clock=lambda: NOW)
