"""Clears what leads from a person to their records, and looks after that no file has it still.

A record stays, and so does its leaf: which service got which attributes, by which policy, and when. Its `subject`, counter,
login and subject's opening go, and a MAC says that we cleared it. Without the salt of the subject's row nobody can compute
the subject's key, the tags of their leaves, or open a commitment (docs/decisions/0060).

SQLite overwrites what is deleted, and its log is emptied. A page may still hold a copy of a row that was moved: so the
whole file is searched, and made anew where anything is found. PostgreSQL keeps deleted rows in its files until `VACUUM
FULL` writes the tables anew. Samples of columns, which both may keep for their plans, are neither made nor left (revision
0011).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import urandom
from typing import Any  # Any: psycopg's diagnostics, and the types of a row's columns

from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from idp.ledger.leaf import erasure_mark, prepare
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import ParkedRow, RecordDraft, Unit
from idp.store import tables
from idp.store.batch import Waiting, write_batch
from idp.store.commits import durably, one_turn
from idp.store.engine import file_of, is_postgres, reading, single, writing
from idp.store.records.file_search import has_any
from policies.parties import Tenant

# Tables of which a person's rows are, the small ones first
TABLES = (tables.subjects, tables.erasures, tables.approvals, tables.sessions, tables.participants, tables.records)
# PostgreSQL's samples of columns, and SQLite's: from before revision 0011, or of somebody who ran ANALYZE
SAMPLES, SAMPLES_OF_SQLITE = "pg_statistic", "sqlite_stat4"
ID_BYTES = 16
# How long a rewrite waits for others, who wait for it meanwhile
LOCK_MILLISECONDS, BUSY_MILLISECONDS = 2000, 100

Records = Sequence[Row[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Traces:
    """A person's traces beside the ledger: digests of remembered approvals, and the rows that end what was issued."""

    approvals: Collection[bytes] = ()
    ended: Collection[ParkedRow] = ()


@dataclass(frozen=True, slots=True)
class Cleared:
    """How many records were cleared, and the octets that no file may have any more."""

    leaves: int
    needles: tuple[bytes, ...] = field(repr=False)


def clear_person(
    engine: Engine,
    tenant: Tenant,
    keys: LedgerKeys,
    erasure: bytes,
    *,
    traces: Callable[[Records], Traces],
    draft: Callable[[int], RecordDraft],
) -> Cleared | None:
    """Destroy a person's key and clear their records in one transaction, with the record of it; None if that is done.

    `erasure` is the row of `erasures` that names the person; it names nobody afterwards. `traces` hears their records
    before they are cleared, `draft` how many they are. Raises `StoreUnavailable`.
    """
    person, asked = tables.subjects, tables.erasures
    here = (asked.c.tenant == tenant, asked.c.erasure == erasure)
    with reading(), durably(writing(engine)) as connection:
        subject = connection.scalar(select(asked.c.subject).where(*here).with_for_update())
        if subject is None:
            return None
        mine = (person.c.tenant == tenant, person.c.subject == subject)
        # First: whoever records a release of this person waits here, and begins a new key
        salts = list(connection.scalars(delete(person).where(*mine).returning(person.c.salt)))
        found = _records_of(connection, tenant, subject)
        beside = traces(found)
        digests = sorted(beside.approvals)
        _clear(connection, tenant, keys, found)
        write_record(connection, tenant, keys, draft(len(found)), parked=beside.ended)
        approvals = tables.approvals.c
        for digest in digests:
            gone = (approvals.tenant == tenant, approvals.digest == digest)
            connection.execute(delete(tables.approvals).where(*gone))
        connection.execute(update(asked).where(*here).values(subject=None, seal=b""))
    return Cleared(len(found), (subject, *salts, *digests))


def clear_expired(
    engine: Engine, tenant: Tenant, keys: LedgerKeys, records: Sequence[bytes], *, draft: Callable[[int], RecordDraft]
) -> int:
    """Clear these records in one transaction, with the record of it. A person without any record left loses their key.

    A row of `erasures` without a person stays until the files have been looked after. Returns how many were cleared.
    """
    table, person = tables.records.c, tables.subjects.c
    wanted = select(tables.records).where(table.tenant == tenant, table.record.in_(records), table.subject.is_not(None))
    with reading(), durably(writing(engine)) as connection:
        # In the writer's order, and before the records: another worker may be about to clear them, too
        named = (person.tenant == tenant, person.subject.in_(wanted.with_only_columns(table.subject)))
        connection.execute(select(person.subject).where(*named).order_by(person.subject).with_for_update()).all()
        found = connection.execute(wanted.order_by(table.record).with_for_update()).all()
        for subject, count in sorted(Counter(row.subject for row in found).items()):
            here = (person.tenant == tenant, person.subject == subject)
            more = update(tables.subjects).where(*here).values(expired=person.expired + count)
            row = connection.execute(more.returning(person.counter, person.expired)).first()
            if row is not None and row.counter == row.expired:
                connection.execute(delete(tables.subjects).where(*here))
        if not found:
            return 0
        _clear(connection, tenant, keys, found)
        write_record(connection, tenant, keys, draft(len(found)))
        done = {"tenant": tenant, "erasure": urandom(ID_BYTES), "asked": 0, "due": 0, "officers": "", "seal": b""}
        connection.execute(insert(tables.erasures).values(done))
    return len(found)


def write_record(
    connection: Connection, tenant: Tenant, keys: LedgerKeys, draft: RecordDraft, *, parked: Iterable[ParkedRow] = ()
) -> None:
    """Write a record without a subject in the caller's own transaction: what it says counts with it, or not at all."""
    unit = Unit(tenant=tenant, record=draft, parked=tuple(parked))
    write_batch(connection, [Waiting(unit, prepare(draft, tenant, keys))], keys, again=False)


def _records_of(connection: Connection, tenant: Tenant, subject: bytes) -> Records:
    table = tables.records.c
    query = select(tables.records).where(table.tenant == tenant, table.subject == subject)
    return connection.execute(query.order_by(table.record)).all()


def _clear(connection: Connection, tenant: Tenant, keys: LedgerKeys, found: Records) -> None:
    table = tables.records.c
    named = (table.tenant == tenant, table.record == bindparam("of_record"))
    cleared: dict[str, object] = {
        "subject": None,
        "position": None,
        "login_opening": None,
        "subject_opening": bindparam("mark"),
    }
    if marked := [{"of_record": r.record, "mark": erasure_mark(keys, tenant, r.record, r.leaf_hash)} for r in found]:
        connection.execute(update(tables.records).where(*named).values(cleared), marked)


# -- the files


def scrub(engine: Engine, needles: Iterable[bytes] | None) -> bool:
    """Whether the database's files have nothing of this any more. None: what was there is not known, so all is made anew.

    False if somebody else's long reading or writing keeps it from being done now. Raises `StoreUnavailable`.
    """
    with reading():
        return _scrub_postgres(engine) if is_postgres(engine) else _scrub_sqlite(engine, needles)


def _scrub_sqlite(engine: Engine, needles: Iterable[bytes] | None) -> bool:
    with single(engine).connect() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {SAMPLES_OF_SQLITE}").close()
        if not _emptied(connection):
            return False
        if needles is not None and not has_any(file_of(engine.url), needles):
            return True
        with one_turn(engine):
            connection.exec_driver_sql("VACUUM").close()
        # Whoever was erased may have come back meanwhile, under the same index: what is left then is theirs
        return _emptied(connection)


def _emptied(connection: Connection) -> bool:
    """Whether SQLite's log is in its file, and cut to nothing."""
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS:d}").close()
    try:
        return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual:d}").close()


def _scrub_postgres(engine: Engine) -> bool:
    kept: list[int] = []
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        try:
            driver.add_notice_handler(lambda told: kept.append(_first_number(told.message_detail)))
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql(f"SET lock_timeout = {LOCK_MILLISECONDS:d}")
            for name in (*(table.name for table in TABLES), SAMPLES):
                before = _file_node(connection, name)
                connection.exec_driver_sql(f"VACUUM (FULL, VERBOSE) {name}")
                # Who does not own the table only gets a warning. Samples are the database's owner's (docs/database.md)
                if name != SAMPLES and _file_node(connection, name) == before:
                    return False
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
                return False
            raise
        finally:
            # Its settings and handlers end with it
            with suppress(DBAPIError):
                connection.invalidate()
    # Rows that an older transaction, or a standby, may still want to see were copied, too
    return not any(kept)


def _file_node(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT pg_relation_filenode('{name}')").scalar() or 0)


def _first_number(text: str | None) -> int:
    digits = "".join(each if each.isdigit() else " " for each in text or "").split()
    return int(digits[0]) if digits else 0
