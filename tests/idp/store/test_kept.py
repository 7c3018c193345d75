"""The connection that stays out of the pool: one at the most, and none when all has ended."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, QueuePool
from sqlalchemy.exc import DBAPIError, IntegrityError

from idp.store.attempt import Attempt, Kept, confirmed
from idp.store.engine import open_engine, single, writing

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


def attempted(engine: Engine, write: Callable[[Connection], None]) -> None:
    Attempt(Kept(engine)).run(write)


def of_a_command(engine: Engine, write: Callable[[Connection], None]) -> None:
    with confirmed(engine) as connection:
        write(connection)


def broken_promise(connection: Connection) -> None:
    """What SQLite refuses at its COMMIT, which leaves the transaction as it is."""
    connection.exec_driver_sql("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    connection.exec_driver_sql("CREATE TABLE children (of REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")
    connection.exec_driver_sql("INSERT INTO children VALUES (1)")


@pytest.mark.parametrize("by", [attempted, of_a_command])
def test_a_commit_that_fails_leaves_no_transaction_in_the_pool(
    tmp_path: Path, by: Callable[[Engine, Callable[[Connection], None]], None]
) -> None:
    engine = writing(open_engine(f"sqlite:///{tmp_path / 'ciconia.db'}"))
    with pytest.raises(IntegrityError):
        by(engine, broken_promise)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
    engine.dispose()


def test_what_ended_a_transaction_is_raised_where_its_end_fails_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = writing(open_engine(f"sqlite:///{tmp_path / 'ciconia.db'}"))
    kept, fails, ended = Kept(engine), [sqlite3.OperationalError("ROLLBACK")], engine.dialect.do_rollback
    kept.use(lambda _connection: None)  # SQLAlchemy's first connection is rolled back by itself

    def end(connection: object) -> None:
        if fails:
            raise fails.pop()
        ended(connection)  # type: ignore[arg-type]  # a driver's connection, whose type SQLAlchemy does not name

    monkeypatch.setattr(engine.dialect, "do_rollback", end)
    with pytest.raises(DBAPIError, match="nowhere"):
        Attempt(kept).run(lambda connection: connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)"))
    assert not fails
    assert out(engine) == 0
    assert Attempt(kept).run(lambda connection: connection.exec_driver_sql("SELECT 7").scalar()) == 7
    kept.end()
    engine.dispose()
