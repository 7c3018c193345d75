"""Writers of several processes take turns at a file of SQLite; nothing rests on it but who waits for whom."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.switches import PARTY, Switchboard
from idp.store.switches.records import Recorded
from idp.store.turn import SUFFIX, Turn, one_turn
from idp.store.writer import Waiting
from idp.transparency.sequencer import Sequencer
from policies.errors import StoreUnavailable
from tests.idp.store.units import KEYS, NEVER, NOW, TENANT, marks, opened_at, unit


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'ciconia.db'}"
    migrate(found)
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with_it = opened_at(url)
    yield with_it
    with_it.close()


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """As the writer of another process has it."""
    file = os.open(folder / f"ciconia.db{SUFFIX}", os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(file)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


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


def _places(store: Store, _patch: pytest.MonkeyPatch) -> None:
    assert Sequencer(store, KEYS).step()


def _purges(store: Store, _patch: pytest.MonkeyPatch) -> None:
    store.purge(NEVER)


def _switches(store: Store, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Switchboard, "_record", lambda *_args, **_named: Recorded(off=True, reason="x", time=NOW, number=0))
    board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)
    board.set_switch(PARTY, "parking", off=True, reason="x", now=NOW)


@pytest.mark.parametrize("act", [_places, _purges, _switches])
def test_who_writes_beside_the_writers_has_a_turn(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Store, pytest.MonkeyPatch], None]
) -> None:
    """Between two turns of busy writers SQLite's own lock is free for a moment: a step took nine seconds, or failed."""
    with taken(tmp_path):
        thread = threading.Thread(target=act, args=(store, monkeypatch))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()


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


def test_whoever_waits_too_long_for_a_turn_wrote_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idp.store.writer.COMMIT_SECONDS", 0.2)
    with taken(tmp_path):
        thread, raised = committed(store, "gives up")
        thread.join(60)
        assert [str(error) for error in raised] == ["the database is slow: nothing was written"]
        # A proxy is told to send nobody here
        until(lambda: store._writer.stands_still)
    monkeypatch.undo()
    store.commit(unit(*marks("gives up")))
    assert not store._writer.stands_still


def test_a_broker_ends_though_another_process_never_gives_the_turn_back(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idp.store.writer.COMMIT_SECONDS", 0.2)
    store = opened_at(url)
    with taken(tmp_path):
        committed(store, "never")[0].join(60)
        begun = time.monotonic()
        store.close()
        assert time.monotonic() - begun < 60, "it ends at all"


@pytest.mark.parametrize("strange", ["folder", "link"])
def test_without_the_file_sqlites_own_lock_decides(url: str, tmp_path: Path, strange: str) -> None:
    path = tmp_path / f"ciconia.db{SUFFIX}"
    path.unlink(missing_ok=True)
    if strange == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    store = opened_at(url)
    store.commit(unit(*marks("alone")))
    store.close()
    assert not (tmp_path / "elsewhere").exists(), "a file of somebody else's choosing"


def test_where_the_kernel_has_no_lock_left_the_writer_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_file: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("idp.store.turn.fcntl.flock", none_left)
    store.commit(unit(*marks("goes on")))


def test_of_two_that_have_a_turn_the_second_waits_until_it_is_given_back(tmp_path: Path) -> None:
    path, engine = tmp_path / f"ciconia.db{SUFFIX}", open_engine(f"sqlite:///{tmp_path / 'ciconia.db'}")
    first, second = Turn(engine), Turn(engine)
    with first, pytest.raises(BlockingIOError):
        fcntl.flock(second._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    fcntl.flock(second._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for turn in (first, second, second):
        turn.close()
    assert not is_open(path)
    with one_turn(engine):
        assert is_open(path)
    assert not is_open(path)
    engine.dispose()


def is_open(path: Path) -> bool:
    """Whether this process has a file open."""
    return any(each.resolve() == path for each in Path("/proc/self/fd").iterdir())


def test_nobody_else_may_read_the_file(store: Store, tmp_path: Path) -> None:
    store.commit(unit(*marks("one")))
    assert (tmp_path / f"ciconia.db{SUFFIX}").stat().st_mode & 0o777 == 0o600
