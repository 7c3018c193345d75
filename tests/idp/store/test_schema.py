"""A thing that acts in a database by itself is named: with it one-time things are taken again, unseen."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from idp.audit.verify import verify_ledger
from idp.sequencer.sequencer import HALTING, Sequencer
from idp.store.engine import is_postgres, open_engine, reading
from idp.store.read_back import NOT_KEPT
from idp.store.schema.check import UNLOGGED, faults_of_schema
from idp.store.store import Store
from policies.errors import Misconfigured, StoreUnavailable
from tests.idp.store.units import KEYS, NOW, TENANT, commit_all, opened_at, release, unit

NEVER_RECORDED = """
    CREATE TRIGGER hides AFTER INSERT ON staged BEGIN
        DELETE FROM staged WHERE record = new.record;
        UPDATE subjects SET counter = counter - 1
            WHERE subject = (SELECT subject FROM records WHERE record = new.record);
        DELETE FROM records WHERE record = new.record;
        DELETE FROM subjects WHERE counter = 0;
    END
"""
NEVER_TAKEN = "CREATE TRIGGER again AFTER INSERT ON marks BEGIN DELETE FROM marks WHERE digest = new.digest; END"
OF_POSTGRES = (
    "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TRIGGER again BEFORE INSERT ON marks FOR EACH ROW EXECUTE FUNCTION gone()",
    "CREATE RULE kept AS ON DELETE TO staged DO INSTEAD NOTHING",
    "CREATE POLICY hidden ON records USING (false)",
)
WITHOUT_KEY = (
    "ALTER TABLE marks RENAME TO old",
    "CREATE TABLE marks (tenant TEXT, kind TEXT, digest BLOB, unit BLOB, ends INTEGER) STRICT",
    "DROP TABLE old",
)

ACTS_ON_SQLITE = {
    "ALTER TABLE marks ADD COLUMN x TEXT REFERENCES parked (digest) ON DELETE CASCADE": {"marks"},
    "CREATE UNIQUE INDEX one ON marks (tenant)": {"one"},
    "ALTER TABLE records ADD COLUMN x TEXT AS (hex(record))": {"records"},
    "ALTER TABLE peers DROP COLUMN named": {"peers"},
    "ALTER TABLE switches RENAME COLUMN off TO on_again": {"switches"},
}
_EVIL = "CREATE FUNCTION evil() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"
_SURE = "CREATE FUNCTION sure(bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
ACTS_ON_POSTGRES = {
    "ALTER TABLE marks ALTER unit SET DEFAULT decode(md5(random()::text), 'hex')": {"unit"},
    "ALTER TABLE marks ADD x bytea GENERATED ALWAYS AS (sure(digest)) STORED": {"x", "marks"},
    "ALTER TABLE records ALTER leaf_hash DROP NOT NULL": {"records"},
    "ALTER TABLE staged ADD CONSTRAINT calls CHECK (evil() = 1)": {"calls"},
    "ALTER TABLE staged DROP CONSTRAINT staged_record, ADD CONSTRAINT gone FOREIGN KEY (tenant, record) "
    "REFERENCES records (tenant, record) ON DELETE CASCADE": {"gone"},
    "CREATE INDEX calls ON marks (digest) WHERE sure(digest) IS NOT NULL": {"calls"},
    "CREATE UNIQUE INDEX one ON marks (tenant)": {"one"},
    "ALTER TABLE marks ADD CONSTRAINT one UNIQUE (tenant)": {"marks"},
    "ALTER TABLE switches ENABLE ROW LEVEL SECURITY": {"switches"},
    "CREATE RULE kept AS ON DELETE TO decisions_rest DO INSTEAD NOTHING": {"kept"},
    "ALTER TABLE peers RENAME TO old; CREATE VIEW peers AS SELECT * FROM old": {"peers"},
}


@pytest.fixture
def any_store(url: str) -> Iterator[Store]:
    found = opened_at(url)
    yield found
    found.close()


def faults(store: Store) -> dict[str, str]:
    with reading(), store.engine.connect() as connection:
        return dict(faults_of_schema(connection))


def change(store: Store, *statements: str) -> None:
    engine = open_engine(store.engine.url.render_as_string(hide_password=False))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def on_postgres(store: Store) -> bool:
    with store.engine.connect() as connection:
        return is_postgres(connection)


def test_a_database_that_we_made_has_all_keys_and_nothing_that_acts(any_store: Store) -> None:
    assert faults(any_store) == {}


def test_whatever_acts_is_named_with_its_table(any_store: Store) -> None:
    if on_postgres(any_store):
        change(any_store, *OF_POSTGRES)
        named = {"again": "a trigger on marks", "kept": "a rule on staged", "hidden": "a policy on records"}
    else:
        change(any_store, NEVER_TAKEN, NEVER_RECORDED)
        named = {"again": "a trigger on marks", "hides": "a trigger on staged"}
    found = faults(any_store)
    assert found.keys() == named.keys()
    assert all(what in found[name] for name, what in named.items())


def test_a_table_that_takes_one_thing_twice_is_named(any_store: Store) -> None:
    if on_postgres(any_store):
        change(
            any_store, "ALTER TABLE marks DROP CONSTRAINT marks_pkey", "ALTER TABLE leaves DROP CONSTRAINT leaves_by_hash"
        )
        assert faults(any_store).keys() == {"marks", "leaves"}
    else:
        change(any_store, *WITHOUT_KEY)
        assert faults(any_store).keys() == {"marks"}


def test_a_table_that_is_a_view_or_is_gone_is_named(any_store: Store) -> None:
    change(any_store, "DROP TABLE staged", "DROP TABLE marks", "CREATE VIEW marks AS SELECT 1 AS tenant")
    found = faults(any_store)
    assert {"staged", "marks"} <= found.keys()
    assert found["staged"] == "this table is gone"


@pytest.mark.parametrize("statement", ACTS_ON_SQLITE)
def test_what_acts_in_a_tables_own_definition_is_named(store: Store, statement: str) -> None:
    change(store, statement)
    assert faults(store).keys() == ACTS_ON_SQLITE[statement]


@pytest.mark.parametrize("statement", ACTS_ON_POSTGRES)
def test_what_acts_in_a_tables_definition_on_postgresql_is_named(postgres: str, statement: str) -> None:
    store = opened_at(postgres)
    change(store, OF_POSTGRES[0], _EVIL, _SURE, *statement.split("; "))
    assert faults(store).keys() == ACTS_ON_POSTGRES[statement]
    store.close()


@pytest.mark.spec("security.md §3 I7")
@pytest.mark.parametrize("table", ["records", "marks", "parked_rest"])
def test_a_table_that_a_crash_would_empty_is_named_and_refused_at_start(postgres: str, table: str) -> None:
    store = opened_at(postgres)
    if table == "records":
        change(store, "ALTER TABLE staged SET UNLOGGED")  # what refers to it has to go first
    change(store, f"ALTER TABLE {table} SET UNLOGGED")
    assert faults(store)[table] == UNLOGGED
    assert table in {finding.row for finding in verify_ledger(store.engine, tenant=TENANT, keys=KEYS).findings}
    with pytest.raises(Misconfigured, match=f"{table} is UNLOGGED") as refused:
        opened_at(postgres)
    assert f"run ALTER TABLE {table} SET LOGGED" in {problem.fix for problem in refused.value.problems}
    for problem in refused.value.problems:
        change(store, problem.fix.removeprefix("run "))
    assert faults(store) == {}
    opened_at(postgres).close()
    store.close()


@pytest.mark.spec("security.md §3 I5")
def test_a_release_that_would_vanish_is_refused_and_its_trigger_named(store: Store) -> None:
    commit_all(store, [unit(record=release())])
    change(store, NEVER_RECORDED)
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as refused:
            store.commit(unit(record=release()))
        assert refused.value.code == NOT_KEPT
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert (report.records, report.staged) == (1, 1)
    assert {finding.row for finding in report.findings} == {"hides"}


# What a trigger that nobody finds does, one thing each: a row that vanishes, or is another one afterwards
TAMPERS = {
    "marks": ("DELETE FROM marks",),
    "records": (
        "DELETE FROM staged; DELETE FROM records",
        "UPDATE records SET leaf_hash = record",
        "UPDATE records SET sent_opening = login_opening",
    ),
    "staged": ("UPDATE staged SET leaf = record",),
    "subjects": ("UPDATE subjects SET counter = counter + 1",),
    "decisions": ("UPDATE decisions SET choice = login",),
}


@pytest.mark.spec("security.md §3 I5")
@pytest.mark.parametrize("act", [act for acts in TAMPERS.values() for act in acts])
def test_each_row_of_a_release_is_read_back_before_anything_is_released(any_store: Store, act: str) -> None:
    any_store.commit(unit(record=release()))
    # The last table of a batch that is written: so the trigger acts on all of them
    if on_postgres(any_store):
        function = f"CREATE FUNCTION acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {act}; RETURN NULL; END $$"
        made = "CREATE CONSTRAINT TRIGGER again AFTER INSERT ON decisions_rest DEFERRABLE INITIALLY DEFERRED"
        change(any_store, function, f"{made} FOR EACH ROW EXECUTE FUNCTION acts()")
    else:
        change(any_store, f"CREATE TRIGGER again AFTER INSERT ON decisions BEGIN {act}; END")
    with pytest.raises(StoreUnavailable, match="did not keep what was written"):
        any_store.commit(unit(record=release()))
    change(any_store, "DROP TRIGGER again ON decisions_rest" if on_postgres(any_store) else "DROP TRIGGER again")
    any_store.commit(unit(record=release()))
    assert verify_ledger(any_store.engine, tenant=TENANT, keys=KEYS).records == 2


@pytest.mark.spec("security.md §3 I5")
def test_nothing_starts_or_goes_on_where_something_acts_by_itself(any_store: Store) -> None:
    sequencer = Sequencer(any_store, KEYS, checkpoint_seconds=0, clock=lambda: NOW + 20)
    assert sequencer.step()
    sequencer.stop()
    change(any_store, *OF_POSTGRES[:2]) if on_postgres(any_store) else change(any_store, NEVER_TAKEN)
    with pytest.raises(Misconfigured, match="again: it is a trigger on marks"):
        opened_at(any_store.engine.url.render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable, match="again: it is a trigger on marks") as halted:
        sequencer.step()
    assert halted.value.code in HALTING


MASTER = "UPDATE sqlite_master SET {} WHERE name = '{}'"
HIDDEN = (
    MASTER.format("type = 'Trigger', sql = 'create/**/trigger' || substr(sql, 15)", "again"),
    MASTER.format("sql = 'create -- an index' || char(10) || 'temp ' || substr(sql, 8)", "again"),
)


@pytest.mark.spec("security.md §3 I5")
@pytest.mark.parametrize("statement", HIDDEN)
def test_a_trigger_is_found_however_its_row_is_spelled(store: Store, statement: str) -> None:
    change(store, NEVER_TAKEN, "PRAGMA writable_schema = ON", statement)
    with pytest.raises(StoreUnavailable, match="did not keep what was written to marks"):
        store.commit(unit(record=release()))
    assert faults(store).keys() == {"again"}


@pytest.mark.parametrize("table", ["installations", "sealing_keys"])
def test_a_table_of_which_a_later_definition_differs_in_one_word_is_named(store: Store, table: str) -> None:
    """A check, a collation: what no list of SQLite's shows is in the statement."""
    change(
        store,
        "PRAGMA writable_schema = ON",
        MASTER.format("sql = replace(sql, 'tenant TEXT', 'tenant TEXT COLLATE NOCASE')", table),
    )
    assert faults(store).keys() == {table}


# Each is done by a superuser, who writes to the catalogue itself
HIDDEN_ON_POSTGRES = {
    "UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'again'": {"again"},
    "UPDATE pg_trigger SET tgisinternal = true, tgconstraint = (SELECT oid FROM pg_constraint WHERE conname = "
    "'staged_record') WHERE tgname = 'again'": {"again"},
    "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'marks_pkey'::regclass": {
        "again",
        "marks",
    },
    "UPDATE pg_index SET indimmediate = false WHERE indexrelid = 'switches_pkey'::regclass": {"again", "switches"},
    "CREATE TABLE more () INHERITS (records)": {"again", "more"},
    "CREATE FUNCTION at_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
    "CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION at_ddl()": {"again", "watches"},
    "CREATE DOMAIN bytes AS bytea; ALTER TABLE marks ALTER unit TYPE bytes": {"again", "marks"},
    "ALTER TABLE parked DROP CONSTRAINT parked_pkey": {"again", "parked"},
}


@pytest.mark.spec("security.md §3 I5")
@pytest.mark.parametrize("statement", HIDDEN_ON_POSTGRES)
def test_what_the_catalogue_hides_is_found_on_postgresql(postgres: str, statement: str) -> None:
    store = opened_at(postgres)
    change(store, *OF_POSTGRES[:2], *statement.split("; "))
    assert faults(store).keys() == HIDDEN_ON_POSTGRES[statement]
    store.close()
