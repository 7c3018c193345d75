"""The retention: what has ended goes from the store by a clock of its own, for as long as the process lives.

It is no part of the sequencer's step: that ends early while the witness is away, and there is none any more where the
ledger is not what we wrote. Logins go on while leaves wait, and their sealing keys are erased as ever.

Any worker may purge, whoever else does. But one is enough: where another one holds the ledger's lease, it does it for all.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from idp.store.store import Store
from idp.system.logs import log_of
from policies.errors import BrokerError

PURGE_SECONDS = 60
# A clock that is an hour ahead deletes marks that are needed again when it is right: nothing goes before this has passed
KEPT_SECONDS = 3900
# How late a clock that jumped is seen, and the lease of a worker that ended. The first look comes after as much: the
# sequencer knows by then whose the lease is
POLL_SECONDS = 1.0
# Whoever ends the process does not wait for all of a long one: what is not deleted is deleted after the next start
STOP_SECONDS = 1.0


class Retention:
    """`start` runs it in a thread until `stop`; `step` is one look. `elsewhere` says whether another worker does it."""

    def __init__(self, store: Store, *, elsewhere: Callable[[], bool], clock: Callable[[], float] = time.time) -> None:
        self._store, self._elsewhere, self._clock = store, elsewhere, clock
        self._purged = 0.0
        self._said = ""  # why the last purge failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End. It may be called where nothing was started."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def step(self) -> None:
        """Purge, where the last time is a minute ago and no other worker does it. What fails is said once."""
        now = self._clock()
        if abs(now - self._purged) < PURGE_SECONDS or self._elsewhere():
            return
        self._purged = now
        try:
            self._store.purge(int(now) - KEPT_SECONDS)
            self._said = ""
        except Exception as error:  # noqa: BLE001  a thread that died would erase no key again, and nobody would know
            self._say(error.detail if isinstance(error, BrokerError) else type(error).__name__)

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            self.step()

    def _say(self, what: str) -> None:
        if self._said != what:
            self._said = what
            # Where the log itself fails (a full disk), there is nobody to tell
            with suppress(Exception):
                log_of(self._store.tenant).warning("purge_failed", detail=what, fix="Look at the database.")
