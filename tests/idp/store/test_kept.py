"""The connection that stays out of the pool: one at the most, and none when all has ended."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, QueuePool

from idp.store.attempt import Kept
from idp.store.engine import open_engine, single

PATIENCE = 10.0


class Together(list[tuple[Connection, float]]):
    """What is given to it comes from two threads at once."""

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
    kept, both = Kept(engine), threading.Barrier(2)
    kept._idle = Together()

    def use() -> None:
        kept.use(lambda _connection: both.wait(PATIENCE))

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(use), pool.submit(use)]:
            each.result(PATIENCE)
    assert out(engine) <= 1
    kept.end()
    assert out(engine) == 0


def test_what_comes_back_after_the_end_is_closed_too(engine: Engine) -> None:
    kept = Kept(engine)

    def end(_connection: Connection) -> None:
        kept.end()
        assert out(engine) == 1

    kept.use(end)
    assert out(engine) == 0
