"""The place up to which the receiver of events has them: the index of the first leaf that was not looked at."""

from sqlalchemy import Connection, Engine, select, update

from idp.store import tables
from idp.store.engine import reading, upsert, writing
from policies.parties import Tenant


def read_position(connection: Connection, tenant: Tenant) -> int:
    """The place, 0 before the first event was sent."""
    table = tables.event_positions.c
    return connection.scalar(select(table.position).where(table.tenant == tenant)) or 0


def move_position(engine: Engine, tenant: Tenant, before: int, after: int) -> None:
    """Move it on, unless another worker did meanwhile. Raises `StoreUnavailable`."""
    table = tables.event_positions
    with reading(), writing(engine).begin() as connection:
        fresh = upsert(connection, table).values(tenant=tenant, position=0)
        connection.execute(fresh.on_conflict_do_nothing())
        here = (table.c.tenant == tenant, table.c.position == before)
        connection.execute(update(table).where(*here).values(position=after))
