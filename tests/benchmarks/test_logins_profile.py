"""A part's time is its own, whoever calls it and in whichever thread."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.logins_profile import _TIMED, PARTS, Meter

MILLISECOND = 1_000_000
# In a process of its own: it forks, and the tests' process has threads
SMALL = """
import json, os, sys, tempfile
from pathlib import Path
from tests.benchmarks.logins import ours
from tests.benchmarks.logins_profile import profile
from tests.benchmarks.logins_stage import make_stage

processors = os.sched_getaffinity(0)
with tempfile.TemporaryDirectory() as folder:
    stage = make_stage(Path(folder) / "profile")
    figures = profile(stage, ours(stage.provider, stage.rs256, encrypted=False), logins=2, turns=1)
assert os.sched_getaffinity(0) == processors
json.dump({each.name: each.value for each in figures}, sys.stdout)
"""


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


def test_every_part_of_a_real_login_takes_its_time() -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", SMALL], cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert all(figures[f"part: {part}, least"] > 0 for part in PARTS)
