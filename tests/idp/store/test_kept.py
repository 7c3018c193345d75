"""The connection that stays out of the pool: one at the most, and none when all has ended."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, Engine, QueuePool
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from idp.store import attempt
from idp.store.attempt import ASK_SECONDS, ENDED_SECONDS, KEPT_SECONDS, OUTCOME_SECONDS, TRIES, Attempt, Kept, confirmed
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


def test_the_end_closes_all_that_are_kept_and_not_through_the_pool(engine: Engine) -> None:
    kept = Kept(engine)
    kept._idle = [(engine.connect(), 0.0) for _ in range(2)]
    drivers = [connection.connection.dbapi_connection for connection, _ in kept._idle]
    kept.end()
    for driver in drivers:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            driver.execute("SELECT 1")  # type: ignore[union-attr]  # it was there


def test_one_that_was_kept_long_enough_goes_through_the_pool_however_often_it_was_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=lambda: now[0]))
    kept, seen = Kept(engine), list[Connection]()
    for passed in (0.0, KEPT_SECONDS - 1, 1.0):
        now[0] += passed
        kept.use(seen.append)
    assert [connection is seen[0] for connection in seen] == [True, True, False]
    assert seen[0].closed
    kept.end()
    assert out(engine) == 0


def test_a_use_that_is_interrupted_gives_its_connection_back(engine: Engine) -> None:
    held: list[Connection] = []

    def interrupted(connection: Connection) -> None:
        held.append(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Kept(engine).use(interrupted)
    assert out(engine) == 0
    assert held[0].closed


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
            Kept(engine).read(ask)
    else:
        assert Kept(engine).read(ask) == 7
    assert len(tried) == asked


def tries(engine: Engine, error: DBAPIError, *, unknown: bool = False) -> int:
    """How often a transaction is tried that always ends with this."""
    kept, count = Kept(engine), 0
    one = Attempt(kept, unknown=unknown)

    def write(_connection: Connection) -> None:
        nonlocal count
        count += 1
        raise error

    while True:
        with pytest.raises(DBAPIError):
            one.run(write)
        if not one.again(error):
            return count


class Deadlock(sqlite3.OperationalError):
    """As PostgreSQL says it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def test_a_transaction_that_cannot_be_had_is_tried_as_often_as_it_may_help(engine: Engine) -> None:
    for sqlstate in ("40P01", "40001"):
        assert tries(engine, OperationalError("INSERT", None, Deadlock(sqlstate))) == TRIES
    assert tries(engine, failed()) == TRIES
    assert tries(engine, OperationalError("INSERT", None, Deadlock("53100"))) == 1
    # Of one that may be there already: the next try sees it
    assert tries(engine, IntegrityError("INSERT", None, sqlite3.IntegrityError("x")), unknown=True) == TRIES
    assert tries(engine, IntegrityError("INSERT", None, sqlite3.IntegrityError("x"))) == 1


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
    one = Attempt(Kept(engine), unknown=True)

    def nothing(connection: Connection) -> None:
        if reached:
            connection.exec_driver_sql("SELECT * FROM nowhere")

    if not reached:
        monkeypatch.setattr(Kept, "_taken", lambda _: (_ for _ in ()).throw(failed()))
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
    fresh = Attempt(Kept(engine))
    with pytest.raises(DBAPIError):
        fresh.run(lambda _connection: None)
    assert not fresh.again(failed())


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
