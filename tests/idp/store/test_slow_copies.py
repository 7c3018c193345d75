"""A backup, a restore and the check of a ledger on PostgreSQL take as long as they take: no bound of a login ends them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from idp.audit.verify import steps_of, verify_ledger
from idp.sequencer.sequencer import Sequencer
from idp.store.backup import back_up, opened_backup, restore, rows_of
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from tests.idp.store.units import KEYS, NOW, TENANT, opened_at, release, unit
from tests.postgres import server

# A login's bound, here of three seconds, and a wait that is longer
BOUND, LONGER = 3000, 4.0


@pytest.fixture
def bounded(postgres: str) -> Iterator[Engine]:
    """A ledger of three records."""
    store = opened_at(postgres)
    for _ in range(3):
        store.commit(unit(record=release()))
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0)
    assert sequencer.step()
    sequencer.stop()
    store.close()
    found = open_engine(postgres, busy_milliseconds=BOUND)
    yield found
    found.dispose()


def stalls() -> Callable[[int], None]:
    """Progress that stands still once, as a disk does."""
    waits = iter([LONGER])
    return lambda _more: time.sleep(next(waits, 0))


@contextmanager
def commits_of_a_file_take_long() -> Iterator[None]:
    def wait(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            time.sleep(LONGER)

    event.listen(Engine, "commit", wait)
    try:
        yield
    finally:
        event.remove(Engine, "commit", wait)


def test_a_backup_outlasts_a_copy_that_stands_still_and_its_slow_commit(bounded: Engine, tmp_path: Path) -> None:
    with commits_of_a_file_take_long():
        rows = back_up(bounded, tenant=TENANT, file=tmp_path / "copy.db", advance=stalls())
    assert rows == rows_of(bounded, TENANT)
    with opened_backup(tmp_path / "copy.db", tenant=TENANT, beside=tmp_path) as copy:
        assert verify_ledger(copy, tenant=TENANT, keys=KEYS).holds


def test_a_restore_outlasts_a_backup_that_is_read_slowly(bounded: Engine, tmp_path: Path) -> None:
    rows = back_up(bounded, tenant=TENANT, file=tmp_path / "copy.db", advance=lambda _more: None)
    url = server().fresh()
    migrate(url)
    target = open_engine(url, busy_milliseconds=BOUND)
    with opened_backup(tmp_path / "copy.db", tenant=TENANT, beside=tmp_path) as copy:
        assert restore(copy, target, tenant=TENANT, now=NOW, advance=stalls()) == rows
    assert verify_ledger(target, tenant=TENANT, keys=KEYS).holds
    target.dispose()


def test_a_large_ledger_is_counted_and_checked_however_long_that_takes(bounded: Engine) -> None:
    rows = rows_of(bounded, TENANT)
    with bounded.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE leaves RENAME TO all_leaves")
        slow = f"SELECT all_leaves.* FROM all_leaves, (SELECT pg_sleep({LONGER})) AS slow"  # noqa: S608  our own words
        connection.exec_driver_sql(f"CREATE VIEW leaves AS {slow}")
    assert steps_of(bounded, TENANT) == 3 + 1 + 3, "leaves, checkpoints and records"
    assert rows_of(bounded, TENANT) == rows
    found = verify_ledger(bounded, tenant=TENANT, keys=KEYS).findings
    assert {one.row for one in found} == {"leaves"}, "it is a view, and no more is amiss"
