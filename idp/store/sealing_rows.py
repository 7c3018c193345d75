"""The rows of sealing keys: wrapped, one a kind and hour. The first that is inserted counts for all workers."""

from collections.abc import Sequence

from sqlalchemy import Engine, delete, select

from idp.ports import SealingRow
from idp.store.engine import reading, upsert, writing
from idp.store.tables import sealing_keys
from policies.parties import Tenant


class StoredSealingKeys:
    """`idp.ports.SealingRows` of one tenant. Safe in any thread, and beside other processes."""

    def __init__(self, *, engine: Engine, tenant: Tenant) -> None:
        self._engine, self._tenant = engine, tenant

    def rows(self, hour: int) -> Sequence[SealingRow]:
        """`SealingRows.rows`."""
        table = sealing_keys.c
        wanted = select(sealing_keys).where(table.tenant == self._tenant, table.hour >= hour)
        with reading(), self._engine.connect() as connection:
            found = connection.execute(wanted).all()
        return [SealingRow(row.kind, row.hour, row.wrapped, row.ends) for row in found]

    def add(self, rows: Sequence[SealingRow]) -> None:
        """`SealingRows.add`."""
        values = [
            {"tenant": self._tenant, "kind": row.kind, "hour": row.hour, "wrapped": row.wrapped, "ends": row.end}
            for row in sorted(rows, key=lambda row: (row.kind, row.hour))
        ]
        with reading(), writing(self._engine).begin() as connection:
            connection.execute(upsert(connection, sealing_keys).on_conflict_do_nothing(), values)

    def drop(self, rows: Sequence[SealingRow]) -> None:
        """`SealingRows.drop`."""
        table = sealing_keys.c
        with reading(), writing(self._engine).begin() as connection:
            for row in sorted(rows, key=lambda row: (row.kind, row.hour)):
                here = (table.tenant == self._tenant, table.kind == row.kind, table.hour == row.hour)
                connection.execute(delete(sealing_keys).where(*here, table.wrapped == row.wrapped))
