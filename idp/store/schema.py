"""What the tables of a database are, beside the rows in them: whoever can write to it can have it act by itself.

A trigger that deletes each mark as it comes makes codes good for ever; one that deletes each record leaves a ledger in
which everything fits. A table whose key is gone takes a mark twice. Who put it there need not come again.

A table's own definition does the same. SQLite forgets a row, and says nothing, where a column has to have a value `ON
CONFLICT IGNORE`; PostgreSQL calls anybody's function for a default, a check or an index that computes. Both delete rows
with those that a foreign key leads to. And a table of PostgreSQL that is UNLOGGED is empty after a crash.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, Engine, PrimaryKeyConstraint, Table, UniqueConstraint, bindparam, inspect, text
from sqlalchemy.exc import NoSuchTableError

from idp.store import tables
from idp.store.engine import database_name, is_postgres, reading, single
from idp.store.migrate import is_newest
from idp.store.periods import PARTITIONED
from idp.store.postgres import LOST
from policies.errors import Misconfigured, Problem

UNLOGGED = "this table is UNLOGGED: after a crash it is empty"
_IS_UNLOGGED = "unlogged"

# The word CONFLICT is in none of our tables, and whoever writes its clause cannot spell it otherwise
_SQLITE = text(
    """
    SELECT tbl_name, type, name FROM sqlite_master WHERE type IN ('trigger', 'view')
    UNION ALL SELECT name, 'conflict clause', name FROM sqlite_master
        WHERE type = 'table' AND instr(lower(sql), 'conflict')
    UNION ALL SELECT one.name, 'unique index', its.name FROM sqlite_master one, pragma_index_list(one.name) its
        WHERE one.type = 'table' AND its."unique" AND its.origin = 'c'
    UNION ALL SELECT one.name, 'foreign key that acts', one.name
        FROM sqlite_master one, pragma_foreign_key_list(one.name) its
        WHERE one.type = 'table' AND (its.on_delete NOT IN ('NO ACTION', 'RESTRICT')
            OR its.on_update NOT IN ('NO ACTION', 'RESTRICT'))
    ORDER BY 1, 3
    """
)
# Ours are the tables that a statement without a schema finds, and their partitions. Who has these holds no rows itself
_POSTGRES = text(
    """
    WITH RECURSIVE ours AS (
        SELECT oid, relname, relkind, relpersistence, relrowsecurity FROM pg_class
            WHERE relname IN :names AND relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(oid)
        UNION SELECT its.oid, its.relname, its.relkind, its.relpersistence, its.relrowsecurity
            FROM ours JOIN pg_inherits ON inhparent = ours.oid JOIN pg_class its ON its.oid = inhrelid
    )
    SELECT relname, 'unlogged', relname FROM ours WHERE relkind = 'r' AND relpersistence <> 'p'
    UNION ALL SELECT relname, 'trigger', tgname FROM ours JOIN pg_trigger ON tgrelid = ours.oid WHERE NOT tgisinternal
    UNION ALL SELECT relname, 'rule', rulename FROM ours JOIN pg_rewrite ON ev_class = ours.oid WHERE rulename <> '_RETURN'
    UNION ALL SELECT relname, 'policy', polname FROM ours JOIN pg_policy ON polrelid = ours.oid
    UNION ALL SELECT relname, 'row level security', relname FROM ours WHERE relrowsecurity
    UNION ALL SELECT relname, CASE relkind WHEN 'f' THEN 'foreign table' ELSE 'view' END, relname FROM ours
        WHERE relkind NOT IN ('r', 'p')
    UNION ALL SELECT relname, CASE contype WHEN 'f' THEN 'foreign key that acts' ELSE 'check' END, conname
        FROM ours JOIN pg_constraint ON conrelid = ours.oid
        WHERE contype IN ('c', 'x') OR contype = 'f' AND (confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r'))
    UNION ALL SELECT relname, 'default that computes', attname FROM ours JOIN pg_attrdef ON adrelid = ours.oid
        JOIN pg_attribute ON attrelid = ours.oid AND attnum = adnum
        WHERE pg_get_expr(adbin, adrelid) !~ '^(''[^'']*''|-?[0-9]+)(::(text|bigint|bytea))?$'
    UNION ALL SELECT ours.relname, CASE WHEN indisunique THEN 'unique index' ELSE 'index that computes' END, its.relname
        FROM ours JOIN pg_index ON indrelid = ours.oid JOIN pg_class its ON its.oid = indexrelid
        WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
            OR indisunique AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u'))
    ORDER BY 1, 3
    """
).bindparams(bindparam("names", expanding=True))
# Of each column: its name and type, whether each row has a value, whether it is computed, and whether it has a default
_COLUMNS_SQLITE = text(
    """
    SELECT its.name, CASE WHEN one.strict THEN its.type ELSE '' END, its."notnull", its.hidden, its.dflt_value IS NOT NULL
    FROM pragma_table_list(:name) one, pragma_table_xinfo(:name) its WHERE one.schema = 'main'
    """
)
_COLUMNS_POSTGRES = text(
    """
    SELECT attname, upper(format_type(atttypid, atttypmod)), attnotnull, attgenerated <> '' OR attidentity <> '', atthasdef
    FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped
    """
)
# Those in which a row that came twice would be believed
KEYED = (tables.marks, *tables.LEDGER)
_NAMES = {"names": [table.name for table in tables.metadata.sorted_tables]}


def faults_of_schema(connection: Connection) -> Iterator[tuple[str, str]]:
    """The name of each thing that acts by itself, or of each table that is not as we made it, and a sentence."""
    found = connection.execute(_POSTGRES, _NAMES) if is_postgres(connection) else connection.execute(_SQLITE)
    for table, kind, name in found.all():
        acts = f"it is a {kind} on {table}, and none of ours: whoever made it changes rows unseen"
        yield str(name), UNLOGGED if kind == _IS_UNLOGGED else acts
    looking = inspect(connection)
    gone = [one.name for one in tables.metadata.sorted_tables if not looking.has_table(one.name)]
    yield from ((name, "this table is gone") for name in gone)
    newest = is_newest(connection)
    for one in tables.metadata.sorted_tables:
        if one.name in gone:
            continue
        keys = _keys_in(connection, one.name)
        if one in KEYED and not _keys_of(one) <= keys:
            yield one.name, "a key of this table is gone: it takes one thing twice"
        if not keys <= _keys_of(one) | _keys_of_periods(connection, one):
            yield one.name, "a key of this table is none of ours: what comes for the first time seems to come again"
        if not _as_ours(connection, one, newest=newest):
            yield one.name, "its columns are not as we made them: a row may vanish, or change as it is written"


def assert_logged(engine: Engine) -> None:
    """Raise `Misconfigured` for a table of ours on PostgreSQL that a crash would empty."""
    if not is_postgres(engine):
        return
    with reading(), single(engine).connect() as connection:
        names = [name for _, kind, name in connection.execute(_POSTGRES, _NAMES) if kind == _IS_UNLOGGED]
    if names:
        place = database_name(engine.url.render_as_string(hide_password=False))
        problems = (
            Problem(place, 0, "database", f"its table {name} is UNLOGGED: {LOST}", f"run ALTER TABLE {name} SET LOGGED")
            for name in names
        )
        raise Misconfigured(tuple(problems))


def _as_ours(connection: Connection, table: Table, *, newest: bool) -> bool:
    """Whether a table has our columns, and no more: none but what a later program may have added where that migrated it."""
    expected = {(each.name, each.type.compile(connection.dialect), not each.nullable) for each in table.columns}
    query = _COLUMNS_POSTGRES if is_postgres(connection) else _COLUMNS_SQLITE
    found = set()
    for name, of_type, required, computed, has_default in connection.execute(query, {"name": table.name}):
        column = (name, of_type, bool(required))
        may_be_later = not newest and name not in table.columns and (has_default or not required)
        if computed or not (column in expected or may_be_later):
            return False
        found.add(column)
    return expected <= found


def _keys_of(table: Table) -> set[frozenset[str]]:
    """The columns of each key that we gave a table."""
    keys = (each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint))
    return {frozenset(column.name for column in each.columns) for each in keys}


def _keys_of_periods(connection: Connection, table: Table) -> set[frozenset[str]]:
    """Where a table lies in partitions, they have its keys with what says in which of them a row is."""
    if not is_postgres(connection) or table not in PARTITIONED:
        return set()
    return {key | {"ends"} for key in _keys_of(table)}


def _keys_in(connection: Connection, name: str) -> set[frozenset[str]]:
    """The columns of each key that the table of this name has, none where there is no such table."""
    looking = inspect(connection)
    try:
        unique = [each["column_names"] for each in looking.get_unique_constraints(name)]
        primary = looking.get_pk_constraint(name)["constrained_columns"]
        return {frozenset(columns) for columns in (primary, *unique) if columns}
    except NoSuchTableError:
        return set()
