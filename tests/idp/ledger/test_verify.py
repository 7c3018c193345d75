"""`verify_ledger`: a ledger as we wrote it fits, and whatever anybody changes in it is named."""

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Table

from idp.audit.verify import verify_ledger
from idp.audit.verify_records import Role
from idp.ledger.findings import LedgerFinding, LedgerReport
from idp.ledger.ledger_keys import ledger_keys
from idp.ledger.merkle_tree import leaf_hash, node_hash
from idp.ledger.operator_records import draft_approval
from idp.ledger.record_contents import CANCELLATION, REFUSAL, RELEASE, draft_node, new_record
from idp.ports import RecordDraft
from idp.sequencer.sequencer import Sequencer
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.tables import LEDGER, records, trees
from policies.errors import StoreUnavailable
from policies.parties import EntityId
from tests.idp.store.units import KEYS, NOW, TENANT, change, commit_all, opened, refusal, release, unit

Value = bytes | int | str | None


def check(folder: Path, role: Role | None = None) -> LedgerReport:
    engine = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    try:
        return verify_ledger(engine, tenant=TENANT, keys=KEYS, role=role)
    finally:
        engine.dispose()


def filled(folder: Path) -> None:
    """Releases of two people and refusals, two checkpoints, and two records that are still staged."""
    store = opened(folder)
    clock = [float(NOW)]
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: clock[0])
    for number in range(2):
        clock[0] += 20
        store.commit(unit(record=release(b"a" * 32)))
        store.commit(unit(record=release(b"b" * 32)))
        store.commit(unit(record=refusal()))
        if number:
            store.commit(unit(record=release(b"a" * 32)))
        sequencer.step()
    store.commit(unit(record=release(b"b" * 32)))
    store.commit(unit(record=refusal()))
    sequencer.stop()
    store.close()


def filled_by_a_node(folder: Path) -> None:
    """A sending node's ledger: a record of each kind, and an approval, which a city's ledger has too; one is staged."""
    store = opened(folder)
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW + 20)
    for draft in (at_node(RELEASE), at_node(REFUSAL), at_node(CANCELLATION), approval()):
        store.commit(unit(record=draft))
    sequencer.step()
    store.commit(unit(record=at_node(RELEASE)))
    sequencer.stop()
    store.close()


def at_node(kind: str) -> RecordDraft:
    return draft_node(record=new_record(), time=NOW, kind=kind, message="_m", node=EntityId("https://nl.example/eidas"))


def approval() -> RecordDraft:
    return draft_approval(record=new_record(), time=NOW, peer=EntityId("https://nl.example/eidas"), digest="0" * 64)


def made(folder: Path, fill: Callable[[Path], None]) -> Path:
    """A folder with a filled ledger, to be copied and not to be changed."""
    migrate(f"sqlite:///{folder / 'ciconia.db'}")
    fill(folder)
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("ledger"), filled)


@pytest.fixture(scope="module")
def node_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("node"), filled_by_a_node)


@pytest.fixture
def copy(ledger: Path, tmp_path: Path) -> Path:
    shutil.copy(ledger / "ciconia.db", tmp_path / "ciconia.db")
    return tmp_path


@pytest.fixture
def node_copy(node_ledger: Path, tmp_path: Path) -> Path:
    shutil.copy(node_ledger / "ciconia.db", tmp_path / "ciconia.db")
    return tmp_path


# -- what fits


def test_a_ledger_as_we_wrote_it_fits(ledger: Path) -> None:
    report = check(ledger)
    assert report.findings == ()
    assert report.holds
    assert (report.size, report.staged, report.records, report.checkpoints) == (7, 2, 9, 2)


@pytest.mark.spec("decisions.md 26")
def test_a_ledger_of_a_sending_node_fits_and_has_no_subject(node_ledger: Path) -> None:
    report = check(node_ledger)
    assert report.findings == ()
    assert (report.size, report.staged, report.records) == (4, 1, 5)
    with closing(sqlite3.connect(node_ledger / "ciconia.db")) as connection:
        kept = "subject, position, subject_opening, login_opening"
        assert set(connection.execute(f"SELECT {kept} FROM records")) == {(None, None, None, None)}  # noqa: S608  our names
        assert connection.execute("SELECT count(*) FROM subjects").fetchone() == (0,)


@pytest.mark.spec("decisions.md 26")
def test_each_role_has_the_records_of_its_own_logins_alone(ledger: Path, node_ledger: Path) -> None:
    assert check(ledger, "city").holds
    assert check(node_ledger, "node").holds
    found = check(ledger, "node").findings
    assert {one.what for one in found} == {"it is of a login for a relying party, and this is a node's ledger"}
    assert len(found) == 9, "every record, in its place or staged"
    found = check(node_ledger, "city").findings
    assert {one.what for one in found} == {"it is of a login for another country's node, and this is a city's ledger"}
    assert len(found) == 4, "the approval of metadata stands in either's ledger"


def test_an_empty_ledger_fits(store: Store) -> None:
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert report.holds
    assert report.size == 0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 33])
def test_ledgers_of_every_shape_of_tree_fit(store: Store, size: int) -> None:
    commit_all(store, [unit(record=release(secrets.token_bytes(32))) for _ in range(size)])
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0)
    sequencer.step()
    assert verify_ledger(store.engine, tenant=TENANT, keys=KEYS).findings == ()
    sequencer.stop()


# -- one byte of any column of any row of any table


def changes(value: Value, *, nullable: bool) -> Iterator[Value]:
    """Values that differ from this one in one byte, and nothing in place of something."""
    if value is None:
        yield from (b"\x00", 1)
        return
    if nullable:
        yield None
    if isinstance(value, int):
        yield from (value + 1000, value ^ 2**32)
    elif isinstance(value, str):
        yield value[:-1] + chr(ord(value[-1]) ^ 1)
    else:
        for place in {0, len(value) // 2, len(value) - 1} if value else ():
            changed = bytearray(value)
            changed[place] ^= 1
            yield bytes(changed)
        yield value + b"\x00"
        yield value[:-1]


def attacks(connection: sqlite3.Connection, table: Table) -> Iterator[tuple[str, str, int]]:
    """Change a column of a row and put it back, one after the other; yields table, column and which row while changed.

    The first row, the last one and one between stand for all: a whole check of the ledger follows each change.
    """
    keys = [column.name for column in table.primary_key]
    rows = connection.execute(f"SELECT {', '.join(c.name for c in table.c)} FROM {table.name}").fetchall()  # noqa: S608  our names
    assert rows
    for number in sorted({0, len(rows) // 2, len(rows) - 1}):
        row = rows[number]
        values = dict(zip((column.name for column in table.c), row, strict=True))
        for column in table.c:
            for value in changes(values[column.name], nullable=bool(column.nullable)):
                where = " AND ".join(f"{key} = ?" for key in keys)
                statement = f"UPDATE {table.name} SET {column.name} = ? WHERE {where}"  # noqa: S608  our names
                if value == values[column.name]:
                    continue
                try:
                    connection.execute(statement, [value, *(values[key] for key in keys)])
                except sqlite3.IntegrityError:
                    continue  # the table's own types and constraints do not let it in
                connection.commit()
                yield table.name, column.name, number
                after = {**values, column.name: value}
                connection.execute(statement, [values[column.name], *(after[key] for key in keys)])
                connection.commit()


@pytest.mark.spec("issue: one byte of a ledger row changed")
@pytest.mark.parametrize("table", LEDGER, ids=lambda table: table.name)
def test_one_byte_of_any_column_of_any_row_is_named(copy: Path, table: Table) -> None:
    every_change_is_named(copy, table)


@pytest.mark.spec("decisions.md 26")
@pytest.mark.parametrize("table", [records, trees], ids=lambda table: table.name)
def test_one_byte_of_any_column_of_any_row_of_a_node_is_named(node_copy: Path, table: Table) -> None:
    every_change_is_named(node_copy, table)


def every_change_is_named(copy: Path, table: Table) -> None:
    engine = open_engine(f"sqlite:///{copy / 'ciconia.db'}")
    seen: set[str] = set()
    with closing(sqlite3.connect(copy / "ciconia.db")) as connection:
        for name, column, row in attacks(connection, table):
            findings = verify_ledger(engine, tenant=TENANT, keys=KEYS).findings
            assert findings, (name, column, row)
            if column not in {key.name for key in table.primary_key}:
                assert name in {finding.table for finding in findings}, (name, column, row, findings)
            seen.add(column)
    assert seen == set(table.c.keys())
    # and everything was put back, so nothing of the above was a finding of something else
    assert verify_ledger(engine, tenant=TENANT, keys=KEYS).holds
    engine.dispose()


@pytest.mark.parametrize("table", LEDGER, ids=lambda table: table.name)
def test_a_row_that_is_gone_is_named(copy: Path, ledger: Path, table: Table) -> None:
    keys = ", ".join(column.name for column in table.primary_key)
    with closing(sqlite3.connect(copy / "ciconia.db")) as connection:
        count = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608  our names
    for number in range(count):
        shutil.copy(ledger / "ciconia.db", copy / "ciconia.db")
        query = f"SELECT {keys} FROM {table.name} ORDER BY {keys} LIMIT 1 OFFSET {number}"  # noqa: S608  our names
        change(copy, f"DELETE FROM {table.name} WHERE ({keys}) IN ({query})")  # noqa: S608  our names
        assert not check(copy).holds, number


def test_what_does_not_fit_is_named_by_table_row_and_what(copy: Path) -> None:
    change(copy, "UPDATE leaves SET leaf = zeroblob(44) WHERE leaf_index = 3")
    findings = check(copy).findings
    assert LedgerFinding("leaves", "3", "its hash is not that of its bytes") in findings
    assert "leaves 3: its hash is not that of its bytes" in [str(finding) for finding in findings]
    assert {finding.table for finding in findings} == {"leaves", "records"}


# -- changes of somebody who recomputes what needs no key


def test_a_leaf_with_its_hash_and_nodes_computed_again_is_named(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "ciconia.db")) as connection:
        leaf, other, above = (
            connection.execute("SELECT leaf FROM leaves WHERE leaf_index = 0").fetchone()[0],
            connection.execute("SELECT leaf_hash FROM leaves WHERE leaf_index = 1").fetchone()[0],
            connection.execute("SELECT hash FROM nodes WHERE level = 1 AND node_index = 1").fetchone()[0],
        )
        forged = leaf_hash(leaf.replace(b'"tag":"', b'"tag":"A')[: len(leaf)])
        low = node_hash(forged, other)
        old = leaf_hash(leaf)
        connection.execute("UPDATE leaves SET leaf_hash = ? WHERE leaf_index = 0", [forged])
        connection.execute("UPDATE records SET leaf_hash = ? WHERE leaf_hash = ?", [forged, old])
        connection.execute("UPDATE nodes SET hash = ? WHERE level = 1 AND node_index = 0", [low])
        connection.execute("UPDATE nodes SET hash = ? WHERE level = 2", [node_hash(low, above)])
        connection.commit()
    named = {finding.table for finding in check(copy).findings}
    assert {"trees", "checkpoints"} <= named


def test_two_records_that_changed_their_openings_are_named(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "ciconia.db")) as connection:
        query = "SELECT record, sent_opening FROM records ORDER BY record LIMIT 2"
        (one, first), (other, second) = connection.execute(query).fetchall()
        connection.execute("UPDATE records SET sent_opening = ? WHERE record = ?", [second, one])
        connection.execute("UPDATE records SET sent_opening = ? WHERE record = ?", [first, other])
        connection.commit()
    assert {finding.row for finding in check(copy).findings} == {one.hex(), other.hex()}


def test_a_release_that_was_given_to_another_person_is_named(copy: Path) -> None:
    statement = "UPDATE records SET subject = ?, position = 99 WHERE subject = ? AND position = 1"
    with closing(sqlite3.connect(copy / "ciconia.db")) as connection:
        connection.execute(statement, [b"b" * 32, b"a" * 32])
        connection.commit()
    named = {finding.table for finding in check(copy).findings}
    assert named == {"records", "subjects"}


def test_checkpoints_in_another_order_are_named(copy: Path) -> None:
    change(
        copy,
        "UPDATE checkpoints SET number = 9 WHERE number = 1",
        "UPDATE checkpoints SET number = 1 WHERE number = 2",
        "UPDATE checkpoints SET number = 2 WHERE number = 9",
    )
    whats = {finding.what for finding in check(copy).findings}
    assert "it does not come after the one before, in size and time" in whats


def test_the_keys_of_another_broker_open_nothing(ledger: Path) -> None:
    engine = open_engine(f"sqlite:///{ledger / 'ciconia.db'}")
    report = verify_ledger(engine, tenant=TENANT, keys=ledger_keys(KEYS.origin, KEYS.log.at(0).signer, b"o" * 32))
    engine.dispose()
    assert {finding.table for finding in report.findings} == {"trees", "checkpoints", "records", "subjects"}


def test_another_tenants_ledger_is_not_mixed_with_ours(ledger: Path) -> None:
    engine = open_engine(f"sqlite:///{ledger / 'ciconia.db'}")
    report = verify_ledger(engine, tenant=type(TENANT)("other.example"), keys=KEYS)
    engine.dispose()
    assert report.holds
    assert (report.size, report.records) == (0, 0)


# -- a damaged file


def test_a_damaged_file_is_a_finding_or_a_refusal_and_never_fits(copy: Path) -> None:
    path = copy / "ciconia.db"
    data = bytearray(path.read_bytes())
    page = 4096
    for number in range(1, len(data) // page):
        damaged = bytearray(data)
        damaged[number * page : number * page + 200] = b"\xa5" * 200
        path.write_bytes(damaged)
        try:
            report = check(copy)
        except StoreUnavailable:
            continue
        assert not report.holds, number


def test_several_processes_find_what_one_finds(folder: Path) -> None:
    filled(folder)
    engine = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    steps: list[int] = []
    try:
        assert not verify_ledger(engine, tenant=TENANT, keys=KEYS, processes=2).findings
        change(
            folder,
            "UPDATE records SET time = time + 1 WHERE record = (SELECT min(record) FROM records)",
            "UPDATE records SET sent_opening = zeroblob(90) WHERE record = (SELECT max(record) FROM records)",
            # Claims that somebody was erased: each process counts a part
            "UPDATE records SET subject_opening = zeroblob(32), subject = NULL, position = NULL WHERE position = 2",
        )
        alone = verify_ledger(engine, tenant=TENANT, keys=KEYS)
        together = verify_ledger(engine, tenant=TENANT, keys=KEYS, processes=2, advance=steps.append)
    finally:
        engine.dispose()
    assert alone == together
    assert len(alone.findings) > 4
