"""Whose turn it is to write to a file of SQLite: the writers of several processes go one after another.

SQLite has one writer, and whoever comes meanwhile sleeps and asks again, after a millisecond, then five, then a hundred: of
two busy workers the one that has it takes it again, and a sign-in of the other waited for more than a second. A lock of the
kernel wakes who waits for it at once, and goes when its holder dies. Nothing rests on it: where it cannot be had, as where
somebody else writes, SQLite's own lock decides as ever.

Between two turns SQLite's lock is free for a moment, and who sleeps misses that for seconds. So the sequencer takes turns,
too, and who sets a switch. Others write seldom and try again, or may not be kept waiting without an end.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from idp.store.engine import file_of, is_postgres

SUFFIX = "-turn"
MODE = 0o600


class Turn:
    """One writer's. `with` waits for it, however long the others take; PostgreSQL has many writers and no turns."""

    def __init__(self, engine: Engine) -> None:
        self._file = -1
        if not is_postgres(engine) and engine.url.database:
            try:
                # Not the database's own file: who closes that one gives back SQLite's locks, too
                self._file = os.open(
                    f"{file_of(engine.url).resolve()}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, MODE
                )
            except OSError:
                return

    def __enter__(self) -> Self:
        self._lock(fcntl.LOCK_EX)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock(fcntl.LOCK_UN)

    def _lock(self, how: int) -> None:
        try:
            if self._file >= 0:
                fcntl.flock(self._file, how)
        except OSError:  # the kernel has no locks left
            return

    def close(self) -> None:
        """Give up."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@contextmanager
def one_turn(engine: Engine) -> Iterator[None]:
    """One, for who keeps none. Inside of it nobody may wait for another one's."""
    turn = Turn(engine)
    try:
        with turn:
            yield
    finally:
        turn.close()
