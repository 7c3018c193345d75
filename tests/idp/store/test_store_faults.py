"""A database that is locked, read-only or full: a refusal, nothing half written, and work as before once it is well."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from idp.audit.verify import verify_ledger
from idp.store.engine import create_file, database_file, open_engine, sqlite_url
from idp.store.store import Store, open_store
from policies.errors import Conflict, Misconfigured, StoreUnavailable
from tests.idp.store.units import KEYS, NOW, TENANT, marks, opened, parked, release, unit

TABLES = ("marks", "parked", "decisions", "subjects", "records", "staged")


class Pages:
    """The size to which the database may grow, as SQLite's own limit."""

    def __init__(self, store: Store) -> None:
        self.limit = 2**30
        event.listen(store.engine, "begin", self._apply)

    def _apply(self, connection: Connection) -> None:
        connection.connection.cursor().execute(f"PRAGMA max_page_count = {self.limit:d}")


@pytest.fixture
def impatient(folder: Path) -> Iterator[Store]:
    found = opened(folder, busy_milliseconds=50)
    yield found
    found.close()


def counts(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}  # noqa: S608  our names


@pytest.mark.spec("security.md §3 I7")
def test_a_locked_database_refuses_and_then_takes_the_same_unit(impatient: Store, folder: Path) -> None:
    one = unit(*marks("a"), record=release(), parked=[parked()])
    with closing(sqlite3.connect(folder / "ciconia.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="SQLITE_BUSY"):
            impatient.commit(one)
        assert impatient.decision(TENANT, b"l" * 32, NOW) is None  # reads go on
        other.execute("ROLLBACK")
    assert set(counts(folder).values()) == {0}
    impatient.commit(one)
    assert set(counts(folder).values()) == {1}
    with pytest.raises(Conflict):
        impatient.commit(one)


@pytest.mark.spec("security.md §3 I7")
def test_a_full_database_refuses_whole_units_and_works_again_when_there_is_space(store: Store, folder: Path) -> None:
    pages = Pages(store)
    store.commit(unit(record=release()))
    pages.limit = 1  # SQLite takes the present size in its place
    written, refused, kinds = 1, [], set()
    for number in range(60):
        one = unit(*marks(f"m{number}"), record=release(), parked=[parked(number.to_bytes(32), payload=b"p" * 900)])
        try:
            store.commit(one)
            written += 1
        except StoreUnavailable as error:
            refused.append(one)
            kinds.add(error.detail)
    assert kinds == {"SQLITE_FULL"}
    found = counts(folder)
    assert found["records"] == found["staged"] == found["marks"] == found["decisions"] == found["parked"] + 1 == written
    pages.limit = 2**30
    for one in refused:
        store.commit(one)
    assert counts(folder)["records"] == 61
    assert verify_ledger(store.engine, tenant=TENANT, keys=KEYS).holds


def test_a_database_that_is_read_only_is_read_and_refuses_to_record(store: Store, folder: Path) -> None:
    before = unit(record=release())
    store.commit(before)
    url = f"sqlite:///file:{folder / 'ciconia.db'}?mode=ro&uri=true"
    reader = open_store(url, tenant=TENANT, ledger_keys=KEYS)
    assert before.decision is not None
    assert reader.decision(TENANT, before.decision.login, NOW) == before.decision
    with pytest.raises(StoreUnavailable, match="SQLITE_READONLY"):
        reader.commit(unit(record=release()))
    with pytest.raises(StoreUnavailable, match="SQLITE_READONLY"):
        reader.purge(NOW)
    reader.close()
    assert counts(folder)["records"] == 1


@pytest.mark.spec("decisions.md 15")
def test_no_value_of_a_unit_is_in_what_is_raised(impatient: Store, folder: Path) -> None:
    del folder
    secret = b"canary-4711-payload"
    with pytest.raises(StoreUnavailable) as caught:
        impatient.commit(unit(parked=[parked(payload=secret), parked(payload=secret)]))
    error: BaseException | None = caught.value
    while error is not None:
        assert "canary" not in f"{error!r}{error}"
        error = error.__cause__ or error.__context__


def test_every_connection_waits_syncs_fully_and_keeps_references(store: Store) -> None:
    with store.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_database_that_would_lose_commits_is_refused() -> None:
    for url in [
        "",
        "not a url",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://db.example/ciconia",
        "mysql://db.example/ciconia",
    ]:
        with pytest.raises(Misconfigured):
            sqlite_url(url)


def test_a_database_without_a_write_ahead_log_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.store.engine.FULL", 3)  # as if this SQLite answered something else than was asked for
    engine = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    with pytest.raises(Misconfigured, match="durable"):
        engine.connect()
    engine.dispose()


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "ciconia.db"
    path.write_bytes(b"a letter to the mayor " * 500)
    with pytest.raises(StoreUnavailable, match="SQLITE_NOTADB"):
        open_store(f"sqlite:///{path}", tenant=TENANT, ledger_keys=KEYS)


def test_a_file_is_made_for_its_owner_and_an_old_one_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    create_file(url)
    assert database_file(url).stat().st_mode & 0o777 == 0o600
    database_file(url).write_bytes(b"kept")
    create_file(url)
    assert database_file(url).read_bytes() == b"kept"
    with pytest.raises(Misconfigured, match="folder"):
        create_file(f"sqlite:///{tmp_path / 'no' / 'folder.db'}")
