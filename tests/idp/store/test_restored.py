"""Until when a restored store takes nothing: what was used before the backup must have ended, by whichever clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from idp.login.sealing import LoginId, Sealer
from idp.sequencer.sequencer import Sequencer
from idp.store import store as module
from idp.store import tables
from idp.store.backup import AHEAD_SECONDS, CLOSED_SECONDS, RESTORED, back_up, closed_until, opened_backup, restore
from idp.store.engine import open_engine
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.store import Store
from idp.store.switches.switches import HOLD_SECONDS
from policies.errors import NotFound, Replayed, StoreUnavailable
from tests.idp.keys.hours import Clock as HoursClock
from tests.idp.keys.hours import Worker
from tests.idp.store.units import KEYS, LATER, NOW, TENANT, marks, opened, opened_at, release, unit

pytestmark = pytest.mark.spec("security.md §3 restore from backup")

Restored = Callable[[int], Engine]


@pytest.fixture
def source(folder: Path) -> Iterator[Engine]:
    """A ledger of one record, which is of NOW, and whose checkpoint is of a minute later."""
    store = opened(folder)
    store.commit(unit(*marks("used once"), record=release()))
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW + 60)
    assert sequencer.step()
    sequencer.stop()
    yield store.engine
    store.close()


@pytest.fixture
def restored(source: Engine, tmp_path: Path, url_of_target: str) -> Iterator[Restored]:
    """Restore a backup of it at some time by the clock of the machine."""
    target = open_engine(url_of_target)

    def at(now: int) -> Engine:
        (tmp_path / "copy").unlink(missing_ok=True)
        back_up(source, tenant=TENANT, file=tmp_path / "copy", advance=lambda _more: None)
        with opened_backup(tmp_path / "copy", tenant=TENANT, beside=tmp_path) as backup:
            restore(backup, target, tenant=TENANT, now=now, advance=lambda _more: None)
        return target

    yield at
    target.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url_of_target(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres")
        return found
    (tmp_path / "target.db").write_bytes(migrated.read_bytes())
    return f"sqlite:///{tmp_path / 'target.db'}"


def until(engine: Engine) -> int:
    with engine.connect() as connection:
        return closed_until(connection, TENANT)


@contextmanager
def served(engine: Engine, now: list[int]) -> Iterator[Store]:
    """The store as a server has it whose clock says `now`."""
    found = opened_at(engine.url.render_as_string(hide_password=False))
    found._clock = lambda: now[0]
    found._closed, found._seen, found._looked = 0, 0, -1000.0
    yield found
    found.close()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW + 3600, NOW + 3600),
        (NOW + 60, NOW + 60),
        (NOW - 3600, NOW + 60),
        (NOW + 60 - AHEAD_SECONDS, NOW + 60),
        # The checkpoint is more than a day ahead, the record is not
        (NOW - AHEAD_SECONDS, NOW),
        (NOW - AHEAD_SECONDS - 1, NOW - AHEAD_SECONDS - 1),
    ],
)
def test_it_is_closed_from_now_or_from_the_newest_moment_of_the_backup(restored: Restored, now: int, expected: int) -> None:
    assert until(restored(now)) == expected + CLOSED_SECONDS


def test_a_clock_that_is_behind_opens_nothing_before_what_was_used_has_ended(restored: Restored) -> None:
    engine, now = restored(NOW - 3600), [NOW - 3600]
    with served(engine, now) as store:
        assert store.closed == 3600 + 60 + CLOSED_SECONDS
        for moment in (NOW - 3600 + CLOSED_SECONDS + 1, NOW + 60 + CLOSED_SECONDS - 1):
            now[0] = moment
            with pytest.raises(StoreUnavailable, match="restored from a backup"):
                store.commit(unit(*marks("used once")))
        now[0] = NOW + 60 + CLOSED_SECONDS
        assert store.closed == 0
        store.commit(unit(*marks("another", end=LATER)))


def test_a_worker_that_runs_is_closed_half_a_second_after_a_restore(
    source: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = [1000.0]
    monkeypatch.setattr(module, "since_boot", lambda: steady[0])
    with served(source, [NOW]) as store:
        assert store.closed == 0
        mark = {"tenant": TENANT, "kind": RESTORED, "digest": b"d" * 32, "unit": b"u" * 16, "ends": NOW + CLOSED_SECONDS}
        with source.begin() as connection:
            connection.execute(insert(tables.marks), [mark])
        steady[0] += HOLD_SECONDS
        with pytest.raises(StoreUnavailable, match="restored from a backup"):
            store.commit(unit(*marks("used once")))


@pytest.mark.spec("decisions.md 31")
def test_what_carries_a_number_of_acts_from_before_a_restore_opens_no_more_after_it(
    source: Engine, restored: Restored
) -> None:
    """Acts after a restore take numbers that were given before: what knew those would outlive a switch, if it opened."""

    def sealer(engine: Engine) -> Sealer:
        return Worker(StoredSealingKeys(engine=engine, tenant=TENANT), HoursClock(NOW), tenant=TENANT).sealer

    login, handle, end = LoginId("A" * 22), b"h" * 32, NOW + 900
    sealed, row = sealer(source).seal("decided", login, end, b"a page"), sealer(source).park("code", handle, b"a code", end)
    with served(source, [NOW]) as store:
        store.commit(unit(*marks("approved"), parked=[row]))
        assert sealer(source).open("decided", login, sealed, NOW) == b"a page"
        assert sealer(source).unpark("code", handle, store.parked(TENANT, "code", row.digest, NOW), NOW) == b"a code"
    engine = restored(NOW)
    with served(engine, [NOW]) as store, pytest.raises(NotFound):
        store.parked(TENANT, "code", row.digest, NOW)
    with pytest.raises(Replayed):
        sealer(engine).open("decided", login, sealed, NOW)
    with pytest.raises(NotFound):
        sealer(engine).unpark("code", handle, row.payload, NOW)
