"""Partitions by period on PostgreSQL: dropped when they end, made before they begin, and purge takes nothing else."""

import time

import pytest
from sqlalchemy import func, inspect, select

from idp.ports import SealingRow, Unit
from idp.store import tables
from idp.store.periods import (
    PERIOD,
    make_partition,
    turn_periods,
)
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.store import Store
from policies.errors import Conflict, NotFound, StoreUnavailable
from tests.idp.store.units import TENANT, marks, opened_at, parked, unit


def partitions(store: Store, name: str) -> set[str]:
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %(name)s::regclass"
    with store.engine.connect() as connection:
        return set(connection.exec_driver_sql(query, {"name": name}).scalars())


def in_table(store: Store, name: str) -> int:
    with store.engine.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() or 0)  # noqa: S608  our names


@pytest.fixture
def now() -> int:
    """The machine's clock, well before a period ends: partitions go by the database's, which is the same."""
    if (left := PERIOD - time.time() % PERIOD) < 20:
        time.sleep(left + 1)
    return int(time.time())


def test_a_row_lies_in_the_period_of_its_end_and_is_found_removed_and_decided_there(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    store.purge(now)
    period = now // PERIOD + 1
    end = period * PERIOD + 7
    one = unit(parked=[parked(end=end)], end=end)
    store.commit(one)
    assert in_table(store, f"parked_{period}") == in_table(store, f"decisions_{period}") == 1
    assert in_table(store, "parked_rest") == 0
    assert store.parked(TENANT, "code", b"d" * 32, now) == b"sealed"
    assert one.decision is not None
    assert store.decision(TENANT, one.decision.login, now) == one.decision
    store.commit(unit(removed=[b"d" * 32]))
    with pytest.raises(NotFound):
        store.parked(TENANT, "code", b"d" * 32, now)
    store.close()


def test_a_period_is_dropped_when_it_has_ended_by_our_clock_and_by_the_databases(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    past, current = now // PERIOD - 1, now // PERIOD
    with store.engine.begin() as connection:
        for period in (past - 1, past, current):
            make_partition(connection, tables.parked, period)
    for number, period in enumerate((past - 1, past, current)):
        store.commit(unit(*marks(str(number)), parked=[parked(bytes([number]) * 32, end=(period + 1) * PERIOD - 1)]))
    # a clock that is behind drops what ended by it, and one that is ahead nothing more than has ended
    store.purge(now - PERIOD)
    assert f"parked_{past - 1}" not in partitions(store, "parked")
    assert f"parked_{past}" in partitions(store, "parked")
    store.purge(now + 10 * PERIOD)
    assert f"parked_{past}" not in partitions(store, "parked")
    assert f"parked_{current}" in partitions(store, "parked")
    assert in_table(store, "parked") == 1
    # Nor does it where nobody has looked at the database's clock before
    turn_periods(store.engine, tables.parked, now + 10 * PERIOD)
    assert f"parked_{current}" in partitions(store, "parked")
    store.close()


def test_a_worker_whose_clock_is_ahead_makes_nothing_free_that_was_taken(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    end = now + 900
    store.commit(unit(*marks("login", end=end), parked=[parked(end=end)], end=end))
    assert store.purge(now + 2 * 3600) == 0
    with pytest.raises(Conflict):
        store.commit(unit(*marks("login", end=end)))
    assert store.parked(TENANT, "code", b"d" * 32, now) == b"sealed"
    store.close()


@pytest.mark.spec("security.md §3 I3")
def test_a_mark_is_taken_once_whatever_end_each_gives_it(url: str, now: int) -> None:
    """Why marks have no partitions: their key must not hold their end."""
    store = opened_at(url)
    store.purge(now)
    store.commit(unit(*marks("one", end=now + 60)))
    with pytest.raises(Conflict):
        store.commit(unit(*marks("one", end=now + 5 * PERIOD)))
    keys = inspect(store.engine).get_pk_constraint("marks")["constrained_columns"]
    assert keys == ["tenant", "kind", "digest"]
    store.close()


def test_purge_deletes_in_pieces_and_all_of_it(url: str, monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    monkeypatch.setattr("idp.store.store.PURGED_AT_ONCE", 3)
    store = opened_at(url)
    for number in range(10):
        store.commit(unit(*marks(f"ended {number}", end=now - 20 + number), end=now + 60))
    store.commit(unit(*marks("alive", end=now + 1), end=now + 60))
    assert store.purge(now) == 10
    with store.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.marks)) == 1
    store.close()


def test_what_cannot_be_dropped_or_deleted_keeps_no_sealing_key_and_no_mark(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    past = now // PERIOD - 1
    with store.engine.begin() as connection:
        make_partition(connection, tables.parked, past)
        connection.exec_driver_sql(f"CREATE VIEW theirs AS SELECT * FROM parked_{past}")  # noqa: S608  our own
        connection.exec_driver_sql("ALTER TABLE decisions_rest RENAME TO decisions_moved")
    StoredSealingKeys(engine=store.engine, tenant=TENANT).add([SealingRow("decided", 1, b"w" * 60, 7200)])
    rows = [parked(b"r" * 32, end=now - 100 * PERIOD)]
    store.commit(Unit(tenant=TENANT, marks=marks("ended", end=now - 1), parked=tuple(rows)))
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="2BP01"):  # dependent_objects_still_exist
            store.purge(now)
        assert {in_table(store, name) for name in ("sealing_keys", "marks", "parked_rest")} == {0}
    store.close()
