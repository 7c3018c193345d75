"""The independent checker finds each fault that a crash could leave, and finds nothing where there is none."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from idp.sequencer.sequencer import Sequencer
from idp.store.migrate import migrate
from tests.idp.store.units import KEYS, NEVER, marks, opened, parked, refusal, release, unit
from tests.kill.checker import check, halves

RECORDS = [release(), release(b"o" * 32), refusal(), release(), release()]
IDS = [record.record.hex() for record in RECORDS]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records in their place under two checkpoints, one staged."""
    folder = tmp_path_factory.mktemp("checked")
    migrate(f"sqlite:///{folder / 'ciconia.db'}")
    store = opened(folder)
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0)
    for number, record in enumerate(RECORDS):
        store.commit(
            unit(*marks(str(number), end=NEVER), record=record, parked=[parked(record.record, end=NEVER)], end=NEVER)
        )
        if number in (1, 3):
            sequencer.step()
    sequencer.stop()
    store.close()
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "ciconia.db"


def changed(ledger: Path, folder: Path, *statements: str) -> Path:
    copy = folder / "ciconia.db"
    shutil.copy(ledger, copy)
    with closing(sqlite3.connect(copy)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return copy


def test_a_whole_database_has_no_problem(ledger: Path) -> None:
    assert check(ledger, IDS) == []
    assert check(ledger, []) == []
    assert halves(ledger) == []


def test_an_acknowledged_record_that_is_not_there_is_missing(ledger: Path) -> None:
    assert check(ledger, [*IDS, "00" * 16]) == [f"missing: {'00' * 16}"]
    assert check(ledger, [*IDS, IDS[0]]) == [f"acknowledged twice: {IDS[0]}"]


# without the line that has the size
CHANGED_NOTE = "UPDATE checkpoints SET note = CAST(replace(CAST(note AS TEXT), char(10) || '2', '') AS BLOB)"
UNIQUE = "CREATE TABLE copies AS SELECT * FROM {0}; DROP TABLE {0}; ALTER TABLE copies RENAME TO {0}"


@pytest.mark.parametrize(
    ("statements", "what"),
    [
        (["DELETE FROM records WHERE record = (SELECT min(record) FROM records)"], "missing"),
        ([*UNIQUE.format("records").split("; "), "INSERT INTO records SELECT * FROM records LIMIT 1"], "doubled"),
        (["DELETE FROM staged"], "not one leaf but 0"),
        (
            ["INSERT INTO staged SELECT records.tenant, record, leaf FROM records JOIN leaves USING (leaf_hash) LIMIT 1"],
            "not one leaf but 2",
        ),
        (["UPDATE staged SET leaf = x'00'"], "a leaf without a record"),
        (["DELETE FROM leaves WHERE leaf_index = 1"], "a gap in the leaves"),
        (["UPDATE trees SET root = zeroblob(32)"], "the tree's state"),
        (["UPDATE trees SET size = 3"], "the tree's state"),
        (["UPDATE checkpoints SET root = zeroblob(32) WHERE number = 1"], "the checkpoint of size 2 is not that"),
        (["UPDATE checkpoints SET size = 99 WHERE number = 2"], "the checkpoint of size 99 is not that"),
        ([CHANGED_NOTE], "the checkpoint of size 2 says"),
    ],
)
def test_each_fault_is_named(ledger: Path, tmp_path: Path, statements: list[str], what: str) -> None:
    found = check(changed(ledger, tmp_path, *statements), IDS)
    assert any(problem.startswith(what) for problem in found), found


@pytest.mark.parametrize("table", ["marks", "decisions", "parked"])
def test_a_unit_of_which_a_part_is_missing_is_half_written(ledger: Path, tmp_path: Path, table: str) -> None:
    statement = f"DELETE FROM {table} WHERE tenant IN (SELECT tenant FROM trees)"  # noqa: S608  our names
    assert halves(changed(ledger, tmp_path, statement))
