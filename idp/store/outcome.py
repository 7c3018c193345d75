"""What became of units whose COMMIT nobody answered: found by their own numbers, and written behind once more."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from sqlalchemy import Connection, select, tuple_, update

from idp.ledger.leaf import Prepared
from idp.ports import Unit
from idp.store import tables


class Tried(Protocol):
    """A unit that an earlier try may have written: its own number, and the keys of its marks (tenant, kind, digest)."""

    @property
    def unit(self) -> Unit:
        """What was to be written."""

    @property
    def prepared(self) -> Prepared | None:
        """What was computed of its record."""

    @property
    def number(self) -> bytes:
        """16 random bytes, which its marks carry."""

    @property
    def marks(self) -> Collection[tuple[str, str, bytes]]:
        """The keys of its marks."""


def recorded(connection: Connection, batch: Iterable[Tried]) -> frozenset[bytes]:
    """The numbers of those units without a mark whose record is there already: an id of 16 random bytes is theirs alone."""
    asked = {
        (one.unit.tenant, one.prepared.draft.record): one.number
        for one in batch
        if one.prepared is not None and not one.unit.marks
    }
    if not asked:
        return frozenset()
    table = tables.records.c
    query = select(table.tenant, table.record).where(tuple_(table.tenant, table.record).in_(sorted(asked)))
    return frozenset(asked[tenant, record] for tenant, record in connection.execute(query))


def written_before(connection: Connection, batch: Iterable[Tried], lost: Mapping[bytes, str]) -> frozenset[bytes]:
    """The numbers of those units that lost a mark to themselves: an earlier try of theirs was written."""
    table = tables.marks.c
    asked = sorted(key for one in batch if one.number in lost for key in one.marks)
    query = select(table.unit).where(tuple_(table.tenant, table.kind, table.digest).in_(asked))
    return frozenset(connection.scalars(query)) & lost.keys()


def write_again(connection: Connection, found: Iterable[Tried]) -> None:
    """Touch a row of units that an earlier try wrote, so that this COMMIT is one behind theirs and waits as long.

    A transaction that writes nothing waits for no standby, and a backend that is ended while it waits for one has committed
    on its own disk alone: the unit would be acknowledged, and be gone with that disk.
    """
    for one in found:
        if one.marks:
            tenant, kind, digest = min(one.marks)
            mark = tables.marks.c
            here = (mark.tenant == tenant, mark.kind == kind, mark.digest == digest)
            connection.execute(update(tables.marks).where(*here).values(unit=mark.unit))
        elif one.prepared is not None:
            record = tables.records.c
            there = (record.tenant == one.unit.tenant, record.record == one.prepared.draft.record)
            connection.execute(update(tables.records).where(*there).values(time=record.time))
