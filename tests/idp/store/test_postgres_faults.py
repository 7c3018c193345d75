"""PostgreSQL that dies, starts again, is full, slow or read-only, and replies that are lost.

Each unit is written once or not at all, and whoever waits hears which.
"""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import NoneType

import pytest
from sqlalchemy import event, func, make_url, select

from idp.audit.verify import verify_ledger
from idp.ledger.leaf import prepare
from idp.ports import Unit
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.batch import Waiting
from idp.store.migrate import migrate
from idp.store.store import Store
from policies.errors import Conflict, Misconfigured, NotFound, StoreUnavailable
from tests.idp.server.crew import until
from tests.idp.store.giving_up import PATIENCE, given_up_when
from tests.idp.store.proxy import OnCommit, Proxy, commit_late, end, lose_the_commit, lose_the_reply
from tests.idp.store.units import KEYS, LATER, NOW, TENANT, marks, opened_at, parked, release, unit
from tests.postgres import PostgresServer, own_server, server

KINDS_OF_UNIT = ("marked", "recording", "parking", "removing")


def marked_unit() -> Unit:
    return unit(*marks("a"), record=release())


def recording_unit() -> Unit:
    return Unit(tenant=TENANT, record=release())


def parking_unit() -> Unit:
    """One without a mark or a record, as a login keeps what no cookie has room for."""
    return Unit(tenant=TENANT, parked=(parked(b"q" * 32, kind="request", end=LATER),))


def removing_unit() -> Unit:
    """The same that ends what `parked()` is, as a token is revoked."""
    return Unit(tenant=TENANT, removed=(parked().digest,))


@pytest.fixture(scope="module")
def mine() -> Iterator[PostgresServer]:
    with own_server({"max_connections": "14", "superuser_reserved_connections": "1"}) as found:
        yield found


def counted(store: Store) -> tuple[int, int, int]:
    """Records, staged leaves and marks, and that the ledger holds."""
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert report.holds
    with store.engine.connect() as connection:
        records, staged, taken = (
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (tables.records, tables.staged, tables.marks)
        )
    return records, staged, taken


def batch_of(*units: Unit) -> list[Waiting]:
    return [Waiting(one, prepare(one.record, TENANT, KEYS) if one.record else None) for one in units]


def let_go(store: Store) -> None:
    """End the connections that it has, as the pool does with old ones."""
    for kept in (store._writer._kept, store._kept):
        kept.close()
    store.engine.dispose()


@pytest.mark.spec("security.md §3 I1")
@pytest.mark.parametrize("strike", [lose_the_reply, lose_the_commit, commit_late])
def test_a_unit_whose_answer_is_lost_is_written_once_and_acknowledged(
    proxied: tuple[Store, Proxy], strike: OnCommit
) -> None:
    store, proxy = proxied
    one = unit(*marks("a", "b"), record=release(), parked=[parked()])
    proxy.on_commit = strike
    store.commit(one)
    assert proxy.struck == 1
    assert counted(store) == (2, 2, 3)
    assert one.decision is not None
    assert store.decision(TENANT, one.decision.login, NOW) == one.decision
    with pytest.raises(Conflict):
        store.commit(unit(*marks("b")))
    store.commit(unit(record=release()))


@pytest.mark.spec("security.md §3 I3")
@pytest.mark.parametrize("strike", [lose_the_reply, lose_the_commit, commit_late])
def test_whoever_wanted_the_same_mark_in_a_batch_that_was_lost_hears_a_conflict(
    proxied: tuple[Store, Proxy], strike: OnCommit
) -> None:
    store, proxy = proxied
    proxy.on_commit = strike

    def attempt(number: int) -> str:
        try:
            store.commit(unit(*marks("the one", f"own {number}"), record=release()))
        except Conflict as conflict:
            return conflict.kind
        return ""

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(attempt, range(12)))
    assert proxy.struck == 1
    assert sorted(found) == ["", *["login"] * 11]
    assert counted(store) == (2, 2, 3)


@pytest.mark.spec("security.md §3 I1")
@pytest.mark.parametrize("strike", [lose_the_reply, lose_the_commit, commit_late])
def test_what_has_neither_mark_nor_record_is_known_again_and_keeps_its_batch_together(
    proxied: tuple[Store, Proxy], strike: OnCommit
) -> None:
    store, proxy = proxied
    store.commit(unit(parked=[parked()]))
    units = [unit(*marks(f"m{number}"), record=release()) for number in range(6)]
    units[3:3] = [parking_unit(), removing_unit()]
    batch = batch_of(*units)
    begins: list[str] = []
    event.listen(store.engine, "begin", lambda _connection: begins.append("begin"))
    proxy.on_commit = strike
    store._writer.write(batch)
    assert proxy.struck == 1
    assert [one.error for one in batch] == [None] * 8
    assert len(begins) <= 3, "one try, another, and what a new connection asks"
    assert counted(store)[0] == 7
    assert store.parked(TENANT, "request", b"q" * 32, NOW) == b"sealed"
    with pytest.raises(NotFound):
        store.parked(TENANT, "code", parked().digest, NOW)


@pytest.mark.spec("security.md §3 I1")
def test_units_of_a_lost_batch_that_are_tried_one_by_one_are_still_known_again(
    proxied: tuple[Store, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that keeps one unit from being asked for makes no conflict of another that was written."""
    monkeypatch.setattr("idp.store.attempt.OUTCOME_SECONDS", 0.3)
    store, proxy = proxied
    name = str(store.engine.url.database)

    def lose_the_reply_and_the_records(client: socket.socket, upstream: socket.socket, octets: bytes) -> None:
        proxy.held = client  # the reply waits here while it is committed
        upstream.sendall(octets)
        server().execute("ALTER TABLE records RENAME TO moved", name)
        end(client)

    batch = batch_of(unit(*marks("a")), Unit(tenant=TENANT, record=release()), unit(*marks("b")))
    proxy.on_commit = lose_the_reply_and_the_records
    store._writer.write(batch)
    assert proxy.struck == 1
    assert [type(one.error) for one in batch] == [NoneType, StoreUnavailable, NoneType]
    server().execute("ALTER TABLE moved RENAME TO records", name)
    assert counted(store)[0] == 2, "of the store's first unit, and of this batch"


@pytest.mark.spec("security.md §3 I7")
def test_a_server_that_was_killed_loses_nothing_that_was_acknowledged(mine: PostgresServer) -> None:
    url = mine.fresh()
    migrate(url)
    store = opened_at(url)
    acknowledged: list[bytes] = []
    refused: list[str] = []
    go_on = threading.Event()

    def drive(thread: int) -> None:
        number = 0
        while not go_on.is_set():
            number += 1
            one = unit(*marks(f"{thread}.{number}"), record=release())
            try:
                store.commit(one)
            except StoreUnavailable as error:
                refused.append(error.detail)
                go_on.wait(0.02)
            else:
                assert one.record is not None
                acknowledged.append(one.record.record)

    with ThreadPoolExecutor(4) as pool:
        driving = [pool.submit(drive, thread) for thread in range(4)]
        for _ in range(2):
            enough = len(acknowledged) + 20
            while len(acknowledged) < enough:
                go_on.wait(0.005)
            mine.kill()
            mine.start()
        enough = len(acknowledged) + 20
        while len(acknowledged) < enough:
            go_on.wait(0.005)
        go_on.set()
        for each in driving:
            each.result(timeout=60)
    with store.engine.connect() as connection:
        there = set(connection.scalars(select(tables.records.c.record)))
    assert set(acknowledged) <= there
    assert len(acknowledged) == len(set(acknowledged))
    # A unit that was refused may be there only where nobody could ask any more
    assert len(there) <= len(acknowledged) + len(refused)
    records, staged, taken = counted(store)
    assert records == staged == taken
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    assert sequencer.step()
    sequencer.stop()
    assert counted(store)[1] == 0
    store.close()


def test_a_server_that_started_again_serves_the_next_unit_and_the_next_read(mine: PostgresServer) -> None:
    url = mine.fresh()
    migrate(url)
    store = opened_at(url)
    one = unit(record=release())
    store.commit(one)
    assert one.decision is not None
    assert store.decision(TENANT, one.decision.login, NOW) == one.decision
    mine.stop()
    with pytest.raises(StoreUnavailable):
        store.commit(unit(record=release()))
    with pytest.raises(StoreUnavailable):
        store.decision(TENANT, one.decision.login, NOW)
    mine.start()
    store.commit(unit(record=release()))
    assert store.decision(TENANT, one.decision.login, NOW) == one.decision
    assert counted(store)[0] == 2
    store.close()


@pytest.mark.spec("security.md §3 I7")
def test_a_database_that_became_read_only_refuses_to_record_and_comes_back(postgres: str) -> None:
    store = opened_at(postgres)
    store.commit(unit(record=release()))
    name = postgres.rpartition("/")[2]
    server().execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    let_go(store)
    with pytest.raises(StoreUnavailable):
        store.commit(unit(record=release()))
    server().execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    store.commit(unit(record=release()))
    assert counted(store)[0] == 2
    store.close()


@pytest.mark.spec("security.md §3 I7")
def test_a_database_that_stands_still_refuses_in_time_and_what_was_given_up_is_not_written_later(
    postgres: str,
) -> None:
    # Longer than a machine stands still that others want, too: until then the server gives up no statement
    store, other = (opened_at(postgres, busy_milliseconds=60_000) for _ in range(2))
    store.commit(unit(record=release()))
    late = threading.Event()
    with ThreadPoolExecutor(3) as pool, given_up_when(late.is_set), other.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE subjects")
        first = pool.submit(store.commit, unit(*marks("first"), record=release()))
        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
        _until(server(), f"{waits}'{postgres.rpartition('/')[2]}'")
        second = pool.submit(store.commit, unit(*marks("second"), record=release()))
        until(lambda: store._writer._queue.qsize() == 1)
        late.set()
        assert "not known" in str(getattr(first.exception(timeout=60), "detail", ""))
        assert "nothing was written" in str(getattr(second.exception(timeout=60), "detail", ""))
    store.commit(unit(*marks("second"), record=release()))
    with pytest.raises(Conflict):
        store.commit(unit(*marks("first"), record=release()))  # it was written: its retry finds it
    assert counted(store) == (3, 3, 3)
    other.close()
    store.close()


@pytest.mark.spec("decisions.md 15")
def test_no_value_and_no_password_is_in_what_is_raised(postgres: str) -> None:
    store = opened_at(postgres)
    secret = b"canary-4711-payload"
    with pytest.raises(StoreUnavailable) as caught:
        store.commit(unit(parked=[parked(digest=b"canary-4711-digest", payload=secret)] * 2))
    store.close()
    url = make_url(postgres).set(password="canary-4711-password", port=1)
    with pytest.raises(StoreUnavailable) as unreachable:
        opened_at(url.render_as_string(hide_password=False))
    for error in (caught.value, unreachable.value):
        one: BaseException | None = error
        while one is not None:
            assert "canary" not in f"{one!r}{one}"
            assert b"canary".hex() not in f"{one!r}{one}"
            one = one.__cause__ or one.__context__


@pytest.mark.parametrize(
    ("setting", "value"),
    [("synchronous_commit", "off"), ("synchronous_commit", "local"), ("synchronous_commit", "remote_write")],
)
@pytest.mark.parametrize("where", ["DATABASE", "ROLE"])
def test_a_commit_that_might_be_lost_is_refused_at_start(postgres: str, setting: str, value: str, where: str) -> None:
    name = postgres.rpartition("/")[2]
    subject = f"DATABASE {name}" if where == "DATABASE" else f"ROLE ciconia IN DATABASE {name}"
    server().execute(f"ALTER {subject} SET {setting} = {value}")
    with pytest.raises(Misconfigured, match=f"{setting} = {value}"):
        opened_at(postgres)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_does_without_the_disk_is_refused_at_start_and_later(mine: PostgresServer, setting: str) -> None:
    url = mine.fresh()
    migrate(url)
    store = opened_at(url)
    store.commit(unit(record=release()))
    before, mine.settings = mine.settings, mine.settings | {setting: "off"}
    try:
        mine.stop()
        mine.start()
        with pytest.raises(StoreUnavailable):
            store.commit(unit(record=release()))  # it was good when it started
        with pytest.raises(Misconfigured, match=f"{setting} = off"):
            opened_at(url)
    finally:
        mine.settings = before
        mine.stop()
        mine.start()
    store.commit(unit(record=release()))
    store.close()


@pytest.mark.spec("security.md §3 I1")
@pytest.mark.parametrize("one", [marked_unit(), recording_unit(), parking_unit(), removing_unit()], ids=KINDS_OF_UNIT)
def test_a_unit_that_only_the_primary_has_is_not_acknowledged_by_its_second_try(mine: PostgresServer, one: Unit) -> None:
    url = mine.fresh()
    migrate(url)
    store = opened_at(url)
    store.commit(unit(record=release(), parked=[parked()]))
    late = threading.Event()
    waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    _standby(mine, "nobody")
    try:
        with ThreadPoolExecutor(1) as pool, given_up_when(late.is_set):
            told = pool.submit(store.commit, one)
            ended = _until(mine, f"SELECT pid, pg_terminate_backend(pid) {waits}")
            again = _until(mine, f"SELECT pid {waits} AND pid <> {ended}")
            assert again != ended
            assert not told.done(), "its second COMMIT waits for the standby, too"
            late.set()
            with pytest.raises(StoreUnavailable, match="whether it was written is not known"):
                told.result(timeout=60)
    finally:
        _standby(mine, "")
    store.commit(unit(record=release()))
    assert counted(store)[0] == 2 + (one.record is not None)
    store.close()


def _standby(found: PostgresServer, name: str) -> None:
    found.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    found.execute("SELECT pg_reload_conf()")
    until(lambda: found.execute("SHOW synchronous_standby_names") == [(name,)], PATIENCE)


def _until(found: PostgresServer, statement: str) -> object:
    """The first column of the first row that a statement finds."""
    rows: list[tuple[object, ...]] = []

    def asked() -> bool:
        rows[:] = found.execute(statement)
        return bool(rows)

    until(asked, PATIENCE)
    return rows[0][0]
