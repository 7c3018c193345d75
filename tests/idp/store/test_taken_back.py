"""A row of approvals that a unit rests on: of an act and a sign-in of two workers, in either order, the act stands."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from idp.ports import ApprovalRow, ApprovalRows, Unit
from idp.store import batch, tables
from idp.store.batch import Waiting
from idp.store.store import Store
from policies.errors import Conflict
from tests.idp.store.conftest import AnyStore
from tests.idp.store.units import LATER, TENANT, opened_at, parked, release, unit

NAME = b"d" * 32
# How long a worker is watched that must wait for another one
WATCHED = 0.3


def row(content: bytes, digest: bytes = NAME) -> ApprovalRow:
    return ApprovalRow(digest, content, LATER)


def act(content: bytes = b"taken back") -> Unit:
    return Unit(TENANT, record=release(), approvals=ApprovalRows((row(content),)))


def sign_in(read: bytes, *written: ApprovalRow) -> Unit:
    """A sign-in that read this content, b"" where there was no row."""
    resting = ApprovalRows(written, (NAME, hashlib.sha256(read).digest() if read else b""))
    return replace(unit(record=release()), approvals=resting)


def stands(store: AnyStore) -> bytes:
    return b"".join(each.content for each in store.approvals(TENANT, [NAME]))


@pytest.mark.parametrize("before", [b"", b"agreed"])
@pytest.mark.parametrize("written", [(), (row(b"remembered", b"e" * 32),), (row(b"lifted"),)])
def test_a_sign_in_that_rests_on_what_changed_writes_nothing(
    any_store: AnyStore, before: bytes, written: tuple[ApprovalRow, ...]
) -> None:
    if before:
        any_store.commit(act(before))
    any_store.commit(sign_in(before))
    any_store.commit(act())
    late = replace(sign_in(before, *written), parked=(parked(b"l" * 32),))
    with pytest.raises(Conflict) as caught:
        any_store.commit(late)
    assert caught.value.kind == "approval"
    assert late.record is not None
    assert any_store.leaf_of(TENANT, late.record.record) is None
    assert stands(any_store) == b"taken back"
    assert not any_store.approvals(TENANT, [b"e" * 32])
    # Its marks are free: whoever is asked anew can answer
    any_store.commit(replace(late, approvals=sign_in(b"taken back", *written).approvals))


@pytest.fixture
def workers(url: str) -> Iterator[tuple[Store, Store]]:
    both = opened_at(url, busy_milliseconds=60_000), opened_at(url, busy_milliseconds=60_000)
    yield both
    for each in both:
        each.close()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Callable[[Unit], tuple[threading.Event, threading.Event]]:
    """Have the transaction of a unit stand still once it has looked at its row. Returns "it does", and "go on"."""

    def hold(wanted: Unit) -> tuple[threading.Event, threading.Event]:
        reached, on = threading.Event(), threading.Event()
        take = batch.take_marks

        def slow(connection: object, units: list[Waiting]) -> object:
            if any(one.unit is wanted for one in units):
                reached.set()
                assert on.wait(60)
            return take(connection, units)  # type: ignore[arg-type] # as it came

        monkeypatch.setattr(batch, "take_marks", slow)
        return reached, on

    return hold


def in_turn(
    workers: tuple[Store, Store], held: Callable[[Unit], tuple[threading.Event, threading.Event]], first: Unit, second: Unit
) -> str:
    """Begin the second while the first is half done: the kind of what the second lost, "" where it was written."""
    reached, on = held(first)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(workers[0].commit, first)
        assert reached.wait(60)
        other = pool.submit(workers[1].commit, second)
        with pytest.raises(NotYet):
            other.result(WATCHED)
        on.set()
        one.result(60)
        error = other.exception(60)
    assert error is None or isinstance(error, Conflict)
    return error.kind if error else ""


@pytest.mark.spec("issue 31: an act wins, whichever is first")
@pytest.mark.parametrize("before", [b"", b"agreed"])
@pytest.mark.parametrize("written", [(), (row(b"lifted"),)])
def test_of_two_workers_the_act_stands_in_either_order(
    workers: tuple[Store, Store],
    held: Callable[[Unit], tuple[threading.Event, threading.Event]],
    before: bytes,
    written: tuple[ApprovalRow, ...],
) -> None:
    if before:
        workers[0].commit(act(before))
    assert in_turn(workers, held, sign_in(before, *written), act()) == ""
    assert stands(workers[0]) == b"taken back"
    again = act(b"taken back again")
    assert in_turn(workers, held, again, sign_in(b"taken back", *written)) == "approval"
    assert stands(workers[1]) == b"taken back again"


def test_of_one_batch_whoever_rests_on_what_another_writes_comes_after_it(store: Store) -> None:
    units = [Waiting(one, None) for one in (act(), sign_in(b""), sign_in(b"", row(b"x", b"e" * 32)))]
    asking, waiting = batch._in_turn(units)
    assert (asking, waiting) == (units[:1], units[1:])
    asking, waiting = batch._in_turn(reversed(units))
    assert (len(asking), waiting) == (3, [])
    store.commit(act())
    assert stands(store) == b"taken back"


@pytest.mark.spec("security.md §3 I5")
def test_however_many_press_at_once_the_act_stands_and_no_sign_in_is_written_after_it(workers: tuple[Store, Store]) -> None:
    for at in range(12):
        units = [sign_in(f"agreed {at}".encode(), row(f"lifted {n}".encode())) for n in range(6)]
        workers[0].commit(act(f"agreed {at}".encode()))
        begin = threading.Barrier(len(units) + 1)

        def press(place: int, one: Unit, begin: threading.Barrier = begin) -> str:
            begin.wait()
            try:
                workers[place % 2].commit(one)
            except Conflict as error:
                return error.kind
            return ""

        with ThreadPoolExecutor(len(units) + 1) as pool:
            *found, last = pool.map(press, range(len(units) + 1), [*units, act()])
        assert (stands(workers[0]), last) == (b"taken back", "")
        # The first may have come before the act; the row that it read is no other's
        assert found.count("") <= 1
        assert set(found) <= {"", "approval"}


def test_of_many_who_rest_on_one_row_and_leave_it_each_is_written(workers: tuple[Store, Store]) -> None:
    def press(place: int) -> None:
        workers[place % 2].commit(sign_in(b""))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(press, range(40)))
    with workers[0].engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.records)) == 40


def test_a_second_try_of_what_was_written_is_no_change_to_itself(store: Store) -> None:
    one = replace(sign_in(b"", row(b"lifted")), record=None)
    waiting = Waiting(one, None)
    for again in (False, True):
        store._writer.write([waiting], again=again)
        waiting.wait(1)
    assert stands(store) == b"lifted"
    other = Waiting(replace(one, marks=()), None)
    store._writer.write([other], again=True)
    with pytest.raises(Conflict, match="approval"):
        other.wait(1)
