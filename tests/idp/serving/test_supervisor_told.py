"""What a supervisor does in time, and after a long time, by a clock that a test tells."""

import dataclasses
import signal

import pytest
from structlog.testing import capture_logs

from idp.serving.supervisor import LONGEST_PAUSE, LOOK_SECONDS, START_SECONDS
from tests.idp.serving.told import NOBODY, Told


def test_a_worker_that_dies_for_hours_is_tried_again_and_the_other_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)

    def dying() -> signal.Signals | None:
        if told.served and len(told.living) == 2:
            told.codes[told.living[-1]] = 75
        return signal.SIGTERM if len(told.forked) > 1200 and told.codes.get(1) is None else None

    with capture_logs() as lines:
        assert told.run(dying) == 0
    pauses = [line["restart_seconds"] for line in lines if line["event"] == "worker_died"]
    assert pauses[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0]
    assert set(pauses[8:]) == {LONGEST_PAUSE}
    assert len(pauses) > 1190


def test_a_worker_that_dies_while_the_proxy_is_waited_for_keeps_nobody_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, plan=dataclasses.replace(NOBODY, drain_seconds=30))
    waiting: list[float] = []  # since when

    def leaving() -> signal.Signals | None:
        if not told.served:
            return None
        if not waiting:
            waiting.append(told.now)
            return signal.SIGTERM
        told.codes.setdefault(1, 75)
        return None

    assert told.run(leaving) == 0
    assert told.now - waiting[0] >= 30
    assert len(told.forked) == 3, "and another one takes its place: the proxy may send for as long"
    assert sum(pause < LOOK_SECONDS / 2 for pause in told.pauses) < 10


def test_each_worker_has_its_own_time_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are forked when the first one serves."""
    told = Told(monkeypatch, starting=0.9 * START_SECONDS)
    assert told.run(lambda: signal.SIGTERM if told.served else None) == 0
    assert told.served == 1


def test_a_worker_that_does_not_start_in_its_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, starting=1.1 * START_SECONDS)
    begun = told.now
    assert told.run(lambda: None) == 1
    assert told.served == 0
    assert told.now - begun < 1.1 * START_SECONDS


def test_a_reload_that_is_asked_for_during_the_start_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, starting=1)

    def asking() -> signal.Signals | None:
        if len(told.pauses) == 1:
            return signal.SIGHUP
        return signal.SIGTERM if told.now - told.forked[1] > START_SECONDS else None

    with capture_logs() as lines:
        assert told.run(asking) == 0
    assert (told.served, told.loaded) == (1, 1)
    assert [line["event"] for line in lines] == ["reloaded"]


def test_a_start_that_fails_is_not_begun_again_by_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, starting=2 * START_SECONDS)
    assert told.run(lambda: signal.SIGHUP if len(told.pauses) == 1 else None) == 1
    assert (told.served, told.loaded, len(told.forked)) == (0, 0, 1)
