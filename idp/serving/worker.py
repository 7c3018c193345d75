"""A worker: a forked process that composes the broker afresh, serves on the inherited socket, and leaves when told to.

Nothing of another process is used in it: connections to the database, threads and keys come into being after the fork.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from idp.logs import put_on_every_line
from idp.server import App, Listening, Refused, Server
from idp.serving.board import Board, Phase, State
from policies.errors import Misconfigured, StoreUnavailable

# How long a proxy may keep an idle connection to a worker that leaves: longer than docs/haproxy.cfg and docs/nginx.conf do
LINGER_SECONDS = 6.0
# How long a thread computes while another one waits for its turn: what places records must not keep a login waiting
TURN_SECONDS = 0.0005
# How the supervisor tells a worker to leave, and nobody else does
LEAVE = signal.SIGUSR1
# As sysexits.h has them
DATABASE_AWAY, CONFIGURATION_BROKEN = 75, 78


class Composed(Protocol):
    """A broker, or several under one roof, composed but not yet begun."""

    @property
    def asgi(self) -> App:
        """What answers requests."""

    @property
    def refused(self) -> Refused:
        """What refuses some of them before that."""

    def start(self) -> None:
        """Begin what runs beside the requests."""

    def stop(self) -> None:
        """Write what waits, and end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a generation of workers is made of.

    `compose` is called in each worker with its number; it raises `Misconfigured` and `StoreUnavailable`. `tell` says to
    whoever started the server why it does not begin. `again` reads the configuration anew, while this one serves.
    """

    compose: Callable[[int], Composed]
    tell: Callable[[Misconfigured | StoreUnavailable], None]
    again: Callable[[], "Plan"]
    trusted: Sequence[str] = ()
    drain_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker stands: its slot, the board, the socket, the end of the supervisor's lifeline, and its processor."""

    slot: int
    board: Board
    listening: Listening
    lifeline: int
    processor: int | None = None

    @property
    def number(self) -> int:
        """The worker's number, from 1."""
        return self.slot + 1


def work(plan: Plan, place: Place) -> int:
    """All that a worker does, from its fork on; returns its exit code."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        # Ctrl-C, a terminal's end and a service manager reach the whole group: the supervisor decides what they mean
        signal.signal(number, signal.SIG_IGN)
    signal.signal(LEAVE, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    put_on_every_line(worker=place.number)
    settle(place.processor)
    try:
        composed = plan.compose(place.number)
    except (Misconfigured, StoreUnavailable) as error:
        return _refused(plan, place, error)
    _serve(plan, place, composed)
    return 0


def settle(processor: int | None) -> None:
    """Have this process's threads take turns as those of a worker do, on this processor if one is named."""
    sys.setswitchinterval(TURN_SECONDS)
    if processor is not None and sys.platform == "linux":
        with suppress(OSError):  # a confined service may not; it costs a little more there
            os.sched_setaffinity(0, {processor})
            # Whoever is woken lets the thread that woke it go on: that one has Python's lock, and nobody gets far without
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _refused(plan: Plan, place: Place, error: Misconfigured | StoreUnavailable) -> int:
    """Say it where somebody waits for a first line, and in the log afterwards."""
    if place.board.phase is Phase.STARTING:
        plan.tell(error)
    elif isinstance(error, Misconfigured):
        structlog.get_logger().error("worker_misconfigured", problems=[str(problem) for problem in error.problems])
    else:
        structlog.get_logger().error("worker_without_database", code=error.code, detail=error.detail)
    return CONFIGURATION_BROKEN if isinstance(error, Misconfigured) else DATABASE_AWAY


def _serve(plan: Plan, place: Place, composed: Composed) -> None:
    board, slot = place.board, place.slot

    def ahead(connections: int) -> bool:
        board.hold(slot, connections)
        return board.is_ahead(slot)

    def ticked() -> None:
        if board.state(slot) is State.STARTING:
            board.set_state(slot, State.READY)
        board.beat(slot)

    server = Server(
        composed.asgi,
        place.listening,
        trusted=plan.trusted,
        draining=board.draining,
        ticked=ticked,
        ahead=ahead,
        refused=composed.refused,
    )

    signal.signal(LEAVE, lambda *_: server.leave(LINGER_SECONDS))
    threading.Thread(target=_until_alone, args=(place.lifeline, server), name="lifeline", daemon=True).start()
    composed.start()
    try:
        server.run()
    finally:
        composed.stop()


def _until_alone(lifeline: int, server: Server) -> None:
    """A worker whose supervisor died answers what it has begun, and ends: nobody would restart or reload it."""
    while os.read(lifeline, 1):
        pass
    server.stop()
