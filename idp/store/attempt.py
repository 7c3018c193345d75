"""The tries of one batch: a transaction again, where the connection or the database's own order of things ended it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar  # Any: psycopg's connection, which SQLAlchemy does not name

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from idp.store.engine import is_postgres
from idp.store.postgres import WARNED
from idp.store.turn import one_turn
from policies.errors import StoreUnavailable

# How long the writer asks for the outcome of a batch whose answer was lost, and how often
OUTCOME_SECONDS, ASK_SECONDS = 5.0, 0.1
# Two processes that wait for each other: the database ends one of the two, which begins again (PostgreSQL's 40P01, 40001).
# And a connection that ended while nobody used it is noticed at its next use.
TRIES = 3
_AGAIN = ("40P01", "40001")


# How long a connection is kept in use: the pool looks at its age in between (postgres.RECYCLE_SECONDS)
KEPT_SECONDS = 30.0
# Within how long a connection that had ended says so
ENDED_SECONDS = 1.0
# How long the COMMIT of a command may wait for a standby: somebody sits before it
STANDBY_SECONDS = 60.0

T = TypeVar("T")


@contextmanager
def durably(engine: Engine) -> Iterator[Connection]:
    """A transaction in its turn, committed on each disk that has to have it.

    Raises `StoreUnavailable` where that is not known.
    """
    with engine.connect() as connection:
        with one_turn(engine), connection.begin():
            yield connection
        if connection.info.pop(WARNED, False):
            raise StoreUnavailable("the standby may not have what was committed")


class Unconfirmed(StoreUnavailable):
    """It is committed, but maybe on this server alone."""

    def __init__(self) -> None:
        what = "no standby has confirmed that it has what is committed on this server"
        super().__init__(f"{what}: bring the standby back (pg_stat_replication shows it), and it gets that by itself")


@contextmanager
def confirmed(engine: Engine) -> Iterator[Connection]:
    """A transaction as `durably` has it, whose COMMIT waits for a standby no longer than `STANDBY_SECONDS`.

    Raises `Unconfirmed` where it was committed, and the standby may not have it.
    """
    with engine.connect() as connection:
        with connection.begin() as transaction:
            yield connection
            connection.info.pop(WARNED, None)  # of what was before the COMMIT
            with _cancelled_in_time(connection):
                try:
                    transaction.commit()
                except DBAPIError:
                    # SQLite may keep it open, and what `begin` gives takes it for ended: the pool would have it as it is
                    transaction.rollback()
                    raise
        if connection.info.pop(WARNED, False):
            raise Unconfirmed


@contextmanager
def _cancelled_in_time(connection: Connection) -> Iterator[None]:
    """Cancel a COMMIT that takes long. PostgreSQL then says that it is done, and warns that it waits for no standby."""
    if not is_postgres(connection):
        yield
        return
    ended = threading.Event()
    driver: Any = connection.connection.dbapi_connection  # Any: see the import

    def cancel() -> None:
        while not ended.wait(STANDBY_SECONDS):
            with suppress(connection.dialect.loaded_dbapi.Error):  # it asks over a connection of its own
                driver.cancel_safe()

    thread = threading.Thread(target=cancel, name="commit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class KeptConnection:
    """A connection that stays out of the pool between two uses. Safe in any thread: who comes meanwhile gets another one.

    To take one from the pool and to give it back costs as much as a statement. One whose use failed is given back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # At most one, and until when it is used; a list gives what it has to one thread alone
        self._idle: list[tuple[Connection, float]] = []
        self._ended = False

    def use(self, work: Callable[[Connection], T]) -> T:
        """What `work` makes of the connection, or of another one."""
        connection, until = self._taken()
        if connection is not None and time.monotonic() >= until:
            connection.close()
            connection = None
        if connection is None:
            connection, until = self._engine.connect(), time.monotonic() + KEPT_SECONDS
        try:
            found = work(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append((connection, until))
        # Two threads may end theirs at once: each looks after it gave its own, so the last of them leaves one at the most
        if self._ended:
            self.end()
        elif len(self._idle) > 1:
            self.close()
        return found

    def read(self, ask: Callable[[Connection], T]) -> T:
        """What `ask` reads; once more over a new connection, where one that nobody used had ended meanwhile.

        That is known at once: a server that was silent first is not waited for twice.
        """
        began = time.monotonic()
        try:
            return self.use(ask)
        except DBAPIError as error:
            if not error.connection_invalidated or time.monotonic() - began >= ENDED_SECONDS:
                raise
        return self.use(ask)

    def _taken(self) -> tuple[Connection | None, float]:
        try:
            return self._idle.pop()
        except IndexError:
            return None, 0.0

    def close(self) -> None:
        """Give one back."""
        connection, _ = self._taken()
        if connection is not None:
            connection.close()

    def end(self) -> None:
        """Close what is here for good, and what comes back later: the pool that it came from may be gone already."""
        self._ended = True
        while (connection := self._taken()[0]) is not None:
            connection.detach()
            connection.close()


class Attempt:
    """What is known of one batch's tries. `unknown`: whether an earlier try may have been written."""

    def __init__(self, kept: KeptConnection, *, unknown: bool = False) -> None:
        self._kept = kept
        self._tries = 0
        self._until = 0.0
        self._connected = False
        self.unknown = unknown

    def run(self, write: Callable[[Connection], T]) -> T:
        """What `write` makes of a transaction, which is committed then: for good, on each disk that has to have it."""
        self._tries += 1
        self._connected = False
        return self._kept.use(lambda connection: self._committed(connection, write))

    def _committed(self, connection: Connection, write: Callable[[Connection], T]) -> T:
        self._connected = True
        transaction = connection.begin()
        try:
            found = write(connection)
            self._commit(transaction)
        except BaseException:
            # Of a COMMIT that failed, too: as in `confirmed`
            with suppress(DBAPIError):  # what ended it says more
                transaction.rollback()
            raise
        if connection.info.pop(WARNED, False):
            self.unknown = True
            raise OperationalError("COMMIT", None, TimeoutError("its standby may not have it"))
        return found

    def _commit(self, transaction: RootTransaction) -> None:
        try:
            transaction.commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                self.unknown = True
            raise

    def again(self, error: DBAPIError) -> bool:
        """Whether to try again. Waits a moment where the database does not answer at all, or once more with an error."""
        if self.unknown and not isinstance(error, IntegrityError):
            self._until = self._until or time.monotonic() + OUTCOME_SECONDS
            if time.monotonic() >= self._until:
                return False
            if not self._connected or self._tries > 1:
                time.sleep(ASK_SECONDS)
            return True
        if self._tries >= TRIES or not self._connected:
            return False
        if self.unknown:  # what was written meanwhile is seen by the next try
            return True
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _AGAIN
