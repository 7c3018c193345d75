"""The configuration of the day of a record: the newest one before it that has the purpose's file which the record names."""

from collections.abc import Iterator

from idp.changes.history import Applied, History
from policies.load import Configuration, examine


def configuration_at(history: History, policy: str, time: int) -> tuple[Applied, Configuration] | None:
    """The change, and its configuration; None where no kept one has a file of this SHA-256 (hex).

    Raises `StoreUnavailable`.
    """
    for applied in _before(history, time):
        bundle = history.bundle(applied.digest)
        if bundle is not None and policy in bundle.hashes.values():
            return applied, examine(bundle.files)[0]
    return None


def _before(history: History, time: int) -> Iterator[Applied]:
    newest = history.newest()
    for number in range(newest.number if newest else 0, 0, -1):
        applied = history.at(number)
        if applied is not None and applied.time <= time:
            yield applied
