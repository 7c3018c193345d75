"""A worker: a forked process that composes the broker afresh, serves on the inherited socket, and leaves when told to.

It uses nothing of another process: connections to the database, threads and keys come into being after the fork.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from idp.server.http import App, Listening, Server
from idp.server.workers.slots import Board, ServerPhase, WorkerState
from idp.system.logs import put_on_every_line
from policies.errors import Misconfigured, StoreUnavailable

# How long a proxy may keep an idle connection to a worker that leaves: longer than docs/haproxy.cfg and docs/nginx.conf do
LINGER_SECONDS = 6.0
# How long a thread computes while another one waits for its turn: the ledger's work must not keep a login waiting
TURN_SECONDS = 0.0005
# The supervisor tells a worker to leave by this signal, and nobody else sends it
LEAVE = signal.SIGUSR1
# sysexits.h: EX_TEMPFAIL, EX_CONFIG
DATABASE_AWAY, CONFIGURATION_BROKEN = 75, 78


class Composed(Protocol):
    """A broker, or several under one roof, composed but not yet begun."""

    @property
    def asgi(self) -> App:
        """The application that answers requests."""

    def start(self) -> None:
        """Begin what runs beside the requests."""

    def stop(self) -> None:
        """Write what waits, and end."""


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """One configuration, as workers are made of it.

    `compose` is called in each worker with its number; it raises `Misconfigured` and `StoreUnavailable`. `tell` says on
    the terminal why the server does not begin. `again` reads the configuration anew, while this one serves.
    """

    compose: Callable[[int], Composed]
    tell: Callable[[Misconfigured | StoreUnavailable], None]
    again: Callable[[], "Generation"]
    trusted: Sequence[str] = ()
    # Each runs in a process of its own beside the workers, while this generation serves
    beside: Sequence[Callable[[Board], None]] = ()
    drain_seconds: float = 0.0


def work(
    generation: Generation, board: Board, index: int, listening: Listening, *, processor: int | None, supervisor: int
) -> int:
    """Run one worker of the process `supervisor`, from its fork to its end. Returns its exit code."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        # Ctrl-C, a terminal's end and a service manager reach the whole group: the supervisor decides what they mean
        signal.signal(number, signal.SIG_IGN)
    for number in (LEAVE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    put_on_every_line(worker=index + 1)
    settle(processor)
    try:
        composed = generation.compose(index + 1)
    except (Misconfigured, StoreUnavailable) as error:
        if board.phase == ServerPhase.STARTING:
            generation.tell(error)  # somebody waits for a first line
        elif isinstance(error, Misconfigured):
            structlog.get_logger().error("worker_misconfigured", problems=[str(problem) for problem in error.problems])
        else:
            structlog.get_logger().error("worker_without_database", code=error.code, detail=error.detail)
        return CONFIGURATION_BROKEN if isinstance(error, Misconfigured) else DATABASE_AWAY
    slot = board.slots[index]

    def ahead(connections: int) -> bool:
        slot.connections = connections
        return board.is_ahead(index)

    def ticked() -> None:
        if slot.state == WorkerState.STARTING:
            slot.state = WorkerState.READY
        slot.beats += 1
        if os.getppid() != supervisor:
            server.stop()  # nobody would restart or reload this worker: it answers what it has begun, and ends

    server = Server(
        composed.asgi, listening, trusted=generation.trusted, draining=board.draining, ticked=ticked, ahead=ahead
    )
    signal.signal(LEAVE, lambda *_: server.leave(LINGER_SECONDS))
    composed.start()
    try:
        server.run()
    finally:
        composed.stop()
    return 0


def settle(processor: int | None) -> None:
    """Have this process's threads take turns as those of a worker do, on this processor if one is named."""
    sys.setswitchinterval(TURN_SECONDS)
    if processor is not None and sys.platform == "linux":
        with suppress(OSError):  # a confined service may not; it costs a little more there
            os.sched_setaffinity(0, {processor})
            # A thread that wakes another one goes on: it has Python's lock, and nobody gets far without
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
