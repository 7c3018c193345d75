"""This machine's clock against the database's, the one clock that all machines of an installation see.

A sign-in passes through several machines, and its times are of whichever wrote them. Of two machines that disagree neither
knows who is wrong; against a third clock the one that differs is found, and leaves, while the others serve. Where it is the
database's own that is wrong, all of them leave, and the operator is called: they agree among themselves, so everybody is
served by a proxy that sends to all of them then, as docs/haproxy.cfg has it. SQLite's clock is this machine's.
"""

from collections.abc import Callable

from sqlalchemy import Connection, text

from idp.store.engine import is_postgres

# Two machines, one so far ahead and one so far behind, leave 20 seconds of the minute that a code lives, and of the one by
# which eIDAS lets clocks differ
ALLOWED = 20
FIX = "Set the clock of this machine, or the database's, by NTP."
_TIME = text("SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS bigint)")


def apart(connection: Connection, clock: Callable[[], int]) -> int | None:
    """By how many seconds this machine's clock is ahead of the database's; below 0: behind. None: the database has none.

    A database that takes long to answer is not one whose clock is behind: what it says may be of any moment between.
    """
    if not is_postgres(connection):
        return None
    before = clock()
    theirs = int(connection.execute(_TIME).scalar_one())
    after = clock()
    return before - theirs if before > theirs else min(0, after - theirs)


def told(seconds: int) -> str:
    """How far they are apart, and which way."""
    way = "ahead of" if seconds > 0 else "behind"
    return f"the clock of this machine is {abs(seconds)} seconds {way} the database's"
