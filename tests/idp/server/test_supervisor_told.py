"""A supervisor's acts in time, and after a long time, by a clock that a test tells."""

import dataclasses
import signal

import pytest
from structlog.testing import capture_logs

from idp.server.workers.slots import WorkerState
from idp.server.workers.supervisor import (
    HUNG_LOOKS,
    LEAVE_SECONDS,
    LONGEST_PAUSE,
    LOOK_SECONDS,
    SOUND_SECONDS,
    START_SECONDS,
)
from tests.idp.server.told import NOBODY, Told


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
    told = Told(monkeypatch, generation=dataclasses.replace(NOBODY, drain_seconds=30))
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


def test_an_interrupt_and_a_start_that_is_broken_off_wait_for_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, starting in ((signal.SIGINT, 0.0), (signal.SIGTERM, START_SECONDS / 2)):
        told = Told(monkeypatch, starting=starting, generation=dataclasses.replace(NOBODY, drain_seconds=30))
        asked: list[float] = []

        def ending(told: Told = told, asked: list[float] = asked, number: signal.Signals = number) -> signal.Signals | None:
            if asked or (number is signal.SIGINT and not told.served):
                return None
            asked.append(told.now)
            return number

        assert told.run(ending) == 0
        assert told.now - asked[0] <= LOOK_SECONDS
        assert told.living == []


def test_no_reload_begins_while_the_proxy_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, generation=dataclasses.replace(NOBODY, drain_seconds=30))
    coming = iter([signal.SIGTERM, signal.SIGHUP])
    assert told.run(lambda: next(coming, None) if told.served else None) == 0
    assert (next(coming, None), told.loaded, len(told.forked)) == (None, 0, 2)


def test_a_worker_that_does_not_leave_is_ended_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.deaf = True
    asked: list[float] = []

    def ending() -> signal.Signals | None:
        if asked:
            assert {told.board.slots[index].state for index in (0, 1)} == {WorkerState.LEAVING}
        elif told.served:
            asked.append(told.now)
            return signal.SIGTERM
        return None

    assert told.run(ending) == 0
    assert LEAVE_SECONDS < told.now - asked[0] < LEAVE_SECONDS + 3 * LOOK_SECONDS
    assert set(told.codes.values()) == {-signal.SIGKILL}


def test_who_watches_hears_which_worker_is_gone_and_how_many_live(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)

    def dying() -> signal.Signals | None:
        if told.served:
            told.codes.setdefault(2, 75)
        return signal.SIGTERM if len(told.forked) == 3 else None

    assert told.run(dying) == 0
    assert told.notes == [(1, []), (2, []), (1, [2]), (2, []), (0, [1, 2])]


def test_a_death_after_a_long_life_is_no_death_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    told, lives = Told(monkeypatch), [1.0, 1.0, SOUND_SECONDS + 1, 1.0]

    def dying() -> signal.Signals | None:
        newest = max(told.forked, default=0)
        if told.served and lives and newest in told.living and told.now - told.forked[newest] >= lives[0]:
            lives.pop(0)
            told.codes[newest] = 75
            return None
        return None if lives else signal.SIGTERM

    with capture_logs() as lines:
        assert told.run(dying) == 0
    assert [line["restart_seconds"] for line in lines if line["event"] == "worker_died"] == [0.1, 0.2, 0.0, 0.1]


def test_a_worker_that_is_silent_now_and_then_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only looks in a row count: a disk that stands still for a few seconds each hour ends nobody."""
    told, turns = Told(monkeypatch), 0

    def stumbling() -> signal.Signals | None:
        nonlocal turns
        turns += bool(told.served)
        told.silent = {1} if turns % (HUNG_LOOKS - 2) else set()
        return signal.SIGTERM if turns > 10 * HUNG_LOOKS else None

    assert told.run(stumbling) == 0
    assert len(told.forked) == 2


def replaced(told: Told, seconds: float) -> int:
    """How many were forked until so long after the end of one whose successor takes `starting` to serve."""

    def dying() -> signal.Signals | None:
        if told.served:
            told.codes.setdefault(2, 75)
        return signal.SIGTERM if told.now - told.forked.get(3, told.now) > seconds else None

    assert told.run(dying) == 0
    return len(told.forked)


def test_a_successor_that_starts_slowly_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    assert replaced(Told(monkeypatch, starting=3 * HUNG_LOOKS * LOOK_SECONDS), START_SECONDS) == 3


def test_a_successor_that_does_not_start_in_its_time_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    ready = told._ready

    def served() -> None:
        ready()
        told.starting = 2 * START_SECONDS

    monkeypatch.setattr(told, "_ready", served)
    assert replaced(told, START_SECONDS + 5 * LOOK_SECONDS) == 4
