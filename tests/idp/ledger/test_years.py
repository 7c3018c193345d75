"""The turn of a year: its final checkpoint is one for everybody, is named by a leaf, and stays what it was."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any  # Any: a cursor of the driver

import pytest
from sqlalchemy import Connection, event, select, text, update

from idp.audit.verify import steps_of, verify_ledger
from idp.ledger.checkpoint import TreeHead, open_cosigned_note
from idp.ledger.operator_records import YEAR_ENDED
from idp.ports import Checkpoint
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.engine import reading, writing
from idp.store.migrate import migrate
from idp.store.reads import as_checkpoint
from idp.store.records.years import FinalCheckpoint, ended_years, final_checkpoint, year_records
from idp.store.store import Store
from idp.store.tree_state import checkpoint_seal
from policies.errors import Closed, NotFound, StoreUnavailable
from tests.idp.store.units import KEYS, ORIGIN, TENANT, Clock, commit_all, opened_at, release, unit
from tests.postgres import server

TURN = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A log in a database of either kind."""
    url = f"sqlite:///{tmp_path / 'ciconia.db'}" if request.param == "sqlite" else server().fresh()
    migrate(url)
    found = opened_at(url)
    yield found
    found.close()


@pytest.fixture
def clock() -> Clock:
    found = Clock()
    found.now = float(TURN - 30)
    return found


def sequencer_of(store: Store, clock: Clock) -> Sequencer:
    return Sequencer(store, KEYS, checkpoint_seconds=10, lease_seconds=30, clock=clock)


def grown(store: Store, sequencer: Sequencer, count: int = 1) -> Checkpoint:
    """So many records more, and a step."""
    commit_all(store, [unit(record=release(time=int(sequencer._clock()))) for _ in range(count)])
    assert sequencer.step()
    found = store.checkpoint(TENANT)
    assert found is not None
    return found


def named(store: Store, year: int) -> str | None:
    """The content of a year's record, None where there is none."""
    with reading(), store.engine.connect() as connection:
        facts = year_records(TENANT, KEYS).read(connection, year).get(year)
        assert list(ended_years(connection, TENANT)) in ([], [2026], [2026, 2027])
    assert facts is None or facts["act"] == YEAR_ENDED
    return None if facts is None else str(facts["about"])


def verified(store: Store) -> int:
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert report.holds, report.findings
    return report.size


@pytest.mark.spec("issue 31")
def test_the_last_checkpoint_of_a_year_is_named_by_a_leaf_and_stays(log: Store, clock: Clock) -> None:
    sequencer = sequencer_of(log, clock)
    grown(log, sequencer, 3)
    clock.now = float(TURN - 1)
    last = grown(log, sequencer, 2)
    assert (last.size, last.time) == (5, TURN - 1)
    with pytest.raises(NotFound):
        log.final(TENANT, 2026)
    assert named(log, 2026) is None, "it has not ended"
    clock.now += 10
    grown(log, sequencer)
    final = log.final(TENANT, 2026)
    head = TreeHead.read(open_cosigned_note(final.cosigned_note.encode(), *KEYS.log.known)[1])
    assert (final, head) == (last, TreeHead(ORIGIN, 5, last.root))
    assert named(log, 2026) == f"2026: checkpoint 2 over 5 leaves, root {last.root.hex()}"
    for year in (2025, 2027, 9999):
        with pytest.raises(NotFound):
            log.final(TENANT, year)
    clock.now += 10
    # The leaf that names it stands in the tree of the new year
    assert grown(log, sequencer).size == verified(log) == 8
    sequencer.stop()


@pytest.mark.spec("security.md §3")
def test_a_clock_that_goes_back_over_the_turn_changes_no_final_checkpoint(log: Store, clock: Clock) -> None:
    sequencer = sequencer_of(log, clock)
    grown(log, sequencer)
    clock.now = float(TURN)
    grown(log, sequencer)
    final, said = log.final(TENANT, 2026), named(log, 2026)
    for back in (3600, 20, 5):
        clock.now = float(TURN - back)
        grown(log, sequencer)
        assert (log.final(TENANT, 2026), named(log, 2026)) == (final, said)
    clock.now = float(TURN + 60)
    grown(log, sequencer)
    assert (log.final(TENANT, 2026), named(log, 2026)) == (final, said)
    verified(log)
    sequencer.stop()


@pytest.mark.spec("security.md §3")
@pytest.mark.parametrize("error", [StoreUnavailable("gone"), Closed("restored"), MemoryError()])
def test_after_a_crash_in_the_turn_the_next_holder_records_the_year(
    log: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    first, second = sequencer_of(log, clock), sequencer_of(log, clock)
    last = grown(log, first)
    clock.now = float(TURN)
    commit_all(log, [unit(record=release(time=TURN))])

    def fails(_unit: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(log, "commit", fails)
        with suppress(StoreUnavailable, MemoryError):
            first.step()
    newest = log.checkpoint(TENANT)
    assert newest is not None
    assert (newest.time, named(log, 2026)) == (TURN, None), "the new year's first checkpoint is signed, and no more"
    clock.now += 31
    assert second.step()
    assert named(log, 2026) == f"2026: checkpoint 1 over 1 leaves, root {last.root.hex()}"
    assert verified(log) >= 2
    second.stop()


def two_years(log: Store, clock: Clock) -> FinalCheckpoint:
    """Five leaves of a year, and twenty of the next; the checkpoint between."""
    sequencer = sequencer_of(log, clock)
    grown(log, sequencer, 5)
    clock.now = float(TURN)
    for _ in range(4):
        grown(log, sequencer, 5)
        clock.now += 10
    commit_all(log, [unit(record=release(time=int(clock.now)))])
    sequencer.stop()
    return between(log)


def between(log: Store) -> FinalCheckpoint:
    with reading(), log.engine.connect() as connection:
        return final_checkpoint(connection, TENANT, 2026)


def findings(log: Store, since: FinalCheckpoint | None = None, processes: int = 1) -> list[str]:
    report = verify_ledger(log.engine, tenant=TENANT, keys=KEYS, since=since, processes=processes)
    return [f"{each.table} {each.what}" for each in report.findings]


def changed(log: Store, statement: str) -> None:
    """Write as an attacker would, past the product."""
    with writing(log.engine).begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("processes", [1, 2])
def test_since_a_year_a_ledger_is_verified_from_the_final_checkpoint_on(log: Store, clock: Clock, processes: int) -> None:
    since = two_years(log, clock)
    assert since.checkpoint.size == 5
    report = verify_ledger(log.engine, tenant=TENANT, keys=KEYS, since=since, processes=processes)
    assert report.holds, report.findings
    newest = log.checkpoint(TENANT)
    assert newest is not None
    # The leaf that names the year came after the first twenty's first five
    assert (report.size, report.root) == (newest.size, newest.root) == (26, newest.root)
    assert steps_of(log.engine, TENANT, since) == 2 * 21


def test_since_a_year_the_records_before_are_not_even_read(store: Store, clock: Clock) -> None:
    since, read = two_years(store, clock), list[str]()

    def explained(_connection: Connection, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if "JOIN staged" in statement and "leaf_index BETWEEN" in statement:
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            read.extend(row[3] for row in rows if row[3].startswith(("SEARCH records", "SCAN records")))

    event.listen(store.engine, "before_cursor_execute", explained)
    assert findings(store, since) == []
    assert read
    assert all("leaf_hash=?" in each for each in read), set(read)


@pytest.mark.parametrize(
    ("statement", "whole", "later"),
    [
        ("UPDATE leaves SET leaf = x'7b7d' WHERE leaf_index = 20", True, True),
        ("UPDATE leaves SET leaf_hash = (SELECT root FROM trees) WHERE leaf_index = 20", True, True),
        ("DELETE FROM leaves WHERE leaf_index = 20", True, True),
        ("UPDATE nodes SET hash = (SELECT root FROM trees) WHERE level = 1 AND node_index = 2", True, True),
        ("UPDATE nodes SET hash = (SELECT root FROM trees) WHERE level = 3 AND node_index = 1", True, True),
        ("DELETE FROM nodes WHERE level = 4", True, True),
        ("UPDATE checkpoints SET time = time + 1 WHERE number = 3", True, True),
        ("UPDATE checkpoints SET root = (SELECT root FROM trees) WHERE number = 1", True, True),
        ("UPDATE records SET sent_opening = x'00' WHERE rowid = 20", True, True),
        ("UPDATE records SET sent_opening = x'00' WHERE record = (SELECT min(record) FROM staged)", True, True),
        ("DELETE FROM records WHERE rowid = 20", True, True),
        # What stands before: the right edge of the old tree is read, and nothing else
        ("UPDATE nodes SET hash = (SELECT root FROM trees) WHERE level = 2 AND node_index = 0", True, True),
        ("UPDATE leaves SET leaf_hash = (SELECT root FROM trees) WHERE leaf_index = 4", True, True),
        ("UPDATE leaves SET leaf = x'7b7d' WHERE leaf_index = 2", True, False),
        ("UPDATE nodes SET hash = (SELECT root FROM trees) WHERE level = 1 AND node_index = 0", True, False),
        ("UPDATE records SET sent_opening = x'00' WHERE rowid = 2", True, False),
    ],
)
def test_each_change_is_found_where_it_is_computed_again(
    tmp_path: Path, clock: Clock, statement: str, *, whole: bool, later: bool
) -> None:
    url = f"sqlite:///{tmp_path / 'ciconia.db'}"
    migrate(url)
    log = opened_at(url)
    since = two_years(log, clock)
    changed(log, statement)
    assert (bool(findings(log)), bool(findings(log, since))) == (whole, later)
    log.close()


def test_an_operator_who_moves_the_end_of_a_year_is_found_by_its_leaf(log: Store, clock: Clock) -> None:
    """With the keys the checkpoint's row is as we would write it."""
    two_years(log, clock)
    sequencer = sequencer_of(log, clock)
    grown(log, sequencer)
    sequencer.stop()
    final = between(log)
    assert final.number == 1
    with writing(log.engine).begin() as connection:
        table = tables.checkpoints
        row = connection.execute(select(table).where(table.c.number == 2)).one()
        moved = replace(as_checkpoint(row), time=TURN - 1)
        seal = checkpoint_seal(KEYS, TENANT, 2, moved)
        connection.execute(update(table).where(table.c.number == 2).values(time=moved.time, seal=seal))
    assert findings(log) == ["records it names another final checkpoint of 2026 than the one that is there"]


def test_two_holders_record_a_year_once(log: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one slept between its look and its commit."""
    first, second = sequencer_of(log, clock), sequencer_of(log, clock)
    grown(log, first)
    clock.now = float(TURN)
    commit_all(log, [unit(record=release(time=TURN))])
    commit = log.commit

    def asleep(one: object) -> None:
        monkeypatch.undo()
        clock.now += 31
        assert second.step()
        commit(one)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "commit", asleep)
    first.step()
    assert named(log, 2026) is not None
    clock.now += 31
    grown(log, second)
    assert verified(log) == 4
    second.stop()


def test_a_year_without_a_checkpoint_has_no_end_of_its_own(log: Store, clock: Clock) -> None:
    sequencer = sequencer_of(log, clock)
    last = grown(log, sequencer)
    clock.now = float(TURN) + 3 * 366 * 86400
    grown(log, sequencer)
    assert log.final(TENANT, 2026) == last
    for year in (2027, 2028, 2029):
        assert named(log, year) is None
        with pytest.raises(NotFound):
            log.final(TENANT, year)
    sequencer.stop()
