"""A file that somebody else wrote is no backup because it is a SQLite file: nothing of it is asked before it is plain."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from idp.store import tables
from idp.store.backup import CLOSED_SECONDS, RESTORED, back_up, opened_backup, restore
from idp.store.engine import open_engine, reading, writing
from idp.store.migrate import migrate
from idp.store.store import Store
from policies.errors import NotFound
from tests.idp.store.units import NOW, TENANT, commit_all, opened, release, unit

VIEW = "CREATE VIEW unforeseen AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS day FROM n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    migrate(f"sqlite:///{tmp_path / 'ciconia.db'}")
    found = opened(tmp_path)
    commit_all(found, [unit(record=release())])
    yield found
    found.close()


@pytest.fixture
def backup(store: Store, tmp_path: Path) -> Path:
    file = tmp_path / "backup.db"
    back_up(store.engine, tenant=TENANT, file=file, advance=lambda _: None)
    return file


def refused(file: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(NotFound), opened_backup(file, tenant=TENANT, beside=file.parent):
        raise AssertionError("it was opened")
    assert time.monotonic() - begun < 60, "of what is in it there is no end"
    assert not list(file.parent.glob(".restored*")), "nothing of it stays"


def test_what_we_wrote_is_opened(backup: Path) -> None:
    with opened_backup(backup, tenant=TENANT, beside=backup.parent) as engine, reading(), engine.connect() as connection:
        assert connection.scalar(select(tables.records.c.tenant)) == TENANT


@pytest.mark.parametrize(
    "changes",
    [
        ("ALTER TABLE unforeseen RENAME TO u2",),
        ("DROP TABLE unforeseen", VIEW),
        ("CREATE TRIGGER t AFTER DELETE ON marks BEGIN DELETE FROM switches; END",),
        ("CREATE INDEX i ON marks (hex(digest))",),
        ("CREATE INDEX i ON marks (ends) WHERE ends > 0",),
        ("ALTER TABLE marks ADD COLUMN more TEXT AS (hex(digest))",),
        ("ALTER TABLE marks ADD COLUMN more TEXT",),
        ("DROP TABLE unforeseen", "CREATE VIRTUAL TABLE unforeseen USING fts5(day)"),
        ("DROP TABLE unforeseen", "CREATE TABLE unforeseen (tenant, day, place, kind, times)"),
        ("DROP TABLE staged", "CREATE TABLE staged (tenant TEXT NOT NULL, record BLOB NOT NULL, leaf BLOB NOT NULL)"),
        ("DROP TABLE staged", "CREATE TABLE staged (tenant TEXT NOT NULL, record BLOB NOT NULL, leaf BLOB) STRICT"),
        ("DROP TABLE staged", "CREATE TABLE staged (tenant TEXT NOT NULL, record ANY NOT NULL, leaf BLOB NOT NULL) STRICT"),
    ],
)
def test_what_is_more_than_our_tables_is_refused_before_it_runs(backup: Path, changes: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        for statement in changes:
            connection.execute(statement)
        connection.commit()
    refused(backup)


def test_a_value_that_is_not_of_its_columns_type_is_refused(backup: Path) -> None:
    """Where it came into the table before that was said to be strict."""
    with closing(sqlite3.connect(backup)) as connection:
        (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'staged'").fetchone()
        connection.execute("DROP TABLE staged")
        connection.execute(made.replace(",\n STRICT", ""))
        connection.execute("INSERT INTO staged VALUES (?, ?, 'no octets')", (TENANT, b"r" * 16))
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'staged'", (made,))
        connection.commit()
    refused(backup)


def test_no_mark_of_a_restore_keeps_sign_ins_closed_for_ever(tmp_path: Path, backup: Path) -> None:
    far = {"tenant": TENANT, "kind": RESTORED, "digest": b"x" * 32, "unit": b"y" * 16, "ends": 9 * 10**17}
    source = open_engine(f"sqlite:///{backup}")
    with writing(source).begin() as connection:
        connection.execute(insert(tables.marks), [far])
    (tmp_path / "again").mkdir()
    migrate(f"sqlite:///{tmp_path / 'again' / 'ciconia.db'}")
    target = open_engine(f"sqlite:///{tmp_path / 'again' / 'ciconia.db'}")
    restore(source, target, tenant=TENANT, now=NOW, advance=lambda _: None)
    query = select(tables.marks.c.ends).where(tables.marks.c.kind == RESTORED)
    with reading(), target.connect() as connection:
        assert connection.scalars(query).all() == [NOW + CLOSED_SECONDS]
    # A row that came by another way
    with writing(target).begin() as connection:
        connection.execute(insert(tables.marks), [far])
    source.dispose()
    target.dispose()
    again = opened(tmp_path / "again")
    assert 0 < again.closed <= CLOSED_SECONDS
    again.close()
