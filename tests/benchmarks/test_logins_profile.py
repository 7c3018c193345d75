"""A part's time is its own, whoever calls it and in whichever thread."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.benchmarks.logins_profile import _TIMED, PARTS, Meter

MILLISECOND = 1_000_000


def work(milliseconds: float) -> None:
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass


def test_what_a_part_calls_that_is_a_part_too_is_not_counted_twice() -> None:
    meter = Meter()
    inner: Callable[[], None] = meter.timed("inner", lambda: work(4))

    def outer() -> None:
        work(2)
        inner()
        inner()

    begin = time.thread_time_ns()
    meter.timed("outer", outer)()
    whole = time.thread_time_ns() - begin
    assert meter.spent["inner"] == pytest.approx(8 * MILLISECOND, rel=0.2)
    assert meter.spent["outer"] == pytest.approx(2 * MILLISECOND, rel=0.3)
    assert meter.spent.total() <= whole


def test_threads_do_not_count_each_other_s_time_nor_what_they_waited() -> None:
    meter, gate = Meter(), threading.Event()

    def waits() -> None:
        gate.wait(5)

    waiting = threading.Thread(target=meter.timed("waits", waits))
    waiting.start()
    meter.timed("works", lambda: work(5))()
    gate.set()
    waiting.join()
    assert meter.spent["works"] == pytest.approx(5 * MILLISECOND, rel=0.2)
    assert meter.spent["waits"] < MILLISECOND


def test_what_a_part_raises_is_raised_and_its_time_counted() -> None:
    meter = Meter()

    def fails() -> None:
        work(1)
        raise KeyError("it")

    with pytest.raises(KeyError):
        meter.timed("fails", fails)()
    assert meter.spent["fails"] > 0


def test_everything_that_is_timed_is_there_and_of_a_part_that_is_told() -> None:
    for part, owner, names in _TIMED:
        assert part in PARTS
        assert all(callable(getattr(owner, name)) for name in names)
