"""A server looks at its folder of keys again and again: a new file counts within seconds, on every worker, as it runs.

So nothing has to be told to anybody: whoever makes a key puts its file into the folder of every machine before its moment.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from idp.keys.file import forget_gone_keys
from idp.keys.folder import BrokerKeys, load_keys

_Seen = tuple[tuple[str, int, int, int], ...]


def alone() -> None:
    """Nobody else has keys here."""


class KeyFolderWatch:
    """Takes the files of `folder` into `keys`, where they changed since the last look. One thread calls it.

    `own` raises `Misconfigured` where one of them is another tenant's.
    """

    def __init__(self, keys: BrokerKeys, folder: Path, origin: str, own: Callable[[], None] = alone) -> None:
        self._keys, self._folder, self._origin, self._own = keys, folder, origin, own
        # Whatever changed between the loading and now is loaded again, once
        self._seen: _Seen = ()

    def __call__(self) -> None:
        """Look once. Raises `Misconfigured` where the folder does not serve: what was loaded before counts on."""
        seen = tuple(sorted(_states(self._folder)))
        if seen == self._seen:
            return
        loaded = load_keys(self._folder, self._origin)
        self._own()
        self._keys.take(loaded)
        forget_gone_keys(self._folder)
        self._seen = seen


def _states(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    for path in folder.iterdir():
        # Half a file stands under a name that begins with a dot (`idp.keys.change`), and is none of ours yet
        if not path.name.startswith("."):
            state = path.stat()
            yield path.name, state.st_ino, state.st_mtime_ns, state.st_size
