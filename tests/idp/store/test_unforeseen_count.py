"""The count of what nobody foresaw: durable, bounded, of one tenant, and nobody waits for it."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from idp.store import tables
from idp.store.store import Store
from idp.store.unforeseen import DAY, KEPT_DAYS, MANY, MAX_NAME, MAX_PENDING, Key, Unforeseen
from policies.errors import BrokerError, Misconfigured, Problem, StoreUnavailable
from policies.parties import Tenant
from tests.idp.store.units import TENANT, opened, opened_at
from tests.postgres import server

NOW = 20_000 * DAY + 5


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def count(store: Store, clock: Clock) -> Iterator[Unforeseen]:
    made = Unforeseen(engine=store.engine, tenant=TENANT, clock=clock)
    yield made
    made.stop()


def rows(store: Store) -> list[tuple[str, int, str, str, int]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(tables.unforeseen).order_by(*tables.unforeseen.c))]


def test_what_is_seen_is_added_up_by_day_place_and_kind(store: Store, count: Unforeseen, clock: Clock) -> None:
    for _ in range(3):
        count.seen("/saml/acs", "KeyError")
    count.seen("/token", "KeyError")
    assert rows(store) == [], "nobody who is answered waits for the disk"
    count.flush()
    count.seen("/saml/acs", "KeyError")
    clock.now += DAY
    count.seen("/saml/acs", "KeyError")
    count.flush()
    assert rows(store) == [
        (TENANT, 20_000, "/saml/acs", "KeyError", 4),
        (TENANT, 20_000, "/token", "KeyError", 1),
        (TENANT, 20_001, "/saml/acs", "KeyError", 1),
    ]


def test_the_thread_writes_it_and_stopping_writes_the_rest(store: Store, count: Unforeseen) -> None:
    count.start()
    count.seen("/saml/acs", "KeyError")
    count.stop()
    assert [row[4] for row in rows(store)] == [1]
    count.seen("/saml/acs", "KeyError")
    count.stop()
    assert [row[4] for row in rows(store)] == [2], "and what came after the thread had ended"


def test_a_process_that_starts_again_goes_on_counting(folder: Path, clock: Clock) -> None:
    for expected in (1, 2):
        store = opened(folder)
        again = Unforeseen(engine=store.engine, tenant=TENANT, clock=clock)
        again.seen("/token", "ValueError")
        again.stop()
        assert [row[4] for row in rows(store)] == [expected]
        store.close()


def test_two_processes_add_to_the_same_row(store: Store, count: Unforeseen, clock: Clock) -> None:
    other = Unforeseen(engine=store.engine, tenant=TENANT, clock=clock)
    for one in (count, other):
        one.seen("/token", "ValueError")
        one.flush()
    assert [row[4] for row in rows(store)] == [2]


def test_more_kinds_than_a_hundred_at_once_are_counted_together(store: Store, count: Unforeseen) -> None:
    for number in range(MAX_PENDING + 50):
        count.seen(f"/{number}", "KeyError")
    count.seen("/0", "KeyError")
    count.flush()
    found = {(place, kind): times for _, _, place, kind, times in rows(store)}
    assert len(found) == MAX_PENDING + 1
    assert (found[MANY], found["/0", "KeyError"]) == (50, 2)


def test_a_name_is_cut_to_its_bound(store: Store, count: Unforeseen) -> None:
    count.seen("/" + "a" * 1000, "E" * 1000)
    count.flush()
    assert [(len(row[2]), len(row[3])) for row in rows(store)] == [(MAX_NAME, MAX_NAME)]


def test_rows_of_a_quarter_of_a_year_ago_go(store: Store, count: Unforeseen, clock: Clock) -> None:
    count.seen("/token", "ValueError")
    count.flush()
    clock.now += (KEPT_DAYS - 1) * DAY
    count.seen("/saml/acs", "KeyError")
    count.flush()
    assert len(rows(store)) == 2
    assert store.purge(clock.now) == 0
    assert len(rows(store)) == 2
    clock.now += DAY
    assert store.purge(clock.now) == 1, "though nothing more is counted"
    assert {row[2] for row in rows(store)} == {"/saml/acs"}


def test_another_tenants_rows_stay_as_they_are(store: Store, count: Unforeseen, clock: Clock) -> None:
    other = Unforeseen(engine=store.engine, tenant=Tenant("other.test"), clock=clock)
    for one in (count, other):
        one.seen("/token", "ValueError")
        one.flush()
    assert store.purge(clock.now + 2 * KEPT_DAYS * DAY) == 1
    assert [row[0] for row in rows(store)] == ["other.test"]


def test_what_the_database_cannot_take_waits(store: Store, count: Unforeseen, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    count.seen("/token", "ValueError")
    with monkeypatch.context() as patched:
        patched.setattr(count, "_write", full)
        count.flush()
        count.seen("/token", "ValueError")
        count.flush()
    assert rows(store) == []
    count.flush()
    assert [row[4] for row in rows(store)] == [2]


def test_many_threads_count_every_one(store: Store, count: Unforeseen) -> None:
    def busy() -> None:
        for _ in range(200):
            count.seen("/token", "ValueError")

    threads = [threading.Thread(target=busy) for _ in range(8)]
    count.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count.stop()
    assert [row[4] for row in rows(store)] == [1600]


def test_a_connection_that_is_refused_ends_neither_the_thread_nor_what_it_holds(
    postgres: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL that came back with a setting by which a commit may be lost, and was mended."""
    monkeypatch.setattr("idp.store.unforeseen.TOGETHER_SECONDS", 0)
    name = postgres.rpartition("/")[2]
    store = opened_at(postgres)
    count = Unforeseen(engine=store.engine, tenant=TENANT, clock=clock)
    tried = threading.Event()
    written = count._write

    def watched(counted: Counter[Key]) -> None:
        try:
            written(counted)
        finally:
            tried.set()

    monkeypatch.setattr(count, "_write", watched)
    server().execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    store.engine.dispose()
    count.start()
    count.seen("/token", "ValueError")
    assert tried.wait(10)
    count.stop()  # it holds what it could not write, and whoever ends goes on to close the store
    server().execute(f"ALTER DATABASE {name} RESET synchronous_commit")
    count.stop()
    assert [row[4] for row in rows(store)] == [1]
    store.close()


@pytest.mark.parametrize(
    "refusal",
    [StoreUnavailable("the database is not what it was"), Misconfigured((Problem("", 0, "database", "not WAL.", ""),))],
)
def test_what_each_connection_is_asked_may_be_refused_for_a_while(
    store: Store, count: Unforeseen, refusal: BrokerError
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    count.seen("/token", "ValueError")
    store.engine.dispose()
    event.listen(store.engine, "connect", refuse)
    count.flush()
    event.remove(store.engine, "connect", refuse)
    count.flush()
    assert [row[4] for row in rows(store)] == [1]
