"""Counts what nobody foresaw, so that `ciconia doctor` can tell: each of it was refused, and each is a defect of ours.

Nobody who is being answered waits for it: `seen` adds to a dict, and a thread writes what came together, at most once a
second, however often somebody brings it about. What is counted is an address as its route is written and the name of a
type, both of which stand in the code: so the rows of a day are few, and none holds a word of a message.
"""

import threading
from collections import Counter
from collections.abc import Callable

from sqlalchemy import Connection, Engine, delete
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp.store import tables
from idp.store.engine import upsert, writing
from policies.errors import Misconfigured, StoreUnavailable
from policies.parties import Tenant

DAY = 24 * 3600
# How long a row is kept, and how long it is told: an operator who looks once a month sees everything once
KEPT_DAYS, TOLD_DAYS = 90, 30
# More kinds at once than this are one thing gone wrong: they are counted together
MAX_PENDING = 100
MANY = ("many places", "many kinds")
# Far longer than any address or type of ours
MAX_NAME = 100
TOGETHER_SECONDS = 1.0
STOP_SECONDS = 5.0

Key = tuple[int, str, str]


class Unforeseen:
    """The count of one tenant. `clock` gives seconds since the epoch. `seen` may be called in any thread."""

    def __init__(self, *, engine: Engine, tenant: Tenant, clock: Callable[[], int]) -> None:
        self._engine = writing(engine)
        self._tenant = tenant
        self._clock = clock
        self._pending: Counter[Key] = Counter()
        self._holding = threading.Lock()
        self._some, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="unforeseen", daemon=True)

    def seen(self, place: str, kind: str) -> None:
        """Count one. `place` is a route, `kind` the name of an exception's type. Never raises, never waits for the disk."""
        key = (self._clock() // DAY, place[:MAX_NAME], kind[:MAX_NAME])
        with self._holding:
            if key not in self._pending and len(self._pending) >= MAX_PENDING:
                key = (key[0], *MANY)
            self._pending[key] += 1
        self._some.set()

    def start(self) -> None:
        """Begin to write what is counted."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end. It may be called where nothing was started."""
        self._stopping.set()
        self._some.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        self.flush()

    def flush(self) -> None:
        """Write what waits now. What the database cannot take waits on."""
        with self._holding:
            taken, self._pending = self._pending, Counter()
        if not taken:
            return
        try:
            self._write(taken)
        except (DBAPIError, PoolTimeout, StoreUnavailable, Misconfigured):
            # The latter two: what is asked of a new connection refused it
            with self._holding:
                self._pending.update(taken)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._some.wait()
            self._some.clear()
            self._stopping.wait(TOGETHER_SECONDS)
            self.flush()

    def _write(self, counted: Counter[Key]) -> None:
        table = tables.unforeseen.c
        rows = [
            {"tenant": self._tenant, "day": day, "place": place, "kind": kind, "times": times}
            for (day, place, kind), times in sorted(counted.items())
        ]
        fresh = upsert(self._engine, tables.unforeseen)
        added = fresh.on_conflict_do_update(
            index_elements=[table.tenant, table.day, table.place, table.kind],
            set_={"times": table.times + fresh.excluded.times},
        )
        with self._engine.begin() as connection:
            connection.execute(added, rows)


def forget_old(connection: Connection, tenant: Tenant, now: int) -> int:
    """Delete the days of which nothing is kept any more: how many rows. It needs nothing new that is counted."""
    table = tables.unforeseen.c
    old = delete(tables.unforeseen).where(table.tenant == tenant, table.day <= now // DAY - KEPT_DAYS)
    return connection.execute(old).rowcount
