"""Compares this machine's clock with the database's, the one clock that all machines of an installation see.

A sign-in passes through several machines and has times of each. If two machines disagree, neither knows which is wrong;
compared with a third clock, the one that differs leaves, and the others serve. If the database's own clock is wrong, all of
them leave, and the operator is called: a proxy that then sends to all of them (docs/haproxy.cfg) still serves everybody,
since they agree among themselves. SQLite's clock is this machine's.
"""

from collections.abc import Callable

from sqlalchemy import Connection, text

from idp.store.engine import is_postgres

# If one machine is so far ahead and another so far behind, 20 seconds are left of the minute that a code lives, and of the
# minute by which eIDAS lets clocks differ
ALLOWED = 20
FIX = "Set the clock of this machine, or the database's, by NTP."
_TIME = text("SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS bigint)")


def clock_drift(connection: Connection, clock: Callable[[], int]) -> int | None:
    """By how many seconds this machine's clock is ahead of the database's; below 0: behind. None: the database has none.

    A slow answer is no drift: the database's time may be of any moment between question and answer.
    """
    if not is_postgres(connection):
        return None
    before = clock()
    theirs = int(connection.execute(_TIME).scalar_one())
    after = clock()
    return before - theirs if before > theirs else min(0, after - theirs)


def drift_text(seconds: int) -> str:
    """The drift in words."""
    way = "ahead of" if seconds > 0 else "behind"
    return f"the clock of this machine is {abs(seconds)} seconds {way} the database's"
