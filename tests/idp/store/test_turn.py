"""Writers of several processes take turns at a file of SQLite; nothing rests on it but who waits for whom."""

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from idp.store.batch import Waiting
from idp.store.commits import SUFFIX
from idp.store.store import Store
from policies.errors import StoreUnavailable
from tests.idp.server.crew import until
from tests.idp.store.units import marks, unit


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    file = os.open(folder / f"ciconia.db{SUFFIX}", os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(file)


def committed(store: Store, name: str) -> tuple[threading.Thread, list[Exception]]:
    """A commit in a thread, and what it raised."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            store.commit(unit(*marks(name)))
        except StoreUnavailable as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def test_a_writer_waits_for_its_turn_and_no_longer(store: Store, tmp_path: Path) -> None:
    with taken(tmp_path):
        thread, raised = committed(store, "waits")
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()
    assert not raised


def test_all_that_came_meanwhile_are_one_batch(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = store._writer.write

    def noting(batch: Sequence[Waiting], *, again: bool = False) -> None:
        sizes.append(len(batch))
        write(batch, again=again)

    monkeypatch.setattr(store._writer, "write", noting)
    with taken(tmp_path):
        threads = [committed(store, f"one of {number}")[0] for number in range(6)]
        # The writer has the first of them, and waits with it
        until(lambda: store._writer._queue.qsize() == len(threads) - 1)
    for each in threads:
        each.join(60)
    assert sizes == [6]


def test_nobody_else_may_read_the_file(store: Store, tmp_path: Path) -> None:
    store.commit(unit(*marks("one")))
    assert (tmp_path / f"ciconia.db{SUFFIX}").stat().st_mode & 0o777 == 0o600
