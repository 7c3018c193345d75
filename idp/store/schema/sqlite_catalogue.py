"""What tables, indices and triggers a file of SQLite has, by the statements that SQLite runs when it opens the file.

A row of `sqlite_master` says of what type it is, and SQLite does not read that: it runs the row's statement, whatever it
makes. So the statement decides here, too. It is read word by word: space, comments and capitals make no difference, and
quotes do, since a word in quotes is no keyword.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, create_engine, text

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
# How SQLite's grammar may go on after CREATE, before it says what is made
_BETWEEN = ("temp", "temporary", "unique", "virtual")
_KINDS = ("table", "index", "trigger", "view")

Words = tuple[str, ...]


def found_on_sqlite(connection: Connection, *, newest: bool) -> SchemaFacts:
    """What there is. `newest`: the tables are of this program's own revision, and each has the one definition."""
    acting: list[Acting] = []
    made: dict[str, Words] = {}
    for listed, name, table, sql in connection.execute(_MADE).all():
        words = words_of(sql or "")
        kind = kind_of(words)
        if kind in ("table", "index") and kind == listed:
            made[str(name)] = words
            continue
        # An index that a key brings with it has no statement; nothing else is made without one
        if sql is None and listed == "index" and str(name).startswith(_AUTOMATIC):
            continue
        acting.append(Acting(str(table), kind or "thing without a statement", str(name)))
    acting += [Acting(name, "conflict clause", name) for name, words in made.items() if "conflict" in words]
    columns: dict[str, Mapping[str, Column]] = {}
    keys: dict[str, frozenset[frozenset[str]]] = {}
    for name in NAMES:
        rows = _rows(connection, name)
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


def words_of(sql: str) -> Words:
    """The words, quoted texts and signs of a statement."""
    found = (match for match in _TOKEN.finditer(sql) if match.lastgroup != "nothing")
    return tuple(match[0].lower() if match.lastgroup == "word" else match[0] for match in found)


def kind_of(words: Sequence[str]) -> str:
    """What a statement makes; "" for one that makes none of what SQLite opens a file with."""
    for place, word in enumerate(words):
        if place == 0 and word == "create":
            continue
        if place and word in _BETWEEN and word != "virtual":
            continue
        return word if place and word in _KINDS else "virtual table" if place and word == "virtual" else ""
    return ""


def _rows(connection: Connection, name: str) -> Sequence[Sequence[object]]:
    return connection.execute(_COLUMNS, {"name": name}).all()


def _keys(connection: Connection, name: str) -> tuple[frozenset[frozenset[str]], list[str]]:
    """The columns of each key, and the names of unique indices that are none."""
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
    """What the migrations make, each by its name: an empty database in memory is migrated for it, once a process."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            run_scripts(connection)
            return dict(_made(connection))
    finally:
        engine.dispose()


def _made(connection: Connection) -> Iterator[tuple[str, Words]]:
    for _listed, name, _table, sql in connection.execute(_MADE).all():
        if sql is not None:
            yield str(name), words_of(sql)
