"""The tables, keys and triggers of a PostgreSQL database, by its catalogue.

A superuser can write to the catalogue itself. So no label counts: a foreign key's trigger must call PostgreSQL's own
function for that, a key must have an index that is kept and compares as PostgreSQL does, a column must have PostgreSQL's
own type. PostgreSQL's own objects have numbers below 16384 (FirstNormalObjectId); its functions are in C and named for what
they run.
"""

from collections import defaultdict

from sqlalchemy import Connection, TextClause, bindparam, text

from idp.store.schema.facts import NAMES, Acting, Column, SchemaFacts

# Ours are the tables that a statement without a schema finds, and their partitions. A table with partitions has no rows
# itself
_OURS = """
    WITH RECURSIVE ours AS (
        SELECT oid, relname, relkind, relpersistence, relrowsecurity, relam FROM pg_class
            WHERE relname IN :names AND relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(oid)
        UNION SELECT its.oid, its.relname, its.relkind, its.relpersistence, its.relrowsecurity, its.relam
            FROM ours JOIN pg_inherits ON inhparent = ours.oid JOIN pg_class its ON its.oid = inhrelid
    )
"""


def _of_ours(sql: str) -> TextClause:
    return text(f"{_OURS} {sql}").bindparams(bindparam("names", expanding=True))


_ACTING = _of_ours(
    """
    SELECT relname, 'unlogged', relname FROM ours WHERE relkind = 'r' AND relpersistence <> 'p'
    UNION ALL SELECT relname, 'trigger', tgname FROM ours JOIN pg_trigger ON tgrelid = ours.oid
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_constraint its JOIN pg_proc called ON called.oid = tgfoid
            WHERE its.oid = tgconstraint AND its.contype = 'f' AND NOT its.condeferrable
                AND tgisinternal AND tgenabled = 'O' AND NOT tgdeferrable AND tgqual IS NULL
                AND tgfoid < 16384 AND called.prolang = 12 AND called.prosrc = called.proname AND (called.proname IN (
                    'RI_FKey_check_ins', 'RI_FKey_check_upd', 'RI_FKey_noaction_del', 'RI_FKey_noaction_upd',
                    'RI_FKey_restrict_del', 'RI_FKey_restrict_upd')
                -- the key itself is named below
                OR confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r')))
    UNION ALL SELECT relname, 'rule', rulename FROM ours JOIN pg_rewrite ON ev_class = ours.oid
        WHERE rulename <> '_RETURN' OR relkind IN ('r', 'p')
    UNION ALL SELECT relname, 'policy', polname FROM ours JOIN pg_policy ON polrelid = ours.oid
    UNION ALL SELECT relname, 'row level security', relname FROM ours WHERE relrowsecurity
    UNION ALL SELECT relname, CASE relkind WHEN 'f' THEN 'foreign table' ELSE 'view' END, relname FROM ours
        WHERE relkind NOT IN ('r', 'p')
    UNION ALL SELECT relname, 'table that is kept by another method', relname FROM ours WHERE relkind = 'r' AND relam <> 2
    UNION ALL SELECT ours.relname, 'table that adds rows', its.relname FROM ours JOIN pg_inherits ON inhparent = ours.oid
        JOIN pg_class its ON its.oid = inhrelid WHERE ours.relkind <> 'p'
    UNION ALL SELECT relname, CASE contype WHEN 'f' THEN 'foreign key that acts' ELSE 'check' END, conname
        FROM ours JOIN pg_constraint ON conrelid = ours.oid
        WHERE contype IN ('c', 'x') OR contype = 'f' AND (confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r'))
    UNION ALL SELECT relname, 'default that computes', attname FROM ours JOIN pg_attrdef ON adrelid = ours.oid
        JOIN pg_attribute ON attrelid = ours.oid AND attnum = adnum
        WHERE pg_get_expr(adbin, adrelid) !~ '^(''[^'']*''|-?[0-9]+)(::(text|bigint|bytea))?$'
    UNION ALL SELECT ours.relname, CASE WHEN indisunique THEN 'unique index' ELSE 'index that computes' END, its.relname
        FROM ours JOIN pg_index one ON indrelid = ours.oid JOIN pg_class its ON its.oid = indexrelid
        WHERE indexprs IS NOT NULL OR indpred IS NOT NULL OR EXISTS (
            SELECT 1 FROM unnest(indclass::oid[]) class WHERE class >= 16384
        ) OR its.relam >= 16384 OR indisunique AND NOT EXISTS (
            SELECT 1 FROM pg_constraint JOIN pg_index key ON key.indexrelid = conindid
            WHERE contype IN ('p', 'u') AND key.indrelid = one.indrelid AND key.indkey::text = one.indkey::text
        )
    UNION ALL SELECT 'the database', 'event trigger', evtname FROM pg_event_trigger
    UNION ALL SELECT 'all tables', 'path to other functions', 'search_path'
        WHERE 'pg_catalog' <> (SELECT name FROM unnest(current_schemas(true)) WITH ORDINALITY its(name, place)
            WHERE name NOT LIKE 'pg!_temp!_%' ESCAPE '!' ORDER BY place LIMIT 1)
    ORDER BY 1, 3
    """
)
# A key holds if its index is unique at once, is kept, and compares as PostgreSQL itself does
_KEYS = _of_ours(
    """
    SELECT ours.relname, ARRAY(
        SELECT attname::text FROM unnest((indkey::int2[])[0:indnkeyatts - 1]) number
        JOIN pg_attribute ON attrelid = ours.oid AND attnum = number)
    FROM ours JOIN pg_index ON indrelid = ours.oid JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
        JOIN pg_class its ON its.oid = indexrelid
    WHERE indisunique AND indimmediate AND indisvalid AND indisready AND indislive AND indexprs IS NULL AND indpred IS NULL
        AND its.relam = 403 AND NOT EXISTS (SELECT 1 FROM unnest(indclass::oid[]) class WHERE class >= 16384)
    """
)
# A column's name and type, whether each row has a value, whether it is computed, and whether it has a default
_COLUMNS = _of_ours(
    """
    SELECT relname, attname, upper(format_type(atttypid, atttypmod)), attnotnull,
        attgenerated <> '' OR attidentity <> '' OR atttypid >= 16384 OR attcollation NOT IN (0, 100), atthasdef
    FROM ours JOIN pg_attribute ON attrelid = ours.oid WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
    """
)
_NAMES = {"names": list(NAMES)}
_UNLOGGED = "unlogged"


def found_on_postgres(connection: Connection) -> SchemaFacts:
    """The facts of a database."""
    things = [Acting(str(table), kind, str(name)) for table, kind, name in connection.execute(_ACTING, _NAMES).all()]
    columns: dict[str, dict[str, Column]] = defaultdict(dict)
    for table, name, *rest in connection.execute(_COLUMNS, _NAMES):
        columns[table][name] = Column(*rest)
    keys: dict[str, set[frozenset[str]]] = defaultdict(set)
    for table, names in connection.execute(_KEYS, _NAMES):
        keys[table].add(frozenset(names))
    acting = tuple(each for each in things if each.kind != _UNLOGGED)
    unlogged = tuple(each.name for each in things if each.kind == _UNLOGGED)
    return SchemaFacts(acting, unlogged, columns, {table: frozenset(found) for table, found in keys.items()})
