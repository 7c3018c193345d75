"""The retention: a thread that purges the store every minute, for as long as the process lives.

It does not depend on the sequencer, which waits while the witness is away, and ends if the ledger is not what we wrote:
logins go on meanwhile, and their sealing keys must be erased. Any worker may purge; one is enough, so a worker leaves it to
the one that holds the ledger's lease.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from idp.store.store import Store
from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import BrokerError

PURGE_SECONDS = 60
# Rows stay so long after their end: a clock that is an hour ahead must not delete marks that are still needed
KEPT_SECONDS = 3900
# The first look comes after this time, too: by then the sequencer knows whose the lease is
POLL_SECONDS = 1.0
# The end of the process does not wait for a long purge: the next start goes on with it
STOP_SECONDS = 1.0


class Retention(Repeated):
    """`start` runs it in a thread until `stop`; `step` is one look. `elsewhere` says whether another worker purges."""

    def __init__(self, store: Store, *, elsewhere: Callable[[], bool], clock: Callable[[], float] = time.time) -> None:
        super().__init__("retention", POLL_SECONDS, STOP_SECONDS)
        self._store, self._elsewhere, self._clock = store, elsewhere, clock
        self._purged = 0.0
        self._said = ""  # why the last purge failed

    def step(self) -> None:
        """Purge if the last time is a minute ago and no other worker does it. A failure is logged once."""
        now = self._clock()
        if abs(now - self._purged) < PURGE_SECONDS or self._elsewhere():
            return
        self._purged = now
        try:
            self._store.purge(int(now) - KEPT_SECONDS)
            self._said = ""
        except Exception as error:  # noqa: BLE001  a thread that died would erase no key again, and nobody would know
            self._say(error.detail if isinstance(error, BrokerError) else type(error).__name__)

    def _say(self, what: str) -> None:
        if self._said != what:
            self._said = what
            # The log itself may fail (a full disk)
            with suppress(Exception):
                log_of(self._store.tenant).warning("purge_failed", detail=what, fix="Look at the database.")
