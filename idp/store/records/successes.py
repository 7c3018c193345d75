"""The day of the last sign-ins of each registration in the database: see `idp.monitoring.successes`."""

from collections.abc import Mapping

from sqlalchemy import Engine, select

from idp.store import tables
from idp.store.engine import reading, single, upsert, writing
from policies.parties import Tenant


class StoredSuccesses:
    """Those of one tenant."""

    def __init__(self, *, engine: Engine, tenant: Tenant) -> None:
        self._engine, self._tenant = engine, tenant

    def days(self) -> Mapping[str, int]:
        """The day of each."""
        table = tables.successes.c
        with reading(), single(self._engine).connect() as connection:
            rows = connection.execute(select(table.name, table.day).where(table.tenant == self._tenant))
            return {row.name: row.day for row in rows}

    def keep(self, name: str, day: int) -> None:
        """Keep a day that is later than the one that is kept."""
        table = tables.successes
        with reading(), writing(self._engine).begin() as connection:
            fresh = upsert(connection, table).values(tenant=self._tenant, name=name, day=day)
            later = fresh.on_conflict_do_update(
                index_elements=[table.c.tenant, table.c.name], set_={"day": day}, where=table.c.day < day
            )
            connection.execute(later)
