"""Transactions that are committed on each disk that must have them, and whose turn it is to write to a file of SQLite.

SQLite has one writer. A second one sleeps and asks again, after a millisecond, then five, then a hundred: of two busy
workers one kept the lock, and a sign-in of the other waited for more than a second. A lock of the kernel wakes the next
writer at once, and ends when its holder dies. It only orders the writers: where it cannot be had, SQLite's own lock
decides.

The sequencer takes turns, too, and so does a command that sets a switch. Others write seldom, and try again.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self  # Any: psycopg's connection, which SQLAlchemy does not name

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from idp.store.engine import file_of, is_postgres
from idp.store.postgres import WARNED
from policies.errors import StoreUnavailable

SUFFIX = "-turn"
MODE = 0o600
# How long a command's COMMIT may wait for a standby: somebody sits before it
STANDBY_SECONDS = 60.0


class Turn:
    """One writer's turn. `with` waits for it, however long the others take; PostgreSQL has many writers and no turns."""

    def __init__(self, engine: Engine) -> None:
        self._file = -1
        if not is_postgres(engine) and engine.url.database:
            # Not the database's own file: closing that one would give back SQLite's locks, too
            with suppress(OSError):
                path = f"{file_of(engine.url).resolve()}{SUFFIX}"
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, MODE)

    def __enter__(self) -> Self:
        self._lock(fcntl.LOCK_EX)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock(fcntl.LOCK_UN)

    def _lock(self, how: int) -> None:
        with suppress(OSError):  # the kernel has no locks left
            if self._file >= 0:
                fcntl.flock(self._file, how)

    def close(self) -> None:
        """Give up."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@contextmanager
def one_turn(engine: Engine) -> Iterator[None]:
    """A single turn. Nothing inside it may wait for another turn."""
    turn = Turn(engine)
    try:
        with turn:
            yield
    finally:
        turn.close()


@contextmanager
def durably(engine: Engine) -> Iterator[Connection]:
    """A transaction in its turn. Raises `StoreUnavailable` if a standby may not have what was committed."""
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
    """A transaction whose COMMIT waits for a standby no longer than `STANDBY_SECONDS`.

    Raises `Unconfirmed` if it was committed, and the standby may not have it.
    """
    with engine.connect() as connection:
        with connection.begin() as transaction:
            yield connection
            connection.info.pop(WARNED, None)  # a warning from before the COMMIT
            with _cancelled_in_time(connection):
                try:
                    transaction.commit()
                except DBAPIError:
                    # SQLite may keep the transaction open while `begin` takes it for ended, and the pool would get it so
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
