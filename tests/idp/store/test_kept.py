"""The connection that stays out of the pool: one at the most, and none when all has ended."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, Engine, QueuePool
from sqlalchemy.exc import DBAPIError, OperationalError

from idp.store import attempt
from idp.store.attempt import ASK_SECONDS, ENDED_SECONDS, OUTCOME_SECONDS, Attempt, KeptConnection
from idp.store.engine import open_engine, single

PATIENCE = 10.0


class Together(list[tuple[Connection, float]]):
    def __init__(self) -> None:
        self._both = threading.Barrier(2)

    def append(self, one: tuple[Connection, float]) -> None:
        self._both.wait(PATIENCE)
        super().append(one)
        self._both.wait(PATIENCE)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = single(open_engine(f"sqlite:///{tmp_path / 'ciconia.db'}"))
    yield found
    found.dispose()


def out(engine: Engine) -> int:
    """How many connections are out of the pool."""
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedout()


def test_of_two_that_come_back_at_once_one_is_kept_at_the_most_and_the_end_closes_it(engine: Engine) -> None:
    kept, both = KeptConnection(engine), threading.Barrier(2)
    kept._idle = Together()

    def use() -> None:
        kept.use(lambda _connection: both.wait(PATIENCE))

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(use), pool.submit(use)]:
            each.result(PATIENCE)
    assert out(engine) <= 1
    kept.end()
    assert out(engine) == 0


def failed(text: str = "gone", *, ended: bool = True) -> DBAPIError:
    return OperationalError("SELECT", None, sqlite3.OperationalError(text), connection_invalidated=ended)


@pytest.mark.parametrize(("ended", "seconds", "asked"), [(True, 0.0, 2), (True, ENDED_SECONDS, 1), (False, 0.0, 1)])
def test_a_read_is_tried_again_where_its_connection_had_ended_and_said_so_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, ended: bool, seconds: float, asked: int
) -> None:
    now, tried = [100.0], []
    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def ask(_connection: Connection) -> int:
        tried.append(now[0])
        now[0] += seconds
        if len(tried) == 1:
            raise failed(ended=ended)
        return 7

    if asked == 1:
        with pytest.raises(DBAPIError):
            KeptConnection(engine).read(ask)
    else:
        assert KeptConnection(engine).read(ask) == 7
    assert len(tried) == asked


@pytest.mark.parametrize("reached", [False, True])
def test_an_outcome_is_asked_for_so_long_and_a_server_that_is_away_or_refuses_not_without_a_pause(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, reached: bool
) -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    assert 0 < OUTCOME_SECONDS < 1000 * ASK_SECONDS
    one = Attempt(KeptConnection(engine), unknown=True)

    def nothing(connection: Connection) -> None:
        if reached:
            connection.exec_driver_sql("SELECT * FROM nowhere")

    if not reached:
        monkeypatch.setattr(KeptConnection, "_taken", lambda _: (_ for _ in ()).throw(failed()))
    asked = 0
    while asked < 1000:
        asked += 1
        with pytest.raises(DBAPIError):
            one.run(nothing)
        if not one.again(failed()):
            break
    assert slept == [ASK_SECONDS] * (asked - 1 - reached), "who answers is asked again at once, and then by and by"
    assert OUTCOME_SECONDS <= now[0] - 100 < OUTCOME_SECONDS + 2 * ASK_SECONDS
    if reached:
        return
    # One that was not begun is not tried again: nothing of it was written, and the pool has tried already
    fresh = Attempt(KeptConnection(engine))
    with pytest.raises(DBAPIError):
        fresh.run(lambda _connection: None)
    assert not fresh.again(failed())
