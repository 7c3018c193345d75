"""Shared memory: what workers count is read as one, across forks, ends and restarts, and holds no stranger's text."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.broken import Why
from idp.watching import board as module
from idp.watching import families
from idp.watching.board import LABEL, OTHER, TENANT_BYTES, Board, Key, Measures
from idp.watching.exposition import merged, ready
from idp.watching.steps import Step, _all_checks, _all_codes
from tests.idp.watching.told import told as _told

CITY = "login.city.example"


def _in_child(work: Callable[[], None]) -> None:
    """Run it in a forked process, as a worker would be."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_what_forked_workers_count_is_one_sum() -> None:
    board = Board()

    def work(slot: int) -> None:
        board.worker(slot).count(families.LOGINS, CITY, "released", "EE", by=slot)

    for slot in (1, 2, 5):
        _in_child(lambda slot=slot: work(slot))  # type: ignore[misc]  # mypy has no type for a default of a lambda
    assert _told(board)["ciconia_logins_total", CITY, "released", "EE"] == 8


def test_a_worker_that_ended_leaves_its_counts_and_takes_its_gauges_along() -> None:
    board = Board()
    first, second = board.worker(1), board.worker(2)
    for each in (first, second):
        each.count(families.LOGINS, CITY, "asked", "EE")
        each.set(families.AT_WORK, CITY, figure=3)
        each.observe(families.COMMIT, CITY, seconds=0.002)
    board.ended(1)
    told = _told(board)
    assert told["ciconia_logins_total", CITY, "asked", "EE"] == 2
    assert told["ciconia_admission_at_work", CITY] == 3
    assert told["ciconia_commit_seconds_count", CITY] == 2
    again = board.worker(1)
    again.count(families.LOGINS, CITY, "asked", "EE")
    assert _told(board)["ciconia_logins_total", CITY, "asked", "EE"] == 3
    board.ended(1)
    board.ended(2)
    assert _told(board)["ciconia_logins_total", CITY, "asked", "EE"] == 3


def test_a_worker_that_is_restarted_in_its_slot_counts_on() -> None:
    board = Board()
    first, second = board.worker(3), board.worker(3)
    first.count(families.LOGINS, CITY, "asked", "EE")
    second.count(families.LOGINS, CITY, "asked", "EE")
    assert _told(board)["ciconia_logins_total", CITY, "asked", "EE"] == 2


def test_threads_of_a_worker_lose_no_count() -> None:
    measures = Measures()

    def work() -> None:
        for _ in range(5000):
            measures.count(families.LOGINS, CITY, "asked", "EE")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _told(measures.board)["ciconia_logins_total", CITY, "asked", "EE"] == 20_000


def test_a_histogram_is_cumulative_and_its_sum_is_in_seconds() -> None:
    measures = Measures()
    for seconds in (0.0001, 0.0009, 0.02, 60.0):
        measures.observe(families.COMMIT, CITY, seconds=seconds)
    told = _told(measures.board)
    assert told["ciconia_commit_seconds_bucket", CITY, "0.0001"] == 1
    assert told["ciconia_commit_seconds_bucket", CITY, "0.001"] == 2
    assert told["ciconia_commit_seconds_bucket", CITY, "10.0"] == 3
    assert told["ciconia_commit_seconds_bucket", CITY, "+Inf"] == told["ciconia_commit_seconds_count", CITY] == 4
    assert told["ciconia_commit_seconds_sum", CITY] == pytest.approx(60.021)


def test_gauges_become_one_as_their_family_says() -> None:
    board = Board()
    for slot, figure in ((1, 10.0), (2, 30.0)):
        measures = board.worker(slot)
        measures.set(families.AT_WORK, CITY, figure=figure)
        measures.set(families.STAGED, CITY, figure=figure)
        measures.set(families.METADATA_ENDS, CITY, "EE", figure=figure)
    told = _told(board)
    assert told["ciconia_admission_at_work", CITY] == 40
    assert told["ciconia_ledger_staged", CITY] == 30
    assert told["ciconia_metadata_ends_timestamp_seconds", CITY, "EE"] == 10


def test_readiness_lasts_as_long_as_somebody_says_so_anew() -> None:
    board = Board()
    assert not ready(board).any, "nobody has said anything"
    board.worker(1).set(families.READY, CITY, figure=time.monotonic() + 60)
    board.worker(2).set(families.READY, CITY, figure=0)
    assert ready(board).tenants == {CITY: True}, "one worker that can is enough"
    board.worker(1).set(families.READY, CITY, figure=time.monotonic() - 0.001)
    assert not ready(board).any, "a worker that hangs says nothing good"


def test_a_worker_that_has_a_tenant_closed_denies_it_whatever_another_says() -> None:
    board = Board(4)
    board.worker(1).set(families.READY, CITY, figure=time.monotonic() + 60)
    board.worker(2).set(families.READY, CITY, figure=families.DENIED)
    assert ready(board).tenants == {CITY: False}
    board.ended(2)
    assert ready(board).tenants == {CITY: True}


def test_a_broken_tenant_does_not_take_the_others_out_of_service() -> None:
    board = Board()
    board.worker(1).set(families.READY, "one.example", figure=0)
    board.worker(1).set(families.READY, "two.example", figure=time.monotonic() + 60)
    assert ready(board).any
    assert ready(board).tenants == {"one.example": False, "two.example": True}


@pytest.mark.parametrize("label", ["Kanarbik Õ", "a b", 'x"}', "line\nbreak", "x" * 254, "Kanaari@example"])
def test_a_label_that_is_none_of_ours_is_other_and_is_not_remembered(label: str) -> None:
    measures = Measures()
    measures.count(families.LOGINS, CITY, "asked", label)
    assert _told(measures.board)["ciconia_logins_total", CITY, "asked", OTHER] == 1
    assert label not in repr(measures._cells)


@given(st.lists(st.text(max_size=200), max_size=30))
@settings(max_examples=50)
def test_no_text_whatever_becomes_a_series_beyond_the_grammar_of_labels(labels: list[str]) -> None:
    measures = Measures()
    for label in labels:
        measures.count(families.REFUSALS, CITY, "replayed", label)
    for key in merged(measures.board.read()):
        assert all(LABEL.fullmatch(part) for part in key)
    assert sum(merged(measures.board.read()).values()) == len(labels)


def test_a_slot_that_is_full_counts_what_it_cannot_hold_and_breaks_nothing() -> None:
    measures = Measures()
    _fill(measures)
    told = _told(measures.board)
    assert told["ciconia_series_dropped_total",] > 0
    assert told["ciconia_refusals_total", CITY, "replayed", f"{0:050}"] == 1


def _fill(measures: Measures) -> None:
    for number in range(TENANT_BYTES // 50):
        measures.count(families.REFUSALS, CITY, "replayed", f"{number:050}")


def test_a_series_that_found_no_room_is_not_sought_again(monkeypatch: pytest.MonkeyPatch) -> None:
    measures, sought = Measures(), list[Key]()
    place = measures.board.place

    def placed(slot: int, key: Key) -> int:
        sought.append(key)
        return place(slot, key)

    monkeypatch.setattr(measures.board, "place", placed)
    _fill(measures)
    _fill(measures)
    assert len(sought) == len(set(sought)) == TENANT_BYTES // 50
    there = sum(key[0] == families.REFUSALS for key in merged(measures.board.read()))
    assert _told(measures.board)["ciconia_series_dropped_total",] == len(sought) - there


def test_what_is_remembered_of_series_without_room_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DROPPED", 3)
    measures = Measures()
    _fill(measures)
    there = sum(key[0] == families.REFUSALS for key in merged(measures.board.read()))
    assert len(measures._cells) == there + 3


def test_a_slot_that_is_full_still_says_who_is_ready() -> None:
    measures = Measures()
    _fill(measures)
    tenants = [f"{number:02}.city.example" for number in range(50)]
    for tenant in tenants:
        measures.set(families.READY, tenant, figure=time.monotonic() + 60)
    assert ready(measures.board).tenants == dict.fromkeys(tenants, True)


def _all_series(tenant: str, countries: int) -> Iterator[Key]:
    """Every series that a tenant can have, where each check failed once."""
    some = [f"C{number}" for number in range(countries)]
    refusals: list[Key] = [*product(("assertion_rejected",), _all_checks()), *product(_all_codes(), ("",))]
    of_label: dict[str, Collection[str]] = {
        "state": list(Step),
        "country": ["", *some],
        "lane": ["begun", "new"],
        "kind": ["party", "provider", "key"],
        "why": list(Why),
    }
    of_label |= {"key": [f"es256-20261125T{hour:02}00Z" for hour in range(20)], "limit": ["begin_address", "pages"]}
    for family in families.FAMILIES.values():
        if family.labels[:1] != families.TENANT:
            continue
        lists: list[Collection[str]] = [of_label[label] for label in family.labels[1:] if label in of_label]
        if family.buckets:
            lists.append([*map(str, family.buckets), "+Inf", "sum"])
        rests = refusals if family.name == families.REFUSALS else [*product(*lists)]
        for rest in rests:
            yield (family.name, tenant, *rest)


@pytest.mark.parametrize("tenants", [1, 40])
def test_there_is_room_for_as_many_tenants_as_it_was_made_for(tenants: int) -> None:
    board = Board(3, tenants=tenants)
    measures = board.worker(2)
    wanted = {key for number in range(tenants) for key in _all_series(f"login.some-larger-city-{number}.example", 30)}
    for key in wanted:
        measures.count(*key)
    told = merged(board.read())
    assert wanted <= set(told)
    assert (families.DROPPED,) not in told
    board.ended(2)
    assert (families.DROPPED,) not in merged(board.read())


def test_a_metric_that_there_is_not_and_labels_that_it_has_not_are_defects() -> None:
    measures = Measures()
    with pytest.raises(KeyError):
        measures.count("ciconia_citizens")
    with pytest.raises(ValueError, match="labels"):
        measures.count(families.LOGINS, CITY)


def test_slots_that_there_are_not_are_refused() -> None:
    board = Board(4)
    for slot in (-1, 4):
        with pytest.raises(ValueError, match="slot"):
            board.worker(slot)
    for slot in (0, 4):
        with pytest.raises(ValueError, match="slot"):
            board.ended(slot)


def test_workers_wanted_and_alive_are_said_by_the_supervisor() -> None:
    board = Board()
    board.note_workers(wanted=4, alive=3)
    told = _told(board)
    assert (told["ciconia_workers", "wanted"], told["ciconia_workers", "alive"]) == (4, 3)


def test_whoever_reads_while_a_slot_is_folded_sees_each_count_once() -> None:
    board = Board(4)
    seen: list[float] = []
    stop = threading.Event()

    def reading() -> None:
        while not stop.is_set():
            seen.append(sum(figure for key, figure in merged(board.read()).items() if key[0] == families.LOGINS))

    reader = threading.Thread(target=reading)
    reader.start()
    for number in range(200):
        board.worker(1 + number % 3).count(families.LOGINS, CITY, "asked", "EE")
        board.ended(1 + number % 3)
    stop.set()
    reader.join()
    assert seen == sorted(seen), "a counter never falls"


def test_a_count_costs_a_microsecond_or_two_and_not_a_system_call() -> None:
    measures = Measures()
    measures.count(families.LOGINS, CITY, "asked", "EE")
    rounds, best = 2000, float("inf")
    for _ in range(5):
        begun = time.thread_time()
        for _ in range(rounds):
            measures.count(families.LOGINS, CITY, "asked", "EE")
        best = min(best, (time.thread_time() - begun) / rounds)
    assert best < 20e-6, "far above what it takes, far below what a file would"
