"""The queue of what services have still to hear, logout tokens and events.

It is durable. An entry is taken by one worker at a time, tried again ever more seldom, and then given up.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, Row, delete, func, select, update

from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import reading, single, writing
from policies.parties import ClientId, Tenant

# Whoever takes an entry has so long to send it; then another worker takes it
LEASE = 30
# Five seconds after a first failure, twice as long after each further one: eleven tries in about an hour and a half
FIRST_PAUSE, MOST_TRIES = 5, 11
AT_ONCE = 20
# How long we try, and how long after a last try an operator can see it and try again
KEPT_SECONDS = 48 * 3600
# What begins the `sid` of an entry that is no logout: behind it stands the record (hex) of a person's act
EVENT = "event:"
# How many of one service are under way: one that hangs holds no more
OF_EACH = 2
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class QueuedLogout:
    """A logout token or an event that a service has not taken.

    `due` is None if it was given up, `failed` is why the last try failed.
    """

    logout: bytes
    client_id: ClientId
    sid: str
    made: int
    tries: int
    due: int | None
    failed: str

    @property
    def record(self) -> str:
        """The record (hex) of the act that an event is about; "" of a logout."""
        return self.sid.removeprefix(EVENT) if self.sid.startswith(EVENT) else ""


class LogoutQueue:
    """One tenant's. Every method raises `StoreUnavailable`. Safe in any thread."""

    def __init__(self, *, engine: Engine, tenant: Tenant) -> None:
        self._engine, self._reads, self._tenant = engine, single(engine), tenant

    def take(self, now: int, but: Collection[ClientId] = (), most: int = AT_ONCE) -> Sequence[QueuedLogout]:
        """Take what is due, few of each service and none of some: nobody else takes it until `LEASE` is over."""
        table = tables.logouts.c
        due = (table.tenant == self._tenant, table.due <= now)
        others = select(table.logout, table.client).where(*due, table.client.not_in(sorted(but))).order_by(table.due)
        few: dict[str, list[bytes]] = {}
        with reading(), self._reads.connect() as connection:
            for logout, client in connection.execute(others.limit(LOOKED_AT)):
                if len(few.setdefault(client, [])) < OF_EACH:
                    few[client].append(logout)
        if not (named := [one for each in few.values() for one in each][:most]):
            return ()
        where = (*due, table.logout.in_(sorted(named)))
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            taken = update(tables.logouts).where(*where).values(due=now + LEASE).returning(tables.logouts)
            return [_queued(row) for row in connection.execute(taken)]

    def done(self, one: QueuedLogout) -> None:
        """The service took it."""
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            connection.execute(delete(tables.logouts).where(*self._is(one.logout)))

    def failed(self, one: QueuedLogout, why: str, now: int) -> bool:
        """A try failed. Returns whether it was the last one."""
        tries = one.tries + 1
        due = None if tries >= MOST_TRIES else now + FIRST_PAUSE * 2 ** (tries - 1)
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            values = {"tries": tries, "due": due, "failed": why}
            connection.execute(update(tables.logouts).where(*self._is(one.logout)).values(**values))
        return due is None

    def listed(self) -> Sequence[QueuedLogout]:
        """Everything that waits or was given up, the oldest first."""
        table = tables.logouts.c
        query = select(tables.logouts).where(table.tenant == self._tenant).order_by(table.made, table.logout)
        with reading(), self._reads.connect() as connection:
            return [_queued(row) for row in connection.execute(query)]

    def waiting(self) -> tuple[int, int]:
        """How many wait, and how many were given up."""
        table = tables.logouts.c
        query = select(func.count(), func.count(table.due)).where(table.tenant == self._tenant)
        with reading(), self._reads.connect() as connection:
            every, due = connection.execute(query).one()
        return due, every - due

    def retry(self, now: int, client_id: str = "") -> int:
        """Let what was given up, of one service or of all, be tried again from now on. Returns how many."""
        table = tables.logouts.c
        which = (table.tenant == self._tenant, table.due.is_(None), *((table.client == client_id,) if client_id else ()))
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            return connection.execute(update(tables.logouts).where(*which).values(due=now, tries=0)).rowcount

    def _is(self, logout: bytes) -> tuple[ColumnElement[bool], ...]:
        table = tables.logouts.c
        return table.tenant == self._tenant, table.logout == logout


def _queued(row: Row[tuple[object, ...]]) -> QueuedLogout:
    return QueuedLogout(
        logout=row.logout,
        client_id=ClientId(row.client),
        sid=row.sid,
        made=row.made,
        tries=row.tries,
        due=row.due,
        failed=row.failed,
    )
