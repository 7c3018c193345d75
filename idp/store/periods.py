"""Partitions by period on PostgreSQL: parked rows and decisions are dropped with their period, and not deleted.

A row lies in the partition of its end. A purge makes the partitions of the coming periods, and drops those that have ended
by both its own clock and the database's, so that a clock that jumped drops nothing. A row without a partition (its end is
far away, or nobody purged for long) lies in the one for the rest, from which it is deleted. Marks have no partitions:
docs/decisions/0011-marks-are-not-partitioned.md.
"""

from sqlalchemy import Connection, Engine, Table, TableClause, column, func, select, table
from sqlalchemy.exc import DBAPIError

from idp.store import tables
from idp.store.engine import writing

PERIOD = 6 * 3600
# A receipt is parked for a day
AHEAD = 5
PARTITIONED = (tables.parked, tables.decisions)
# Every login takes the lock that a partition needs: a purge that does not get it at once tries again in a minute
LOCK_MILLISECONDS = 200
_LOCK = 0x43_49_43_50


def partition_of(parent: Table, period: int) -> str:
    """The name of the partition of one period (seconds since the epoch, divided by `PERIOD`)."""
    return f"{parent.name}_{period}"


def rest_table(parent: Table) -> TableClause:
    """The partition of rows without a period."""
    return table(f"{parent.name}_rest", column("tenant"), column("ends"))


def turn_periods(engine: Engine, parent: Table, now: int) -> None:
    """Drop the periods of a table that have ended, and make the coming ones; without the lock, the next purge does."""
    try:
        with writing(engine).begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS:d}")
            if connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK:d})").scalar():
                _turn(connection, parent, now)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
            raise


def database_time(connection: Connection) -> int:
    """PostgreSQL's own clock, in seconds since the epoch."""
    return int(connection.scalar(select(func.floor(func.extract("epoch", func.now())))) or 0)


def _turn(connection: Connection, parent: Table, now: int) -> None:
    current = database_time(connection)
    children = connection.exec_driver_sql(_CHILDREN, {"parent": parent.name}).scalars()
    made = {period for name in children if (period := _period_of(parent, name)) is not None}
    ended = min(now, current) // PERIOD
    for period in sorted(made):
        if period < ended:
            connection.exec_driver_sql(f"DROP TABLE {partition_of(parent, period)}")
    for period in range(current // PERIOD, current // PERIOD + AHEAD + 1):
        if period not in made:
            make_partition(connection, parent, period)


def _period_of(parent: Table, name: str) -> int | None:
    """The period of a partition that we made; None for any other."""
    number = name.removeprefix(f"{parent.name}_")
    return int(number) if number.isdecimal() and partition_of(parent, int(number)) == name else None


def make_partition(connection: Connection, parent: Table, period: int) -> None:
    """Make one period's partition, unless its rows lie with the rest already."""
    begins, ends = period * PERIOD, (period + 1) * PERIOD
    query = f"SELECT EXISTS (SELECT 1 FROM {parent.name}_rest WHERE ends >= {begins:d} AND ends < {ends:d})"  # noqa: S608  our own names
    if not connection.exec_driver_sql(query).scalar():
        name = partition_of(parent, period)
        connection.exec_driver_sql(
            f"CREATE TABLE {name} PARTITION OF {parent.name} FOR VALUES FROM ({begins:d}) TO ({ends:d})"
        )


_CHILDREN = (
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
    "WHERE inhparent = to_regclass(%(parent)s)"
)
