"""The counts of workers are read as one, across forks, ends and restarts, and holds no stranger's text."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.monitoring import families
from idp.monitoring import measures as module
from idp.monitoring.listener import ready
from idp.monitoring.measures import LABEL, OTHER, Measures
from tests.idp.monitoring.told import sharing
from tests.idp.monitoring.told import told as _told
from tests.idp.server.crew import alive, until

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
    with sharing() as shared:
        # As the supervisor does before it forks
        shared.note_workers(3, 0)

        def work(number: int) -> None:
            shared.worker(number).count(families.LOGINS, CITY, "released", "EE", by=number)

        for number in (1, 2, 5):
            _in_child(lambda number=number: work(number))  # type: ignore[misc]  # mypy has no type for a default of a lambda
        assert _told(shared)["ciconia_logins_total", CITY, "released", "EE"] == 8


def test_a_worker_that_ended_leaves_its_counts_and_takes_its_gauges_along() -> None:
    with sharing() as shared:

        def work(number: int) -> None:
            measures = shared.worker(number)
            measures.count(families.LOGINS, CITY, "asked", "EE")
            measures.set(families.AT_WORK, CITY, figure=3)
            measures.observe(families.COMMIT, CITY, seconds=0.002)

        for number in (1, 2):
            _in_child(lambda number=number: work(number))  # type: ignore[misc]  # as above
        shared.note_workers(3, 0, [1])
        told = _told(shared)
        assert told["ciconia_logins_total", CITY, "asked", "EE"] == 2
        assert told["ciconia_admission_at_work", CITY] == 3
        assert told["ciconia_commit_seconds_count", CITY] == 2
        _in_child(lambda: work(1))
        assert _told(shared)["ciconia_logins_total", CITY, "asked", "EE"] == 3, "its successor counts on"


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
    assert _told(measures)["ciconia_logins_total", CITY, "asked", "EE"] == 20_000


def test_a_histogram_is_cumulative_and_its_sum_is_in_seconds() -> None:
    measures = Measures()
    for seconds in (0.0001, 0.0009, 0.02, 60.0):
        measures.observe(families.COMMIT, CITY, seconds=seconds)
    told = _told(measures)
    assert told["ciconia_commit_seconds_bucket", CITY, "0.0001"] == 1
    assert told["ciconia_commit_seconds_bucket", CITY, "0.001"] == 2
    assert told["ciconia_commit_seconds_bucket", CITY, "10.0"] == 3
    assert told["ciconia_commit_seconds_bucket", CITY, "+Inf"] == told["ciconia_commit_seconds_count", CITY] == 4
    assert told["ciconia_commit_seconds_sum", CITY] == pytest.approx(60.021)


def test_gauges_become_one_as_their_family_says() -> None:
    with sharing() as shared:
        for number, figure in ((1, 10.0), (2, 30.0)):
            measures = shared.worker(number)
            measures.set(families.AT_WORK, CITY, figure=figure)
            measures.set(families.STAGED, CITY, figure=figure)
            measures.set(families.METADATA_ENDS, CITY, "EE", figure=figure)
        told = _told(shared)
    assert told["ciconia_admission_at_work", CITY] == 40
    assert told["ciconia_ledger_staged", CITY] == 30
    assert told["ciconia_metadata_ends_timestamp_seconds", CITY, "EE"] == 10


def test_readiness_lasts_as_long_as_somebody_says_so_anew() -> None:
    with sharing() as shared:
        assert not ready(shared).any, "nobody has said anything"
        first = shared.worker(1)
        first.set(families.READY, CITY, figure=time.monotonic() + 60)
        shared.worker(2).set(families.READY, CITY, figure=0)
        assert ready(shared).tenants == {CITY: True}, "one worker that can is enough"
        first.set(families.READY, CITY, figure=time.monotonic() - 0.001)
        assert not ready(shared).any, "a worker that hangs says nothing good"


def test_a_worker_that_has_a_tenant_closed_denies_it_whatever_another_says() -> None:
    with sharing() as shared:
        shared.worker(1).set(families.READY, CITY, figure=time.monotonic() + 60)
        shared.worker(2).set(families.BROKEN, CITY, "database", figure=1)
        assert ready(shared).tenants == {CITY: False}
        assert _told(shared)["ciconia_ready", CITY] == 0
        shared.note_workers(2, 1, [2])
        assert ready(shared).tenants == {CITY: True}
        assert _told(shared)["ciconia_ready", CITY] == 1


def test_a_broken_tenant_does_not_take_the_others_out_of_service() -> None:
    measures = Measures()
    measures.set(families.READY, "one.example", figure=0)
    measures.set(families.READY, "two.example", figure=time.monotonic() + 60)
    assert ready(measures).any
    assert ready(measures).tenants == {"one.example": False, "two.example": True}


@pytest.mark.parametrize("label", ["Kanarbik Õ", "a b", 'x"}', "line\nbreak", "x" * 254, "Kanaari@example"])
def test_a_label_that_is_none_of_ours_is_other_and_is_not_remembered(label: str) -> None:
    measures = Measures()
    measures.count(families.LOGINS, CITY, "asked", label)
    assert _told(measures)["ciconia_logins_total", CITY, "asked", OTHER] == 1
    assert label not in repr(measures._series)


@given(st.lists(st.text(max_size=200), max_size=30))
@settings(max_examples=50)
def test_no_text_whatever_becomes_a_series_beyond_the_grammar_of_labels(labels: list[str]) -> None:
    measures = Measures()
    for label in labels:
        measures.count(families.REFUSALS, CITY, "replayed", label)
    samples = [
        sample for metric in measures.collect() for sample in metric.samples if sample.name == f"{families.REFUSALS}_total"
    ]
    assert all(LABEL.fullmatch(part) for sample in samples for part in sample.labels.values())
    assert sum(sample.value for sample in samples) == len(labels)


def test_series_beyond_the_most_are_counted_and_those_before_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 3)
    measures = Measures()
    for _ in range(2):
        for number in range(5):
            measures.count(families.REFUSALS, CITY, "replayed", str(number))
    told = _told(measures)
    assert told["ciconia_series_dropped_total",] == 4
    assert [told.get(("ciconia_refusals_total", CITY, "replayed", str(number))) for number in (0, 2, 3)] == [2, 2, None]


def test_a_metric_that_there_is_not_and_labels_that_it_has_not_are_defects() -> None:
    measures = Measures()
    with pytest.raises(KeyError):
        measures.count("ciconia_citizens")
    with pytest.raises(ValueError, match="label"):
        measures.count(families.LOGINS, CITY)


def test_workers_wanted_and_alive_are_said_by_the_supervisor() -> None:
    with sharing() as shared:
        shared.note_workers(4, 3)
        told = _told(shared)
    assert (told["ciconia_workers", "wanted"], told["ciconia_workers", "alive"]) == (4, 3)
    assert not shared.folder.exists()


KILLED = r"""
import os, signal, sys
from idp.monitoring.measures import SharedMeasures

shared = SharedMeasures()
os.fork()  # as its workers do, a child holds what it counts in
os.write(1, f"{shared.folder} {os.getpid()}\n".encode())  # in one piece
signal.pause()
"""


def test_what_a_killed_server_left_is_removed_at_the_next_start_and_what_a_living_one_counts_in_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "YOUNG_SECONDS", -1)
    killed = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    told = [killed.stdout.readline().split() for _ in range(2)]
    folder, processes = Path(told[0][0]), [int(process) for _, process in told]
    try:
        for process in processes:
            with sharing():
                assert folder.is_dir(), "one of them lives"
            os.kill(process, signal.SIGKILL)
    finally:
        killed.kill()
        killed.wait(60)
        killed.stdout.close()
    until(lambda: not any(alive(process) for process in processes))
    with sharing() as other, sharing():
        assert not folder.exists()
        assert other.folder.is_dir()
