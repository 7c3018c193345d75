"""`verify_ledger`: a ledger as we wrote it fits, and whatever anybody changes in it is named."""

import json
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
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.findings import LedgerFinding, LedgerReport
from idp.ledger.ledger_keys import ledger_keys
from idp.ledger.merkle_tree import leaf_hash, node_hash
from idp.ledger.record_contents import CANCELLATION, REFUSAL, RELEASE, draft_approval, draft_node, new_record
from idp.ports import Opening, RecordDraft
from idp.sequencer.sequencer import Sequencer
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.tables import LEDGER
from policies.errors import StoreUnavailable
from policies.parties import EntityId
from tests.idp.store.units import KEYS, NOW, TENANT, commit_all, opened, refusal, release, unit

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


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


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
@pytest.mark.parametrize("table", [t for t in LEDGER if t.name != "subjects"], ids=lambda table: table.name)
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


# -- records that were written wrong from the start


def written(store: Store, draft: RecordDraft) -> set[str]:
    store.commit(unit(record=draft))
    return {finding.what for finding in verify_ledger(store.engine, tenant=TENANT, keys=KEYS).findings}


def with_content(draft: RecordDraft, compartment: str, **changed: Json) -> RecordDraft:
    def opening(one: Opening) -> Opening:
        if one.compartment != compartment:
            return one
        content: dict[str, Json] = {**json_of(one), **changed}
        return Opening(one.compartment, one.nonce, jcs(content))

    return RecordDraft(draft.record, draft.kind, draft.time, draft.subject, tuple(opening(o) for o in draft.openings))


def json_of(opening: Opening) -> dict[str, Json]:
    found = json.loads(opening.content)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("compartment", "changed", "what"),
    [
        ("sent", {"record": "00" * 16}, "its sent has another record"),
        ("sent", {"time": NOW + 1}, "its sent has another time"),
        ("decision", {"time": NOW + 1}, "its decision has another time"),
        (
            "decision",
            {"kind": "gift"},
            "it is no release, refusal or cancellation, nothing unsent, and no approval of metadata, decryption or switch",
        ),
        ("decision", {"kind": "refusal"}, "a refusal does not have these openings"),
        ("subject", {"subject": "00" * 32}, "its subject's part is of another record or subject"),
        ("login", {"aud": "another"}, "its login is of another relying party than it was sent to"),
    ],
)
def test_a_record_that_contradicts_itself_is_named(
    store: Store, compartment: str, changed: dict[str, Json], what: str
) -> None:
    assert what in written(store, with_content(release(), compartment, **changed))


NODE_ODD = "a release to a node says more or less than it may"
APPROVAL_ODD = "an approval of metadata says more or less than it may"
NO_DIGEST = "an approval of metadata has no digest of 64 hex digits"
NO_PEER = "an approval of metadata has no entity id"


@pytest.mark.spec("decisions.md 26")
@pytest.mark.parametrize(
    ("draft", "compartment", "changed", "what"),
    [
        (at_node(RELEASE), "sent", {"names": [["family_name", "exact"]]}, NODE_ODD),
        (at_node(RELEASE), "decision", {"source": "ee"}, NODE_ODD),
        (
            at_node(RELEASE),
            "sent",
            {"message": "_other"},
            "a release to a node says one thing as sent and another as decided",
        ),
        (
            at_node(RELEASE),
            "decision",
            {"node": "https://lv.example/"},
            "a release to a node says one thing as sent and another as decided",
        ),
        (at_node(RELEASE), "decision", {"time": NOW + 1}, "its decision has another time"),
        (at_node(RELEASE), "sent", {"record": "00" * 16}, "its sent has another record"),
        (
            at_node(REFUSAL),
            "decision",
            {"kind": "gift"},
            "it is no release, refusal or cancellation, nothing unsent, and no approval of metadata, decryption or switch",
        ),
        (at_node(RELEASE), "decision", {"kind": "metadata"}, APPROVAL_ODD),
        (release(), "decision", {"kind": "metadata"}, APPROVAL_ODD),
        (release(), "decision", {"node": "https://nl.example/"}, NODE_ODD),
        (refusal(), "decision", {"node": "https://nl.example/"}, "a refusal to a node says more or less than it may"),
        (approval(), "decision", {"kind": "release"}, "a release does not have these openings"),
        (approval(), "decision", {"node": "https://nl.example/"}, APPROVAL_ODD),
        (approval(), "sent", {"digest": "1" * 64}, "an approval of metadata says one thing as sent and another as decided"),
    ],
)
def test_a_record_without_a_subject_that_says_more_or_another_thing_is_named(
    store: Store, draft: RecordDraft, compartment: str, changed: dict[str, Json], what: str
) -> None:
    assert what in written(store, with_content(draft, compartment, **changed))


@pytest.mark.spec("decisions.md 26")
@pytest.mark.parametrize("draft", [at_node(RELEASE), approval()], ids=["node", "approval"])
@pytest.mark.parametrize("compartment", ["subject", "login"])
def test_a_person_beside_a_record_that_has_none_is_named(store: Store, draft: RecordDraft, compartment: str) -> None:
    added = next(opening for opening in release().openings if opening.compartment == compartment)
    subject = b"s" * 32 if compartment == "subject" else None
    found = written(store, RecordDraft(draft.record, draft.kind, draft.time, subject, (*draft.openings, added)))
    assert [what for what in found if what.endswith("has no subject, no counter and no other openings")]


@pytest.mark.spec("decisions.md 30")
@pytest.mark.parametrize(
    ("facts", "whats"),
    [
        ({"digest": "no digest at all"}, {NO_DIGEST}),
        ({"digest": "0" * 63}, {NO_DIGEST}),
        ({"digest": "A" * 64}, {NO_DIGEST}),
        ({"digest": "0" * 64 + "\n"}, {NO_DIGEST}),
        ({"digest": 7}, {NO_DIGEST}),
        ({"peer": ""}, {NO_PEER}),
        ({"peer": "the node of Latvia"}, {NO_PEER}),
        ({"peer": 7}, {NO_PEER}),
        ({"peer": ["https://nl.example/"], "digest": ""}, {NO_DIGEST, NO_PEER}),
        ({"peer": "urn:lv:node"}, set()),
    ],
)
def test_an_approval_names_a_digest_and_an_entity_id(store: Store, facts: dict[str, Json], whats: set[str]) -> None:
    draft = with_content(with_content(approval(), "sent", **facts), "decision", **facts)
    assert written(store, draft) == whats


def test_a_release_without_a_subject_is_named(store: Store) -> None:
    draft = release()
    openings = tuple(o for o in draft.openings if o.compartment != "subject")
    found = written(store, RecordDraft(draft.record, draft.kind, draft.time, None, openings))
    assert "a release does not have these openings" in found
    assert "a release has a subject and a counter exactly where it is a release" in found


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
