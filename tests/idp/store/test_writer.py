"""The group writer, batch by batch: what units of one batch do to each other, and what they do not."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, event, func, select

from idp.ledger.leaf import prepare
from idp.ports import DecisionRow, Unit
from idp.store import tables
from idp.store.batch import Waiting
from idp.store.engine import open_engine
from idp.store.writer import Writer
from policies.errors import Conflict, StoreUnavailable
from tests.idp.server.crew import until
from tests.idp.store.giving_up import given_up_when
from tests.idp.store.sent import sent_by
from tests.idp.store.units import KEYS, LATER, NOW, TENANT, marks, opened_at, parked, release, unit

ROOT = Path(__file__).parents[3]


@pytest.fixture
def writer(url: str) -> Iterator[Writer]:
    engine = open_engine(url)
    found = Writer(engine=engine, keys=KEYS)
    yield found
    found.close()
    engine.dispose()


def batch(*units: Unit) -> list[Waiting]:
    return [Waiting(one, prepare(one.record, TENANT, KEYS) if one.record else None) for one in units]


def written(writer: Writer, waiting: Sequence[Waiting]) -> list[str]:
    """Write one batch; "" for each unit that was written, else the kind of the lost mark, or the refusal's code."""
    writer.write(waiting)
    found = []
    for one in waiting:
        try:
            one.wait(0)
        except Conflict as error:
            found.append(error.kind)
        except StoreUnavailable as error:
            found.append(error.code)
        else:
            found.append("")
    return found


def count(url: str, table: Table) -> int:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.scalar(select(func.count()).select_from(table))
    engine.dispose()
    return found or 0


@pytest.mark.spec("design §6")
def test_equal_marks_in_one_batch_go_to_exactly_one_unit(writer: Writer, url: str) -> None:
    found = written(writer, batch(*(unit(*marks("same"), record=release()) for _ in range(20))))
    assert found == ["", *["login"] * 19]
    assert count(url, tables.records) == 1
    assert count(url, tables.staged) == 1


@pytest.mark.spec("design §6")
def test_a_mark_that_only_a_dropped_unit_wanted_is_free_for_the_next(writer: Writer, url: str) -> None:
    assert written(writer, batch(unit(*marks("taken")))) == [""]
    first = unit(*marks("free"), *marks("taken"), record=release())
    found = written(writer, batch(first, unit(*marks("free"), record=release()), unit(*marks("free"), record=release())))
    assert found == ["login", "", "login"]
    assert count(url, tables.records) == 1
    assert count(url, tables.marks) == 2


@pytest.mark.parametrize("ends", [(LATER, LATER + 60), (LATER + 60, LATER)])
def test_a_mark_that_a_unit_names_twice_stays_taken_until_the_later_end(
    writer: Writer, url: str, ends: tuple[int, int]
) -> None:
    assert written(writer, batch(unit(*(mark for end in ends for mark in marks("same", end=end))))) == [""]
    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.scalars(select(tables.marks.c.ends)).all() == [LATER + 60]
    engine.dispose()


@pytest.mark.spec("design §6")
def test_each_transaction_asks_for_its_marks_once(url: str) -> None:
    """Marks that are asked for after others were taken could meet those of another process in reversed order."""
    engine = open_engine(url)
    writer = Writer(engine=engine, keys=KEYS)
    assert written(writer, batch(unit(*marks("taken")))) == [""]
    begins: list[str] = []
    event.listen(engine, "begin", lambda _connection: begins.append("begin"))
    sent = sent_by(engine)
    first = unit(*marks("free"), *marks("taken"))
    assert written(writer, batch(first, unit(*marks("free")), unit(*marks("other")))) == ["login", "", ""]
    writer.close()
    engine.dispose()
    assert sum(statement.startswith("INSERT INTO marks") for statement, _ in sent) == len(begins) == 2


@pytest.mark.spec("design §6")
def test_equal_subjects_in_one_batch_are_counted_one_by_one(writer: Writer, url: str) -> None:
    people = [b"a" * 32, b"b" * 32, b"a" * 32, b"a" * 32, b"b" * 32]
    for _ in range(2):
        assert set(written(writer, batch(*(unit(record=release(person)) for person in people)))) == {""}
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(select(tables.records.c.subject, tables.records.c.position)).all()
        counters = {row.subject: row.counter for row in connection.execute(select(tables.subjects))}
    engine.dispose()
    assert counters == {b"a" * 32: 6, b"b" * 32: 4}
    for person, counter in counters.items():
        assert sorted(row.position for row in rows if row.subject == person) == list(range(1, counter + 1))


def test_a_unit_that_the_database_refuses_takes_no_other_with_it(writer: Writer, url: str) -> None:
    twice = release()
    login = DecisionRow(b"l" * 32, b"c" * 32, NOW)
    found = written(
        writer,
        batch(
            unit(record=release()),
            unit(record=twice),
            unit(record=twice),  # the same record again under other marks
            Unit(tenant=TENANT, decision=login),
            Unit(tenant=TENANT, decision=login),  # a decision that no mark guards
            unit(parked=[parked(), parked()]),  # the same handle twice
            unit(record=release()),
        ),
    )
    assert found == ["", "", "store_unavailable", "", "store_unavailable", "store_unavailable", ""]
    assert count(url, tables.records) == count(url, tables.staged) == 3
    assert count(url, tables.decisions) == 4
    assert count(url, tables.parked) == 0


@pytest.mark.spec("design §6")
def test_what_waits_is_written_in_one_transaction(folder: Path) -> None:
    url = f"sqlite:///{folder / 'ciconia.db'}"
    store = opened_at(url)
    begins: list[str] = []

    event.listen(store.engine, "begin", lambda _connection: begins.append("begin"))
    connected = threading.Event()
    event.listen(store.engine, "checkout", lambda *_: connected.set())  # the writer's connection, once it has its batch

    lock = open_engine(url)
    with ThreadPoolExecutor(24) as pool:
        with lock.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # nobody else writes now
            waiting = [pool.submit(store.commit, unit(record=release()))]
            assert connected.wait(60)
            waiting += [pool.submit(store.commit, unit(record=release())) for _ in range(23)]
            until(lambda: store._writer._queue.qsize() >= 23)
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN")
        for one in waiting:
            one.result(timeout=60)
    lock.dispose()
    store.close()
    assert len(begins) == 2  # the one that was already waiting for the lock, and all the others
    assert count(url, tables.records) == 24


def test_closing_writes_what_waits_and_refuses_what_comes_later(url: str) -> None:
    store = opened_at(url)
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(store.commit, unit(record=release())) for _ in range(64)]
        until(lambda: any(one.done() for one in waiting))
        store.close()
    refused = [one for one in waiting if isinstance(one.exception(timeout=60), StoreUnavailable)]
    assert count(url, tables.records) == 64 - len(refused) > 0
    with pytest.raises(StoreUnavailable):
        store.commit(unit())
    store.close()


def test_too_many_waiting_units_are_refused_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.store.writer.MAX_WAITING", 1)
    engine = open_engine(url)
    writer = Writer(engine=engine, keys=KEYS)
    holding, go_on = threading.Event(), threading.Event()

    @event.listens_for(engine, "begin")
    def hold(_connection: Connection) -> None:
        holding.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(writer.commit, unit())
        assert holding.wait(60)
        second = pool.submit(writer.commit, unit())
        until(lambda: writer._queue.qsize() > 0)
        with pytest.raises(StoreUnavailable, match="wait"):
            writer.commit(unit())
        go_on.set()
        first.result(timeout=60)
        second.result(timeout=60)
    writer.close()
    engine.dispose()


def test_closing_waits_for_no_transaction_that_stands_still(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.store.writer.COMMIT_SECONDS", 0.05)
    store = opened_at(url)
    holding, go_on = threading.Event(), threading.Event()

    @event.listens_for(store.engine, "commit")
    def hold(_connection: Connection) -> None:
        holding.set()
        assert go_on.wait(60)

    unknown = pytest.raises(StoreUnavailable, match="whether it was written is not known")
    with given_up_when(holding.is_set), unknown:
        store.commit(unit(record=release()))
    store.close()
    assert store.stands_still, "it is left behind, and its thread is one that no process waits for"
    assert store._writer._thread.daemon
    with pytest.raises(StoreUnavailable, match="the writer is closed"):
        store.commit(unit())
    go_on.set()
    store._writer._thread.join(60)
    assert not store._writer._thread.is_alive()
    assert count(url, tables.records) == 1


@pytest.mark.spec("security.md §3 I3")
def test_of_several_processes_exactly_one_takes_each_mark(url: str) -> None:
    command = [sys.executable, "-m", "tests.idp.store.taker", url, "40"]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    taken = []
    for worker in workers:
        output, _ = worker.communicate(timeout=300)
        assert worker.returncode == 0
        taken.extend(output.split())
    assert sorted(taken) == sorted(f"mark-{number}" for number in range(40))
    assert count(url, tables.records) == 40
    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(select(tables.subjects.c.counter)) == 40
    engine.dispose()


@pytest.mark.spec("design §6")
def test_processes_that_want_the_same_marks_in_reversed_orders_do_not_lock_each_other_out(url: str) -> None:
    command = [sys.executable, "-m", "tests.idp.store.taker", url, "60", "pairs"]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    taken: list[str] = []
    for worker in workers:
        output, _ = worker.communicate(timeout=300)
        assert worker.returncode == 0  # nobody was told anything but that a mark was taken
        taken += output.split()
    assert len(taken) == len(set(taken)) == count(url, tables.marks) == 2 * count(url, tables.records)
    # no pair is left of which both marks are free
    names = {f"mark-{number}" for number in range(60)}
    free = sorted(int(name.removeprefix("mark-")) for name in names - set(taken))
    assert all(after - before > 1 for before, after in itertools.pairwise(free))
