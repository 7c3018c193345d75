"""The check of a file that is said to be a backup, before anything in it is read: its schema is a stranger's program.

A view has as many rows as it likes, a trigger acts when a row is deleted, an index on an expression computes, and a column
without a type holds anything. So only plain tables of our names, columns and types may be there, and pages as SQLite lays
them: a page that is named twice can stand for any number of rows.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy.dialects import sqlite

from idp.store import tables

# Their rows say which program wrote the file (idp.store.migrate)
OF_MIGRATIONS = {
    "alembic_version": {("version_num", "VARCHAR(32)", 1)},
    "alembic_compatible": {("from_revision", "TEXT", 1)},
}
ALEMBIC = "alembic_version"
_COLUMNS = 'SELECT name, type, "notnull", hidden FROM pragma_table_xinfo(?)'
EXPRESSION = -2  # in place of a column's number, in `PRAGMA index_xinfo`
# Far more objects, and far longer values, than we ever write
MOST_OBJECTS, MOST_OCTETS = 200, 16_000_000


def is_plain(file: Path) -> bool:
    """Whether the SQLite file has nothing but tables of ours. It is the caller's own copy, which nobody else changes."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_OCTETS)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            if any(_strange(connection)):
                return False
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def _strange(connection: sqlite3.Connection) -> Iterator[bool]:
    # The name of each column, its type, and whether it has a value in each row
    known = {
        table.name: {(each.name, each.type.compile(sqlite.dialect()), int(not each.nullable)) for each in table.columns}
        for table in tables.metadata.sorted_tables
    } | OF_MIGRATIONS
    query = "SELECT type, name, tbl_name, rootpage FROM sqlite_master LIMIT ?"
    objects = connection.execute(query, (MOST_OBJECTS + 1,)).fetchall()
    yield len(objects) > MOST_OBJECTS
    strict = {name for (name,) in connection.execute("SELECT name FROM pragma_table_list WHERE strict")}
    for kind, name, of, page in objects:
        if kind == "table":
            # A virtual table has no page; a generated column is hidden
            yield name not in known or not page
            # Else a column may hold what is not of its type; alembic's own is not made so
            yield name not in strict and name != ALEMBIC
            yield any(
                (column, of_type, required) not in known.get(name, ()) or hidden
                for column, of_type, required, hidden in connection.execute(_COLUMNS, (name,))
            )
        elif kind == "index":
            parts = connection.execute("SELECT cid FROM pragma_index_xinfo(?)", (name,)).fetchall()
            partial = connection.execute("SELECT partial FROM pragma_index_list(?) WHERE name = ?", (of, name)).fetchone()
            yield not parts or any(part == EXPRESSION for (part,) in parts) or partial != (0,)
        else:
            yield True
