"""Who takes a new connection: workers that share a socket have about as many each, and none waits long for another."""

import asyncio
import errno
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

import pytest

from idp import accepting
from idp.accepting import Accepting
from idp.server import bind
from idp.serving.board import SLACK, Board, State
from tests.idp.serving.crew import Crew, crew, until

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


@pytest.mark.parametrize("seconds", [0.005, 0.02])
def test_connections_that_a_proxy_keeps_are_shared_by_all_workers(two: Crew, seconds: float) -> None:
    shares: list[Counter[int]] = []

    def shared() -> bool:
        connections = opened(two, MANY, seconds)
        shares.append(Counter(two.ask(over=each).process for each in connections))
        for each in connections:
            each.close()
        # As evenly as both have a processor meanwhile; before, one had them all
        return set(shares[-1]) == two.processes and min(shares[-1].values()) >= MANY // 10

    # On a busy machine one of them may wait for a processor the whole time, though not again and again
    assert any(shared() for _ in range(5)), shares


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
    for slot, count in enumerate(connections):
        board.set_state(slot, State.READY)
        board.hold(slot, count)
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


@pytest.mark.parametrize("state", [State.FREE, State.STARTING, State.LEAVING])
def test_who_takes_no_connections_is_nobody_to_wait_for(state: State) -> None:
    board = board_of(10, 0)
    assert board.is_ahead(0)
    board.set_state(1, state)
    assert not board.is_ahead(0)


def test_who_is_ahead_leaves_each_connection_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every second one: that others took the last one says nothing of the next."""
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.05)
    listening = bind("127.0.0.1", 0)
    taken: list[str] = []

    def protocol(whose: str) -> Callable[[], asyncio.Protocol]:
        def made() -> asyncio.Protocol:
            taken.append(whose)
            return asyncio.Protocol()

        return made

    async def run() -> None:
        sockets = [listening, listening.dup()]
        for each in sockets:
            each.settimeout(0)
        ahead = Accepting(sockets[0], protocol("ahead"), lambda: True)
        behind = Accepting(sockets[1], protocol("behind"), lambda: False)
        ahead.start()
        behind.start()
        for count in range(1, 11):
            with socket.create_connection(listening.getsockname()):
                await until_async(lambda: len(taken) == count)  # noqa: B023  awaited here
                await asyncio.sleep(0.1)
        behind.stop()
        with socket.create_connection(listening.getsockname()):
            await until_async(lambda: len(taken) == 11)
        ahead.stop()
        sockets[1].close()

    asyncio.run(run())
    assert taken == ["behind"] * 10 + ["ahead"]
    listening.close()


class Full(socket.socket):
    """A listening socket of a process without a free descriptor."""

    full = True

    def accept(self) -> tuple[socket.socket, object]:
        if self.full:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_without_a_free_descriptor_it_rests_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "RETRY_SECONDS", 0.05)
    bound = bind("127.0.0.1", 0)
    listening = Full(fileno=bound.detach())
    listening.settimeout(0)
    asked: list[float] = []
    made: list[asyncio.Protocol] = []

    def protocol() -> asyncio.Protocol:
        made.append(asyncio.Protocol())
        return made[-1]

    def ahead() -> bool:
        asked.append(time.monotonic())
        return False

    async def run() -> None:
        one = Accepting(listening, protocol, ahead)
        one.start()
        with socket.create_connection(listening.getsockname()):
            await until_async(lambda: len(asked) >= 5)
            assert not made
            # Not as often as the event loop turns
            assert min(later - sooner for sooner, later in pairwise(asked)) > 0.03
            listening.full = False
            await until_async(lambda: bool(made))
        one.stop()
        with socket.create_connection(listening.getsockname()):
            await asyncio.sleep(0.2)
        assert len(made) == 1

    asyncio.run(run())
    listening.close()


async def until_async(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
