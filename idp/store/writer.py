"""The group writer: one thread that commits everything that waits, in one transaction (`idp.store.batch`).

If a connection ends between COMMIT and its answer, nobody can tell whether the batch was written. Then it is written once
more on another connection: its marks wait for the first transaction's end, and a unit that loses a mark to its own number
was written the first time. A row of such a unit is written again, so that a standby has it, too, before it is acknowledged.
So every thread hears how its unit ended, once.
"""

import queue
import threading
import time
from collections.abc import Iterable, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp.ledger.leaf import prepare
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import Unit
from idp.store.attempt import Attempt, KeptConnection
from idp.store.batch import Waiting, Written, write_batch
from idp.store.commits import Turn
from idp.store.engine import unavailable, writing
from idp.store.read_back import NotKept
from idp.system.logs import log_of
from policies.errors import Conflict, StoreUnavailable

MAX_BATCH = 1000
# Far more than the threads of a server can have waiting: the database stands still, and waiting helps nobody
MAX_WAITING = 10_000
# How long a thread waits for its unit: a statement is given up after half of it (engine.BUSY_MILLISECONDS)
COMMIT_SECONDS = 10.0
# The threads of the last batch come back in a moment, and the first of them must not have a transaction alone. So after a
# batch of this many the next one waits for half of them, but no longer than this share of what the last one took, and than
# half of a commit whose standby is in another town: behind a disk that stood still nobody comes any sooner
SIBLINGS, GATHER_SHARE, GATHER_MOST, GATHER_LOOK = 4, 0.5, 0.02, 0.0002
# How often `close` looks whether the writer stands still
CLOSE_LOOK = 0.1


class Writer:
    """Owns the thread that writes. `commit` may be called from any number of threads; `close` writes what waits."""

    def __init__(self, *, engine: Engine, keys: LedgerKeys, max_batch: int = MAX_BATCH) -> None:
        self._kept, self._turn = KeptConnection(writing(engine)), Turn(engine)
        self._keys = keys
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        # Since when it writes or waits for its turn, by the steady clock; 0: it waits for units
        self._since = 0.0
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def commit(self, unit: Unit) -> None:
        """Write the unit; returns after a durable commit. Raises `Conflict`: nothing is written.

        Raises `StoreUnavailable` if it is not written, or if nobody knows within `COMMIT_SECONDS` whether it is: its marks
        decide what comes of another unit that takes them.
        """
        prepared = prepare(unit.record, unit.tenant, self._keys) if unit.record is not None else None
        waiting = Waiting(unit, prepared)
        with self._closing:
            if self._closed:
                raise StoreUnavailable("the writer is closed")
            if self._queue.qsize() >= MAX_WAITING:
                raise StoreUnavailable("too many units wait")
            self._queue.put(waiting)
        waiting.wait(COMMIT_SECONDS)

    @property
    def stands_still(self) -> bool:
        """Whether a transaction takes longer than any thread waits: a COMMIT may wait for a standby without end."""
        since = self._since
        return since > 0 and time.monotonic() - since > COMMIT_SECONDS

    def close(self) -> None:
        """Write everything that waits, then end the thread. Later commits are refused.

        A transaction that stands still is left behind: its threads have heard that its outcome is not known, and the
        writer's thread ends with the process.
        """
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(CLOSE_LOOK)
        while self._thread.is_alive() and not self.stands_still:
            self._thread.join(CLOSE_LOOK)

    def _run(self) -> None:
        try:
            self._write_what_comes()
        finally:
            self._kept.end()
            self._turn.close()

    def _write_what_comes(self) -> None:
        before, took = 0, 0.0
        while (first := self._queue.get()) is not None:
            if before >= SIBLINGS:
                self._gather(before, min(took * GATHER_SHARE, GATHER_MOST))
            self._since = time.monotonic()
            with self._turn:
                # Units that came while another process wrote are of this batch
                batch, last = self._batch(first)
                begun = self._since = time.monotonic()
                # A thread that waited too long has gone: its unit is not written behind its back
                self.write([waiting for waiting in batch if waiting.claim()])
            before, took, self._since = len(batch), time.monotonic() - begun, 0.0
            if last:
                return

    def _batch(self, first: Waiting) -> tuple[list[Waiting], bool]:
        """The first unit and those that wait behind it, and whether there are no more to come."""
        batch = [first]
        while len(batch) < self._max_batch and not self._queue.empty():
            waiting = self._queue.get()
            if waiting is None:
                return batch, True
            batch.append(waiting)
        return batch, False

    def _gather(self, before: int, seconds: float) -> None:
        """Wait until half of all those are here, or until waiting would cost more than it saves."""
        wanted, until = (before + self._queue.qsize() + 1) // 2, time.monotonic() + seconds
        while self._queue.qsize() + 1 < wanted and not self._closed and time.monotonic() < until:
            time.sleep(GATHER_LOOK)

    def write(self, batch: Sequence[Waiting], *, again: bool = False) -> None:
        """Write a batch and tell each of its threads how its unit ended. Never raises: the thread outlives every batch.

        `again` says that an earlier try may have been written.
        """
        attempt = Attempt(self._kept, unknown=again)
        try:
            lost, later = self._written(batch, attempt)
        except (OperationalError, InternalError, PoolTimeout) as error:
            # Locked, read-only, full, gone: no unit would fare better alone
            self._fail(batch, error)
        except (DBAPIError, NotKept) as error:
            if len(batch) == 1:
                self._fail(batch, error)
            else:
                for waiting in batch:
                    self.write([waiting], again=attempt.unknown)
        except Exception as error:  # noqa: BLE001  the outermost edge of this thread: each waiting thread must hear of it
            for waiting in batch:
                waiting.tell(error)
        else:
            for waiting in [one for one in batch if one not in later]:
                waiting.tell(Conflict(lost[waiting.number]) if waiting.number in lost else None)
            if later:
                self.write(later, again=attempt.unknown)

    def _fail(self, batch: Iterable[Waiting], error: DBAPIError | PoolTimeout | NotKept) -> None:
        for waiting in batch:
            if isinstance(error, NotKept):
                log_of(waiting.unit.tenant).critical(error.code, detail=error.detail, fix="ciconia doctor")
                waiting.tell(error)
            elif isinstance(error, PoolTimeout):
                waiting.tell(StoreUnavailable("no connection to the database is free"))
            else:
                waiting.tell(StoreUnavailable(unavailable(error).detail))

    def _written(self, batch: Sequence[Waiting], attempt: Attempt) -> Written:
        """Write a batch in one transaction, as often as the attempt allows."""
        while True:
            try:
                return attempt.run(lambda connection: write_batch(connection, batch, self._keys, again=attempt.unknown))
            except DBAPIError as error:
                if not attempt.again(error):
                    raise
