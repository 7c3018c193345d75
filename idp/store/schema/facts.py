"""The facts of a database's tables, for either database: see `idp.store.schema.check`."""

from collections.abc import Mapping
from dataclasses import dataclass

from idp.store import tables

NAMES = tuple(table.name for table in tables.metadata.sorted_tables)


@dataclass(frozen=True, slots=True)
class Acting:
    """A thing that is none of ours and acts on a table: its kind and its name."""

    table: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type ("" if the table takes any), whether each row has a value, and where that comes from."""

    of_type: str
    required: bool
    computed: bool
    has_default: bool


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """The facts by the names of our tables; a missing table has no columns.

    `keys` has the columns of each key that holds, `redefined` the tables that another statement made than ours.
    """

    acting: tuple[Acting, ...]
    unlogged: tuple[str, ...]
    columns: Mapping[str, Mapping[str, Column]]
    keys: Mapping[str, frozenset[frozenset[str]]]
    redefined: frozenset[str] = frozenset()
