"""The suite of every store: the memory's twin, SQLite and PostgreSQL."""

import random
import secrets
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from idp.ledger.checkpoint import TreeHead, open_note
from idp.ledger.merkle_tree import includes
from idp.ports import ENDED, ApprovalRow, ApprovalRows, Commits, Decisions, Log, Mark, Parked, ParkedRow, Unit
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from policies.errors import Conflict, NotFound
from policies.parties import Tenant
from tests.idp.store.conftest import AnyStore
from tests.idp.store.units import KEYS, LATER, NOW, ORIGIN, TENANT, marks, parked, refusal, release, unit

OTHER = Tenant("other.example")


def outcomes(store: Commits, units: Iterable[Unit], threads: int = 8) -> list[str]:
    """Commit them at once; "" for each that was written, else the kind of the mark that it lost."""
    units = list(units)
    begin = threading.Barrier(threads)

    def one(share: list[Unit]) -> list[tuple[int, str]]:
        begin.wait()
        return [(units.index(each), attempt(store, each)) for each in share]

    with ThreadPoolExecutor(threads) as pool:
        found = [pair for share in pool.map(one, [units[start::threads] for start in range(threads)]) for pair in share]
    return [outcome for _, outcome in sorted(found)]


def attempt(store: Commits, one: Unit) -> str:
    try:
        store.commit(one)
    except Conflict as conflict:
        return conflict.kind
    return ""


def settled(store: AnyStore) -> None:
    """Give every staged leaf its place, and sign. The memory's twin did so with each commit."""
    if isinstance(store, Store):
        sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
        assert sequencer.step()
        sequencer.stop()


def test_every_store_keeps_the_ports(any_store: AnyStore) -> None:
    ports: tuple[Commits, Parked, Decisions, Log] = (any_store, any_store, any_store, any_store)
    assert len(ports) == 4


def test_a_mark_is_taken_once(any_store: AnyStore) -> None:
    any_store.commit(unit(*marks("a")))
    with pytest.raises(Conflict) as caught:
        any_store.commit(unit(*marks("a")))
    assert caught.value.kind == "login"


def test_an_approval_stands_until_another_takes_its_place(any_store: AnyStore) -> None:
    first, other = ApprovalRow(b"d" * 32, b"one", LATER), ApprovalRow(b"e" * 32, b"other", LATER)
    rows = [first, other, replace(first, content=b"two", end=LATER + 9)]
    # In one transaction, too: of two for one person one is kept
    units = [replace(unit(*marks(str(at))), approvals=ApprovalRows((row,))) for at, row in enumerate(rows)]
    assert outcomes(any_store, units, 3) == [""] * 3
    found = {row.digest: row for row in any_store.approvals(TENANT, [first.digest, other.digest, b"x" * 32])}
    assert (found[first.digest] in rows, found[other.digest], len(found)) == (True, other, 2)
    assert not any_store.approvals(OTHER, [other.digest])
    assert not any_store.approvals(TENANT, [])
    ended = replace(other, content=b"", end=NOW)
    any_store.commit(Unit(TENANT, approvals=ApprovalRows((ended,))))
    assert list(any_store.approvals(TENANT, [other.digest])) == [ended]


def test_a_mark_that_a_unit_names_twice_is_one_mark(any_store: AnyStore) -> None:
    any_store.commit(unit(*marks("a", "a")))
    assert attempt(any_store, unit(*marks("a"))) == "login"


@pytest.mark.spec("security.md §3 I3")
def test_of_many_threads_exactly_one_takes_a_mark(any_store: AnyStore) -> None:
    found = outcomes(any_store, [unit(*marks("the one"), record=release()) for _ in range(64)], threads=16)
    assert found.count("") == 1
    assert found.count("login") == 63


@pytest.mark.spec("security.md §3 I7")
def test_a_unit_that_lost_a_mark_leaves_nothing(any_store: AnyStore) -> None:
    any_store.commit(unit(*marks("taken", kind="response")))
    any_store.commit(unit(parked=[parked(b"k" * 32)]))
    record = release()
    lost = unit(
        *marks("free"),
        *marks("taken", kind="response"),
        record=record,
        parked=[parked(b"p" * 32)],
        removed=[b"k" * 32],
    )
    assert attempt(any_store, lost) == "response"
    assert any_store.leaf_of(TENANT, record.record) is None
    with pytest.raises(NotFound):
        any_store.parked(TENANT, "code", b"p" * 32, NOW)
    assert any_store.parked(TENANT, "code", b"k" * 32, NOW) == b"sealed"
    assert lost.decision is not None
    assert any_store.decision(TENANT, lost.decision.login, NOW) is None
    assert attempt(any_store, unit(*marks("free"))) == ""


def test_overlapping_marks_go_to_units_that_do_not_overlap(any_store: AnyStore) -> None:
    chooser = random.Random(7)  # noqa: S311  made-up overlaps, the same in every run
    units = [unit(*marks(*chooser.sample("abcdefghij", 3))) for _ in range(60)]
    found = outcomes(any_store, units)
    winners = [set(one.marks) for one, outcome in zip(units, found, strict=True) if not outcome]
    taken: set[Mark] = set().union(*winners)
    assert sum(len(winner) for winner in winners) == len(taken)
    # whoever lost met a mark that somebody holds
    assert all(set(one.marks) & taken for one in units)


def test_what_is_parked_is_there_for_its_kind_tenant_and_time(any_store: AnyStore) -> None:
    any_store.commit(unit(parked=[parked()]))
    assert any_store.parked(TENANT, "code", b"d" * 32, NOW + 59) == b"sealed"
    for tenant, kind, digest, now in (
        (TENANT, "code", b"d" * 32, NOW + 60),
        (TENANT, "access", b"d" * 32, NOW),
        (OTHER, "code", b"d" * 32, NOW),
        (TENANT, "code", b"x" * 32, NOW),
    ):
        with pytest.raises(NotFound):
            any_store.parked(tenant, kind, digest, now)


def test_of_rows_that_say_when_the_same_ended_the_latest_counts(any_store: AnyStore) -> None:
    def ended(moment: int) -> Unit:
        return unit(parked=[ParkedRow(ENDED, b"e" * 32, moment.to_bytes(8), NOW + moment)])

    for moments, latest in (((5,), 5), ((6, 8, 7), 8), ((4,), 8), ((8,), 8), ((9, 9), 9)):
        assert set(outcomes(any_store, [ended(each) for each in moments])) == {""}
        assert int.from_bytes(any_store.parked(TENANT, ENDED, b"e" * 32, NOW)) == latest


def test_what_is_removed_goes_in_the_unit_that_removes_it(any_store: AnyStore) -> None:
    any_store.commit(unit(parked=[parked(b"1" * 32), parked(b"2" * 32)]))
    any_store.commit(unit(*marks("code", kind="code"), parked=[parked(b"3" * 32, "access")], removed=[b"1" * 32]))
    with pytest.raises(NotFound):
        any_store.parked(TENANT, "code", b"1" * 32, NOW)
    assert any_store.parked(TENANT, "code", b"2" * 32, NOW) == b"sealed"
    assert any_store.parked(TENANT, "access", b"3" * 32, NOW) == b"sealed"


@pytest.mark.spec("decisions.md 8")
def test_how_a_login_ended_is_known_for_its_minute(any_store: AnyStore) -> None:
    one = unit()
    any_store.commit(one)
    assert one.decision is not None
    login = one.decision.login
    assert any_store.decision(TENANT, login, NOW + 59) == one.decision
    assert any_store.decision(TENANT, login, NOW + 60) is None
    assert any_store.decision(OTHER, login, NOW) is None
    assert any_store.decision(TENANT, b"x" * 32, NOW) is None


@pytest.mark.spec("decisions.md 2")
def test_purge_reads_the_stored_end(any_store: AnyStore) -> None:
    one = unit(*marks("short", end=NOW + 10), parked=[parked(end=NOW + 300)])
    any_store.commit(one)
    assert any_store.purge(NOW + 9) == 0
    assert attempt(any_store, unit(*marks("short", end=NOW + 10))) == "login"
    assert any_store.purge(NOW + 10) == 1
    assert any_store.parked(TENANT, "code", b"d" * 32, NOW + 10) == b"sealed"
    assert attempt(any_store, unit(*marks("short"))) == ""
    assert any_store.purge(LATER) == 4
    assert any_store.purge(LATER) == 0


def test_a_unit_of_another_tenant_is_refused(any_store: AnyStore) -> None:
    with pytest.raises(ValueError, match="tenant"):
        any_store.commit(Unit(tenant=OTHER))


def test_before_the_first_record_there_is_no_checkpoint(any_store: AnyStore) -> None:
    any_store.commit(unit())
    settled(any_store)
    assert any_store.checkpoint(TENANT) is None
    assert any_store.leaf_of(TENANT, b"r" * 16) is None
    assert any_store.index_of(TENANT, b"h" * 32) is None
    for index, size in ((0, 0), (0, 1), (-1, 1), (1, 1)):
        with pytest.raises(NotFound):
            any_store.inclusion(TENANT, index, size)


@pytest.mark.spec("security.md §3 I1")
def test_every_record_is_proved_to_be_in_the_signed_tree(any_store: AnyStore) -> None:
    records = [release(), refusal(), *(release(secrets.token_bytes(32)) for _ in range(9))]
    for record in records:
        any_store.commit(unit(record=record))
    settled(any_store)
    checkpoint = any_store.checkpoint(TENANT)
    assert checkpoint is not None
    head = TreeHead.read(open_note(checkpoint.note.encode(), *KEYS.log.known))
    assert head == TreeHead(ORIGIN, 11, checkpoint.root)
    places = set()
    for record in records:
        leaf = any_store.leaf_of(TENANT, record.record)
        assert leaf is not None
        index = any_store.index_of(TENANT, leaf)
        assert index is not None
        places.add(index)
        assert includes(index, 11, leaf, any_store.inclusion(TENANT, index, 11), checkpoint.root)
    assert places == set(range(11))
    with pytest.raises(NotFound):
        any_store.inclusion(TENANT, 0, 12)


def test_another_tenant_sees_nothing_of_a_ledger(any_store: AnyStore) -> None:
    record = release()
    any_store.commit(unit(record=record))
    settled(any_store)
    leaf = any_store.leaf_of(TENANT, record.record)
    assert leaf is not None
    assert any_store.leaf_of(OTHER, record.record) is None
    assert any_store.index_of(OTHER, leaf) is None
    assert any_store.checkpoint(OTHER) is None
    with pytest.raises(NotFound):
        any_store.inclusion(OTHER, 0, 1)


def test_a_record_that_was_written_is_not_written_again(any_store: AnyStore) -> None:
    one = unit(*marks("login"), record=release())
    any_store.commit(one)
    assert attempt(any_store, one) == "login"
    settled(any_store)
    found = any_store.checkpoint(TENANT)
    assert found is not None
    assert found.size == 1
