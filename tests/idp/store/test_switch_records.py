"""The ledger as the second witness of what is off: a row that was deleted or turned back switches nothing on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine

from idp.audit.verify import verify_ledger
from idp.store.engine import open_engine
from idp.store.switches.switch import COUNTRY, KEY, PARTY
from idp.store.switches.switch_records import SwitchRecords
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import HOLD_SECONDS, Switches, faults_of_switches
from policies.errors import StoreUnavailable
from tests.idp.store.units import KEYS, TENANT, edit

NOW = 1_795_600_000
pytestmark = pytest.mark.spec("decisions.md 31")


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    found = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    yield found
    found.dispose()


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


def test_the_records_hold_in_the_check_of_the_whole_ledger(board: Switchboard, engine: Engine) -> None:
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    board.set_switch(PARTY, "parking", off=False, reason="mended", now=NOW + 1)
    found = verify_ledger(engine, tenant=TENANT, keys=KEYS, role="city").findings
    assert [finding for finding in found if finding.table == "records"] == []
