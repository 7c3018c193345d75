"""What a look at a database's tables gives, whichever database it is: see `idp.store.schema.check`."""

from collections.abc import Mapping
from dataclasses import dataclass

from idp.store import tables

NAMES = tuple(table.name for table in tables.metadata.sorted_tables)


@dataclass(frozen=True, slots=True)
class Acting:
    """A thing that is none of ours and acts on a table: what kind of thing, and its name."""

    table: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type ("" where the table takes any), whether each row has a value, and where that comes from."""

    of_type: str
    required: bool
    computed: bool
    has_default: bool


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """What there is, by the names of our tables: a table that is gone, or is none, has no columns.

    `keys` has the columns of each key that holds. `redefined` are tables that another statement made than ours.
    """

    acting: tuple[Acting, ...]
    unlogged: tuple[str, ...]
    columns: Mapping[str, Mapping[str, Column]]
    keys: Mapping[str, frozenset[frozenset[str]]]
    redefined: frozenset[str] = frozenset()
