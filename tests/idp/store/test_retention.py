"""The retention: what has ended goes every minute, whatever becomes of the ledger, by one worker where one is enough."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from idp.ports import ApprovalRow, ApprovalRows, SealingRow, SessionRow
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import Witness
from idp.store import retention as module
from idp.store import tables
from idp.store.retention import KEPT_SECONDS, PURGE_SECONDS, Retention
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.store import Store
from policies.errors import Conflict, StoreUnavailable
from tests.idp.server.crew import until
from tests.idp.store.units import KEYS, NOW, TENANT, Clock, marks, opened_at, parked, release, unit

LONG_AGO = NOW - 2 * KEPT_SECONDS
TABLES = tables.EXPIRING


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alone(store: Store, clock: Clock) -> Iterator[Retention]:
    found = Retention(store, elsewhere=lambda: False, clock=clock)
    yield found
    found.stop()


def left(store: Store, end: int) -> list[int]:
    """How many rows of each kind there are that ended by then."""
    with store.engine.connect() as connection:
        return [connection.scalar(select(func.count()).select_from(t).where(t.c.ends <= end)) or 0 for t in TABLES]


def ended(store: Store, end: int) -> None:
    """A row of each kind."""
    StoredSealingKeys(engine=store.engine, tenant=TENANT).add([SealingRow("decided", end // 3600, b"w" * 60, end)])
    approval = ApprovalRow(end.to_bytes(32), b"sealed", end)
    ending = unit(*marks(f"ends at {end}", end=end), parked=[parked(end=end)], record=release(time=end), end=end)
    name = end.to_bytes(16)
    session = SessionRow(name, name, b"p", b"", "ee", b"sealed", end, end, "parking", f"sid {end}", joined=False)
    store.commit(replace(ending, approvals=ApprovalRows((approval,)), session=session))
    with store.engine.begin() as connection:
        entry = {"client": "parking", "sid": "s", "made": end, "tries": 1, "due": None, "failed": "status 500"}
        connection.execute(insert(tables.logouts).values(tenant=TENANT, logout=name, ends=end, **entry))
        step = {"number": 1, "time": end, "leg": "broker", "party": "", "step": "failed", "code": "", "check_name": ""}
        step |= {"reference": str(end), "size": 0, "opened": 1, "tenant": TENANT, "ends": end}
        connection.execute(insert(tables.recorded_steps).values(step))
        incident = {"name": str(end), "service": "", "provider": "", "seal": b"s"}
        connection.execute(insert(tables.incidents).values(tenant=TENANT, ends=end, **incident))
    assert all(left(store, end))


def test_it_purges_what_has_ended(store: Store, alone: Retention, clock: Clock) -> None:
    store.commit(unit(*marks("short", end=NOW + 30)))
    alone.step()
    clock.now += KEPT_SECONDS + 29
    alone.step()
    clock.now += PURGE_SECONDS - 1
    alone.step()
    with pytest.raises(Conflict):
        store.commit(unit(*marks("short", end=NOW + 300)))
    clock.now += 2
    alone.step()
    store.commit(unit(*marks("short", end=NOW + 300)))


@pytest.mark.spec("security.md §3 clock skew")
def test_a_clock_that_was_an_hour_ahead_has_freed_no_mark(store: Store, alone: Retention, clock: Clock) -> None:
    """A mark would be free again when the clock is right."""
    store.commit(unit(*marks("code", end=NOW + 60)))
    for ahead in (3600, -3600, 120):
        clock.now += ahead
        alone.step()
    with pytest.raises(Conflict):
        store.commit(unit(*marks("code", end=NOW + 60)))


def away(_store: Store, folder: Path) -> None:
    """The witness's share is not mounted."""
    shutil.move(folder / "witness", folder / "moved")


def broken(store: Store, _folder: Path) -> None:
    """Somebody changed the ledger: the sequencer's thread ends."""
    with store.engine.begin() as connection:
        connection.execute(tables.trees.update().values(size=tables.trees.c.size + 1))


@pytest.mark.spec("decisions.md 4")
@pytest.mark.parametrize("how", [away, broken])
def test_it_purges_whatever_becomes_of_the_ledger(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[Store, Path], None]
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    (tmp_path / "witness").mkdir()
    store, witness = opened_at(url), Witness(tmp_path / "witness", KEYS)
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=0.2, poll_seconds=0.01, witness=witness)
    store.commit(unit(record=release()))
    assert sequencer.step()
    how(store, tmp_path)
    with pytest.raises(StoreUnavailable):
        sequencer.step()
    end = int(time.time()) - KEPT_SECONDS - 24 * 3600
    ended(store, end)
    retention = Retention(store, elsewhere=sequencer.follows)
    sequencer.start()
    retention.start()
    until(lambda: not any(left(store, end)))
    retention.stop()
    sequencer.stop()
    store.close()


def test_where_another_worker_holds_the_lease_it_is_left_to_that_one(store: Store, clock: Clock) -> None:
    steady = Clock()
    holder, other = (Sequencer(store, KEYS, lease_seconds=6, clock=clock, monotonic=steady) for _ in range(2))
    assert holder.step()
    assert not other.step()
    ended(store, LONG_AGO)
    follower = Retention(store, elsewhere=other.follows, clock=clock)
    follower.step()
    assert all(left(store, LONG_AGO))
    # At once, when nothing is heard of the other one any more
    steady.now += 7
    follower.step()
    assert not any(left(store, LONG_AGO))
    holder.stop()
