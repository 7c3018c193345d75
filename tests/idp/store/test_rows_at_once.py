"""Rows that two processes make at once, on each database: switches, and sealing keys."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from idp.audit.verify import verify_ledger
from idp.ports import SealingRow
from idp.store import tables
from idp.store.engine import snapshot, writing
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.switches.switch import PARTY, Switch
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import Switches
from policies.parties import Tenant
from tests.idp.store.units import KEYS, LATER, NOW, TENANT, opened, opened_at

AT_ONCE = 6


def at_once(act: Callable[[int], object]) -> list[object]:
    """Six threads that begin together; what each returned."""
    barrier = threading.Barrier(AT_ONCE)

    def one(number: int) -> object:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


@pytest.mark.spec("decisions.md 31")
def test_all_who_switch_for_the_first_time_at_once_succeed_and_the_last_one_counts(url: str) -> None:
    stores = [opened_at(url) for _ in range(2)]

    def switch(number: int) -> Switch:
        store = stores[number % 2]
        board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)
        return board.set_switch(PARTY, "parking", off=number % 2 == 0, reason=f"reason {number}", now=NOW)

    acts = [one for one in at_once(switch) if isinstance(one, Switch)]
    # Each is later than the one before, so that every worker takes them in one order
    assert len({one.since for one in acts}) == AT_ONCE
    current = Switches(engine=stores[0].engine, tenant=TENANT, keys=KEYS).current()[PARTY, "parking"]
    assert current.since == max(one.since for one in acts)
    assert verify_ledger(stores[0].engine, tenant=TENANT, keys=KEYS).holds
    for store in stores:
        store.close()


def test_rows_of_one_switch_that_are_written_at_once_follow_each_other(url: str) -> None:
    """Another process's act of a moment ago may have no row yet: both find none."""
    store = opened_at(url)
    board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)

    def put(number: int) -> Switch:
        with writing(store.engine).begin() as connection:
            return board._put(connection, Switch(PARTY, "parking", off=True, reason=f"reason {number}", since=NOW))

    assert len({one.since for one in at_once(put) if isinstance(one, Switch)}) == AT_ONCE
    store.close()


@pytest.mark.spec("decisions.md 4")
def test_of_sealing_keys_that_are_made_at_once_one_stays_for_all(url: str) -> None:
    store = opened_at(url)
    rows, others = (StoredSealingKeys(engine=store.engine, tenant=tenant) for tenant in (TENANT, Tenant("other.example")))

    def make(number: int) -> None:
        # In two orders: they must not wait for each other
        made = [SealingRow(kind, hour, bytes([number] * 68), LATER) for kind in ("code", "access") for hour in (7, 8)]
        rows.add(made[:: 1 if number % 2 else -1])

    at_once(make)
    found = rows.rows(7)
    assert sorted((row.kind, row.hour) for row in found) == [("access", 7), ("access", 8), ("code", 7), ("code", 8)]
    assert len({row.wrapped for row in found}) == 1
    assert {row.hour for row in rows.rows(8)} == {8}
    assert list(others.rows(0)) == []
    # A row is dropped as it was read, and not another one that came to its place
    first = next(row for row in found if (row.kind, row.hour) == ("code", 7))
    rows.drop([SealingRow("code", 7, b"another", LATER)])
    assert len(rows.rows(0)) == 4
    rows.drop([first])
    assert ("code", 7) not in {(row.kind, row.hour) for row in rows.rows(0)}
    # What ended goes with the purge
    assert store.purge(LATER) == 3
    assert list(rows.rows(0)) == []
    store.close()


def everything(folder: Path) -> bytes:
    """SQLite's file, its log and what else lies beside them."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("ciconia.db*")))


@pytest.mark.spec("decisions.md 4")
def test_a_purged_sealing_key_stands_nowhere_in_sqlites_files(folder: Path) -> None:
    store = opened(folder)
    wrapped = secrets.token_bytes(68)
    rows = StoredSealingKeys(engine=store.engine, tenant=TENANT)
    rows.add([SealingRow("code", 7, wrapped, LATER)])
    assert wrapped in everything(folder)
    with snapshot(store.engine) as reader:
        assert reader.scalar(select(func.count()).select_from(tables.sealing_keys)) == 1
        assert store.purge(LATER) == 1
        assert wrapped in everything(folder), "somebody still reads it"
    assert store.purge(LATER) == 0
    assert wrapped not in everything(folder)
    store.close()


@pytest.mark.spec("decisions.md 4")
def test_what_a_process_that_was_killed_had_purged_goes_with_the_next_ones_first_purge(folder: Path) -> None:
    killed, store = opened(folder), opened(folder)
    wrapped = secrets.token_bytes(68)
    rows = StoredSealingKeys(engine=killed.engine, tenant=TENANT)
    added = SealingRow("code", 7, wrapped, LATER)
    rows.add([added])
    rows.drop([added])
    assert wrapped in everything(folder)
    assert store.purge(LATER) == 0
    assert wrapped not in everything(folder)
    killed.close()
    store.close()
