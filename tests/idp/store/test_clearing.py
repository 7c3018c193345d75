"""A person's records are cleared in one transaction, and no file has what led to them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text, update

from idp.audit.verify import verify_ledger
from idp.ledger.leaf import open_opening, read_leaf, tag
from idp.ledger.person_records import DONE, PERSON, draft_erasure
from idp.ledger.record_contents import new_record
from idp.ports import RecordDraft
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.engine import file_of, open_engine, writing
from idp.store.records.clearing import Cleared, Traces, clear_person, scrub
from idp.store.store import Store
from tests.idp.server.crew import until
from tests.idp.store.units import KEYS, NOW, TENANT, opened_at, refusal, release, unit

GONE, STAYS = b"canary-of-the-person-who-is-gone", b"b" * 32
ERASURE = b"e" * 16
APPROVAL = b"canary-of-a-remembered-approval!"
SUB = "CANARY-SUB-AT-PARKING"


@pytest.fixture
def opened(url: str) -> Iterator[Store]:
    found = opened_at(url)
    yield found
    found.close()


@pytest.fixture
def sequencer(opened: Store) -> Iterator[Sequencer]:
    found = Sequencer(opened, KEYS, checkpoint_seconds=0)
    yield found
    found.stop()


def done(leaves: int) -> RecordDraft:
    return draft_erasure(record=new_record(), time=NOW, act=DONE, who=[PERSON], erasure=ERASURE, leaves=leaves, backups=NOW)


def ask(store: Store, subject: bytes = GONE, erasure: bytes = ERASURE) -> None:
    row = {"tenant": TENANT, "erasure": erasure, "subject": subject, "asked": NOW, "due": NOW, "officers": "", "seal": b"s"}
    with writing(store.engine).begin() as connection:
        connection.execute(insert(tables.erasures).values(row))


def clear(store: Store, erasure: bytes = ERASURE) -> Cleared | None:
    return clear_person(store.engine, TENANT, KEYS, erasure, traces=lambda _found: Traces(approvals=[APPROVAL]), draft=done)


def fill(store: Store, sequencer: Sequencer) -> None:
    """Three releases of the person, two in their place and one staged, between those of somebody else."""
    for subject in (GONE, STAYS, GONE, STAYS):
        store.commit(unit(record=release(subject, sub=SUB)))
    store.commit(unit(record=refusal()))
    sequencer.step()
    store.commit(unit(record=release(GONE, sub=SUB)))
    with writing(store.engine).begin() as connection:
        row = {"tenant": TENANT, "digest": APPROVAL, "content": b"sealed", "ends": NOW}
        connection.execute(insert(tables.approvals).values(row))


def salt_of(engine: Engine, subject: bytes) -> bytes:
    with engine.connect() as connection:
        found: bytes = connection.execute(
            select(tables.subjects.c.salt).where(tables.subjects.c.subject == subject)
        ).scalar_one()
    return found


def whole(store: Store) -> tuple[str, ...]:
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role="city")
    return tuple(map(str, report.findings))


@pytest.mark.spec("decisions.md 21")
def test_a_person_is_cleared_and_every_proof_and_the_whole_ledger_hold(opened: Store, sequencer: Sequencer) -> None:
    fill(opened, sequencer)
    checkpoint = opened.checkpoint(TENANT)
    assert checkpoint is not None
    before = [tuple(opened.inclusion(TENANT, index, checkpoint.size)) for index in range(checkpoint.size)]
    ask(opened)
    cleared = clear(opened)
    assert cleared is not None
    assert cleared.leaves == 3
    assert whole(opened) == ()
    sequencer.step()
    assert whole(opened) == ()
    assert [tuple(opened.inclusion(TENANT, index, checkpoint.size)) for index in range(checkpoint.size)] == before
    assert clear(opened) is None, "it is done once"
    assert whole(opened) == ()


@pytest.mark.spec("decisions.md 21")
def test_nothing_of_the_person_is_left_in_any_row(opened: Store, sequencer: Sequencer) -> None:
    fill(opened, sequencer)
    ask(opened)
    clear(opened)
    with opened.engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                assert not {GONE, APPROVAL} & set(row), table.name
        left = connection.execute(select(tables.records).where(tables.records.c.subject.is_(None))).all()
    assert len(left) == 3 + 1 + 1, "three of the person, a refusal, and the record of the erasure"
    # Their service, purpose and time stay, under the key of the month
    for row in left:
        open_opening(KEYS.period_key(TENANT, row.time), TENANT, row.record, "sent", row.sent_opening)
        assert row.login_opening is None


def test_a_person_who_comes_back_begins_a_key_of_their_own(opened: Store, sequencer: Sequencer) -> None:
    fill(opened, sequencer)
    salt = salt_of(opened.engine, GONE)
    tags = {tag(KEYS.subject_key(TENANT, GONE, salt), number) for number in range(1, 9)}
    ask(opened)
    clear(opened)
    opened.commit(unit(record=release(GONE)))
    assert salt_of(opened.engine, GONE) != salt
    sequencer.step()
    assert whole(opened) == ()
    again = KEYS.subject_key(TENANT, GONE, salt_of(opened.engine, GONE))
    with opened.engine.connect() as connection:
        leaves = list(connection.scalars(select(tables.leaves.c.leaf)))
    assert len([leaf for leaf in leaves if read_leaf(leaf)[1] in tags]) == 3, (
        "the tags are there, and nobody can compute them"
    )
    assert [read_leaf(leaf)[1] for leaf in leaves].count(tag(again, 1)) == 1


@pytest.mark.parametrize("column", ["subject_opening", "position", "login_opening", "leaf_hash"])
def test_a_record_that_somebody_else_cleared_is_named(opened: Store, sequencer: Sequencer, column: str) -> None:
    fill(opened, sequencer)
    ask(opened)
    clear(opened)
    sequencer.step()
    table = tables.records
    with writing(opened.engine).begin() as connection:
        victim = connection.execute(select(table).where(table.c.subject == STAYS).order_by(table.c.position)).all()[-1]
        mark = connection.scalar(
            select(table.c.subject_opening).where(table.c.subject.is_(None), table.c.subject_opening.is_not(None)).limit(1)
        )
        gone = {"subject": None, "position": None, "login_opening": None, "subject_opening": mark}
        if column == "leaf_hash":
            gone["subject_opening"] = None
        elif column in ("position", "login_opening"):
            gone[column] = getattr(victim, column)
        connection.execute(update(table).where(table.c.record == victim.record).values(gone))
        connection.execute(update(tables.subjects).where(tables.subjects.c.subject == STAYS).values(counter=1))
    assert any(victim.record.hex() in line for line in whole(opened))


def test_a_marked_record_without_a_leaf_of_an_erasure_is_found(opened: Store, sequencer: Sequencer) -> None:
    fill(opened, sequencer)
    ask(opened)
    clear_person(
        opened.engine, TENANT, KEYS, ERASURE, traces=lambda _found: Traces(), draft=lambda leaves: done(leaves - 1)
    )
    assert whole(opened) == ("records: 3 are erased, and the leaves of erasures cover 2",)


# -- the files


def files_of(engine: Engine) -> bytes:
    """All octets of the database: SQLite's files, or those of the tables that PostgreSQL has now."""
    if engine.dialect.name == "sqlite":
        path = file_of(engine.url)
        return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))
    with engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("CHECKPOINT"))
        folder = Path(str(connection.scalar(text("SELECT current_setting('data_directory')"))))
        oid = connection.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
    return b"".join(each.read_bytes() for each in sorted((folder / "base" / str(oid)).iterdir()) if each.is_file())


def sample(engine: Engine) -> None:
    """Take sample values of each column, as PostgreSQL does by itself, and an operator of SQLite may."""
    with writing(engine).begin() as connection:
        connection.execute(text("ANALYZE"))


@pytest.mark.spec("decisions.md 21")
def test_no_file_of_the_database_has_a_trace(opened: Store, sequencer: Sequencer) -> None:
    fill(opened, sequencer)
    for _ in range(300):  # pages that are split and filled again
        opened.commit(unit(record=release(GONE, sub=SUB)))
    with opened.engine.connect() as connection:
        opened_before = select(tables.records.c.login_opening).where(tables.records.c.subject == GONE)
        traces = [GONE, salt_of(opened.engine, GONE), APPROVAL, *connection.scalars(opened_before)]
    sample(opened.engine)
    found = files_of(opened.engine)
    assert all(each in found for each in traces)
    ask(opened)
    cleared = clear(opened)
    assert cleared is not None
    until(lambda: scrub(opened.engine, cleared.needles))  # PostgreSQL may take its own samples just now
    left = files_of(opened.engine)
    assert [each for each in traces if each in left] == []
    assert STAYS in left
    assert whole(opened) == ()


def test_a_file_whose_pages_kept_a_copy_is_made_anew(folder: Path) -> None:
    """Also after a crash, when nobody knows any more what to look for."""
    store = opened_at(f"sqlite:///{folder / 'ciconia.db'}")
    store.commit(unit(record=release(GONE)))
    with store.engine.connect() as connection:
        # As another program may have left it: what it deletes stays in the page
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA secure_delete = OFF")
        connection.exec_driver_sql("CREATE TABLE left_behind (octets BLOB)")
        connection.exec_driver_sql("INSERT INTO left_behind VALUES (?)", (GONE + b"!",))
        connection.exec_driver_sql("DELETE FROM left_behind")
        connection.exec_driver_sql("DROP TABLE left_behind")
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
        connection.exec_driver_sql("BEGIN")
    assert scrub(store.engine, None)
    assert GONE + b"!" not in files_of(store.engine)
    store.close()


OPENS_AND_CLOSES = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM records").fetchone()
connection.close()
"""


def test_a_search_leaves_sqlites_locks_alone(folder: Path) -> None:
    """Else the next process that closes the database deletes the log under those that write it."""
    store = opened_at(f"sqlite:///{folder / 'ciconia.db'}")
    store.commit(unit(record=release(GONE)))
    assert scrub(store.engine, [b"in no file"])
    store.commit(unit(record=release(STAYS)))
    subprocess.run([sys.executable, "-c", OPENS_AND_CLOSES, str(folder / "ciconia.db")], check=True)
    assert (folder / "ciconia.db-wal").exists()
    store.commit(unit(record=release(STAYS)))
    again = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    with again.connect() as connection:
        assert len(connection.execute(select(tables.records)).all()) == 3
    again.dispose()
    store.close()


def test_a_reader_who_takes_long_puts_the_rest_off(folder: Path) -> None:
    store = opened_at(f"sqlite:///{folder / 'ciconia.db'}")
    store.commit(unit(record=release(GONE)))
    ask(store)
    other = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    with other.connect() as connection:
        connection.execute(select(tables.records)).all()
        cleared = clear(store)
        assert cleared is not None
        assert not scrub(store.engine, cleared.needles)
    assert scrub(store.engine, cleared.needles)
    other.dispose()
    store.close()
