"""The supervisor: forks workers, restarts the dead, replaces all of them on SIGHUP, and lets them leave on SIGTERM.

It has one thread and no handler of signals: they are blocked, and taken one at a time where the loop waits.

A *generation* is the workers of one configuration. A reload begins the next one beside the one that serves; only when all
of it is ready does the old one leave, and where it cannot begin, the old one goes on.
"""

import gc
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from idp.server.http import Listening
from idp.server.workers.board import Board, Phase, State
from idp.server.workers.children import end, ended, fork, send
from idp.server.workers.worker import LEAVE, LINGER_SECONDS, Place, Plan, work
from idp.store.faults import explained
from policies.errors import Misconfigured, StoreUnavailable

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
LOOK_SECONDS = 1.0
STARTING_LOOK_SECONDS = 0.02
# A worker that is stopped, or hangs, may hold the lock of a SQLite database: with the ledger's lease it makes ten seconds
HUNG_LOOKS = 6
START_SECONDS = 60.0
# uvicorn's ten for open requests, what lingers, and the writer's last batch
LEAVE_SECONDS = LINGER_SECONDS + 20.0
# A worker that lived so long did not die of how it starts
SOUND_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
NO_PROCESS = "no process could be forked for it"


class Watching(Protocol):
    """The metrics, which are told of workers."""

    def ended(self, slot: int) -> None:
        """The worker of this number is gone."""

    def note_workers(self, *, wanted: int, alive: int) -> None:
        """How many there should be, and are."""


@dataclass
class Worker:
    """A living worker, as the supervisor sees it."""

    process: int
    slot: int
    begun: float
    beats: int = 0
    silent: int = 0  # looks in a row without a beat
    leaves_by: float = 0.0


@dataclass
class Generation:
    """The workers of one plan."""

    plan: Plan
    workers: list[Worker] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    restart_at: float = 0.0
    pause: float = 0.0  # the last one before a start, while starts come to nothing

    def put_off(self, now: float) -> None:
        """Plan the next start, later each time."""
        self.pause = min(max(2 * self.pause, FIRST_PAUSE), LONGEST_PAUSE)
        self.restart_at = now + self.pause


def raise_limit() -> None:
    """Raise the soft limit of open files to the hard one: the usual 1,024 are few for connections and all else."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Supervisor:
    """`run` serves until SIGTERM or SIGINT and returns the exit code.

    `beside` runs in a process of its own, from before the first worker until after the last, with the board.
    """

    def __init__(
        self,
        listening: Listening,
        *,
        workers: int,
        ready: Callable[[], None],
        beside: Callable[[Board], None] | None = None,
        watching: Watching | None = None,
    ) -> None:
        self._listening, self._wanted, self._ready = listening, workers, ready
        self._beside, self._watching = beside, watching
        # One processor for each worker, where there are just as many: a login's threads take turns anyway, and move between
        # processors at half of its cost. Else the kernel knows better
        processors = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
        self._processors = processors if len(processors) == workers else [None] * workers
        self._board = Board(2 * workers)
        self._process = os.getpid()
        self._current: Generation | None = None
        self._coming: Generation | None = None
        self._leaving: list[Worker] = []
        self._companion, self._companion_at = 0, 0.0
        self._looked = self._ends_at = 0.0
        self._code = 0
        self._asked = False  # whether a reload waits for the end of another, or of the start
        self._log = structlog.get_logger()

    def run(self, plan: Plan) -> int:
        """Begin with `plan`. 0: ended by a signal. 1: the first workers could not begin."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            raise_limit()
            gc.freeze()  # what was imported stays shared with the workers
            self._begin_companion()
            self._begin(plan)
            while self._current or self._coming or self._leaving:
                taken = signal.sigtimedwait(SIGNALS, self._pause())
                if taken is not None:
                    self._take(taken.si_signo)
                self._turn(time.monotonic())
        finally:
            # Whatever brought us here, nothing of ours outlives us
            for worker, _ in self._all():
                end(worker.process)
            if self._companion:
                end(self._companion)  # it writes nothing
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._code

    def _take(self, number: int) -> None:
        """Do what a signal asks for."""
        if number == signal.SIGHUP:
            self._reload()
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._board.phase = Phase.DRAINING
            waits = number == signal.SIGTERM and not self._ends_at and self._current is not None
            self._ends_at = time.monotonic() + (self._current.plan.drain_seconds if waits and self._current else 0.0)

    def _reload(self) -> None:
        """Begin a reload, or remember it: until the start, or the last one, has come to its end, workers need the slots."""
        self._asked = False
        if self._ends_at:
            return
        if self._current is None or self._coming or self._leaving:
            self._asked = True
            return
        try:
            plan = self._current.plan.again()
        except Misconfigured as error:
            self._refuse(*map(str, error.problems))
        except StoreUnavailable as error:
            self._refuse(f"the database cannot be used: {explained(error.detail)}")
        except Exception as error:  # noqa: BLE001  whatever it is, those who serve go on; its text may quote a password
            self._refuse(f"the broker has a defect: nobody foresaw a {type(error).__name__}")
        else:
            self._begin(plan)

    def _refuse(self, *problems: str) -> None:
        self._log.error("reload_refused", serving="as before", problems=list(problems))

    def _pause(self) -> float:
        """How long the loop waits for a signal."""
        if self._coming is not None:
            return STARTING_LOOK_SECONDS
        now = time.monotonic()
        moments = [self._ends_at] if self._ends_at and self._current else []
        if self._current and self._current.restart_at:
            moments.append(self._current.restart_at)
        return max(0.0, min([LOOK_SECONDS, *(moment - now for moment in moments)]))

    def _turn(self, now: float) -> None:
        """One turn of the loop."""
        self._reap(now)
        if self._ends_at and now >= self._ends_at:
            self._leave_all(now)
        self._look_at_the_coming(now)
        self._look_at_the_current(now)
        for worker in self._leaving:
            if now > worker.leaves_by:
                send(worker.process, signal.SIGKILL)
        if self._asked:
            self._reload()

    def _reap(self, now: float) -> None:
        """Take note of every process that ended."""
        if self._companion and ended(self._companion) is not None:
            self._companion, self._companion_at = 0, now + LOOK_SECONDS
        if not self._companion and now >= self._companion_at:
            self._companion_at = now + LOOK_SECONDS
            self._begin_companion()
        # All of them before any of it has consequences: those move workers from one list to another
        ends = [(*each, code) for each in self._all() if (code := ended(each[0].process)) is not None]
        for worker, workers, _ in ends:
            workers.remove(worker)
            self._board.set_state(worker.slot, State.FREE)
            if self._watching:
                self._watching.ended(worker.slot + 1)
        for worker, workers, code in ends:
            if self._coming and workers is self._coming.workers:
                self._give_up_the_coming(f"it ended with {code} before it served")
            elif self._current and workers is self._current.workers:
                self._replace(self._current, worker, code, now)
        if ends:
            self._note()

    def _replace(self, generation: Generation, worker: Worker, code: int, now: float) -> None:
        """Plan the successor of a worker that nobody asked to end: at once, and later each time that it dies soon."""
        if now - worker.begun > SOUND_SECONDS:
            generation.pause, generation.restart_at = 0.0, now
        else:
            generation.put_off(now)
        self._log.error("worker_died", number=worker.slot + 1, code=code, restart_seconds=round(generation.pause, 1))

    def _look_at_the_coming(self, now: float) -> None:
        coming = self._coming
        if coming is None:
            return
        starting = [worker for worker in coming.workers if self._board.state(worker.slot) is not State.READY]
        if any(now - worker.begun > START_SECONDS for worker in starting):
            self._give_up_the_coming("it did not serve in time")
        elif not starting and len(coming.workers) < self._wanted:
            # The first worker has shown that the configuration serves: were it broken, one worker would say so, and not all
            if not self._fill(coming):
                self._give_up_the_coming(NO_PROCESS)
        elif not starting:
            former, self._current, self._coming = self._current, coming, None
            if former is None:
                self._board.phase = Phase.SERVING
                self._ready()
            else:
                self._leave(former.workers, now)
                self._log.info("reloaded", workers=self._wanted, seconds=round(now - coming.begun, 2))

    def _give_up_the_coming(self, why: str) -> None:
        """Where a worker could say what is wrong, it has."""
        if self._coming is None:
            return
        for worker in self._coming.workers:
            send(worker.process, signal.SIGKILL)
        self._leave(self._coming.workers, time.monotonic())
        self._coming = None
        if self._current is None:
            self._code = 1
        else:
            self._refuse(f"a worker of the new configuration: {why}")

    def _look_at_the_current(self, now: float) -> None:
        current = self._current
        if current is None:
            return
        if len(current.workers) < self._wanted and now >= current.restart_at:
            current.restart_at = 0.0
            if not self._fill(current):
                current.put_off(now)
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for worker in current.workers:
            # Looks are counted, not seconds: a machine that stood still as a whole has no worker that hangs
            beats = self._board.beats(worker.slot)
            worker.silent = 0 if beats != worker.beats else worker.silent + 1
            worker.beats = beats
            starting = self._board.state(worker.slot) is State.STARTING
            if (worker.silent == HUNG_LOOKS and not starting) or (starting and now - worker.begun > START_SECONDS):
                # The others wait for what it holds
                self._log.error("worker_hangs", number=worker.slot + 1)
                send(worker.process, signal.SIGKILL)

    def _begin(self, plan: Plan) -> None:
        self._coming = Generation(plan)
        if not self._fork(self._coming):
            self._give_up_the_coming(NO_PROCESS)

    def _fill(self, generation: Generation) -> bool:
        """Fork what a generation lacks; whether all of it could be."""
        return all(self._fork(generation) for _ in range(self._wanted - len(generation.workers)))

    def _fork(self, generation: Generation) -> bool:
        taken = {worker.slot % self._wanted for worker in generation.workers}
        free = [slot for slot in range(self._board.slots) if self._board.state(slot) is State.FREE]
        slot = next((slot for slot in free if slot % self._wanted not in taken), free[0])
        self._board.set_state(slot, State.STARTING)
        place = Place(slot, self._board, self._listening, self._process, self._processors[slot % self._wanted])
        process = self._child(lambda: work(generation.plan, place))
        if not process:
            self._board.set_state(slot, State.FREE)
            return False
        generation.workers.append(Worker(process, slot, time.monotonic(), self._board.beats(slot)))
        self._note()
        return True

    def _child(self, act: Callable[[], int]) -> int:
        """The number of a child that does `act`. 0: no process could be had."""
        try:
            return fork(act)
        except OSError as error:
            # No memory, or too many processes: it may pass, and those who serve go on
            self._log.error("cannot_fork", why=os.strerror(error.errno or 0))
            return 0

    def _begin_companion(self) -> None:
        beside, board = self._beside, self._board
        if beside is None:
            return

        def act() -> int:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            # Those that end all of us are for the supervisor: until it ends, somebody may ask how it is
            signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGTERM, signal.SIGINT])
            self._listening.close()
            threading.Thread(target=self._follow, name="follow", daemon=True).start()
            beside(board)
            return 0

        self._companion = self._child(act)

    def _follow(self) -> None:
        """End this process with the supervisor's."""
        while os.getppid() == self._process:
            time.sleep(LOOK_SECONDS)
        os._exit(0)

    def _leave_all(self, now: float) -> None:
        for generation in (self._current, self._coming):
            if generation is not None:
                self._leave(generation.workers, now)
        self._current = self._coming = None
        # Before theirs: the last process that closes it resets what waits there, and a worker takes all of it first
        self._listening.close()

    def _leave(self, workers: list[Worker], now: float) -> None:
        for worker in workers:
            worker.leaves_by = now + LEAVE_SECONDS
            self._board.set_state(worker.slot, State.LEAVING)
            send(worker.process, LEAVE)
        self._leaving += workers

    def _all(self) -> Iterator[tuple[Worker, list[Worker]]]:
        """Every worker, with the list that holds it."""
        lists = [generation.workers for generation in (self._current, self._coming) if generation is not None]
        for workers in (*lists, self._leaving):
            for worker in list(workers):
                yield worker, workers

    def _note(self) -> None:
        if self._watching:
            self._watching.note_workers(wanted=self._wanted, alive=sum(1 for _ in self._all()))
