"""The store of one tenant: the writer, the reads and the purge behind the ports of `idp.ports`."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine, Select, Table, TableClause, bindparam, delete, select

from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.record_contents import RELEASE
from idp.ledger.tiles import Tile
from idp.ports import UNSENT, ApprovalRow, Checkpoint, DecisionRow, Unit
from idp.store import reads
from idp.store.attempt import KeptConnection
from idp.store.backup import CLOSED_SECONDS, closed_until, closing, newest_moment
from idp.store.commits import one_turn
from idp.store.engine import BUSY_MILLISECONDS, is_postgres, open_engine, reading, single, snapshot, writing
from idp.store.installation import claim
from idp.store.migrate import assert_current
from idp.store.periods import PARTITIONED, database_time, rest_table, turn_periods
from idp.store.read_back import APPROVALS
from idp.store.records.cosignatures import cosigned_checkpoints
from idp.store.records.tiles import read_tile
from idp.store.records.years import final_checkpoint
from idp.store.schema.check import assert_as_made
from idp.store.statements import CompiledStatement, Row
from idp.store.switches.switches import HOLD_SECONDS, since_boot
from idp.store.tables import EXPIRING, decisions, leaves, parked, records, sealing_keys
from idp.store.writer import Writer
from idp.system.logs import log_of
from policies.errors import Closed, NotFound, StoreUnavailable
from policies.parties import Tenant

# About ten milliseconds of deleting
PURGED_AT_ONCE = 2000
# How long writers may wait while SQLite's log is emptied; if a reader takes longer, it is left for later
EMPTYING_MILLISECONDS = 100

# A witness answers within a second, and a checkpoint comes every ten
RECENT = 3

T = TypeVar("T")


def _alive(_connection: Connection) -> Select[bytes]:
    table = parked.c
    named = (table.tenant == bindparam("tenant"), table.digest == bindparam("digest"), table.kind == bindparam("kind"))
    # PostgreSQL may have two that say when the same ended: the key of a partitioned table holds the end
    return select(table.payload).where(*named, table.ends > bindparam("now")).order_by(table.ends.desc())


def _remembered(_connection: Connection) -> Select[bytes, bytes, int]:
    table = decisions.c
    named = (table.tenant == bindparam("tenant"), table.login == bindparam("login"))
    return select(table.login, table.choice, table.ends).where(*named, table.ends > bindparam("now"))


_PARKED, _DECISION = CompiledStatement(_alive), CompiledStatement(_remembered)


class Store:
    """`Commits`, `Parked`, `Decisions` and `Log` over one database. Safe in any thread."""

    def __init__(
        self,
        *,
        engine: Engine,
        writer: Writer,
        tenant: Tenant,
        keys: LedgerKeys | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.engine = engine
        self._reads = single(engine)
        self._kept = KeptConnection(self._reads)  # for what every login asks
        self.tenant = tenant
        self._keys = keys  # of cosignatures
        self._writer = writer
        self._halted = self._withheld = ""
        self._clock = clock
        # Until when it is closed, when that was last asked by the clock of `since_boot`, and what the database said then
        self._closed, self._looked, self._seen = 0, -HOLD_SECONDS, 0
        # Whether SQLite's log may hold a sealing key that was purged: a process before this one may have been killed
        self._holds_purged = not is_postgres(engine)

    @property
    def closed(self) -> int:
        """For how many seconds after a restore no marks are taken (docs/decisions/0013); 0: they are taken.

        Asked anew every half second: a restore may end while this process runs. Raises `StoreUnavailable`.
        """
        began = since_boot()
        if began - self._looked >= HOLD_SECONDS:
            self._look()
            self._looked = began
        return self._seconds_left()

    def check_open(self) -> None:
        """Raise `Closed` if the ledger is halted, or the database was restored lately.

        Each login begins with this. The database is not asked: what `closed` saw last counts, and each commit and the watch
        ask that.
        """
        if why := self.halted:
            raise Closed(f"nothing is released: {why}")
        if seconds := self._seconds_left():
            raise Closed(f"restored from a backup: nothing is taken for {seconds} seconds")

    def _seconds_left(self) -> int:
        return max(0, self._closed - int(self._clock())) if self._closed else 0

    def _look(self) -> None:
        now = int(self._clock())
        found = seen = self._read(lambda connection: closed_until(connection, self.tenant))
        if seen == self._seen:
            # Judged once: a moment of a clock that was ahead would close us again at each look
            return
        if found > now + CLOSED_SECONDS:
            # Our clock is behind the record, or a clock that was ahead wrote it, or somebody else
            with reading(), snapshot(self.engine) as connection:
                found = min(found, closing(newest_moment(connection, self.tenant, now), now))
        if found > now:
            self._closed = max(self._closed, found)
            until = datetime.fromtimestamp(self._closed, UTC).isoformat()
            log_of(self.tenant).warning("restored", detail="sign-ins are refused until then", until=until)
            self._seen = seen  # last: another thread that looks meanwhile must not pass before it is closed

    @property
    def halted(self) -> str:
        """Why nothing is released; "" if it is."""
        return self._halted or self._withheld

    @property
    def withheld(self) -> str:
        """Why nothing is released while the ledger is what we wrote; "" if that is no reason."""
        return self._withheld

    def withhold(self, reason: str) -> None:
        """Release nothing, because too few witnesses cosigned; "" releases again, unless the ledger is halted."""
        self._withheld = reason

    @property
    def stands_still(self) -> bool:
        """Whether a transaction does not end, so that nothing can be written."""
        return self._writer.stands_still

    def halt(self, reason: str) -> None:
        """Take no record, because the ledger may not be what we wrote; "" takes them again."""
        self._halted = reason

    def commit(self, unit: Unit) -> None:
        """`Commits.commit`. Blocks the calling thread until the unit is on the disk."""
        if unit.tenant != self.tenant:
            raise ValueError("a unit of another tenant")
        if unit.record is not None and (why := self._halted or (self._withheld if unit.record.kind == RELEASE else "")):
            # What a person or an operator does goes on record while releases wait for witnesses
            raise Closed(f"nothing is released: {why}")
        if unit.marks and self.closed:
            self.check_open()
        self._writer.commit(unit)

    def parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        """`Parked.parked`."""
        if not (found := self._parked(tenant, kind, digest, now)):
            raise NotFound(f"no {kind} that is alive under this handle")
        return bytes(found[0][0])

    def unsent(self, tenant: Tenant, login: bytes, now: int) -> bool:
        """`Decisions.unsent`."""
        return bool(self._parked(tenant, UNSENT, login, now))

    def _parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> Sequence[Row]:
        return self._read(lambda link: _PARKED.rows(link, tenant=tenant, digest=digest, kind=kind, now=now))

    def decision(self, tenant: Tenant, login: bytes, now: int) -> DecisionRow | None:
        """`Decisions.decision`."""
        found = self._read(lambda connection: _DECISION.rows(connection, tenant=tenant, login=login, now=now))
        return DecisionRow(*found[0]) if found else None

    def approvals(self, tenant: Tenant, digests: Collection[bytes]) -> Sequence[ApprovalRow]:
        """`Decisions.approvals`."""
        wanted = [(tenant, digest) for digest in digests]
        return [ApprovalRow(*row[1:]) for row in self._read(lambda connection: APPROVALS.rows(connection, wanted))]

    def checkpoint(self, tenant: Tenant) -> Checkpoint | None:
        """`Log.checkpoint`."""
        return next(iter(self._checkpoints(tenant, 1)), None)

    def recent(self, tenant: Tenant) -> Sequence[Checkpoint]:
        """`Log.recent`."""
        return self._checkpoints(tenant, RECENT)

    def _checkpoints(self, tenant: Tenant, most: int) -> Sequence[Checkpoint]:
        return self._read(lambda connection: cosigned_checkpoints(connection, tenant, self._keys, most))

    def final(self, tenant: Tenant, year: int) -> Checkpoint:
        """`Log.final`."""
        return self._read(lambda connection: final_checkpoint(connection, tenant, year, self._keys).checkpoint)

    def index_of(self, tenant: Tenant, leaf_hash: bytes) -> int | None:
        """`Log.index_of`."""
        table = leaves.c
        query = select(table.leaf_index).where(table.tenant == tenant, table.leaf_hash == leaf_hash)
        return self._read(lambda connection: connection.scalar(query))

    def inclusion(self, tenant: Tenant, index: int, size: int) -> Sequence[bytes]:
        """`Log.inclusion`. Raises `NotFound` if the tree has no such leaf or size."""
        return self._read(lambda connection: reads.read_inclusion(connection, tenant, index, size))

    def leaf_of(self, tenant: Tenant, record: bytes) -> bytes | None:
        """`Log.leaf_of`."""
        query = select(records.c.leaf_hash).where(records.c.tenant == tenant, records.c.record == record)
        return self._read(lambda connection: connection.scalar(query))

    def tile(self, tenant: Tenant, level: int | None, index: int, width: int) -> bytes:
        """`Log.tile`."""
        return self._read(lambda connection: read_tile(connection, tenant, Tile(level, index, width)))

    def _read(self, ask: Callable[[Connection], T]) -> T:
        with reading():
            return self._kept.read(ask)

    def purge(self, now: int) -> int:
        """Delete the rows of `EXPIRING` whose stored end has come; returns how many went.

        On PostgreSQL parked rows and decisions go with their period (`idp.store.periods`), uncounted, and nothing goes
        before the database's own clock has seen its end: a worker whose clock is ahead would free what was taken. SQLite's
        log is emptied if a sealing key went, since a purge overwrites the row in the file and not in the log.

        Each part is tried, whatever becomes of the others; then the first `StoreUnavailable` is raised.
        """
        if is_postgres(self.engine):
            with reading(), self._reads.connect() as connection:
                now = min(now, database_time(connection))
        gone, failures = 0, list[StoreUnavailable]()
        for part in self._purging(now):
            try:
                with reading():
                    gone += part() or 0
            except StoreUnavailable as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return gone

    def _purging(self, now: int) -> Iterator[Callable[[], int | None]]:
        """The parts of a purge. Sealing keys come first: nothing that an operator did to a partition keeps them."""
        periods = PARTITIONED if is_postgres(self.engine) else ()
        yield partial(self._delete, [table for table in EXPIRING if table not in periods], now)
        if self._holds_purged:
            yield self._empty
        for parent in periods:
            yield partial(turn_periods, self.engine, parent, now)
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

    def _empty(self) -> None:
        """Bring SQLite's log into its file and cut it to nothing, or leave it for later if somebody still reads it."""
        self.fold()  # most of it while others write
        with self._reads.connect() as connection:
            usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {EMPTYING_MILLISECONDS:d}").close()
            try:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual:d}").close()
        self._holds_purged = bool(busy)

    def fold(self) -> None:
        """Bring SQLite's log into its file, as far as no reader needs it: then no commit has to."""
        if not is_postgres(self.engine):
            with reading(), self._reads.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()

    def close(self) -> None:
        """Write what waits, end the writer's thread, close the connections."""
        self._writer.close()
        self._kept.end()
        self.engine.dispose()


def _delete_some(connection: Connection, table: Table | TableClause, tenant: Tenant, now: int) -> tuple[int, bool]:
    """Delete the first rows that have ended: how many, and whether there are more."""
    ended = (table.c.tenant == tenant, table.c.ends <= now)
    bound = connection.scalar(select(table.c.ends).where(*ended).order_by(table.c.ends).offset(PURGED_AT_ONCE).limit(1))
    matches = ended if bound is None else (*ended, table.c.ends <= bound)
    return connection.execute(delete(table).where(*matches)).rowcount, bound is not None


def open_store(url: str, *, tenant: Tenant, ledger_keys: LedgerKeys, busy_milliseconds: int = BUSY_MILLISECONDS) -> Store:
    """Open a migrated database (`sqlite:///PATH`, `postgresql://USER@HOST/NAME`).

    Raises `Misconfigured` if it is none, would lose commits, or belongs to an installation with other keys.
    """
    engine = open_engine(url, busy_milliseconds=busy_milliseconds)
    try:
        assert_current(engine)
        assert_as_made(engine)
        claim(engine, tenant, ledger_keys)
    except BaseException:
        engine.dispose()
        raise
    store = Store(engine=engine, writer=Writer(engine=engine, keys=ledger_keys), tenant=tenant, keys=ledger_keys)
    try:
        # The operator hears at once where a restore is not long ago
        _ = store.closed
    except BaseException:
        store.close()
        raise
    return store
