"""Samples of columns, which databases keep for their plans: none leads to a person, and no plan suffers."""

from pathlib import Path

from alembic import command
from sqlalchemy import Engine, text

from idp.store import migrate as migration
from idp.store.engine import open_engine, writing
from idp.store.migrate import migrate
from idp.store.records.clearing import scrub
from idp.store.tables import metadata
from tests.idp.server.crew import until
from tests.idp.store.test_clearing import GONE, files_of
from tests.idp.store.units import opened_at, release, unit
from tests.postgres import server

# All that an erasure deletes; what stays of a row leads to nobody
LEADS = {
    "subjects": {"subject", "salt"},
    "erasures": {"subject", "seal"},
    "records": {"subject", "position", "login_opening", "subject_opening"},
    "approvals": {"digest", "content"},
    "sessions": {"session", "cookie", "person", "upstream", "content"},
    "participants": {"session", "sid"},
}
FILLED = """
    CREATE TEMPORARY TABLE many AS SELECT i, sha256(i::text::bytea) AS h FROM generate_series(1, 5000) i;
    INSERT INTO subjects SELECT 't', h, h, 1, 0 FROM many;
    INSERT INTO records SELECT 't', h, i, h, sha256((i % 500)::text::bytea), i, '', '', '', '' FROM many;
    INSERT INTO sessions SELECT 't', h, h, h, '', 'ee', '', i, i FROM many;
    INSERT INTO participants SELECT 't', h, 'parking', i::text, i FROM many;
    INSERT INTO approvals SELECT 't', h, '', i FROM many;
    DROP TABLE many;
    ANALYZE
"""
ONE_PERSON = """
    CREATE TEMPORARY TABLE many AS SELECT i, sha256(i::text::bytea) AS h, decode(:person, 'hex') AS person
        FROM generate_series(1, 5000) i;
    INSERT INTO subjects SELECT DISTINCT 't', person, person, 5000 FROM many;
    INSERT INTO records SELECT 't', h, i, h, person, i, '', '', '', '' FROM many;
    DROP TABLE many;
    ANALYZE
"""
QUESTIONS = {
    "SELECT * FROM subjects WHERE tenant = 't' AND subject = '\\x00'": "subjects_pkey",
    "SELECT * FROM records WHERE tenant = 't' AND subject = '\\x00'": "records_by_subject",
    "SELECT * FROM records WHERE tenant = 't' AND subject = '\\x00' AND position > 7 ORDER BY position LIMIT 5": (
        "records_by_subject"
    ),
    "SELECT * FROM records WHERE tenant = 't' AND subject IS NOT NULL AND record > '\\x00' ORDER BY record LIMIT 9": (
        "records_pkey"
    ),
    "SELECT * FROM sessions WHERE tenant = 't' AND person = '\\x00'": "sessions_by_person",
    "SELECT * FROM sessions WHERE tenant = 't' AND cookie = '\\x00'": "sessions_by_cookie",
    "SELECT * FROM participants WHERE tenant = 't' AND session = '\\x00'": "participants_pkey",
    "SELECT * FROM participants WHERE tenant = 't' AND sid = 'x'": "participants_by_sid",
    "SELECT * FROM approvals WHERE tenant = 't' AND digest = '\\x00'": "approvals_pkey",
}


def change(engine: Engine, *statements: str) -> None:
    with writing(engine).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def sampled(engine: Engine, table: str) -> set[str]:
    """The columns of a table that PostgreSQL has samples of."""
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT attname FROM pg_stats WHERE tablename = :table"), {"table": table}))


def test_postgresql_samples_nothing_that_leads_to_a_person_and_finds_all_by_its_indices(postgres: str) -> None:
    engine = open_engine(postgres)
    change(engine, *FILLED.split(";"))
    for table, columns in LEADS.items():
        assert not columns & sampled(engine, table), table
        assert columns <= set(metadata.tables[table].columns.keys())
    assert sampled(engine, "records") == {"tenant", "record", "time", "leaf_hash", "sent_opening", "decision_opening"}
    with engine.connect() as connection:
        for question, index in QUESTIONS.items():
            plan = "\n".join(connection.scalars(text(f"EXPLAIN {question}")))
            assert index in plan, plan
            assert "Seq Scan" not in plan, plan
    engine.dispose()


def test_samples_of_before_go_with_the_migration_and_no_table_is_rewritten_for_it() -> None:
    engine = open_engine(server().fresh())
    with writing(engine).begin() as connection:
        config = migration._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
    change(engine, *ONE_PERSON.replace(":person", f"'{GONE.hex()}'").split(";"))
    assert "subject" in sampled(engine, "records")
    files = text("SELECT pg_relation_filenode('records'), pg_relation_filenode('records_by_subject')")
    with engine.connect() as connection:
        before = connection.execute(files).one()
    migrate(engine.url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        assert connection.execute(files).one() == before
    for table, columns in LEADS.items():
        assert not columns & sampled(engine, table), table
    change(engine, "DELETE FROM records", "DELETE FROM subjects")
    until(lambda: scrub(engine, None))
    assert GONE not in files_of(engine)
    engine.dispose()


def test_sqlite_keeps_no_samples_of_an_operator(folder: Path) -> None:
    """Some builds of SQLite make them, where somebody runs ANALYZE."""
    store = opened_at(f"sqlite:///{folder / 'ciconia.db'}")
    store.commit(unit(record=release(b"b" * 32)))
    with store.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql("CREATE TABLE sqlite_stat4 (tbl, idx, neq, nlt, ndlt, sample)")
        connection.exec_driver_sql("PRAGMA writable_schema = OFF")
        sample = ("subjects", "subjects", "1 1", "0 0", "0 0", b"\x03" + GONE)
        connection.exec_driver_sql("INSERT INTO sqlite_stat4 VALUES (?, ?, ?, ?, ?, ?)", sample)
        connection.exec_driver_sql("BEGIN")
    assert GONE in files_of(store.engine)
    assert scrub(store.engine, [GONE])
    assert GONE not in files_of(store.engine)
    store.close()
