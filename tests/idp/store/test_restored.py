"""Until when a restored store takes nothing: what was used before the backup must have ended, by whichever clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from idp.seal import LoginId, Sealer
from idp.store import store as module
from idp.store import tables
from idp.store.backup import AHEAD_SECONDS, CLOSED_SECONDS, COPIED, RESTORED, back_up, closed_until, opened_backup, restore
from idp.store.engine import open_engine
from idp.store.sealing import StoredSealingKeys
from idp.store.store import Store
from idp.store.switches import HOLD_SECONDS, since_boot
from idp.transparency.sequencer import Sequencer
from policies.errors import Closed, NotFound, Replayed, StoreUnavailable
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


def look_again(store: Store) -> None:
    """Half a second has passed."""
    store._looked = -1000.0


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


def test_a_record_of_an_absurd_time_closes_nothing_for_ever(source: Engine, restored: Restored) -> None:
    with source.begin() as connection:
        connection.execute(update(tables.records).values(time=NOW + 400 * 86400))
    engine = restored(NOW)
    assert until(engine) == NOW + 60 + CLOSED_SECONDS


def test_a_restore_by_a_clock_that_was_ahead_closes_no_longer_than_any(restored: Restored) -> None:
    engine, now = restored(NOW + 400 * 86400), [NOW + 100]
    with served(engine, now) as store:
        assert store.closed == CLOSED_SECONDS


def test_a_process_that_saw_one_restore_sees_the_next(restored: Restored) -> None:
    later = NOW + 15 * 60
    engine, now = restored(NOW + 60), [NOW + 60]
    with served(engine, now) as store:
        assert store.closed == CLOSED_SECONDS
        with engine.begin() as connection:
            for table in reversed(COPIED):
                connection.execute(delete(table))
        restored(later)
        now[0] = later
        store._looked = since_boot()
        assert store.closed == 60 + 180, "the control: it asks no more often than before"
        look_again(store)
        assert store.closed == CLOSED_SECONDS
        now[0] = later + CLOSED_SECONDS - 1
        with pytest.raises(StoreUnavailable, match="restored from a backup: nothing is taken for 1 seconds"):
            store.commit(unit(*marks("used once")))
        now[0] = later + CLOSED_SECONDS
        look_again(store)
        store.commit(unit(*marks("another", end=LATER + CLOSED_SECONDS)))


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


def test_who_asks_whether_it_is_open_hears_what_was_seen_last_and_asks_no_database(
    restored: Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, now = restored(NOW + 60), [NOW + 60]
    with served(engine, now) as store:
        looks: list[int] = []
        look = store._look

        def looking() -> None:
            looks.append(1)
            look()

        monkeypatch.setattr(store, "_look", looking)
        store.check_open()
        assert not looks, "the control: it was not seen"
        assert store.closed == CLOSED_SECONDS
        look_again(store)
        with pytest.raises(Closed, match=f"restored from a backup: nothing is taken for {CLOSED_SECONDS} seconds"):
            store.check_open()
        now[0] += CLOSED_SECONDS
        store.check_open()
        assert len(looks) == 1


def test_a_restore_by_a_clock_that_was_ahead_is_judged_once(restored: Restored) -> None:
    engine, now = restored(NOW + 400 * 86400), [NOW + 100]
    with served(engine, now) as store:
        for passed in (0, 600, CLOSED_SECONDS, 400 * 86400):
            now[0] = NOW + 100 + passed
            look_again(store)
            assert store.closed == max(0, CLOSED_SECONDS - passed)


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


def test_the_end_that_an_earlier_restore_wrote_goes_where_it_is_later_and_stays_where_it_is_not(
    source: Engine, restored: Restored
) -> None:
    mark = {"tenant": TENANT, "kind": RESTORED, "unit": b"u" * 16}
    ends = (NOW + CLOSED_SECONDS, NOW + 60 + CLOSED_SECONDS, NOW + 61 + CLOSED_SECONDS, NOW + 10**6)
    with source.begin() as connection:
        rows = [{**mark, "digest": bytes([number]) * 32, "ends": end} for number, end in enumerate(ends)]
        connection.execute(insert(tables.marks), rows)
    engine = restored(NOW - 3600)
    table = tables.marks.c
    with engine.connect() as connection:
        kept = connection.scalars(select(table.ends).where(table.kind == RESTORED).order_by(table.ends)).all()
    assert kept == [ends[0], ends[1], ends[1]], "two of the backup, and the one of this restore"
