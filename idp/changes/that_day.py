"""The configuration of a login that was: in force while it lasted, with the purpose's file that its record names."""

from collections.abc import Iterator

from idp.changes.history import Applied, History
from policies.load import Configuration, examine


def configurations_of(history: History, policy: str, began: int, decided: int) -> Iterator[tuple[Applied, Configuration]]:
    """Those that were in force between the two times (seconds), newest first, and have a file of this SHA-256 (hex).

    A login keeps the configuration under which it began, but for what was narrowed since. Raises `StoreUnavailable`.
    """
    newest = history.newest()
    ended = decided
    for number in range(newest.number if newest else 0, 0, -1):
        applied = history.at(number)
        if applied is None or applied.time > decided:
            continue
        if ended < began:
            return
        bundle = history.bundle(applied.digest)
        if bundle is not None and policy in bundle.hashes.values():
            yield applied, examine(bundle.files)[0]
        ended = applied.time
