"""Hourly sealing keys: the same for all workers, new every hour, and gone when nothing lives of them."""

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from idp.keys.hourly_keys import AHEAD, HOUR, KINDS
from idp.keys.keeper import KeyKeeper
from idp.keys.wrapping import named, wrapping_key
from idp.login.sealing import LoginId
from idp.login.states import LOGIN_LIFE, RECEIPT_LIFE
from idp.store.engine import open_engine
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.tables import sealing_keys
from policies.errors import NotFound, Replayed, StoreUnavailable
from policies.parties import Tenant
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE
from tests.idp.keys.hours import NOW, SECRET, TENANT, Clock, MemoryRows, Worker, ring
from tests.idp.store.units import opened

LOGIN = LoginId("A" * 22)
HANDLE = b"h" * 32
NEXT = NOW // HOUR * HOUR + HOUR


def two() -> tuple[Worker, Worker]:
    one = Worker()
    return one, Worker(rows=one.rows)


def rows_of(worker: Worker) -> MemoryRows:
    assert isinstance(worker.rows, MemoryRows)
    return worker.rows


@pytest.mark.spec("decisions.md 4")
def test_what_one_worker_seals_another_one_opens() -> None:
    one, other = two()
    sealed = one.sealer.seal("asked", LOGIN, NOW + LOGIN_LIFE, b"state")
    row = other.sealer.park("code", HANDLE, b"grant", NOW + 60)
    assert other.sealer.open("asked", LOGIN, sealed, NOW) == b"state"
    assert one.sealer.unpark("code", HANDLE, row.payload, NOW) == b"grant"
    assert one.sealer.derive("code", HANDLE, at=NOW) == other.sealer.derive("code", HANDLE, at=NOW)


@pytest.mark.spec("decisions.md 4")
def test_each_kind_and_each_hour_has_a_key_of_its_own() -> None:
    worker = Worker()
    hours = (worker.keys.hour() - 1, worker.keys.hour())
    made = [worker.keys.to_seal(kind, hour) for kind in KINDS for hour in hours]
    assert len(set(made)) == 2 * len(KINDS)
    assert all(len(key) == 32 for key in made)


@pytest.mark.spec("decisions.md 4")
def test_a_key_is_accepted_in_its_hour_and_for_as_long_as_its_kind_lives() -> None:
    for kind in list(KINDS):
        worker = Worker()
        hour = worker.keys.hour()
        key = worker.keys.to_seal(kind, hour)
        last = (hour + KINDS[kind] + 1) * HOUR - 1
        worker.clock.now = last
        assert worker.keys.to_open(kind, hour) == key
        worker.clock.now = last + 1
        for use in (worker.keys.to_open, worker.keys.to_seal):
            with pytest.raises(NotFound):
                use(kind, hour)
        assert last + 1 - (hour + 1) * HOUR >= (RECEIPT_LIFE if kind == "receipt" else LOGIN_LIFE)


@pytest.mark.spec("decisions.md 4")
@given(kind=st.sampled_from(list(KINDS)), now=st.integers(NOW - 30 * HOUR, NOW + 30 * HOUR), near=st.integers(-3, 3))
def test_a_key_is_accepted_where_the_coming_hour_is_near_and_its_own_not_long_over(kind: str, now: int, near: int) -> None:
    hour = NOW // HOUR
    for moment in (now, hour * HOUR - AHEAD + near, (hour + KINDS[kind] + 1) * HOUR + near):
        worker, fresh = Worker(), Worker(clock=Clock(moment))
        key = worker.keys.to_seal(kind, hour)
        worker.clock.now = moment
        if hour <= (moment + AHEAD) // HOUR and moment // HOUR <= hour + KINDS[kind]:
            assert worker.keys.to_open(kind, hour) == worker.keys.to_seal(kind, hour) == key
            assert fresh.keys.to_seal(kind, hour) == fresh.keys.to_open(kind, hour)
        else:
            for use in (worker.keys.to_open, worker.keys.to_seal, fresh.keys.to_open, fresh.keys.to_seal):
                with pytest.raises(NotFound):
                    use(kind, hour)
        now_hour, current = worker.keys.current(kind)
        assert (now_hour, current) == (moment // HOUR, worker.keys.to_seal(kind, moment // HOUR))


def test_a_login_across_the_turn_of_an_hour_goes_on() -> None:
    one, other = two()
    one.clock.now = NEXT - 5
    sealed = one.sealer.seal("decided", LOGIN, NEXT + 300, b"decision", b"secret")
    code = one.sealer.derive("code", LOGIN.encode(), b"secret", at=NEXT - 5)
    other.clock.now = NEXT + 40
    assert other.sealer.open("decided", LOGIN, sealed, NEXT + 40, b"secret") == b"decision"
    assert other.sealer.derive("code", LOGIN.encode(), b"secret", at=NEXT - 5) == code, "decisions.md 8"
    assert other.sealer.derive("code", LOGIN.encode(), b"secret", at=NEXT + 40) != code


def test_what_was_derived_in_an_hour_that_is_over_is_derived_no_more() -> None:
    worker = Worker()
    worker.sealer.derive("code", HANDLE, at=NOW)
    worker.clock.now = NOW + 2 * HOUR
    with pytest.raises(Replayed) as refused:
        worker.sealer.derive("code", HANDLE, at=NOW)
    assert refused.value.code == "login_ended"


def test_a_clock_that_jumps_ends_logins_at_worst() -> None:
    for jump in [HOUR, -HOUR, 2 * HOUR, -2 * HOUR, 30 * HOUR, -30 * HOUR]:
        one, other = two()
        sealed = one.sealer.seal("asked", LOGIN, NOW + LOGIN_LIFE, b"state")
        other.clock.now = NOW + jump
        said = ""
        try:
            other.sealer.open("asked", LOGIN, sealed, other.clock.now)
        except Replayed as refused:
            said = refused.public
        assert said == "" or said.endswith("Please start again at the service that you came from.")
        again = other.sealer.seal("asked", LOGIN, other.clock.now + LOGIN_LIFE, b"new")
        assert other.sealer.open("asked", LOGIN, again, other.clock.now) == b"new"
        other.clock.now = NOW
        assert other.sealer.open("asked", LOGIN, sealed, NOW) == b"state", "and back again"


def test_the_keys_of_the_next_hour_are_there_before_it() -> None:
    worker = Worker()
    worker.keys.keep_ready()
    worker.clock.now = NEXT - AHEAD
    worker.keys.keep_ready()
    reads = rows_of(worker).reads
    worker.clock.now = NEXT
    for kind in KINDS:
        worker.keys.to_seal(kind, NEXT // HOUR)
    worker.keys.keep_ready()
    assert rows_of(worker).reads == reads, "nothing was asked of the database at the turn of the hour"


def test_a_request_asks_the_database_for_no_key_that_is_in_memory() -> None:
    worker = Worker()
    worker.keys.keep_ready()
    rows_of(worker).fails = True
    sealed = worker.sealer.seal("asked", LOGIN, NOW + 1, b"state")
    assert worker.sealer.open("asked", LOGIN, sealed, NOW) == b"state"


def test_without_a_database_nothing_is_sealed_with_a_key_that_nobody_else_has() -> None:
    worker = Worker()
    rows_of(worker).fails = True
    with pytest.raises(StoreUnavailable):
        worker.sealer.seal("asked", LOGIN, NOW + 1, b"state")
    rows_of(worker).fails = False
    worker.sealer.seal("asked", LOGIN, NOW + 1, b"state")


@pytest.mark.spec("decisions.md 4")
def test_memory_forgets_a_key_that_is_over() -> None:
    worker = Worker()
    worker.keys.keep_ready()
    hour = worker.keys.hour()
    worker.clock.now += HOUR
    worker.keys.keep_ready()
    assert ("asked", hour) in worker.keys._held
    worker.clock.now = (hour + 2) * HOUR
    worker.keys.keep_ready()
    assert {kind for kind, held in worker.keys._held if held == hour} == {"receipt", "refresh", "session"}
    worker.clock.now = (hour + 25) * HOUR
    worker.keys.keep_ready()
    assert {kind for kind, held in worker.keys._held if held == hour} == {"refresh"}
    worker.clock.now = (hour + 1) * HOUR + LONGEST_REFRESH_LIFE
    worker.keys.keep_ready()
    assert hour not in {held for _, held in worker.keys._held}


@pytest.mark.spec("decisions.md 4")
@pytest.mark.usefixtures("database")
def test_the_database_forgets_a_key_three_hours_after_its_hour_began(tmp_path: Path) -> None:
    store = opened(tmp_path)
    clock = Clock()
    worker = Worker(rows=StoredSealingKeys(engine=store.engine, tenant=store.tenant), clock=clock, tenant=store.tenant)
    worker.keys.keep_ready()
    hour = worker.keys.hour()
    assert store.purge((hour + 3) * HOUR - 1) == 0
    assert store.purge((hour + 3) * HOUR) == len(KINDS) - 3
    assert {row.kind for row in worker.rows.rows(hour)} == {"receipt", "refresh", "session"}
    assert store.purge((hour + 26) * HOUR) == 2
    assert store.purge((hour + 2) * HOUR + LONGEST_REFRESH_LIFE) == 1
    store.close()


def test_many_threads_that_come_first_get_one_key(database: str) -> None:
    engine = open_engine(database)
    rows = StoredSealingKeys(engine=engine, tenant=TENANT)
    workers = [Worker(rows=rows) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda worker: worker.keys.to_seal("code", NOW // HOUR), workers))
    assert len(found) == 1
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(sealing_keys)).scalar() == len(KINDS)
    engine.dispose()


FIRST = """
import sys
from tests.idp.keys.hours import NOW, TENANT, Worker
from idp.store.engine import open_engine
from idp.store.sealing_rows import StoredSealingKeys
engine = open_engine(sys.argv[1])
worker = Worker(rows=StoredSealingKeys(engine=engine, tenant=TENANT))
sys.stdin.readline()
print(worker.sealer.derive("code", b"login", at=NOW).hex())
"""


def test_many_processes_that_come_first_get_one_key(database: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(4)
    ]
    answers = {process.communicate("\n", timeout=60)[0].strip() for process in processes}
    assert len(answers) == 1
    assert len(answers.pop()) == 64


@pytest.mark.parametrize(("tenant", "kind", "hours"), [("other.example", "code", 0), ("", "access", 0), ("", "code", 1)])
def test_a_row_that_was_moved_to_another_place_opens_nothing(tenant: str, kind: str, hours: int) -> None:
    worker = Worker()
    hour = worker.keys.hour() - 1
    worker.keys.to_seal("code", hour)
    row = rows_of(worker).held["code", hour]
    rows_of(worker).held.clear()
    rows_of(worker).add([dataclasses.replace(row, kind=kind, hour=hour + hours)])
    other = Worker(rows=worker.rows, tenant=Tenant(tenant) if tenant else TENANT)
    with pytest.raises(NotFound):
        other.keys.to_open(kind, hour + hours)


def test_a_row_that_somebody_wrote_without_the_wrapping_key_seals_and_opens_nothing() -> None:
    stranger = Worker(wrapping=ring((0, b"s" * 32)))
    sealed = stranger.sealer.seal("asked", LOGIN, NOW + 1, b"forged")
    ours = Worker(rows=stranger.rows)
    with pytest.raises(Replayed):
        ours.sealer.open("asked", LOGIN, sealed, NOW)
    with pytest.raises(StoreUnavailable, match="closed by a key"):
        ours.sealer.seal("asked", LOGIN, NOW + 1, b"state")


def test_every_bit_of_a_wrapped_key_counts() -> None:
    key = wrapping_key(SECRET)
    wrapped = key.wrap(b"k" * 32, TENANT, "code", 7)
    assert key.unwrap(wrapped, TENANT, "code", 7) == b"k" * 32
    for place in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match="sealing key"):
            key.unwrap(bytes(changed), TENANT, "code", 7)
    for cut in (b"", wrapped[:-1], wrapped + b"x"):
        with pytest.raises(ValueError, match="sealing key"):
            key.unwrap(cut, TENANT, "code", 7)


def test_a_new_wrapping_key_closes_from_its_moment_on_and_the_old_one_still_opens() -> None:
    other = b"n" * 32
    schedule = ((0, SECRET), (NEXT, other))
    one = Worker(wrapping=ring(*schedule))
    sealed = one.sealer.seal("asked", LOGIN, NEXT + LOGIN_LIFE, b"state")
    two = Worker(rows=one.rows, wrapping=ring(*schedule), clock=Clock(NEXT + HOUR))
    two.keys.keep_ready()
    by = {hour: named(row.wrapped) for (_, hour), row in rows_of(one).held.items()}
    assert by == {NOW // HOUR: wrapping_key(SECRET).key_id, NEXT // HOUR + 1: wrapping_key(other).key_id}
    two.clock.now = NEXT + 60
    assert two.sealer.open("asked", LOGIN, sealed, NEXT + 60) == b"state"


def test_what_a_revoked_key_closed_opens_no_more_and_new_keys_take_its_place() -> None:
    schedule = ((0, SECRET), (NOW - 1, b"n" * 32))
    before = Worker()
    sealed = before.sealer.seal("asked", LOGIN, NOW + LOGIN_LIFE, b"state")
    worker = Worker(rows=before.rows, wrapping=ring(*schedule))
    assert worker.sealer.open("asked", LOGIN, sealed, NOW) == b"state"
    worker.revoked.add(wrapping_key(SECRET).key_id)
    with pytest.raises(Replayed):
        worker.sealer.open("asked", LOGIN, sealed, NOW)
    again = worker.sealer.seal("asked", LOGIN, NOW + LOGIN_LIFE, b"new")
    assert worker.sealer.open("asked", LOGIN, again, NOW) == b"new"
    third = Worker(rows=before.rows, wrapping=ring(*schedule))
    assert third.sealer.open("asked", LOGIN, again, NOW) == b"new"


def two_with_a_revoked_key() -> tuple[Worker, Worker, set[str]]:
    """Two workers that hold keys of this hour, closed by a key that is revoked from now on, and the names of such keys."""
    schedule, revoked = ((0, SECRET), (NOW - 1, b"n" * 32)), set[str]()
    before = Worker()
    before.keys.keep_ready()
    one, other = (Worker(rows=before.rows, wrapping=ring(*schedule), revoked=revoked) for _ in range(2))
    for worker in (one, other):
        worker.keys.keep_ready()
    revoked.add(wrapping_key(SECRET).key_id)
    return one, other, revoked


def test_after_a_revocation_each_worker_opens_what_another_one_sealed_since() -> None:
    one, other, _ = two_with_a_revoked_key()
    sealed = one.sealer.seal("asked", LOGIN, NOW + LOGIN_LIFE, b"new")
    assert other.sealer.open("asked", LOGIN, sealed, NOW) == b"new"


def test_a_row_that_a_key_closed_after_it_was_over_neither_seals_nor_opens() -> None:
    schedule = ((0, SECRET), (NOW - 90 * 24 * HOUR, b"n" * 32))
    thief = Worker()
    sealed = thief.sealer.seal("decided", LOGIN, NOW + LOGIN_LIFE, b"forged")
    ours = Worker(rows=thief.rows, wrapping=ring(*schedule))
    with pytest.raises(Replayed):
        ours.sealer.open("decided", LOGIN, sealed, NOW)
    with pytest.raises(StoreUnavailable, match="closed by a key"):
        ours.sealer.seal("decided", LOGIN, NOW + 1, b"state")


def test_with_every_wrapping_key_revoked_nothing_is_sealed() -> None:
    worker = Worker()
    worker.sealer.seal("asked", LOGIN, NOW + 1, b"state")
    worker.revoked.add(wrapping_key(SECRET).key_id)
    with pytest.raises(StoreUnavailable, match="revoked"):
        worker.sealer.seal("asked", LOGIN, NOW + 1, b"state")


def test_the_thread_outlives_what_fails() -> None:
    called: list[str] = []

    def fails() -> None:
        called.append("fails")
        raise StoreUnavailable("SQLITE_BUSY")

    keeper = KeyKeeper((fails, lambda: called.append("goes on")), tenant=TENANT, seconds=0.001)
    keeper.start()
    while called.count("goes on") < 3:
        pass
    keeper.stop()
    assert called[:4] == ["fails", "goes on"] * 2
    KeyKeeper((), tenant=TENANT).stop()
