"""The thread that has keys ready before a request needs them, and takes up new files of the key folder.

A new file counts within seconds, on every worker, as the server runs. So nothing has to be announced: an operator puts a
key's file into the folder of every machine before its moment.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from idp.keys.file import forget_gone_keys
from idp.keys.folder import BrokerKeys, load_keys
from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import AllRevoked, BrokerError, Misconfigured, StoreUnavailable, is_of_database
from policies.parties import Tenant

# A new file is seen within this time; and the next hour's sealing keys are made minutes ahead
SECONDS = 5.0
STOP_SECONDS = 5.0
FIX = "Look at the database and at the key folder."


def alone() -> None:
    """Nobody else has keys here."""


class KeyFolderWatch:
    """Takes the files of `folder` into `keys` if they changed since the last look. One thread calls it.

    `own` raises `Misconfigured` if one of them is another tenant's. `apart`: as `load_keys` takes it.
    """

    def __init__(
        self, keys: BrokerKeys, folder: Path, origin: str, own: Callable[[], None] = alone, apart: Path | None = None
    ) -> None:
        self._keys, self._folder, self._origin, self._own, self._apart = keys, folder, origin, own, apart
        # Empty: what changed since the keys were loaded is loaded again, once
        self._seen: tuple[tuple[str, int, int, int], ...] = ()

    def __call__(self) -> None:
        """Look once. Raises `Misconfigured` if the folder does not serve: what was loaded before counts on."""
        # A half-written file has a name that begins with a dot (`idp.keys.change`)
        states = [(path.name, path.stat()) for path in self._folder.iterdir() if not path.name.startswith(".")]
        seen = tuple(sorted((name, state.st_ino, state.st_mtime_ns, state.st_size) for name, state in states))
        if seen == self._seen:
            return
        loaded = load_keys(self._folder, self._origin, self._apart)
        self._own()
        self._keys.take(loaded)
        forget_gone_keys(self._folder)
        self._seen = seen


class KeyKeeper(Repeated):
    """Calls each of `tasks` at once and then about every `seconds`. A failure is logged once, and tried again.

    If the database may be the cause, `database` is asked. If that raises `StoreUnavailable`, nothing is said of keys.
    """

    def __init__(
        self,
        tasks: Sequence[Callable[[], None]],
        *,
        tenant: Tenant,
        database: Callable[[], object] = lambda: None,
        seconds: float = SECONDS,
    ) -> None:
        super().__init__("keys", seconds, STOP_SECONDS)
        self._tasks, self._tenant, self._database = tasks, tenant, database
        self._said: dict[int, str] = {}

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
        self.step()
        super()._run()

    def _gone(self) -> bool:
        """Whether the database does not answer: then the watch says so."""
        try:
            self._database()
        except Exception as error:  # noqa: BLE001  as in `step`
            return isinstance(error, StoreUnavailable)
        return False

    def _say(self, number: int, error: Exception) -> None:
        what = error.detail if isinstance(error, BrokerError) else type(error).__name__
        # These have their own advice
        fix = {} if isinstance(error, Misconfigured | AllRevoked) else {"fix": FIX}
        if isinstance(error, OSError) and error.filename:
            what, fix = f"{error.filename}: {error.strerror}", {}
        if self._said.get(number) != what:
            self._said[number] = what
            # The log itself may fail (a full disk)
            with suppress(Exception):
                log_of(self._tenant).error("keys_not_ready", check=what, **fix)
