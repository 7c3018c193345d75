"""A database's chores, done again and again until the process is killed: restore, purge, ask again.

Each process makes for itself the state that its statements need, so that each of their points is met in every turn.
"""

import contextlib
import itertools
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import DBAPIError

from idp.ledger.leaf import prepare
from idp.ports import DecisionRow, Mark, ParkedRow, Unit
from idp.store import tables
from idp.store.backup import COPIED, RESTORED, back_up, opened_backup, restore
from idp.store.batch import Waiting
from idp.store.engine import exclusively, is_postgres, open_engine, snapshot, writing
from idp.store.periods import AHEAD, PARTITIONED, PERIOD, make_partition, partition_of
from idp.store.store import Store
from idp.store.writer import Writer
from policies.errors import StoreUnavailable
from tests.idp.store.units import KEYS, TENANT, release

PAUSE = 0.01
# A kind of its own: the drivers have nothing that ends
ENDED = "ended"
Quietly = Callable[[], AbstractContextManager[None]]


def restore_copies(url: str, aside: str, folder: Path, quietly: Quietly) -> None:
    """Restore a copy of the database into the one aside, as `restore` does, again and again."""
    target = open_engine(aside)
    with quietly():
        copied = _copied(open_engine(url), folder)
    while True:
        try:
            with ExitStack() as stack:
                with quietly():
                    with writing(target).begin() as connection:
                        # Another one's restore may end meanwhile: all of it goes, or none
                        exclusively(connection, tables.marks)
                        for table in reversed(COPIED):
                            connection.execute(delete(table).where(table.c.tenant == TENANT))
                    # a copy is brought to the newest revision, by every statement of every migration
                    copy = stack.enter_context(opened_backup(copied, tenant=TENANT, beside=folder))
                restore(copy, target, tenant=TENANT, now=int(time.time()), advance=lambda _: None)
        except (StoreUnavailable, DBAPIError):
            threading.Event().wait(PAUSE)


def _copied(engine: Engine, folder: Path) -> Path:
    """The first copy of this ledger that was whole."""
    file = folder / "first.copy"
    for number in itertools.count():
        fresh = folder / f"{os.getpid()}-{number}.copying"
        if file.exists():
            break
        with contextlib.suppress(StoreUnavailable):
            back_up(engine, tenant=TENANT, file=fresh, advance=lambda _: None)
            fresh.replace(file)
    return file


def restored_whole(aside: str) -> list[str]:
    """The faults of the database aside: a restore is one transaction, whose mark says that it was one.

    In one snapshot: PostgreSQL may still end the transaction of a process that is dead.
    """
    engine = open_engine(aside)
    try:
        with snapshot(engine) as connection:
            marked = connection.scalar(select(tables.marks.c.kind).where(tables.marks.c.kind == RESTORED).limit(1))
            if marked is None and any(_any(connection, table.name) for table in COPIED):
                return ["a restore without its mark"]
            return []
    finally:
        engine.dispose()


def _any(connection: Connection, table: str) -> bool:
    return connection.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").first() is not None  # noqa: S608 - our tables' names


def purge(url: str, quietly: Quietly) -> None:
    """Make rows that have ended, on PostgreSQL in a period of their own, and purge them."""
    engine = open_engine(url)
    store = Store(engine=engine, writer=Writer(engine=engine, keys=KEYS), tenant=TENANT)
    while True:
        now = int(time.time())
        past = (now // PERIOD - 2) * PERIOD
        try:
            with quietly():
                if is_postgres(engine):
                    _turn_back(engine, past // PERIOD)
                store.commit(ended(past + 1))
            store.purge(now - 1)
        except (StoreUnavailable, DBAPIError):
            threading.Event().wait(PAUSE)
        threading.Event().wait(PAUSE)


def ended(at: int) -> Unit:
    """A unit of which every row ended at a moment."""
    login = secrets.token_bytes(32)
    return Unit(
        tenant=TENANT,
        marks=(Mark(ENDED, login, at),),
        decision=DecisionRow(login, b"c" * 32, at),
        parked=(ParkedRow(ENDED, login, b"sealed", at),),
    )


def _turn_back(engine: Engine, past: int) -> None:
    """A period that has ended has its partition, and one that comes has none."""
    for parent in PARTITIONED:
        with writing(engine).begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 200")
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {partition_of(parent, int(time.time()) // PERIOD + AHEAD)}")
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {partition_of(parent, past)}")
            make_partition(connection, parent, past)


def ask_again(url: str) -> None:
    """Write each batch twice, as the writer does that did not hear whether the first was written."""
    engine = open_engine(url)
    writer = Writer(engine=engine, keys=KEYS)
    while True:
        login = secrets.token_bytes(32)
        taken = Unit(tenant=TENANT, marks=(Mark(ENDED, login, int(time.time()) + PERIOD),))
        record = release()
        alone = Unit(tenant=TENANT, record=record)
        batch = [Waiting(taken, None), Waiting(alone, prepare(record, TENANT, KEYS))]
        writer.write(batch)
        writer.write([Waiting(one.unit, one.prepared, one.number) for one in batch], again=True)
        threading.Event().wait(PAUSE)
