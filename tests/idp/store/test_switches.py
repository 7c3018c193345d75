"""Switches: what an operator switched off is off on every worker within a second, and nobody else switches it on."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from idp.audit.verify import verify_ledger
from idp.ports import Unit
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from idp.store.switches.switch import COUNTRY, KEY, KINDS, PARTY, PROVIDER
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import HOLD_SECONDS, Switches
from policies.errors import StoreUnavailable
from policies.parties import Tenant
from tests.idp.store.units import KEYS, TENANT, edit, engine_of, release

NOW = 1_795_600_000
ROOT = Path(__file__).parents[3]


class Clock:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Counting:
    """An engine that counts how often somebody asked it, and can be made to fail or to hang."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.asked, self.fails = engine, 0, False
        self.gate = threading.Event()
        self.gate.set()
        # What comes between the end of a read and the answer
        self.afterwards: Callable[[], object] = lambda: None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        self.asked += 1
        self.gate.wait(5)
        if self.fails:
            raise StoreUnavailable("gone")
        with self.engine.connect() as connection:
            yield connection
        self.afterwards()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counting(folder: Path) -> Counting:
    return Counting(engine_of(folder))


@pytest.fixture
def switches(counting: Counting, clock: Clock) -> Switches:
    # A double that has what is used of an engine
    return Switches(engine=counting, tenant=TENANT, keys=KEYS, monotonic=clock)  # type: ignore[arg-type] # see above


# -- what a switch does


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_never_switched_is_on_and_what_was_switched_off_is_off(
    board: Switchboard, switches: Switches, clock: Clock, kind: str
) -> None:
    assert not switches.off(kind, "parking")
    board.set_switch(kind, "parking", off=True, reason="it leaks", now=NOW)
    clock.seconds += HOLD_SECONDS
    assert switches.off(kind, "parking")
    assert not any(switches.off(other, "parking") for other in KINDS if other != kind)
    assert not switches.off(kind, "budget")


def test_what_knew_fewer_acts_when_it_was_asked_does_not_come_back(board: Switchboard, switches: Switches) -> None:
    board.set_switch(PARTY, "budget", off=False, reason="fine", now=NOW)
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    board.set_switch(PARTY, "parking", off=False, reason="mended", now=NOW)
    assert switches.acts == 3
    assert [switches.off(PARTY, "parking", acts=acts) for acts in range(4)] == [True, True, True, False]
    assert [switches.off(PARTY, "budget", acts=acts) for acts in range(4)] == [True, False, False, False]
    assert not switches.off(PARTY, "fares", acts=0)


def test_a_worker_that_has_not_read_the_last_acts_ends_too_much_and_compares_rightly_once_it_has(
    folder: Path, board: Switchboard, switches: Switches, clock: Clock
) -> None:
    assert switches.acts == 0
    for off in (True, False):
        board.set_switch(PARTY, "parking", off=off, reason="it leaks", now=NOW)
    reader = Switches(engine=engine_of(folder), tenant=TENANT, keys=KEYS)
    ahead = reader.acts
    assert (switches.acts, ahead) == (0, 2)
    assert reader.off(PARTY, "parking", acts=switches.acts), "asked here after it was on again, and ended all the same"
    assert not switches.off(PARTY, "parking", acts=ahead)
    clock.seconds += HOLD_SECONDS
    assert not switches.off(PARTY, "parking", acts=ahead), "it was known where it was asked"
    for off in (True, False):
        board.set_switch(PARTY, "parking", off=off, reason="it leaks", now=NOW)
    clock.seconds += HOLD_SECONDS
    assert switches.off(PARTY, "parking", acts=ahead)


@pytest.mark.parametrize("signed", [False, True])
def test_a_key_that_is_revoked_by_a_clock_that_is_behind_is_revoked_when_the_ledger_was_last_used(
    store: Store, board: Switchboard, switches: Switches, *, signed: bool
) -> None:
    """Revoked early enough, it never took over: the key before it would sign again, though it is over."""
    store.commit(Unit(tenant=TENANT, record=replace(release(), time=NOW)))
    if signed:
        sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
        assert sequencer.step()
        sequencer.stop()
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW - 3600)
    board.set_switch(KEY, "stolen", off=True, reason="it was stolen", now=NOW - 3600)
    assert switches.current()[PARTY, "parking"].since == NOW - 3600, "a party's is the operator's clock"
    assert switches.off_since(KEY, "stolen") == NOW


def test_each_act_stands_in_the_ledger_before_it_counts(folder: Path, store: Store, board: Switchboard) -> None:
    class Broken:
        def commit(self, _unit: Unit) -> None:
            raise StoreUnavailable("full")

    board.set_switch(COUNTRY, "EE", off=True, reason="its node was broken into", now=NOW)
    board.set_switch(COUNTRY, "EE", off=False, reason="mended", now=NOW + 1)
    with pytest.raises(StoreUnavailable):
        Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=Broken()).set_switch(
            COUNTRY, "LV", off=True, reason="x", now=NOW
        )
    assert set(Switches(engine=store.engine, tenant=TENANT, keys=KEYS).current()) == {(COUNTRY, "EE")}
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (2,)
    assert not list(verify_ledger(store.engine, tenant=TENANT, keys=KEYS).findings)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 201])
def test_a_switch_without_a_reason_is_refused(board: Switchboard, switches: Switches, reason: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        board.set_switch(PARTY, "parking", off=True, reason=reason, now=NOW)
    assert not switches.current()


# -- how fresh it is


def test_while_it_is_fresh_it_costs_no_question(switches: Switches, counting: Counting, clock: Clock) -> None:
    for _ in range(1000):
        switches.off(PARTY, "parking")
        switches.off_since(PROVIDER, "ee")
    assert counting.asked == 1
    clock.seconds += HOLD_SECONDS - 0.001
    switches.off(PARTY, "parking")
    assert counting.asked == 1
    clock.seconds += 0.001
    switches.off(PARTY, "parking")
    assert counting.asked == 2
    clock.seconds += HOLD_SECONDS
    switches.off_since(KEY, "k1")
    assert counting.asked == 3


@pytest.mark.parametrize(("seconds", "asked"), [(HOLD_SECONDS - 0.001, 1), (HOLD_SECONDS, 2), (60, 2)])
def test_where_reading_takes_longer_than_an_answer_holds_nobody_is_told(
    switches: Switches, counting: Counting, clock: Clock, seconds: float, asked: int
) -> None:
    def takes_long() -> None:
        clock.seconds += seconds

    counting.afterwards = takes_long
    if asked == 1:
        assert not switches.off(PARTY, "parking")
    else:
        with pytest.raises(StoreUnavailable, match="takes too long"):
            switches.off(PARTY, "parking")
    assert counting.asked == asked
    counting.afterwards = lambda: None
    assert not switches.off(PARTY, "parking")


def test_where_it_cannot_be_read_nobody_is_told_what_was_known(
    switches: Switches, counting: Counting, clock: Clock
) -> None:
    assert not switches.off(PARTY, "parking")
    counting.fails = True
    assert not switches.off(PARTY, "parking")
    clock.seconds += HOLD_SECONDS
    with pytest.raises(StoreUnavailable):
        switches.off(PARTY, "parking")
    counting.fails = False
    assert not switches.off(PARTY, "parking")


# -- whoever writes to the database


@pytest.mark.parametrize("column", ["off", "since", "reason", "name", "kind", "seal"])
def test_no_column_of_a_row_can_be_changed_and_leave_it_on(folder: Path, board: Switchboard, column: str) -> None:
    board.set_switch(PARTY, "parking", off=False, reason="fine", now=NOW)
    value: object = {"off": 1, "since": 7, "seal": b"x" * 32, "kind": COUNTRY}.get(column, "other")
    edit(folder, f"UPDATE switches SET {column} = ?", value)  # noqa: S608 - a name of this test's own
    found = Switches(engine=engine_of(folder), tenant=TENANT, keys=KEYS).current()
    # Under another name it is a row that nobody made, and what it was is on, as the ledger says
    changed = {place: switch.off for place, switch in found.items() if column not in ("name", "kind") or switch.off}
    assert list(changed.values()) == [True]
    assert found[PARTY, "parking"].off is (column not in ("name", "kind"))


def test_a_row_that_is_gone_or_an_older_one_come_back_stays_as_it_was(
    folder: Path, board: Switchboard, switches: Switches, clock: Clock
) -> None:
    board.set_switch(PARTY, "parking", off=False, reason="fine", now=NOW)
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        old = connection.execute("SELECT off, reason, since, seal FROM switches").fetchone()
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW + 1)
    assert switches.off(PARTY, "parking")
    edit(folder, "UPDATE switches SET off = ?, reason = ?, since = ?, seal = ?", *old)
    clock.seconds += 1
    assert switches.off(PARTY, "parking")
    edit(folder, "DELETE FROM switches")
    clock.seconds += 1
    assert switches.off(PARTY, "parking")


def test_a_switch_of_one_tenant_is_none_of_another_and_its_row_does_not_verify_there(
    folder: Path, board: Switchboard
) -> None:
    other = Tenant("other.example")
    board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
    assert not Switches(engine=engine_of(folder), tenant=other, keys=KEYS).current()
    board.set_switch(KEY, "k1", off=False, reason="fine", now=NOW)
    edit(folder, "UPDATE switches SET tenant = ?", other)
    moved = Switches(engine=engine_of(folder), tenant=other, keys=KEYS)
    assert moved.off(KEY, "k1")


# -- two processes

OTHER_PROCESS = """
import sys, time
from pathlib import Path
from idp.store.engine import open_engine
from idp.store.switches.switch import PARTY
from idp.store.switches.switches import Switches
from policies.errors import StoreUnavailable
from tests.idp.store.units import edit, engine_of, KEYS, TENANT
switches = Switches(engine=open_engine(sys.argv[1]), tenant=TENANT, keys=KEYS)
print(switches.off(PARTY, "parking"), flush=True)
asked = 0.0
while True:
    before = time.time()
    try:
        if switches.off(PARTY, "parking"):
            break
        asked = before
    except StoreUnavailable:
        pass  # nobody is let in who cannot be judged
    time.sleep(0.02)
print(asked, flush=True)
"""


def test_another_process_obeys_within_a_second(folder: Path, board: Switchboard) -> None:
    url = f"sqlite:///{folder / 'ciconia.db'}"
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "False\n"
        board.set_switch(PARTY, "parking", off=True, reason="it leaks", now=NOW)
        done = time.time()
        assert float(process.stdout.readline()) - done < 1, "the last that asked and was told that it is on"
        assert process.wait(60) == 0
