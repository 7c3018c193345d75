"""What the tables of a database are, beside the rows in them: whoever can write to it can have it act by itself.

A trigger that deletes each mark as it comes makes codes good for ever; one that deletes each record leaves a ledger in
which everything fits. A table whose key is gone takes a mark twice. Who put it there need not come again.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, PrimaryKeyConstraint, Table, UniqueConstraint, bindparam, inspect, text
from sqlalchemy.exc import NoSuchTableError

from idp.store import tables
from idp.store.engine import is_postgres

_SQLITE = text("SELECT tbl_name, type, name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name")
_POSTGRES = text(
    """
    SELECT relname, 'trigger', tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND relname IN :names AND pg_table_is_visible(pg_class.oid)
    UNION ALL SELECT tablename, 'rule', rulename FROM pg_rules
        WHERE tablename IN :names AND schemaname = ANY (current_schemas(false))
    UNION ALL SELECT tablename, 'policy', policyname FROM pg_policies
        WHERE tablename IN :names AND schemaname = ANY (current_schemas(false))
    ORDER BY 1, 3
    """
).bindparams(bindparam("names", expanding=True))
# Those in which a row that came twice would be believed
KEYED = (tables.marks, *tables.LEDGER)


def faults_of_schema(connection: Connection) -> Iterator[tuple[str, str]]:
    """The name of each thing that acts by itself, or of each table that is gone or whose key is, and a sentence."""
    names = {"names": [table.name for table in tables.metadata.sorted_tables]}
    found = connection.execute(_POSTGRES, names) if is_postgres(connection) else connection.execute(_SQLITE)
    for table, kind, name in found:
        yield str(name), f"it is a {kind} on {table}, and none of ours: whoever made it changes rows unseen"
    looking = inspect(connection)
    gone = [one.name for one in tables.metadata.sorted_tables if not looking.has_table(one.name)]
    yield from ((name, "this table is gone") for name in gone)
    for one in KEYED:
        if one.name not in gone and not _keys_of(one) <= _keys_in(connection, one.name):
            yield one.name, "a key of this table is gone: it takes one thing twice"


def _keys_of(table: Table) -> set[frozenset[str]]:
    """The columns of each key that we gave a table."""
    keys = (each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint))
    return {frozenset(column.name for column in each.columns) for each in keys}


def _keys_in(connection: Connection, name: str) -> set[frozenset[str]]:
    """The columns of each key that the table of this name has, none where there is no such table."""
    looking = inspect(connection)
    try:
        unique = [each["column_names"] for each in looking.get_unique_constraints(name)]
        return {frozenset(columns) for columns in (looking.get_pk_constraint(name)["constrained_columns"], *unique)}
    except NoSuchTableError:
        return set()
