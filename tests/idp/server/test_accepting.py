"""Workers that share a socket have about as many connections each, and none waits long for another or for a processor."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from idp.server.workers.slots import SLACK, Board, WorkerState
from idp.server.workers.worker import TURN_SECONDS, settle
from tests.idp.server.crew import Crew, crew, until

MANY = 60


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Crew]:
    # Nobody replaces a worker that stands still while a test looks
    with crew(tmp_path / "crew", look=5) as found:
        until(lambda: len(found.asked_all(2)) == 2)
        yield found


def opened(two: Crew, count: int, seconds: float) -> list[HTTPConnection]:
    """Connections that are opened one after another and kept, as a proxy does."""
    connections = [two.connect() for _ in range(count)]
    for each in connections:
        each.connect()
        time.sleep(seconds)
    return connections


def test_connections_that_a_proxy_keeps_are_shared_by_all_workers(two: Crew) -> None:
    shares: list[Counter[int]] = []

    def shared() -> bool:
        connections = opened(two, MANY, 0.005)
        shares.append(Counter(two.ask(over=each).process for each in connections))
        for each in connections:
            each.close()
        # As evenly as both have a processor meanwhile; before, one had them all
        return set(shares[-1]) == two.processes and min(shares[-1].values()) >= MANY // 10

    # On a busy machine one of them may wait for a processor the whole time, though not again and again
    assert any(shared() for _ in range(40)), shares


def test_nobody_waits_for_a_worker_that_stands_still(two: Crew) -> None:
    still, other = sorted(two.processes)
    os.kill(still, signal.SIGSTOP)
    begun = time.monotonic()
    connections = opened(two, MANY, 0)
    assert {two.ask(over=each).process for each in connections} == {other}
    # Some milliseconds each at the most
    assert time.monotonic() - begun < 20
    os.kill(still, signal.SIGCONT)
    for each in connections:
        each.close()


def board_of(*connections: int) -> Board:
    board = Board(len(connections) + 1)
    for index, count in enumerate(connections):
        board.slots[index].state = WorkerState.READY
        board.slots[index].connections = count
    return board


@pytest.mark.parametrize(
    ("mine", "others", "ahead"),
    [
        (0, (), False),
        (4000, (), False),
        (SLACK, (0,), False),
        (SLACK + 1, (0,), True),
        (SLACK + 1, (9, 0, 9), True),
        (90, (80,), False),
        (91, (80,), True),
        (0, (100, 100), False),
    ],
)
def test_who_is_ahead_of_the_others(*, mine: int, others: tuple[int, ...], ahead: bool) -> None:
    assert board_of(mine, *others).is_ahead(0) is ahead


@pytest.mark.parametrize("state", [WorkerState.FREE, WorkerState.STARTING, WorkerState.LEAVING])
def test_who_takes_no_connections_is_nobody_to_wait_for(state: WorkerState) -> None:
    board = board_of(10, 0)
    assert board.is_ahead(0)
    board.slots[1].state = state
    assert not board.is_ahead(0)


def test_a_worker_that_may_not_choose_its_processor_serves_on_any(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[int]] = []

    def refused(_process: int, processors: set[int]) -> None:
        asked.append(processors)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    before = sys.getswitchinterval()
    try:
        settle(3)
        assert sys.getswitchinterval() == pytest.approx(TURN_SECONDS)
    finally:
        sys.setswitchinterval(before)
    assert asked == [{3}]
