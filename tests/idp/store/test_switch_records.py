"""The ledger as the second witness of what is off: a row that was deleted or turned back switches nothing on."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine

from idp.ports import Unit
from idp.store.engine import open_engine
from idp.store.store import Store
from idp.store.switches import COUNTRY, HOLD_SECONDS, KEY, PARTY, Switchboard, Switches, faults_of_switches
from idp.store.switches.reading import TELL_AFTER_SECONDS
from idp.store.switches.records import AHEAD, SwitchRecords
from idp.transparency.draft import draft_switch
from idp.transparency.sequencer import Sequencer
from idp.transparency.verify import verify_ledger
from policies.errors import StoreUnavailable
from tests.idp.store.units import KEYS, TENANT, opened

NOW = 1_795_600_000
pytestmark = pytest.mark.spec("decisions.md 31")


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    found = opened(folder)
    yield found
    found.close()


@pytest.fixture
def board(store: Store) -> Switchboard:
    return Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    found = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    yield found
    found.dispose()


def edit(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement, values)


def fresh(engine: Engine) -> Switches:
    """A worker that starts now."""
    return Switches(engine=engine, tenant=TENANT, keys=KEYS)


def faults(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        found = faults_of_switches(connection, tenant=TENANT, keys=KEYS)
        return [f"{kind} {name}: {what}" for kind, name, what in found]


@pytest.mark.parametrize("kind", [PARTY, COUNTRY, KEY])
def test_a_worker_that_starts_after_the_row_was_deleted_has_it_off(
    folder: Path, board: Switchboard, engine: Engine, kind: str
) -> None:
    board.set_switch(kind, "parking", off=True, reason="it leaks", now=NOW)
    assert faults(engine) == []
    edit(folder, "DELETE FROM switches")
    assert fresh(engine).off(kind, "parking")
    assert not fresh(engine).off(kind, "budget")
    assert faults(engine) == [f"{kind} parking: the ledger has it off, and its row is gone: it counts as off."]


def test_a_worker_that_starts_after_the_row_was_turned_back_has_it_off(
    folder: Path, board: Switchboard, engine: Engine
) -> None:
    board.set_switch(PARTY, "parking", off=False, reason="fine", now=NOW)
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        old = connection.execute("SELECT off, reason, since, seal FROM switches").fetchone()
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW + 1)
    edit(folder, "UPDATE switches SET off = ?, reason = ?, since = ?, seal = ?", *old)
    assert fresh(engine).off(PARTY, "parking")
    assert faults(engine) == ["party parking: the ledger has it off, and its row is an older one: it counts as off."]


def test_an_older_row_that_says_off_stays_off_and_is_named(folder: Path, board: Switchboard, engine: Engine) -> None:
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        old = connection.execute("SELECT off, reason, since, seal FROM switches").fetchone()
    board.set_switch(PARTY, "parking", off=False, reason="mended", now=NOW + 5)
    edit(folder, "UPDATE switches SET off = ?, reason = ?, since = ?, seal = ?", *old)
    assert fresh(engine).off(PARTY, "parking")
    assert faults(engine) == ["party parking: the ledger has it on, and its row is an older one: it counts as off."]
    board.set_switch(PARTY, "parking", off=False, reason="looked at", now=NOW + 9)
    assert not fresh(engine).off(PARTY, "parking")
    assert faults(engine) == []


def test_on_again_what_was_issued_before_stays_ended_though_the_row_is_gone(
    folder: Path, board: Switchboard, engine: Engine
) -> None:
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    board.set_switch(PARTY, "parking", off=False, reason="mended", now=NOW + 60)
    edit(folder, "DELETE FROM switches")
    switches = fresh(engine)
    assert not switches.off(PARTY, "parking")
    assert [switches.off(PARTY, "parking", acts=acts) for acts in range(3)] == [True, True, False]


def test_a_strangers_row_ends_nothing_and_brings_back_nothing_when_it_is_gone(
    folder: Path, board: Switchboard, engine: Engine
) -> None:
    for off in (True, False):
        board.set_switch(PARTY, "parking", off=off, reason="it leaks", now=NOW)
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        ours = connection.execute("SELECT off, reason, since, seal FROM switches").fetchone()
    for spoilt in ((0, "fine", 1, b"x" * 32), (0, "fine", NOW * 2, b"x" * 32), ours):
        edit(folder, "UPDATE switches SET off = ?, reason = ?, since = ?, seal = ?", *spoilt)
        switches = fresh(engine)
        assert switches.off(PARTY, "parking") is (spoilt is not ours)
        assert switches.off(PARTY, "parking", acts=1)
        assert switches.off(PARTY, "parking", acts=2) is (spoilt is not ours)


def test_while_it_runs_a_row_that_vanishes_is_off_and_said_once(folder: Path, board: Switchboard, engine: Engine) -> None:
    at = [100.0]
    switches = Switches(engine=engine, tenant=TENANT, keys=KEYS, monotonic=lambda: at[0])
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    assert switches.off(PARTY, "parking")
    edit(folder, "DELETE FROM switches")
    with structlog.testing.capture_logs() as logs:
        for _ in range(40):
            at[0] += HOLD_SECONDS
            assert switches.off(PARTY, "parking")
    assert [(line["event"], line["kind"], line["name"]) for line in logs] == [("switch_row_changed", "party", "parking")]


def test_an_act_whose_row_comes_in_a_moment_is_obeyed_at_once_and_nobody_is_accused(store: Store, engine: Engine) -> None:
    """The record is written first: between the two, the ledger alone says it."""
    at = [100.0]
    switches = Switches(engine=engine, tenant=TENANT, keys=KEYS, monotonic=lambda: at[0])
    board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)
    with structlog.testing.capture_logs() as logs:
        board._record(PARTY, "parking", off=True, reason="it leaks", now=NOW)
        assert switches.off(PARTY, "parking")
        board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW + 1)
        for _ in range(int(TELL_AFTER_SECONDS * 4)):
            at[0] += HOLD_SECONDS
            assert switches.off(PARTY, "parking")
    assert not logs


def test_a_clock_that_was_set_back_keeps_no_switch_from_being_obeyed(
    folder: Path, board: Switchboard, engine: Engine
) -> None:
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    edit(folder, "DELETE FROM switches")
    board.set_switch(PARTY, "parking", off=False, reason="mended", now=NOW - 3600)
    assert not fresh(engine).off(PARTY, "parking")
    assert faults(engine) == []
    with engine.connect() as connection:
        assert SwitchRecords(TENANT, KEYS).read(connection)[PARTY, "parking"].time == NOW + 1


def test_more_acts_than_are_looked_at_at_once_are_all_found(board: Switchboard, engine: Engine) -> None:
    for number in range(AHEAD + 3):
        board.set_switch(PARTY, f"party-{number}", off=True, reason="it leaks", now=NOW + number)
    records = SwitchRecords(TENANT, KEYS)
    with engine.connect() as connection:
        assert len(records.read(connection)) == AHEAD + 3
        assert (records.next, records.lost) == (AHEAD + 3, set())


def test_a_record_that_was_deleted_is_missed_and_hides_none_after_it(
    folder: Path, board: Switchboard, engine: Engine
) -> None:
    for name in ("parking", "budget"):
        board.set_switch(PARTY, name, off=True, reason="it leaks", now=NOW)
    first = SwitchRecords(TENANT, KEYS).record(0)
    edit(folder, "DELETE FROM staged WHERE record = ?", first)
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        row = connection.execute("SELECT * FROM records WHERE record = ?", (first,)).fetchone()
    edit(folder, "DELETE FROM records WHERE record = ?", first)
    edit(folder, "DELETE FROM switches")
    worker = fresh(engine)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="a record of a switch is gone"):
            worker.off(PARTY, "budget")
    told = faults(engine)
    assert told[-1] == "ledger : 1 records of switches are gone: what they switched off is not known."
    edit(folder, f"INSERT INTO records VALUES ({', '.join('?' * len(row))})", *row)  # noqa: S608 - question marks alone
    assert worker.off(PARTY, "parking"), "what was lost is there again, in its place"
    assert worker.off(PARTY, "budget")


@pytest.mark.parametrize("time", [2**60, 2**63 - 1, -(2**60), 253_370_764_800, 0])
def test_a_record_whose_time_was_changed_is_lost_and_what_is_switched_off_after_it_is_recorded(
    folder: Path, board: Switchboard, engine: Engine, time: int
) -> None:
    running = fresh(engine)
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    edit(folder, "UPDATE records SET time = ? WHERE record = ?", time, SwitchRecords(TENANT, KEYS).record(0))
    board.set_switch(KEY, "stolen", off=True, reason="it was stolen", now=NOW + 1)
    for worker in (running, fresh(engine)):
        with pytest.raises(StoreUnavailable, match="a record of a switch is gone"):
            worker.off(KEY, "stolen")
    assert faults(engine)[-1] == "ledger : 1 records of switches are gone: what they switched off is not known."
    edit(folder, "UPDATE records SET time = ? WHERE record = ?", NOW, SwitchRecords(TENANT, KEYS).record(0))
    assert fresh(engine).off(PARTY, "parking")
    assert fresh(engine).off(KEY, "stolen")


def test_a_checkpoint_whose_time_was_changed_keeps_nobody_from_switching_off(
    folder: Path, store: Store, board: Switchboard, engine: Engine
) -> None:
    board.set_switch(PARTY, "parking", off=False, reason="fine", now=NOW)
    Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW).step()
    edit(folder, "UPDATE checkpoints SET time = ?", 2**60)
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW + 1)
    assert fresh(engine).off(PARTY, "parking")


def test_records_that_vanish_behind_a_hole_do_not_close_it(folder: Path, board: Switchboard, engine: Engine) -> None:
    for number in range(AHEAD + 4):
        board.set_switch(PARTY, f"party{number}", off=True, reason="it leaks", now=NOW)
    records = SwitchRecords(TENANT, KEYS)
    ids = [records.record(number) for number in range(AHEAD + 4)]
    edit(folder, "DELETE FROM staged")
    edit(folder, "DELETE FROM records WHERE record = ?", ids[0])
    worker = fresh(engine)
    with pytest.raises(StoreUnavailable):
        worker.current()
    for each in ids:
        edit(folder, "DELETE FROM records WHERE record = ?", each)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            worker.current()


def test_a_question_that_failed_does_not_forget_that_a_record_is_lost(
    folder: Path, board: Switchboard, engine: Engine
) -> None:
    for name in ("parking", "budget"):
        board.set_switch(PARTY, name, off=True, reason="it leaks", now=NOW)
    edit(folder, "DELETE FROM switches")
    edit(folder, "DELETE FROM staged")
    edit(folder, "DELETE FROM records WHERE record = ?", SwitchRecords(TENANT, KEYS).record(0))
    worker = fresh(engine)
    with pytest.raises(StoreUnavailable, match="a record of a switch is gone"):
        worker.off(PARTY, "parking")
    edit(folder, "DELETE FROM records")
    edit(folder, "ALTER TABLE records RENAME TO away")
    with pytest.raises(StoreUnavailable) as failed:
        worker.off(PARTY, "parking")
    assert "a record of a switch is gone" not in str(failed.value)
    edit(folder, "ALTER TABLE away RENAME TO records")
    with pytest.raises(StoreUnavailable, match="a record of a switch is gone"):
        worker.off(PARTY, "parking")


def test_commands_that_act_at_once_have_a_record_each(folder: Path, engine: Engine) -> None:
    """All read the same free place; whoever comes second takes the next one."""
    stores = [opened(folder) for _ in range(4)]
    boards = [Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store) for store in stores]
    start = threading.Barrier(len(boards))

    def act(number: int) -> None:
        start.wait()
        boards[number].set_switch(PARTY, f"party-{number}", off=True, reason="it leaks", now=NOW)

    threads = [threading.Thread(target=act, args=(number,)) for number in range(len(boards))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    records = SwitchRecords(TENANT, KEYS)
    with engine.connect() as connection:
        assert {name for _, name in records.read(connection)} == {f"party-{number}" for number in range(len(boards))}
    assert faults(engine) == []


class Answering:
    """Commits that say of the first act that it is written, while another's took its place."""

    def __init__(self, store: Store) -> None:
        self.store, self.asked = store, 0

    def commit(self, unit: Unit) -> None:
        self.asked += 1
        if self.asked == 1 and unit.record is not None:
            place = unit.record.record
            record = draft_switch(record=place, time=NOW, switch=PARTY, name="budget", off=True, reason="it leaks")
            unit = Unit(tenant=TENANT, record=record)
        self.store.commit(unit)


def test_an_act_that_reads_back_as_anothers_takes_the_next_place(store: Store, engine: Engine) -> None:
    board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=Answering(store))
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    records = SwitchRecords(TENANT, KEYS)
    assert board.recorded == records.record(1)
    with engine.connect() as connection:
        assert [name for _, name in records.read(connection)] == ["budget", "parking"]


class Full:
    """Commits of a database that takes nothing any more."""

    def __init__(self) -> None:
        self.asked = 0

    def commit(self, _unit: Unit) -> None:
        self.asked += 1
        raise StoreUnavailable("SQLITE_FULL")


def test_a_database_that_takes_no_act_is_asked_once_and_it_is_said_why(store: Store, engine: Engine) -> None:
    full = Full()
    board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=full)
    with pytest.raises(StoreUnavailable, match="SQLITE_FULL"):
        board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    assert full.asked == 1
    assert not fresh(engine).off(PARTY, "parking")


def test_the_records_hold_in_the_check_of_the_whole_ledger(board: Switchboard, engine: Engine) -> None:
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    board.set_switch(PARTY, "parking", off=False, reason="mended", now=NOW + 1)
    found = verify_ledger(engine, tenant=TENANT, keys=KEYS, role="city").findings
    assert [finding for finding in found if finding.table == "records"] == []
