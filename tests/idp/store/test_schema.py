"""What acts in a database by itself is none of ours, and is named: with it one-time things are taken again, unseen."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from idp.store.engine import is_postgres, open_engine, reading
from idp.store.schema import faults_of_schema
from idp.store.store import Store
from idp.transparency.sequencer import Sequencer
from idp.transparency.verify import verify_ledger
from tests.idp.store.units import KEYS, NOW, TENANT, commit_all, marks, opened_at, release, unit

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


def test_a_table_without_a_key_of_its_own_is_missed_too(any_store: Store) -> None:
    change(any_store, "DROP TABLE peers")
    assert faults(any_store) == {"peers": "this table is gone"}


def test_a_ledger_in_which_every_record_vanishes_does_not_fit(store: Store) -> None:
    commit_all(store, [unit(record=release())])
    change(store, NEVER_RECORDED, NEVER_TAKEN)
    for _ in range(2):
        store.commit(unit(*marks("a code of one use"), record=release()))
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW + 20)
    sequencer.step()
    sequencer.stop()
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert (report.records, report.size) == (1, 1)
    assert {finding.row for finding in report.findings} == {"again", "hides"}
