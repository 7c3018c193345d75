"""The final checkpoint of each year (UTC), and the record that names it (decision 0068).

The final checkpoint of a year is the last one whose time lies in it. It is final once there is one of a later year: the
time of checkpoints only grows. The record's id is a MAC of the year, so that there is one of each year, whoever writes it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import ACT
from idp.ports import Checkpoint
from idp.store import tables
from idp.store.records.cosignatures import cosigned_checkpoints
from idp.store.records.numbered_records import NumberedRecords
from policies.errors import NotFound, StoreUnavailable
from policies.parties import Tenant

_LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_TABLE = tables.checkpoints.c


@dataclass(frozen=True, slots=True)
class FinalCheckpoint:
    """The final checkpoint of a year, and its number."""

    year: int
    number: int
    checkpoint: Checkpoint

    @property
    def about(self) -> str:
        """The words of its record."""
        size, root = self.checkpoint.size, self.checkpoint.root.hex()
        return f"{self.year}: checkpoint {self.number} over {size} leaves, root {root}"


def year_of(time: int) -> int:
    """The year of a time, in UTC."""
    return datetime.fromtimestamp(min(max(time, 0), _LATEST), UTC).year


def final_checkpoint(connection: Connection, tenant: str, year: int, keys: LedgerKeys | None = None) -> FinalCheckpoint:
    """The final checkpoint of a year; with the log's `keys` its cosignatures, too.

    Raises `NotFound` if the year has none, or has not ended.
    """
    last = _last(connection, tenant)
    later = _first_after(connection, tenant, year, last)
    if not 1 < later <= last or _year_at(connection, tenant, later - 1) != year:
        raise NotFound("the year has no final checkpoint, or has not ended")
    return FinalCheckpoint(year, later - 1, cosigned_checkpoints(connection, tenant, keys, 1, later - 1)[0])


def ended_years(connection: Connection, tenant: str) -> Sequence[int]:
    """The years that have a final checkpoint."""
    found, number, last = list[int](), 1, _last(connection, tenant)
    while number <= last:
        found.append(_year_at(connection, tenant, number))
        number = _first_after(connection, tenant, found[-1], last)
    return found[:-1]


def year_records(tenant: Tenant, keys: LedgerKeys) -> NumberedRecords:
    """The records that name final checkpoints, by year."""
    return NumberedRecords(tenant, keys, b"years", ACT)


def _last(connection: Connection, tenant: str) -> int:
    return connection.scalar(select(func.max(_TABLE.number)).where(_TABLE.tenant == tenant)) or 0


def _first_after(connection: Connection, tenant: str, year: int, last: int) -> int:
    """The first number whose checkpoint is of a later year, else `last` + 1. Each question reads one row by its key."""
    return 1 + bisect_left(range(1, last + 1), year + 1, key=lambda number: _year_at(connection, tenant, number))


def _year_at(connection: Connection, tenant: str, number: int) -> int:
    time = connection.scalar(select(_TABLE.time).where(_TABLE.tenant == tenant, _TABLE.number == number))
    if time is None:
        raise StoreUnavailable("a checkpoint is not there: run ciconia ledger verify")
    return year_of(time)
