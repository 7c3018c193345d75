"""The tables, keys and triggers of a PostgreSQL database, by its catalogue.

A superuser can write to the catalogue itself. So no label counts: a foreign key's trigger must call PostgreSQL's own
function for that, a key must have an index that is kept and compares as PostgreSQL does, a column must have PostgreSQL's
own type. PostgreSQL's own objects have numbers below 16384 (FirstNormalObjectId); its functions are in C and named for what
they run.
"""

from collections import defaultdict
from pathlib import Path

from sqlalchemy import Connection, TextClause, bindparam, text

from idp.store.schema.facts import NAMES, Acting, Column, SchemaFacts

_FOLDER = Path(__file__).with_name("postgres")


def _of_ours(name: str) -> TextClause:
    """A statement of the folder, about our tables."""
    sql = "\n".join((_FOLDER / f"{part}.sql").read_text(encoding="utf-8") for part in ("ours", name))
    return text(sql).bindparams(bindparam("names", expanding=True))


_ACTING, _KEYS, _COLUMNS = _of_ours("acting"), _of_ours("keys"), _of_ours("columns")
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
