"""The first migration makes what the tables say, once, from the package itself."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from idp.store.engine import open_engine
from idp.store.migrate import assert_current, migrate
from idp.store.tables import EXPIRING, KEPT, LEDGER, metadata
from policies.errors import Misconfigured

ROOT = Path(__file__).parents[3]
# Tables that the third version had not
LATER = (
    *("unforeseen", "sealing_keys", "switches", "installations", "configurations", "applied", "assents", "approvals"),
    *("sessions", "participants", "logouts", "registered_clients", "registration_tokens", "summaries", "erasures"),
    *("mandates", "cosignatures", "auditors", "event_positions", "recorded_steps", "incidents"),
    "successes",
)


def shape(path: Path) -> dict[str, object]:
    """Every table with its columns, keys, indexes and references, as SQLite has them."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, wr, strict FROM pragma_table_list WHERE type = 'table'").fetchall()
        own = [row for row in tables if not row[0].startswith(("sqlite_", "alembic_"))]
        return {
            name: (
                (without_rowid, strict),
                connection.execute(f"PRAGMA table_info({name})").fetchall(),
                sorted(str(row[1:]) for row in connection.execute(f"PRAGMA index_list({name})")),
                connection.execute(f"PRAGMA foreign_key_list({name})").fetchall(),
            )
            for name, without_rowid, strict in sorted(own)
        }


def test_the_migrations_make_what_the_tables_say(tmp_path: Path, migrated: Path) -> None:
    direct = tmp_path / "direct.db"
    engine = create_engine(f"sqlite:///{direct}")
    metadata.create_all(engine)
    engine.dispose()
    assert shape(direct) == shape(migrated)
    assert set(shape(migrated)) == set(metadata.tables)


def test_every_table_is_of_the_ledger_or_expires_or_names_nobody() -> None:
    assert sorted(table.name for table in (*LEDGER, *EXPIRING, *KEPT)) == sorted(metadata.tables)


@pytest.mark.spec("design §6")
def test_the_tenant_comes_first_in_every_key() -> None:
    for table in metadata.tables.values():
        assert next(column.name for column in table.primary_key) == "tenant", table.name
        for index in table.indexes:
            assert next(column.name for column in index.columns) == "tenant", index.name


def test_a_database_of_the_first_version_gets_what_is_new_and_keeps_the_rest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ciconia.db'}"
    migrate(url)
    with closing(sqlite3.connect(tmp_path / "ciconia.db")) as connection:
        for name in ("peers", *LATER, "alembic_compatible"):
            connection.execute(f"DROP TABLE {name}")
        connection.execute("ALTER TABLE subjects DROP COLUMN expired")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    engine = open_engine(url)
    with pytest.raises(Misconfigured, match="ciconia migrate"):
        assert_current(engine)
    before = shape(tmp_path / "ciconia.db")
    assert migrate(url) == "0011"
    after = shape(tmp_path / "ciconia.db")
    assert set(after) - set(before) == {"peers", *LATER}
    # A person's row has one column more
    before["subjects"] = after["subjects"]
    assert {name: after[name] for name in before} == before
    assert_current(engine)
    engine.dispose()


def test_two_processes_that_migrate_at_once_make_one_database(tmp_path: Path) -> None:
    code = f"from idp.store.migrate import migrate; print(migrate('sqlite:///{tmp_path / 'ciconia.db'}'))"
    workers = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [worker.communicate(timeout=60)[0].strip() for worker in workers] == ["0011", "0011"]


def test_another_revision_is_not_served(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "ciconia.db"
    path.write_bytes(migrated.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("DELETE FROM alembic_compatible")
        connection.commit()
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises(Misconfigured, match="9999"):
        assert_current(engine)
    engine.dispose()


@pytest.mark.parametrize(("oldest", "served"), [("0006", True), ("0005", True), ("0012", False), ("", False)])
def test_a_newer_database_is_served_only_where_its_newest_step_says_so(
    migrated: Path, tmp_path: Path, oldest: str, *, served: bool
) -> None:
    path = tmp_path / "ciconia.db"
    path.write_bytes(migrated.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0012'")
        connection.execute("UPDATE alembic_compatible SET from_revision = ?", (oldest,))
        connection.commit()
    engine = open_engine(f"sqlite:///{path}")
    if served:
        assert_current(engine)
        assert migrate(f"sqlite:///{path}") == "0012"  # and leaves it as it is
    else:
        with pytest.raises(Misconfigured, match="0012"):
            assert_current(engine)
        with pytest.raises(Misconfigured, match="later version"):
            migrate(f"sqlite:///{path}")
    engine.dispose()


def test_a_file_that_is_gone_is_no_reason_to_make_an_empty_one(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'gone.db'}")
    with pytest.raises(Misconfigured, match="no such file") as refused:
        assert_current(engine)
    (problem,) = refused.value.problems
    assert problem.fix.startswith("look at `database` in ciconia.toml; where the file was there before, restore it")
    assert not (tmp_path / "gone.db").exists()
