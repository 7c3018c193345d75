"""The tables, indices and triggers of a SQLite file, by the statements that SQLite runs when it opens the file.

SQLite ignores the type in a row of `sqlite_master`, and runs the row's statement. So the statement decides here, too. It is
read word by word: space, comments and capitals make no difference; a word in quotes is no keyword.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, create_engine, text

from idp.store.engine import disposed
from idp.store.migrate import run_scripts
from idp.store.schema.facts import NAMES, Acting, Column, SchemaFacts

_MADE = text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
_ACTING_KEYS = text(
    """SELECT DISTINCT 1 FROM pragma_foreign_key_list(:name)
    WHERE on_delete NOT IN ('NO ACTION', 'RESTRICT') OR on_update NOT IN ('NO ACTION', 'RESTRICT')
    """
)
_COLUMNS = text(
    """SELECT its.name,
    CASE WHEN one.strict THEN its.type ELSE '' END, its."notnull", its.hidden, its.dflt_value IS NOT NULL
    FROM pragma_table_list(:name) one, pragma_table_xinfo(:name) its WHERE one.schema = 'main' AND one.type = 'table'
    """
)
_INDICES = text(
    """SELECT one.name, one.origin, its.name FROM pragma_index_list(:name) one, pragma_index_xinfo(one.name) its
    WHERE one."unique" AND its.key
    """
)
_TOKEN = re.compile(
    r"""
    (?P<nothing> \s+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
    | (?P<word> [^\W\d][\w$]* | \d[\w.]* )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_AUTOMATIC = "sqlite_autoindex_"
# Words that SQLite's grammar allows between CREATE and what is made
_BETWEEN = ("temp", "temporary", "unique")
_KINDS = ("table", "index", "trigger", "view")

Words = tuple[str, ...]


def found_on_sqlite(connection: Connection, *, newest: bool) -> SchemaFacts:
    """The facts of a file. `newest`: it is of this program's own revision, so each table has its one definition."""
    acting: list[Acting] = []
    made: dict[str, Words] = {}
    for listed, name, table, sql in connection.execute(_MADE).all():
        words = _words(sql or "")
        kind = _kind(words)
        if kind in ("table", "index") and kind == listed:
            made[str(name)] = words
            continue
        # Only an index that a key brings has no statement
        if sql is None and listed == "index" and str(name).startswith(_AUTOMATIC):
            continue
        acting.append(Acting(str(table), kind or "thing without a statement", str(name)))
    acting += [Acting(name, "conflict clause", name) for name, words in made.items() if "conflict" in words]
    columns: dict[str, Mapping[str, Column]] = {}
    keys: dict[str, frozenset[frozenset[str]]] = {}
    for name in NAMES:
        rows = connection.execute(_COLUMNS, {"name": name}).all()
        found = {str(row[0]): Column(str(row[1]), bool(row[2]), bool(row[3]), bool(row[4])) for row in rows}
        if not found:
            continue
        columns[name] = found
        if connection.execute(_ACTING_KEYS, {"name": name}).first() is not None:
            acting.append(Acting(name, "foreign key that acts", name))
        keys[name], others = _keys(connection, name)
        acting += [Acting(name, "unique index", other) for other in others]
    redefined = {name for name in columns if newest and made.get(name) != _definitions().get(name)}
    return SchemaFacts(tuple(acting), (), columns, keys, frozenset(redefined - {each.name for each in acting}))


def _words(sql: str) -> Words:
    """The words, quoted texts and signs of a statement."""
    found = (match for match in _TOKEN.finditer(sql) if match.lastgroup != "nothing")
    return tuple(match[0].lower() if match.lastgroup == "word" else match[0] for match in found)


def _kind(words: Words) -> str:
    """The kind of thing that a CREATE statement makes; "" for any other statement."""
    if words[:1] != ("create",):
        return ""
    word = next((word for word in words[1:] if word not in _BETWEEN), "")
    return "virtual table" if word == "virtual" else word if word in _KINDS else ""


def _keys(connection: Connection, name: str) -> tuple[frozenset[frozenset[str]], list[str]]:
    """The columns of each key, and the names of other unique indices."""
    keys: dict[str, set[str]] = defaultdict(set)
    others: dict[str, None] = {}
    for index, origin, column in connection.execute(_INDICES, {"name": name}):
        if origin == "c":
            others[index] = None
        else:
            keys[index].add(column)
    return frozenset(map(frozenset, keys.values())), list(others)


@functools.cache
def _definitions() -> Mapping[str, Words]:
    """The statements of the migrations, by name: once a process, they run in an empty database in memory."""
    with disposed(create_engine("sqlite://")) as engine, engine.begin() as connection:
        run_scripts(connection)
        return {str(name): _words(sql) for _, name, _, sql in connection.execute(_MADE) if sql is not None}
