"""Partitions by period on PostgreSQL: dropped when they end, made before they begin, and purge takes nothing else."""

import time

import pytest
from psycopg import Cursor
from sqlalchemy import Connection, event, func, inspect, select

from idp.ports import SealingRow, Unit
from idp.store import tables
from idp.store.periods import (
    AHEAD,
    LOCK_MILLISECONDS,
    PARTITIONED,
    PERIOD,
    make_partition,
    partition_of,
    rest_of,
    turn_periods,
)
from idp.store.sealing import StoredSealingKeys
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
    """The machine's clock: partitions go by the database's, which is the same."""
    return int(time.time())


def test_the_first_purge_makes_the_coming_periods_and_the_next_nothing(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    for parent in PARTITIONED:
        assert partitions(store, parent.name) == {rest_of(parent)}
    for _ in range(2):
        store.purge(now)
        for parent in PARTITIONED:
            coming = {partition_of(parent, now // PERIOD + ahead) for ahead in range(AHEAD + 1)}
            assert partitions(store, parent.name) == {rest_of(parent), *coming}
    store.close()


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


def test_what_has_no_period_is_deleted_at_its_end(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    far = now + 100 * PERIOD
    store.purge(now)
    rows = [parked(b"f" * 32, end=far), parked(b"p" * 32, end=now - 100 * PERIOD)]
    store.commit(unit(*marks("far", end=far), parked=rows, end=far))
    assert in_table(store, "parked_rest") == 2
    assert store.purge(now) == 1
    assert store.parked(TENANT, "code", b"f" * 32, now) == b"sealed"
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


def test_a_period_whose_rows_lie_with_the_rest_is_left_there(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    end = (now // PERIOD + 2) * PERIOD
    store.commit(unit(parked=[parked(end=end)]))
    store.purge(now)
    others = {now // PERIOD + ahead for ahead in range(AHEAD + 1)} - {end // PERIOD}
    assert partitions(store, "parked") == {"parked_rest", *(partition_of(tables.parked, period) for period in others)}
    assert partition_of(tables.decisions, end // PERIOD) in partitions(store, "decisions")
    assert store.parked(TENANT, "code", b"d" * 32, now) == b"sealed"
    store.close()


def test_where_a_lock_is_not_to_be_had_logins_go_on_and_the_next_purge_drops(postgres: str, now: int) -> None:
    store, other = opened_at(postgres), opened_at(postgres)
    with other.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE parked IN ACCESS SHARE MODE")
        store.purge(now)
        assert partitions(store, "parked") == {"parked_rest"}
        store.commit(unit(parked=[parked(end=now + 60)]))
    store.purge(now)
    assert len(partitions(store, "parked")) == AHEAD + 1  # without the one whose row lies with the rest
    other.close()
    store.close()


def test_of_two_workers_that_turn_at_once_one_does_it_and_none_fails(postgres: str, now: int) -> None:
    """Else each would find no period and make all of them, and the second one's purge would fail."""
    one, other = opened_at(postgres), opened_at(postgres)
    meanwhile = [other]

    def looked(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "pg_inherits" in statement and meanwhile:
            turn_periods(meanwhile.pop().engine, tables.parked, now)
            assert partitions(other, "parked") == {"parked_rest"}, "it is left to the first one"

    event.listen(one.engine, "after_cursor_execute", looked)
    turn_periods(one.engine, tables.parked, now)
    assert not meanwhile
    assert len(partitions(one, "parked")) == AHEAD + 2
    other.close()
    one.close()


def test_a_turn_waits_for_a_lock_for_a_moment_and_whatever_comes_after_it_as_long_as_ever(postgres: str, now: int) -> None:
    """Each login waits behind who waits for a partition's lock; and one over the same connection may wait for a mark."""
    store, found = opened_at(postgres), list[object]()

    def made(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("CREATE TABLE"):
            found.append(connection.exec_driver_sql("SHOW lock_timeout").scalar())

    event.listen(store.engine, "after_cursor_execute", made)
    with store.engine.connect() as connection:
        before = connection.exec_driver_sql("SHOW lock_timeout").scalar()
    turn_periods(store.engine, tables.parked, now)
    assert set(found) == {f"{LOCK_MILLISECONDS}ms"}
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == before
    store.close()


def test_a_worker_whose_clock_is_behind_makes_the_periods_that_come_by_the_databases(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    store.purge(now - 10 * PERIOD)
    coming = {partition_of(tables.parked, now // PERIOD + ahead) for ahead in range(AHEAD + 1)}
    assert partitions(store, "parked") == {"parked_rest", *coming}
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


def test_a_partition_that_an_operator_made_is_passed_over_and_keeps_nothing_else(postgres: str, now: int) -> None:
    store = opened_at(postgres)
    with store.engine.begin() as connection:
        for number, name in enumerate(("parked_archive", "parked_archive_2024", "parked_01")):
            values = f"FROM ({2 * number + 1:d}) TO ({2 * number + 2:d})"
            connection.exec_driver_sql(f"CREATE TABLE {name} PARTITION OF parked FOR VALUES {values}")
    StoredSealingKeys(engine=store.engine, tenant=TENANT).add([SealingRow("decided", 1, b"w" * 60, 7200)])
    store.commit(unit(*marks("ended", end=now - 1), parked=[parked(end=7)], end=now - 1))
    assert store.purge(now) == 4
    assert {in_table(store, name) for name in ("sealing_keys", "marks", "parked_rest", "decisions_rest")} == {0}
    coming = {partition_of(tables.parked, now // PERIOD + ahead) for ahead in range(AHEAD + 1)}
    theirs = {"parked_archive", "parked_archive_2024", "parked_01"}
    assert partitions(store, "parked") == {"parked_rest", *theirs, *coming}
    store.close()


def test_what_lies_in_no_period_is_deleted_in_pieces(postgres: str, monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    """One statement for a week's rows takes longer than a statement may: it failed each time, and nothing went again."""
    monkeypatch.setattr("idp.store.store.PURGED_AT_ONCE", 3)
    store, pieces = opened_at(postgres), list[int]()
    rows = [parked(bytes([number]) * 32, end=now - 100 * PERIOD + number) for number in range(10)]
    store.commit(unit(parked=rows, end=now + 60))

    def noting(_connection: object, cursor: Cursor[object], statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM parked_rest"):
            pieces.append(cursor.rowcount)

    event.listen(store.engine, "after_cursor_execute", noting)
    store.purge(now)
    assert pieces == [4, 4, 2]
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
