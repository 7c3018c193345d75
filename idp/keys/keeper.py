"""The thread that has keys ready before a request needs them."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from idp.system.logs import log_of
from policies.errors import AllRevoked, BrokerError, Misconfigured, StoreUnavailable, is_of_database
from policies.parties import Tenant

# How late a new file in the folder of keys may be seen; and well within the minutes for which the keys of the next hour are
# made ahead
SECONDS = 5.0
STOP_SECONDS = 5.0
FIX = "Look at the database and at the key folder."


class KeyKeeper:
    """Calls each of `tasks` at once and then about every `seconds`. What fails is said once, and tried again.

    `database` is asked where the database may be the cause, and raises `StoreUnavailable` where that does not answer: then
    nothing is said of keys.
    """

    def __init__(
        self,
        tasks: Sequence[Callable[[], None]],
        *,
        tenant: Tenant,
        database: Callable[[], object] = lambda: None,
        seconds: float = SECONDS,
    ) -> None:
        self._tasks, self._tenant, self._database, self._seconds = tasks, tenant, database, seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._said: dict[int, str] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End. It may be called where nothing was started."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def step(self) -> None:
        """Call each task once."""
        for number, task in enumerate(self._tasks):
            try:
                task()
                self._said.pop(number, None)
            except Exception as error:  # noqa: BLE001  a thread that died would make no key again, and nobody would know
                if not (is_of_database(error) and self._gone()):
                    self._say(number, error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.step()
            self._stopping.wait(self._seconds)

    def _gone(self) -> bool:
        """Whether the database does not answer, of which the watch tells."""
        try:
            self._database()
        except Exception as error:  # noqa: BLE001  as in `step`
            return isinstance(error, StoreUnavailable)
        return False

    def _say(self, number: int, error: Exception) -> None:
        what = error.detail if isinstance(error, BrokerError) else type(error).__name__
        # What is wrong with a file, and what to do, is said of it already
        fix = {} if isinstance(error, Misconfigured | AllRevoked) else {"fix": FIX}
        if isinstance(error, OSError) and error.filename:
            what, fix = f"{error.filename}: {error.strerror}", {}
        if self._said.get(number) != what:
            self._said[number] = what
            # Where the log itself fails (a full disk), there is nobody to tell
            with suppress(Exception):
                log_of(self._tenant).error("keys_not_ready", check=what, **fix)
