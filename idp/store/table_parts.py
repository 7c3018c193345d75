"""The parts of which all tables are made."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()

# Seconds since the epoch, sizes and counters: 64 bits everywhere; SQLite's STRICT tables know INTEGER alone
Number = BigInteger().with_variant(Integer, "sqlite")


def table(
    name: str,
    *parts: Column[str] | Column[bytes] | Column[int] | Index | UniqueConstraint | ForeignKeyConstraint,
    rowid: bool = False,
) -> Table:
    """A table of ours."""
    return Table(name, metadata, *parts, sqlite_strict=True, sqlite_with_rowid=rowid)


def tenant() -> Column[str]:
    """The first column of every key."""
    return Column("tenant", Text, primary_key=True)
