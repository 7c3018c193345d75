"""The sequencer: one at a time, every leaf once, and nothing signed that does not extend what was signed before."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from idp.audit.verify import verify_ledger
from idp.ledger.checkpoint import TreeHead, open_note
from idp.ledger.findings import LedgerReport
from idp.ledger.merkle_tree import leaf_hash
from idp.ports import Checkpoint
from idp.sequencer.sequencer import (
    LEASE_LOST,
    Sequencer,
)
from idp.store.store import Store
from idp.store.stored_tree import BROKEN, SeenTree
from idp.store.tree_state import read_state
from policies.errors import StoreUnavailable
from tests.idp.store.units import KEYS, ORIGIN, TENANT, Clock, change, commit_all, opened, release, unit


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sequencer(store: Store, clock: Clock) -> Iterator[Sequencer]:
    found = Sequencer(store, KEYS, checkpoint_seconds=10, lease_seconds=30, clock=clock)
    yield found
    found.stop()


def recorded(store: Store, count: int = 1) -> None:
    commit_all(store, [unit(record=release()) for _ in range(count)])


def checkpoint(store: Store) -> Checkpoint:
    found = store.checkpoint(TENANT)
    assert found is not None
    return found


def verified(store: Store) -> LedgerReport:
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert report.holds, report.findings
    return report


def copied(source: Path, target: Path) -> None:
    """Every row of one database, in place of those of another."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


# -- appending and signing


@pytest.mark.spec("design §5")
def test_staged_leaves_get_their_place_and_a_signed_checkpoint(store: Store, sequencer: Sequencer) -> None:
    recorded(store, 3)
    assert sequencer.step()
    found = checkpoint(store)
    assert TreeHead.read(open_note(found.note.encode(), *KEYS.log.known)) == TreeHead(ORIGIN, 3, found.root)
    assert verified(store).staged == 0


@pytest.mark.spec("decisions.md 22")
def test_a_checkpoint_comes_at_most_once_an_interval_and_only_when_the_tree_grew(
    store: Store, sequencer: Sequencer, clock: Clock
) -> None:
    recorded(store)
    sequencer.step()
    recorded(store)
    clock.now += 9
    sequencer.step()
    assert checkpoint(store).size == 1
    clock.now += 1
    sequencer.step()
    assert checkpoint(store).size == 2
    clock.now += 100
    sequencer.step()
    assert verified(store).checkpoints == 2


@pytest.mark.spec("security.md §3")
def test_time_in_checkpoints_never_goes_back(store: Store, sequencer: Sequencer, clock: Clock) -> None:
    recorded(store)
    sequencer.step()
    recorded(store)
    clock.now -= 3600
    sequencer.step()
    assert checkpoint(store).size == 1
    clock.now += 3611
    sequencer.step()
    assert checkpoint(store).size == 2
    verified(store)


# -- one at a time


@pytest.mark.spec("design §5")
def test_a_second_sequencer_waits_for_the_end_of_the_lease(store: Store, sequencer: Sequencer, clock: Clock) -> None:
    second = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=30, clock=clock)
    assert sequencer.step()
    assert not second.step()
    assert second.follows()
    assert not sequencer.follows()
    clock.now += 29
    assert not second.step()
    clock.now += 2
    recorded(store)
    assert second.step()
    assert not sequencer.step()
    assert verified(store).size == 1
    second.stop()


@pytest.mark.spec("design §5")
def test_a_holder_that_slept_past_its_lease_changes_nothing(store: Store, sequencer: Sequencer, clock: Clock) -> None:
    """The fence: it believes that it holds the lease, and its transaction compares the epoch."""
    recorded(store, 2)
    assert sequencer.step()
    asleep = sequencer._state
    clock.now += 31
    second = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=30, clock=clock)
    recorded(store)
    assert second.step()
    recorded(store)
    for act in (sequencer._append, lambda: sequencer._sign(int(clock.now) + 100)):
        clock.now -= 31
        sequencer._state = asleep
        if act == sequencer._append:
            with pytest.raises(StoreUnavailable) as caught:
                act()
            assert caught.value.code == LEASE_LOST
        clock.now += 31
    report = verified(store)
    assert (report.size, report.staged) == (3, 1)
    assert sequencer._state is None or not sequencer.step()
    assert second.step()
    assert verified(store).size == 4
    second.stop()


def test_a_checkpoint_of_a_holder_that_slept_is_not_inserted(store: Store, sequencer: Sequencer, clock: Clock) -> None:
    recorded(store)
    assert sequencer._hold()
    sequencer._append()
    asleep = sequencer._state
    clock.now += 31
    second = Sequencer(store, KEYS, checkpoint_seconds=3600, lease_seconds=30, clock=clock)
    assert second._hold()
    sequencer._state = asleep
    with pytest.raises(StoreUnavailable) as caught:
        sequencer._sign(int(clock.now))
    assert caught.value.code == LEASE_LOST
    assert store.checkpoint(TENANT) is None
    verified(store)


# -- stops and faults


def test_what_stopped_between_commit_and_checkpoint_is_signed_after_the_next_start(
    store: Store, sequencer: Sequencer, clock: Clock
) -> None:
    recorded(store, 5)
    assert sequencer._hold()
    sequencer._append()  # and here the process ends
    assert store.checkpoint(TENANT) is None
    verified(store)
    clock.now += 60
    successor = Sequencer(store, KEYS, checkpoint_seconds=10, clock=clock)
    assert successor.step()
    assert checkpoint(store).size == 5
    verified(store)
    successor.stop()


# The first step writes: 1 the lease, commit; 3 what folds the log into the file; 4 state, staged, leaves, nodes, commit;
# 9 state, checkpoint, commit
STATEMENTS = 11
COMMITS = (2, 8, 11)


class Fault:
    """Fails the n-th statement or commit of the sequencer, before it happened or after (then the caller cannot know)."""

    def __init__(self, engine: Engine, at: int, monkeypatch: pytest.MonkeyPatch, *, persisted: bool) -> None:
        self._left, self._persisted, self.struck, self.persisted_one = at, persisted, False, False
        # What runs again and again goes to the dialect alone, and none of the engine's events tells of it
        monkeypatch.setattr(engine.dialect, "do_execute", partial(self._statement, engine.dialect.do_execute))
        monkeypatch.setattr(engine.dialect, "do_executemany", partial(self._statement, engine.dialect.do_executemany))
        event.listen(engine, "commit", self._commit)

    def _statement(self, real: Callable[..., None], cursor: object, statement: str, *more: object) -> None:
        if not statement.lstrip().startswith(("SELECT", "BEGIN", "PRAGMA main.table")) and self._counted():
            raise sqlite3.OperationalError("a made-up fault")
        real(cursor, statement, *more)

    def _commit(self, connection: Connection) -> None:
        if self._left == 1 and self._persisted:
            connection.connection.cursor().execute("COMMIT")
            self.persisted_one = True
        if self._counted():
            raise OperationalError("a made-up fault", None, sqlite3.OperationalError("disk I/O error"))

    def _counted(self) -> bool:
        """Whether this is the n-th."""
        self._left -= 1
        self.struck = self.struck or self._left == 0
        return self._left == 0


@pytest.mark.spec("security.md §3")
@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("at", range(1, STATEMENTS + 2))
def test_a_fault_at_any_statement_leaves_a_ledger_that_verifies(
    store: Store, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, at: int, *, persisted: bool
) -> None:
    recorded(store, 3)
    other = opened(folder)
    fault = Fault(other.engine, at, monkeypatch, persisted=persisted)
    sequencer = Sequencer(other, KEYS, checkpoint_seconds=0, clock=clock)
    if at <= STATEMENTS:
        with pytest.raises(StoreUnavailable) as caught:
            sequencer.step()
        assert caught.value.code != BROKEN
    else:
        sequencer.step()
    verified(store)
    clock.now += 1
    assert sequencer.step()
    report = verified(store)
    assert (report.size, report.staged, report.checkpoints) == (3, 0, 1)
    assert fault.struck == (at <= STATEMENTS)
    assert fault.persisted_one == (persisted and at in COMMITS)
    sequencer.stop()
    other.close()


@pytest.mark.spec("security.md §3 I5")
@pytest.mark.parametrize("both", [False, True])
def test_a_staged_leaf_that_is_not_its_records_is_never_placed(
    store: Store, folder: Path, sequencer: Sequencer, *, both: bool
) -> None:
    recorded(store)
    strange = b"[" * 1024
    change(folder, f"UPDATE staged SET leaf = x'{strange.hex()}'")  # noqa: S608  our own
    if both:
        change(folder, f"UPDATE records SET leaf_hash = x'{leaf_hash(strange).hex()}'")  # noqa: S608  our own
    with pytest.raises(StoreUnavailable, match="was changed by somebody else") as caught:
        sequencer.step()
    assert caught.value.code == BROKEN
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM leaves").scalar() == 0


# -- a ledger that somebody changed


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE trees SET size = 2", "state of the tree"),
        ("UPDATE trees SET epoch = 7", "state of the tree"),
        ("UPDATE trees SET lease_ends = 1", "state of the tree"),
        ("DELETE FROM trees", "no state of the tree"),
        ("UPDATE nodes SET hash = zeroblob(32)", "nodes do not give"),
        ("DELETE FROM nodes", "nodes do not give"),
        ("UPDATE checkpoints SET root = zeroblob(32)", "newest checkpoint"),
        ("UPDATE checkpoints SET time = time - 1", "newest checkpoint"),
        ("UPDATE checkpoints SET note = x'ff'", "newest checkpoint"),
        ("DELETE FROM checkpoints", "newest checkpoint"),
    ],
)
def test_on_a_changed_ledger_nothing_more_is_signed(
    store: Store, folder: Path, clock: Clock, statement: str, what: str
) -> None:
    first = Sequencer(store, KEYS, checkpoint_seconds=0, clock=clock)
    recorded(store, 4)
    first.step()
    first.stop()
    change(folder, statement)
    recorded(store)
    clock.now += 100
    second = Sequencer(store, KEYS, checkpoint_seconds=0, clock=clock)
    with pytest.raises(StoreUnavailable, match=what) as caught:
        second.step()
    assert caught.value.code == BROKEN
    found = store.checkpoint(TENANT)
    assert found is None or found.size == 4


@pytest.mark.spec("security.md §3 I4")
def test_a_tree_that_was_rebuilt_without_a_leaf_is_not_signed(store: Store, folder: Path, clock: Clock) -> None:
    """An attacker with the database and the row key puts an older state back after it was signed."""
    first = Sequencer(store, KEYS, checkpoint_seconds=0, clock=clock)
    recorded(store, 3)
    first.step()
    before = first._state
    recorded(store)
    clock.now += 1
    first.step()
    after = first._state
    assert before is not None
    assert after is not None
    # forge a state of the right seal and count of checkpoints over the tree without its last leaf
    forged = type(after)(before.size, before.root, after.checkpoints, after.epoch, after.holder, after.lease_ends)
    change(folder, "DELETE FROM leaves WHERE leaf_index = 3")
    change(folder, "DELETE FROM nodes WHERE level = 2 OR node_index = 1")
    seal = forged.seal(KEYS, TENANT).hex()
    change(folder, f"UPDATE trees SET size = 3, root = x'{forged.root.hex()}', seal = x'{seal}'")  # noqa: S608  the attack
    recorded(store, 2)
    first._state = None
    clock.now += 1
    with pytest.raises(StoreUnavailable, match="older than one that we have seen"):
        first.step()
    first._seen_tree = SeenTree(TENANT, KEYS)  # as after a restart: the newest checkpoint is what is left to remember
    with pytest.raises(StoreUnavailable, match="does not extend"):
        first.step()
    assert checkpoint(store).size == 4


def both_beyond(store: Store, folder: Path, clock: Clock, older: Path) -> tuple[Sequencer, Sequencer]:
    """Two workers of a tree of four leaves, which the first signed, and a copy of the database with three."""
    first, second = (Sequencer(store, KEYS, checkpoint_seconds=10, lease_seconds=1, clock=clock) for _ in range(2))
    recorded(store, 3)
    assert first.step()
    copied(folder / "ciconia.db", older)
    recorded(store)
    assert first.step()
    return first, second


@pytest.mark.spec("security.md §3 I4")
def test_another_tree_of_the_size_that_we_have_seen_is_not_signed(
    store: Store, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    """Rolled back to what was signed, and grown again by another worker: the newest checkpoint knows nothing of it."""
    first, second = both_beyond(store, folder, clock, tmp_path / "older.db")
    copied(tmp_path / "older.db", folder / "ciconia.db")
    recorded(store)
    clock.now += 5
    assert second.step()
    clock.now += 5
    with pytest.raises(StoreUnavailable, match="older than one that we have seen") as caught:
        first.step()
    assert caught.value.code == BROKEN
    assert checkpoint(store).size == 3


@pytest.mark.spec("security.md §3 I4")
def test_a_tree_older_than_one_that_another_holder_made_is_not_signed(
    store: Store, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    """A worker that waits for the lease has looked at the tree, too, and takes over what was rolled back."""
    _, second = both_beyond(store, folder, clock, tmp_path / "older.db")
    assert not second.step()
    copied(tmp_path / "older.db", folder / "ciconia.db")
    recorded(store)
    clock.now += 20
    with pytest.raises(StoreUnavailable, match="older than one that we have seen") as caught:
        second.step()
    assert caught.value.code == BROKEN
    assert checkpoint(store).size == 3


def wiped(folder: Path) -> None:
    change(folder, *(f"DELETE FROM {table}" for table in MOVED))  # noqa: S608  the attack


MOVED = ("staged", "leaves", "nodes", "checkpoints", "trees", "records", "subjects")


def stepped(worker: Sequencer, clock: Clock) -> None:
    """For longer than a lease, and an interval between two looks."""
    for _ in range(8):
        clock.now += 3
        worker.step()


@pytest.mark.spec("security.md §3 I4")
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("moved", [False, True])
def test_a_tree_that_vanished_halts_every_worker_and_none_is_begun(
    store: Store, folder: Path, clock: Clock, *, moved: bool, at_once: bool
) -> None:
    """Wiped, or given to another tenant, while two workers run; a login may come at once, or first one of them looks."""
    holder, other = (Sequencer(store, KEYS, checkpoint_seconds=10, lease_seconds=6, clock=clock) for _ in range(2))
    recorded(store, 3)
    assert holder.step()
    assert not other.step()
    if moved:
        statements = [f"UPDATE {table} SET tenant = 'another'" for table in MOVED]  # noqa: S608  the attack
        change(folder, "PRAGMA foreign_keys = OFF", *statements)
    else:
        wiped(folder)
    if at_once:
        recorded(store)
    for worker in (holder, other):
        with pytest.raises(StoreUnavailable, match="the tree is gone") as caught:
            stepped(worker, clock)
        assert caught.value.code == BROKEN
        assert worker._halts(caught.value)
    with store.engine.connect() as connection:
        assert read_state(connection, TENANT) is None
    assert store.checkpoint(TENANT) is None
    with pytest.raises(StoreUnavailable, match="nothing is released"):
        recorded(store)


# -- clocks and first starts


def test_a_checkpoint_from_a_clock_that_was_ahead_stops_none_of_the_next(
    store: Store, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    steady = [1000.0]
    one = Sequencer(store, KEYS, checkpoint_seconds=10, clock=clock, monotonic=lambda: steady[0])
    recorded(store)
    clock.now += 30 * 86400
    assert one.step()
    ahead = checkpoint(store).time
    clock.now -= 30 * 86400
    for size in (2, 3):
        recorded(store)
        assert one.step()
        assert checkpoint(store).size == size - 1, "an interval lies between two, by the steady clock"
        steady[0] += 10
        assert one.step()
        assert (checkpoint(store).size, checkpoint(store).time) == (size, ahead + size - 1)
    assert capsys.readouterr().out.count("checkpoint_ahead") == 1
    verified(store)
    one.stop()
