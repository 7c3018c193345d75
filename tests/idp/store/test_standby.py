"""A synchronous standby of PostgreSQL that takes over under load: two real servers, the second made by pg_basebackup."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from idp.audit.verify import verify_ledger
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.migrate import migrate
from idp.store.store import Store
from policies.errors import Misconfigured, StoreUnavailable
from tests.idp.store.giving_up import given_up_when
from tests.idp.store.units import KEYS, NOW, TENANT, marks, opened_at, release, unit
from tests.postgres import NOBODY, ROLE, PostgresServer, own_server

pytestmark = pytest.mark.slow

SECONDS = 120.0


@dataclass(frozen=True)
class Pair:
    """A primary that acknowledges what its standby has on the disk, and the database's name on both."""

    primary: PostgresServer
    standby: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """Both servers: libpq takes the one that writes."""
        hosts = f"host=127.0.0.1:{self.primary.port}&host=127.0.0.1:{self.standby.port}"
        return f"postgresql+psycopg://{ROLE}@/{self.name}?{hosts}"


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


@contextmanager
def standby_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A second server with a copy of the first one's files, which follows it."""
    found = PostgresServer(Path(tempfile.mkdtemp(prefix="ciconia-standby-")), primary.settings)
    try:
        found.folder.chmod(0o755)
        found.data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(found.data, NOBODY, NOBODY)
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", ROLE]
        primary._run("pg_basebackup", ["-D", str(found.data), *source, "-R", "-X", "stream", "-c", "fast"])
        found.start()
        yield found
    finally:
        found.stop()
        shutil.rmtree(found.folder, ignore_errors=True)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with own_server() as primary:
        url = primary.fresh()
        migrate(url)
        opened_at(url).close()
        with standby_of(primary) as standby:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
            until(lambda: primary.execute("SELECT sync_state FROM pg_stat_replication") == [("sync",)])
            yield Pair(primary, standby, url.rpartition("/")[2])


class Load:
    """Threads that record releases, and what each of them heard."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ending = threading.Event()
        self.acknowledged: list[bytes] = []
        self.times: list[float] = []
        self.refused = 0

    @contextmanager
    def flowing(self, threads: int = 4) -> Iterator["Load"]:
        with ThreadPoolExecutor(threads) as pool:
            driving = [pool.submit(self._drive, number) for number in range(threads)]
            try:
                yield self
            finally:
                self._ending.set()
            for each in driving:
                each.result(timeout=SECONDS)

    def await_more(self, count: int) -> None:
        wanted = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= wanted)

    def _drive(self, thread: int) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            one = unit(*marks(f"{thread}.{number}"), record=release())
            assert one.record is not None
            try:
                self._store.commit(one)
            except StoreUnavailable:
                self.refused += 1
                self._ending.wait(0.05)
            else:
                self.times.append(time.monotonic())
                self.acknowledged.append(one.record.record)


def recorded(store: Store) -> set[bytes]:
    with store.engine.connect() as connection:
        return set(connection.scalars(select(tables.records.c.record)))


@pytest.mark.spec("security.md §3 I7")
def test_a_standby_that_takes_over_has_all_that_was_acknowledged(pair: Pair) -> None:
    store = opened_at(pair.url)
    with Load(store).flowing() as load:
        load.await_more(40)
        pair.primary.kill()
        killed = time.monotonic()
        pair.standby.execute("SELECT pg_promote()")
        load.await_more(40)
    silent = next(moment for moment in load.times if moment > killed + 0.01) - killed
    assert silent <= SECONDS
    there = recorded(store)
    assert set(load.acknowledged) <= there
    assert len(load.acknowledged) == len(set(load.acknowledged))
    # What was refused may be there only where nobody could ask any more
    assert len(there) <= len(load.acknowledged) + load.refused
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    assert sequencer.step()
    sequencer.stop()
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert report.holds
    assert report.size == len(there)
    store.close()
    print(f"{len(load.acknowledged)} acknowledged, {load.refused} refused, silent for {silent:.1f} s")


@pytest.mark.spec("security.md §3 I7")
def test_a_primary_that_lost_its_standby_to_another_life_acknowledges_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed and replaced, and comes back as if nothing had been: whoever finds it alone gets no answer of it."""
    pair.primary.kill()
    pair.standby.execute("SELECT pg_promote()")
    pair.primary.start()
    alone = opened_at(pair.primary.url(pair.name))
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    # What is acknowledged meanwhile is so for good: nobody gives up before it would be
    with monkeypatch.context() as patched, given_up_when(lambda: bool(pair.primary.execute(waiting))):
        patched.setattr("idp.store.writer.COMMIT_SECONDS", 1.0)
        patched.setattr("idp.store.attempt.OUTCOME_SECONDS", 0.3)
        with pytest.raises(StoreUnavailable, match="not known"):
            alone.commit(unit(record=release()))
        pair.primary.kill()
        alone.close()
    store = opened_at(pair.url)
    store.commit(unit(record=release()))
    assert len(recorded(store)) == 1
    store.close()
    # As its operator should bring it back: as a standby of the new one
    (pair.primary.data / "standby.signal").touch()
    if os.geteuid() == 0:
        os.chown(pair.primary.data / "standby.signal", NOBODY, NOBODY)
    pair.primary.start()
    refused_as_a_standby(pair.primary, pair.name)


@pytest.mark.spec("security.md §3 I7")
def test_who_cancels_the_wait_for_a_standby_gets_nothing_acknowledged(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL says COMMIT then, and warns that only the primary's disk has it."""
    monkeypatch.setattr("idp.store.writer.COMMIT_SECONDS", 2 * SECONDS)  # a standby of a busy machine starts slowly
    store = opened_at(pair.url)
    store.commit(unit(*marks("before"), record=release()))
    pair.standby.stop()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(store.commit, unit(*marks("cancelled"), record=release()))
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        until(lambda: len(pair.primary.execute(waiting)) == 1)
        for _ in range(2):
            ((process,),) = pair.primary.execute(waiting)
            assert pair.primary.execute(f"SELECT pg_cancel_backend({process})") == [(True,)]
            time.sleep(0.3)
            # It waits again, and whoever asked has heard nothing
            until(lambda: len(pair.primary.execute(waiting)) == 1)
            assert not pending.done()
        pair.standby.start()
        pending.result(timeout=SECONDS)
    pair.primary.kill()
    pair.standby.execute("SELECT pg_promote()")
    until(lambda: pair.standby.execute("SELECT pg_is_in_recovery()") == [(False,)])
    assert len(recorded(opened_at(pair.standby.url(pair.name)))) == 2
    store.close()


@pytest.mark.spec("issue 5, no read of marks from a replica")
def test_a_standby_is_refused_at_start(pair: Pair) -> None:
    refused_as_a_standby(pair.standby, pair.name)


def refused_as_a_standby(server: PostgresServer, name: str) -> None:
    with psycopg.connect(server.conninfo(name)) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
    # libpq looks for one that writes; who takes that from the URL meets our own question
    with pytest.raises(StoreUnavailable):
        opened_at(server.url(name))
    with pytest.raises(Misconfigured, match="is a standby"):
        opened_at(f"{server.url(name)}?target_session_attrs=any")


@pytest.mark.spec("security.md §3 I4")
def test_who_cancels_the_wait_for_a_standby_gets_nothing_signed(pair: Pair) -> None:
    """The sequencer's own commits wait, too: a checkpoint over a tree that one disk alone has would fork the log."""
    store = opened_at(pair.url)
    store.commit(unit(record=release()))
    one = Sequencer(store, KEYS, checkpoint_seconds=0)
    assert one._hold()
    pair.standby.stop()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(one.step)
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        until(lambda: len(pair.primary.execute(waiting)) == 1)
        ((process,),) = pair.primary.execute(waiting)
        assert pair.primary.execute(f"SELECT pg_cancel_backend({process})") == [(True,)]
        with pytest.raises(StoreUnavailable, match="standby"):
            pending.result(timeout=SECONDS)
    assert store.checkpoint(TENANT) is None
    pair.standby.start()
    assert one.step()
    found = store.checkpoint(TENANT)
    assert found is not None
    assert found.size == 1
    one.stop()
    store.close()
