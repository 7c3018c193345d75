"""The tries of one batch, and the connection that they use.

A transaction is tried again if its connection ended, or if the database ended it for its own order of things.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from idp.store.postgres import WARNED

# How long the writer asks how a batch ended whose answer was lost, and how often
OUTCOME_SECONDS, ASK_SECONDS = 5.0, 0.1
# If two processes wait for each other, PostgreSQL ends one of them (40P01, 40001), which begins again. A connection that
# ended while nobody used it is noticed at its next use.
TRIES = 3
_AGAIN = ("40P01", "40001")
# How long a connection is kept in use: the pool looks at its age in between (postgres.RECYCLE_SECONDS)
KEPT_SECONDS = 30.0
# A connection that had ended says so within this time
ENDED_SECONDS = 1.0

T = TypeVar("T")


class KeptConnection:
    """A connection that stays out of the pool between two uses. Safe in any thread: a second user gets another connection.

    Taking one from the pool and giving it back costs as much as a statement. After a failure it is given back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # At most one, and until when it is used. `pop` gives it to one thread alone
        self._idle: list[tuple[Connection, float]] = []
        self._ended = False

    def use(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the connection, or on another one."""
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
        # Two threads may end theirs at once. Each looks after giving its own back, so the last leaves one at the most
        if self._ended:
            self.end()
        elif len(self._idle) > 1:
            self.close()
        return found

    def read(self, ask: Callable[[Connection], T]) -> T:
        """Run `ask`; once more over a new connection if the idle one had ended meanwhile.

        A connection that ended says so at once: a server that was silent first is not waited for twice.
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
        """Give one connection back to the pool."""
        connection, _ = self._taken()
        if connection is not None:
            connection.close()

    def end(self) -> None:
        """Close this connection for good, and one that comes back later: the pool may be gone by then."""
        self._ended = True
        while (connection := self._taken()[0]) is not None:
            connection.detach()
            connection.close()


class Attempt:
    """The tries of one batch. `unknown` says whether an earlier try may have been written."""

    def __init__(self, kept: KeptConnection, *, unknown: bool = False) -> None:
        self._kept = kept
        self._tries = 0
        self._until = 0.0
        self._connected = False
        self.unknown = unknown

    def run(self, write: Callable[[Connection], T]) -> T:
        """Run `write` in a transaction, and commit it on each disk that must have it."""
        self._tries += 1
        self._connected = False
        return self._kept.use(lambda connection: self._committed(connection, write))

    def _committed(self, connection: Connection, write: Callable[[Connection], T]) -> T:
        self._connected = True
        transaction = connection.begin()
        committing = False
        try:
            found = write(connection)
            committing = True
            transaction.commit()
        except BaseException as error:
            if committing and isinstance(error, DBAPIError) and error.connection_invalidated:
                self.unknown = True
            # Also after a COMMIT that failed: see `commits.confirmed`. The first error says more than this one's
            with suppress(DBAPIError):
                transaction.rollback()
            raise
        if connection.info.pop(WARNED, False):
            self.unknown = True
            raise OperationalError("COMMIT", None, TimeoutError("its standby may not have it"))
        return found

    def again(self, error: DBAPIError) -> bool:
        """Whether to try again. Waits a moment if the database does not answer, or answers with a second error."""
        if self.unknown and not isinstance(error, IntegrityError):
            self._until = self._until or time.monotonic() + OUTCOME_SECONDS
            if time.monotonic() >= self._until:
                return False
            if not self._connected or self._tries > 1:
                time.sleep(ASK_SECONDS)
            return True
        if self._tries >= TRIES or not self._connected:
            return False
        # After an unknown try, the next one sees what was written meanwhile
        return self.unknown or error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _AGAIN
