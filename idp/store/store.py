"""The store of one tenant: the writer, the reads and the purge behind the ports of `idp.ports`."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine, Table, TableClause, delete, select

from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import UNSENT, Checkpoint, DecisionRow, Unit
from idp.store import reads
from idp.store.attempt import KeptConnection
from idp.store.backup import CLOSED_SECONDS, closed_until, closing, newest_moment
from idp.store.engine import BUSY_MILLISECONDS, is_postgres, open_engine, reading, single, snapshot, writing
from idp.store.installation import claim
from idp.store.migrate import assert_current
from idp.store.periods import PARTITIONED, database_time, rest_table, turn_periods
from idp.store.schema.check import assert_as_made
from idp.store.switches.switches import HOLD_SECONDS, since_boot
from idp.store.tables import EXPIRING, sealing_keys
from idp.store.turn import one_turn
from idp.store.writer import Writer
from idp.system.logs import log_of
from policies.errors import Closed, StoreUnavailable
from policies.parties import Tenant

# About ten milliseconds of deleting
PURGED_AT_ONCE = 2000
# How long everybody who writes may wait while SQLite's log is emptied; where a reader takes longer it is left for later
EMPTYING_MILLISECONDS = 100

T = TypeVar("T")


class Store:
    """`Commits`, `Parked`, `Decisions` and `Log` over one database. Safe in any thread."""

    def __init__(
        self,
        *,
        engine: Engine,
        writer: Writer,
        tenant: Tenant,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.engine = engine
        self._reads = single(engine)
        self._kept = KeptConnection(self._reads)  # for what every login asks
        self.tenant = tenant
        self._writer = writer
        self._halted = ""
        self._clock = clock
        # Until when it is closed, once that is known, and when it was last asked, by the clock of `since_boot`
        self._closed, self._looked = 0, -HOLD_SECONDS
        # What the database said when it was found closed
        self._seen = 0
        # Whether SQLite's log may hold a sealing key that was purged: a process before this one may have been killed
        self._holds_purged = not is_postgres(engine)

    @property
    def closed(self) -> int:
        """For how many seconds no marks are taken yet, after a restore (docs/decisions/0013); 0: they are.

        Asked anew every half second, since `restore` may end after this process began, and again after an earlier one.
        Raises `StoreUnavailable`.
        """
        began = since_boot()
        if began - self._looked >= HOLD_SECONDS:
            self._look()
            self._looked = began
        return self._seconds_left()

    def check_open(self) -> None:
        """Raises `Closed` where the ledger is halted, or the database was restored lately.

        Each login begins with this question. The database is not asked: what `closed` saw last counts, which each commit
        asks, and the watch every few seconds.
        """
        self._check_recorded()
        if seconds := self._seconds_left():
            raise Closed(f"restored from a backup: nothing is taken for {seconds} seconds")

    def _check_recorded(self) -> None:
        if self._halted:
            raise Closed(f"nothing is released: {self._halted}")

    def _seconds_left(self) -> int:
        return max(0, self._closed - int(self._clock())) if self._closed else 0

    def _look(self) -> None:
        now = int(self._clock())
        found = seen = self._read(lambda connection: closed_until(connection, self.tenant))
        if seen == self._seen:
            # Judged once: one of a clock that was ahead would close us anew at each look
            return
        if found > now + CLOSED_SECONDS:
            # Our clock is behind the record, or it was written by a clock that was ahead, or by somebody else
            with reading(), snapshot(self.engine) as connection:
                found = min(found, closing(newest_moment(connection, self.tenant, now), now))
        if found > now:
            # No sooner than an earlier restore said
            self._closed = max(self._closed, found)
            until = datetime.fromtimestamp(self._closed, UTC).isoformat()
            log_of(self.tenant).warning("restored", detail="sign-ins are refused until then", until=until)
            self._seen = seen  # last: another thread that looks meanwhile must not pass before it is closed

    @property
    def halted(self) -> str:
        """Why no record is taken, "" where they are."""
        return self._halted

    @property
    def stands_still(self) -> bool:
        """Whether nothing can be written at the moment, since a transaction does not end."""
        return self._writer.stands_still

    def halt(self, reason: str) -> None:
        """Take no record, since the ledger is not what we wrote, or may not be; "" takes them again."""
        self._halted = reason

    def commit(self, unit: Unit) -> None:
        """As `idp.ports.Commits` has it. Blocks the calling thread until the unit is on the disk."""
        if unit.tenant != self.tenant:
            raise ValueError("a unit of another tenant")
        if unit.record is not None:
            self._check_recorded()
        if unit.marks and self.closed:
            self.check_open()
        self._writer.commit(unit)

    def parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        """As `idp.ports.Parked` has it."""
        return self._read(lambda connection: reads.read_parked(connection, tenant, kind, digest, now))

    def decision(self, tenant: Tenant, login: bytes, now: int) -> DecisionRow | None:
        """As `idp.ports.Decisions` has it."""
        return self._read(lambda connection: reads.read_decision(connection, tenant, login, now))

    def unsent(self, tenant: Tenant, login: bytes, now: int) -> bool:
        """As `idp.ports.Decisions` has it."""
        return self._read(lambda connection: reads.is_parked(connection, tenant, UNSENT, login, now))

    def checkpoint(self, tenant: Tenant) -> Checkpoint | None:
        """As `idp.ports.Log` has it."""
        return self._read(lambda connection: reads.read_checkpoint(connection, tenant))

    def index_of(self, tenant: Tenant, leaf_hash: bytes) -> int | None:
        """As `idp.ports.Log` has it."""
        return self._read(lambda connection: reads.read_index(connection, tenant, leaf_hash))

    def inclusion(self, tenant: Tenant, index: int, size: int) -> Sequence[bytes]:
        """As `idp.ports.Log` has it; raises `NotFound` where the tree has no such leaf or size."""
        return self._read(lambda connection: reads.read_inclusion(connection, tenant, index, size))

    def leaf_of(self, tenant: Tenant, record: bytes) -> bytes | None:
        """As `idp.ports.Log` has it."""
        return self._read(lambda connection: reads.read_leaf_hash(connection, tenant, record))

    def _read(self, ask: Callable[[Connection], T]) -> T:
        with reading():
            return self._kept.read(ask)

    def purge(self, now: int) -> int:
        """Delete marks, parked rows, decisions and sealing keys whose stored end has come; returns how many rows went.

        On PostgreSQL what is parked and decided goes with its period (`idp.store.periods`), and nothing goes whose end the
        database's own clock has not seen: a worker's that is ahead would make free what was taken. SQLite's log is emptied
        where a sealing key went, since a purged row overwrites the file and not what the log has had.

        Each part is tried, whatever becomes of those before it; then the first `StoreUnavailable` is raised.
        """
        if is_postgres(self.engine):
            with reading(), self._reads.connect() as connection:
                now = min(now, database_time(connection))
        gone, failures = 0, list[StoreUnavailable]()
        for part in self._purging(now):
            try:
                with reading():
                    gone += part()
            except StoreUnavailable as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return gone

    def _purging(self, now: int) -> Iterator[Callable[[], int]]:
        """The parts of a purge. Sealing keys come first: what an operator did to a partition keeps none of them."""
        periods = PARTITIONED if is_postgres(self.engine) else ()
        yield partial(self._delete, [table for table in EXPIRING if table not in periods], now)
        if self._holds_purged:
            yield self._empty
        for parent in periods:
            yield partial(self._turn, parent, now)
            yield partial(self._delete, [rest_table(parent)], now)

    def _delete(self, ending: Sequence[Table | TableClause], now: int) -> int:
        gone, more = 0, True
        while more:
            more = False
            # In several transactions: while one deletes a million rows nobody could record a release
            with one_turn(self.engine), writing(self.engine).begin() as connection:
                for table in ending:
                    deleted, again = _delete_some(connection, table, self.tenant, now)
                    gone, more = gone + deleted, more or again
                    if deleted and table is sealing_keys:
                        self._holds_purged = not is_postgres(self.engine)
        return gone

    def _turn(self, parent: Table, now: int) -> int:
        """Rows of a period that was dropped are not counted."""
        turn_periods(self.engine, parent, now)
        return 0

    def _empty(self) -> int:
        self._holds_purged = not self._emptied()
        return 0

    def _emptied(self) -> bool:
        """Bring SQLite's log into its file and cut it to nothing; False where somebody still reads it."""
        self.fold()  # most of it while others write
        with self._reads.connect() as connection:
            usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {EMPTYING_MILLISECONDS:d}").close()
            try:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual:d}").close()
        return not busy

    def fold(self) -> None:
        """Bring SQLite's write-ahead log into its file, so far as no reader needs it: no commit has to wait for that.

        PostgreSQL sees to it by itself.
        """
        if not is_postgres(self.engine):
            with reading(), self._reads.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()

    def close(self) -> None:
        """Write what waits, end the writer's thread, close the connections."""
        self._writer.close()
        self._kept.end()
        self.engine.dispose()


def _delete_some(connection: Connection, table: Table | TableClause, tenant: Tenant, now: int) -> tuple[int, bool]:
    """Delete the first ones of what has ended: how many, and whether there are more."""
    ended = (table.c.tenant == tenant, table.c.ends <= now)
    bound = connection.scalar(select(table.c.ends).where(*ended).order_by(table.c.ends).offset(PURGED_AT_ONCE).limit(1))
    matches = ended if bound is None else (*ended, table.c.ends <= bound)
    return connection.execute(delete(table).where(*matches)).rowcount, bound is not None


def open_store(url: str, *, tenant: Tenant, ledger_keys: LedgerKeys, busy_milliseconds: int = BUSY_MILLISECONDS) -> Store:
    """Open a migrated database (`sqlite:///PATH`, `postgresql://USER@HOST/NAME`).

    Raises `Misconfigured` where it is not one, would lose commits, or belongs to an installation with other keys.
    """
    engine = open_engine(url, busy_milliseconds=busy_milliseconds)
    try:
        assert_current(engine)
        assert_as_made(engine)
        claim(engine, tenant, ledger_keys)
    except BaseException:
        engine.dispose()
        raise
    store = Store(engine=engine, writer=Writer(engine=engine, keys=ledger_keys), tenant=tenant)
    try:
        # The operator hears at once where a restore is not long ago
        _ = store.closed
    except BaseException:
        store.close()
        raise
    return store
