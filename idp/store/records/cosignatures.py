"""Cosignatures of witnesses beside the checkpoints that they signed. Whoever asked a witness writes them, once checked.

A row has a MAC: a line that somebody else wrote into the database is shown to nobody.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from idp.ledger.ledger_keys import LedgerKeys, framed, mac
from idp.ports import Checkpoint
from idp.store import tables
from idp.store.commits import durably
from idp.store.engine import reading, writing
from idp.store.reads import as_checkpoint

# The first row is ours, unless somebody else wrote there
FEW = 10
MAX_NUMBER = 2**63 - 1
_TABLE = tables.cosignatures.c


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's signature line below the checkpoint `number`. `witness` is the name and id of its key."""

    number: int
    witness: str
    time: int
    line: str

    def seal(self, keys: LedgerKeys, tenant: str) -> bytes:
        """The MAC of the row."""
        numbers = [str(each).encode() for each in (self.number, self.time)]
        return mac(keys.rows, framed(b"cosignature", tenant.encode(), self.witness.encode(), self.line.encode(), *numbers))


class Cosignatures:
    """One tenant's. Every method raises `StoreUnavailable` if the database does not answer."""

    def __init__(self, *, engine: Engine, tenant: str, keys: LedgerKeys) -> None:
        self._engine, self._tenant, self._keys = engine, tenant, keys

    def keep(self, fresh: Cosignature) -> None:
        """Write a cosignature, in place of an older one of the same witness over the same checkpoint."""
        named = (_TABLE.tenant == self._tenant, _TABLE.number == fresh.number, _TABLE.witness == fresh.witness)
        row = {
            "tenant": self._tenant,
            "number": fresh.number,
            "witness": fresh.witness,
            "time": fresh.time,
            "line": fresh.line.encode(),
            "seal": fresh.seal(self._keys, self._tenant),
        }
        with reading(), durably(writing(self._engine)) as connection:
            connection.execute(delete(tables.cosignatures).where(*named))
            connection.execute(insert(tables.cosignatures).values(row))

    def newest(self, witness: str) -> Cosignature | None:
        """The newest cosignature of a witness, by its checkpoint. A row above it that is not ours hides nothing."""
        query = select(tables.cosignatures).where(_TABLE.tenant == self._tenant, _TABLE.witness == witness)
        with reading(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_TABLE.number.desc()), execution_options={"yield_per": FEW})
            return next(_believed(rows, self._tenant, self._keys), None)

    def known_size(self, witness: str) -> int:
        """The size of the largest checkpoint that a witness cosigned, 0 if there is none."""
        table = tables.checkpoints.c
        found = self.newest(witness)
        if found is None:
            return 0
        query = select(table.size).where(table.tenant == self._tenant, table.number == found.number)
        with reading(), self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def since(self, time: int) -> Sequence[Cosignature]:
        """Those that were made at `time` or later, of the newest checkpoints first."""
        query = select(tables.cosignatures).where(_TABLE.tenant == self._tenant, _TABLE.time >= time)
        with reading(), self._engine.connect() as connection:
            return tuple(_believed(connection.execute(query.order_by(_TABLE.number.desc())), self._tenant, self._keys))

    def numbered_checkpoint(self) -> tuple[int, Checkpoint] | None:
        """The newest checkpoint with its number."""
        with reading(), self._engine.connect() as connection:
            table = tables.checkpoints.c
            query = select(tables.checkpoints).where(table.tenant == self._tenant).order_by(table.number.desc()).limit(1)
            row = connection.execute(query).first()
            return None if row is None else (row.number, as_checkpoint(row))


def cosigned_checkpoints(
    connection: Connection, tenant: str, keys: LedgerKeys | None, most: int, upto: int = MAX_NUMBER
) -> Sequence[Checkpoint]:
    """The newest checkpoints up to a number, at most `most`, each with its cosignatures.

    Without `keys` nobody can tell which cosignatures are ours.
    """
    table = tables.checkpoints.c
    query = select(tables.checkpoints).where(table.tenant == tenant, table.number <= upto)
    query = query.order_by(table.number.desc()).limit(most)
    rows = connection.execute(query).all()
    if not rows or keys is None:
        return [as_checkpoint(row) for row in rows]
    between = _TABLE.number.between(rows[-1].number, rows[0].number)
    below = select(tables.cosignatures).where(_TABLE.tenant == tenant, between)
    lines: dict[int, list[str]] = {}
    for each in _believed(connection.execute(below.order_by(_TABLE.witness)), tenant, keys):
        lines.setdefault(each.number, []).append(each.line)
    return [replace(as_checkpoint(row), cosignatures=tuple(lines.get(row.number, ()))) for row in rows]


def as_cosignature(row: Row[tuple[object, ...]]) -> Cosignature:
    """A row as a value, not yet believed."""
    return Cosignature(row.number, row.witness, row.time, row.line.decode("utf-8", "replace"))


def _believed(rows: Iterable[Row[tuple[object, ...]]], tenant: str, keys: LedgerKeys) -> Iterator[Cosignature]:
    """The rows whose seal is ours."""
    for row in rows:
        found = as_cosignature(row)
        if hmac.compare_digest(found.seal(keys, tenant), row.seal):
            yield found
