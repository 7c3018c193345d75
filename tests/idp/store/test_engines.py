"""The URLs that an engine takes, the settings of PostgreSQL's connections, and the names of databases."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from idp.store.engine import database_file, database_name, is_postgres, open_engine, snapshot, url_of_file
from idp.store.postgres import short
from idp.store.reads import read_hashes
from policies.errors import EXTRAS, Misconfigured
from tests.idp.store.units import TENANT, opened_at, release, unit


def test_what_is_no_database_of_ours_is_refused() -> None:
    for url in [
        "postgresql://db.example",  # no database
        "postgresql+psycopg2://db.example/ciconia",
        "postgresql+asyncpg://db.example/ciconia",
        "mysql://db.example/ciconia",
        "postgres",
        "sqlite://",
    ]:
        with pytest.raises(Misconfigured):
            open_engine(url)


def test_without_psycopg_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Misconfigured, match=r"psycopg") as caught:
        open_engine("postgresql://db.example/ciconia")
    assert caught.value.problems[0].fix == EXTRAS


def test_a_name_of_a_database_has_no_password() -> None:
    named = database_name("postgresql://ciconia:canary@db.example:6432/city?sslmode=verify-full&passfile=canary")
    assert named == "city at db.example:6432"
    assert database_name("sqlite:////var/lib/ciconia.db") == "/var/lib/ciconia.db"


@pytest.mark.parametrize("name", ["w?1.db", "p%41x.db", "plain.db"])
def test_a_file_has_a_url_that_leads_back_to_it(tmp_path: Path, name: str) -> None:
    assert database_file(url_of_file(tmp_path / name)) == (tmp_path / name).resolve()


def test_a_shown_engine_has_no_password() -> None:
    engine = open_engine("postgresql://ciconia:canary@db.example/city")
    assert is_postgres(engine)
    assert "canary" not in f"{engine!r}{engine.url}"
    engine.dispose()


def test_every_connection_bounds_its_statements_and_names_itself(postgres: str) -> None:
    engine = open_engine(postgres, busy_milliseconds=1234)
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    for _ in range(2):
        with engine.connect() as connection:
            found = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
            connection.rollback()
        assert found == ["1234ms", "1234ms", "1234ms", "ciconia"]
    engine.dispose()


def test_a_snapshot_sees_one_state_while_others_write(url: str) -> None:
    store = opened_at(url)
    store.commit(unit(record=release()))
    query = "SELECT count(*) FROM records"
    with snapshot(store.engine) as connection:
        assert connection.exec_driver_sql(query).scalar() == 1
        store.commit(unit(record=release()))
        assert connection.exec_driver_sql(query).scalar() == 1
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql(query).scalar() == 2
    assert store.tenant == TENANT
    store.close()


@pytest.mark.spec("issue 5 of 5, item 1")
def test_a_proof_looks_up_each_node_by_its_whole_key_and_so_costs_the_same_in_any_tree(folder: Path) -> None:
    store = opened_at(f"sqlite:///{folder / 'ciconia.db'}")
    asked: list[tuple[str, object]] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def remember(_connection: Connection, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "FROM nodes" in statement and not statement.startswith("EXPLAIN"):
            asked.append((statement, parameters))

    with store.engine.connect() as connection:
        read_hashes(connection, TENANT, [(0, 5), *((level, level) for level in range(1, 100))])
        plans = [
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]  # type: ignore[arg-type] # as the driver got them
            for statement, parameters in asked
        ]
    store.close()
    searches = [line for plan in plans for line in plan if "nodes" in line]
    assert len(asked) == 2
    assert len(searches) == 99
    assert {line.partition("(")[2] for line in searches} == {"tenant=? AND level=? AND node_index=?)"}


def test_an_error_is_told_by_its_state_and_type_alone() -> None:
    class UniqueViolationError(Exception):
        sqlstate = "23505"

    assert short(UniqueViolationError("Key (digest)=(canary) exists")) == "UniqueViolationError 23505"
    assert short(ValueError("canary")) == "ValueError"
