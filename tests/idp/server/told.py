"""A supervisor whose processes, signals and clock a test tells: what takes hours takes no time, and nobody is signalled."""

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest

from idp.server.http import bind
from idp.server.workers import supervisor
from idp.server.workers.slots import Board, WorkerState
from idp.server.workers.supervisor import Supervisor
from idp.server.workers.worker import Generation

# More than any test needs: a supervisor that does not wait comes here soon
MOST_TURNS = 100_000
NOBODY = Generation(
    compose=lambda _: pytest.fail("no worker is forked"),
    tell=lambda _: None,
    again=lambda: pytest.fail("nobody asks for a reload"),
)


class Told:
    """`act` is asked at each wait, and says which signal came. A worker serves `starting` seconds after its fork.

    It keeps the supervisor's notes of who ended and how many live.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, starting: float = 0.0, generation: Generation = NOBODY) -> None:
        self.now = time.monotonic()
        self.board = Board(4)
        self.pauses: list[float] = []
        self.forked: dict[int, float] = {}  # by process
        self.codes: dict[int, int] = {}  # of those that ended and were not reaped yet
        self.silent: set[int] = set()  # processes that give no sign of life
        self.deaf = False  # whether no worker leaves that is only asked to
        self.notes: list[tuple[int, list[int]]] = []  # how many live, and the numbers of those that ended
        self.served = 0
        self.loaded = 0
        self.starting, self._generation = starting, dataclasses.replace(generation, again=self._load)
        self._slots: dict[int, int] = {}
        self._act: Callable[[], signal.Signals | None] = lambda: None
        monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(supervisor, "Board", lambda _: self.board)
        monkeypatch.setattr(supervisor, "raise_limit", lambda: None)
        monkeypatch.setattr(supervisor, "gc", SimpleNamespace(freeze=lambda: None))
        monkeypatch.setattr(supervisor, "end", self._ended)
        monkeypatch.setattr(supervisor, "ended", self._ended)
        monkeypatch.setattr(os, "fork", self._fork)
        monkeypatch.setattr(os, "kill", self._kill)
        monkeypatch.setattr(signal, "setitimer", self._sleep)
        monkeypatch.setattr(signal, "sigwait", self._wait)

    @property
    def living(self) -> list[int]:
        """The workers, in the order of their forks."""
        return [process for process in self._slots if process not in self.codes]

    def run(self, act: Callable[[], signal.Signals | None]) -> int:
        """Two workers, to the end; the exit code."""
        self._act = act
        listening = bind("127.0.0.1", 0)
        try:
            return Supervisor(listening, workers=2, ready=self._ready, note=self._note).run(self._generation)
        finally:
            listening.close()

    def _note(self, wanted: int, alive: int, ended: Sequence[int]) -> None:
        assert wanted == 2
        self.notes.append((alive, list(ended)))

    def _kill(self, process: int, number: signal.Signals) -> None:
        if number is signal.SIGKILL or not self.deaf:
            self.codes.setdefault(process, -number)

    def _load(self) -> Generation:
        self.loaded += 1
        return dataclasses.replace(self._generation)

    def _ready(self) -> None:
        self.served += 1

    def _fork(self) -> int:
        starting = [index for index, slot in enumerate(self.board.slots) if slot.state == WorkerState.STARTING]
        process = 1 + len(self.forked)
        self._slots[process] = next(slot for slot in starting if slot not in self._slots.values())
        self.forked[process] = self.now
        return process

    def _ended(self, process: int) -> int | None:
        if process in self.codes:
            self._slots.pop(process, None)
        return self.codes.get(process)

    def _sleep(self, _: int, seconds: float) -> None:
        self.pauses.append(seconds)
        assert len(self.pauses) < MOST_TURNS, "it does not end"
        self.now += seconds

    def _wait(self, _: object) -> signal.Signals:
        for process in self.living:
            slot = self.board.slots[self._slots[process]]
            if slot.state == WorkerState.STARTING and self.now - self.forked[process] >= self.starting:
                slot.state = WorkerState.READY
            if slot.state == WorkerState.READY and process not in self.silent:
                slot.beats += 1
        return self._act() or signal.SIGALRM
