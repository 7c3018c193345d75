"""The database's file, and the release ledger in it."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Table, insert, update

from idp.doctor.ledger import AT_LEAST, LONGEST_SECONDS
from idp.store import tables
from idp.store.migrate import revisions
from tests.idp.doctor.shelf import HOST, meddling, record, sequence
from tests.idp.doctor.ward import DAY, ERROR, NOW, WARNING, at, edit, examined, only

DB = "ciconia.db"
LATEST_YEAR = 253_339_228_800  # 9998 begins
FORGED = "UPDATE checkpoints SET note = CAST(replace(CAST(note AS TEXT), 'haven', 'heaven') AS BLOB) WHERE number = 2"


def test_nothing_is_changed_by_looking(city: Path) -> None:
    record(city)
    sequence(city)

    def state() -> dict[str, tuple[str, int]]:
        files = [path for path in city.rglob("*") if path.is_file()]
        digest = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        return {str(path): (digest[path], path.stat().st_mode) for path in files}

    before = state()
    examined(city)
    assert state() == before


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("away/ciconia.db", "is not there"),
        ("keys", "it is a folder"),
        ("/", "it is a folder"),
        ("postgresql://127.0.0.1:1/ciconia", "Nobody listens there"),
        ("postgresql://127.0.0.1:1", "names no database"),
        ("sqlite:///:memory:", "loses every record"),
        ("no url://", "no address of a database"),
    ],
)
def test_a_database_that_cannot_be_is_an_error_of_its_setting(city: Path, setting: str, words: str) -> None:
    line = edit(city, "ciconia.toml", 'database = "ciconia.db"', f'database = "{setting}"')
    found = at(examined(city), "ciconia.toml", "database", words)
    assert (found.severity, found.line) == (ERROR, line)


def test_a_database_that_others_may_read_is_a_warning(city: Path) -> None:
    (city / DB).chmod(0o644)
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (WARNING, DB, "permissions")


def test_a_journal_that_is_not_wal_is_a_warning_and_stays_what_it_is(city: Path) -> None:
    with closing(sqlite3.connect(city / DB)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    assert only(examined(city)).key == "journal_mode"
    with closing(sqlite3.connect(city / DB)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.mark.parametrize(
    ("revision", "severity", "words"),
    [
        ("9999_later", ERROR, "a later version"),
        (revisions()[-1], WARNING, "this program needs"),
        ("", WARNING, "revision none"),
    ],
)
def test_a_database_of_another_version_is_named(city: Path, revision: str, severity: str, words: str) -> None:
    with closing(sqlite3.connect(city / DB)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        connection.execute("DELETE FROM alembic_compatible")
        if revision:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    found = at(examined(city), DB, "revision")
    assert found.severity == severity
    assert words in found.what


def test_a_damaged_file_is_an_error(city: Path) -> None:
    record(city)
    octets = bytearray((city / DB).read_bytes())
    octets[4096:] = b"\x5a" * (len(octets) - 4096)
    (city / DB).write_bytes(octets)
    assert [one for one in examined(city).of(ERROR) if one.file == DB]


def test_a_record_that_waits_too_long_is_a_warning(city: Path) -> None:
    record(city, time=NOW)
    assert examined(city, now=NOW + AT_LEAST).findings == ()
    found = only(examined(city, now=NOW + AT_LEAST + 1))
    assert (found.severity, found.key) == (WARNING, "staged")
    assert f"{AT_LEAST + 1} seconds" in found.what


def test_a_place_that_no_checkpoint_covers_is_a_warning(city: Path) -> None:
    record(city)
    sequence(city)
    with meddling(city) as connection:
        connection.exec_driver_sql("DELETE FROM checkpoints")
    found = at(examined(city), DB, "checkpoint", "1 record has a place that no checkpoint covers")
    assert found.severity is WARNING
    assert "there is no checkpoint" in found.what


def test_a_checkpoint_from_the_future_is_an_error(city: Path) -> None:
    record(city)
    sequence(city, time=NOW + DAY // 2)
    found = only(examined(city))
    assert found.what.endswith("which has not come yet.")
    assert "Where it is right, checkpoints go on" in found.fix


@pytest.mark.parametrize("table", tables.EXPIRING)
def test_what_a_clock_wrote_that_was_ahead_is_named_with_what_deletes_it(city: Path, table: Table) -> None:
    texts = {"tenant": HOST, "kind": "code", "digest": b"d", "unit": b"u", "payload": b"p", "login": b"l", "choice": b"c"}
    numbers = {"hour": NOW // 3600, "wrapped": b"w", "content": b"c", "latest": NOW, "made": NOW, "tries": 0, "due": NOW}
    texts |= {"session": b"s", "cookie": b"k", "person": b"p", "upstream": b"", "provider": "ee", "client": "parking"}
    texts |= {"sid": "s", "logout": b"o", "failed": "", "reference": "r", "leg": "broker", "party": "", "step": "begun"}
    texts |= {"code": "", "check_name": "", "name": "n", "service": "", "seal": b"s"}
    numbers |= {"number": 1, "time": NOW, "size": 0, "opened": 1}
    row = {name: value for name, value in {**texts, **numbers}.items() if name in table.c}
    with meddling(city) as connection:
        connection.execute(insert(table).values(**row, ends=NOW + LONGEST_SECONDS))
    assert examined(city).findings == ()
    with meddling(city) as connection:
        connection.execute(update(table).values(ends=LATEST_YEAR))
    found = at(examined(city), DB, table.name, "1 row ends later than")
    assert found.severity is WARNING
    with meddling(city) as connection:
        connection.exec_driver_sql(found.fix.partition(": ")[2])
    assert examined(city).findings == ()


@pytest.mark.parametrize(
    ("statement", "key"),
    [
        ("UPDATE checkpoints SET time = time + 1 WHERE number = 1", "checkpoint 1"),
        (FORGED, "checkpoint 2"),
        ("DELETE FROM checkpoints WHERE number = 2", "checkpoint 3"),
        ("UPDATE trees SET size = size + 1", "tree"),
        ("UPDATE trees SET seal = zeroblob(32)", "tree"),
    ],
)
def test_what_somebody_else_wrote_into_the_ledger_is_an_error(city: Path, statement: str, key: str) -> None:
    for step in (1, 2, 3):
        record(city, time=NOW + step)
        sequence(city, time=NOW + step)
    assert examined(city, now=NOW + 4).findings == ()
    with meddling(city) as connection:
        connection.exec_driver_sql(statement)
    found = [one for one in examined(city, now=NOW + 4).findings if one.key == key]
    assert found
    assert {one.severity for one in found} == {ERROR}
    assert "ledger verify" in found[0].fix


def test_what_acts_in_the_database_by_itself_is_an_error(city: Path) -> None:
    with closing(sqlite3.connect(city / DB)) as connection:
        connection.execute("CREATE TRIGGER again AFTER INSERT ON marks BEGIN DELETE FROM marks; END")
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (ERROR, DB, "schema")
    assert "again: it is a trigger on marks" in found.what


@pytest.mark.spec("security.md §3 I4")
@pytest.mark.parametrize("tables", [("trees",), ("trees", "leaves", "nodes", "checkpoints")])
def test_a_tree_that_is_gone_is_an_error(city: Path, tables: tuple[str, ...]) -> None:
    record(city)
    sequence(city)
    assert examined(city).findings == ()
    with meddling(city) as connection:
        for table in tables:
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  the attack
    assert "the state of their tree is gone" in at(examined(city), DB, "tree").what
