"""The supervisor: forks workers, restarts the dead, replaces all of them on SIGHUP, and lets them leave on SIGTERM.

It has one thread and no handler of signals: they are blocked, and taken one at a time where the loop waits.

A reload begins the workers of the next generation beside those that serve. Only when all of them are ready do the old ones
leave. Where the new ones cannot begin, the old ones go on.
"""

import gc
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from idp.server.http import Listening
from idp.server.workers.slots import Board, ServerPhase, WorkerState
from idp.server.workers.worker import LEAVE, LINGER_SECONDS, Generation, work
from idp.store.faults import explained
from policies.errors import Misconfigured, StoreUnavailable

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM)
LOOK_SECONDS = 1.0
STARTING_LOOK_SECONDS = 0.02
# A worker that is stopped, or hangs, may hold the lock of a SQLite database: with the ledger's lease it makes ten seconds
HUNG_LOOKS = 6
START_SECONDS = 60.0
# uvicorn's ten for open requests, what lingers, and the writer's last batch
LEAVE_SECONDS = LINGER_SECONDS + 20.0
# A worker that lived so long did not die of how it starts
SOUND_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE, LEAST_PAUSE = 0.1, 10.0, 0.001
FAILED_CODE = 70  # sysexits.h: EX_SOFTWARE


@dataclass(slots=True)
class LivingWorker:
    """A worker, as the supervisor sees it. `index` is its slot's."""

    process: int
    index: int
    generation: Generation
    begun: float
    beats: int
    silent: int = 0  # looks in a row without a beat
    leaves_by: float = 0.0  # 0.0 while nobody has asked it to leave


@dataclass(slots=True)
class Companion:
    """A process beside the workers, which starts again when it ends. `again_at` is when, at the earliest."""

    act: Callable[[Board], None]
    process: int = 0
    again_at: float = 0.0


def raise_limit() -> None:
    """Raise the soft limit of open files to the hard one: the usual 1,024 are few for connections and all else."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Supervisor:
    """`run` serves until SIGTERM or SIGINT and returns the exit code.

    `beside` runs in a process of its own, from before the first worker until after the last, with the board. `note` gets
    how many workers there should be, how many live, and the numbers of those that have just ended.
    """

    def __init__(
        self,
        listening: Listening,
        *,
        workers: int,
        ready: Callable[[], None],
        beside: Callable[[Board], None] | None = None,
        note: Callable[[int, int, Sequence[int]], None] | None = None,
    ) -> None:
        self._listening, self._wanted, self._ready = listening, workers, ready
        self._noted = note
        # Those of the whole server, and those of the generation that serves
        self._lasting = [Companion(beside)] if beside else []
        self._companions: list[Companion] = []
        # One processor for each worker, where there are just as many: a login's threads take turns anyway, and move between
        # processors at half of its cost. Else the kernel knows better
        processors = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
        self._processors = processors if len(processors) == workers else [None] * workers
        self._board = Board(2 * workers)
        self._process = os.getpid()
        # The generation that is served, and the next one
        self._generation: Generation | None = None
        self._coming: Generation | None = None
        self._workers: list[LivingWorker] = []
        # When the next worker of `_generation` starts, and how long it was put off for, while starts come to nothing
        self._restart_at = self._put_off_for = 0.0
        self._looked = self._ends_at = 0.0
        self._code = 0
        self._reload_asked = False
        self._log = structlog.get_logger()

    def run(self, generation: Generation) -> int:
        """Begin with `generation`. 0: ended by a signal. 1: the first workers could not begin."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, the kernel keeps no exit code
            raise_limit()
            gc.freeze()  # what was imported stays shared with the workers
            for companion in self._lasting:
                self._begin_companion(companion)
            self._coming = generation
            while self._generation or self._coming or self._workers:
                # Python's sigtimedwait would return noise where SIGCONT interrupts it behind its time
                signal.setitimer(signal.ITIMER_REAL, max(self._pause(), LEAST_PAUSE))
                self._take(signal.sigwait(SIGNALS))
                self._turn(time.monotonic())
        finally:
            # Whatever brought us here, nothing of ours outlives us
            beside = [companion.process for companion in (*self._lasting, *self._companions)]
            for process in (*beside, *(worker.process for worker in self._workers)):
                if process:
                    end(process)
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)  # one that came meanwhile would end us
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._code

    def _take(self, number: int) -> None:
        """Do what a signal asks for."""
        if number == signal.SIGHUP:
            self._reload_asked = True
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._board.phase = ServerPhase.DRAINING
            waits = self._generation if number == signal.SIGTERM and not self._ends_at else None
            self._ends_at = time.monotonic() + (waits.drain_seconds if waits else 0.0)

    def _pause(self) -> float:
        """How long the loop waits for a signal."""
        if self._coming:
            return STARTING_LOOK_SECONDS
        now = time.monotonic()
        moments = [moment for moment in (self._ends_at, self._restart_at) if moment and self._generation]
        return min([LOOK_SECONDS, *(moment - now for moment in moments)])

    def _turn(self, now: float) -> None:
        """Take one turn of the loop."""
        self._reap(now)
        if self._ends_at and now >= self._ends_at:
            self._leave([worker for worker in self._workers if not worker.leaves_by])
            self._generation = self._coming = None
            # Before theirs: the last process that closes it resets what waits there, and a worker takes all of it first
            self._listening.close()
        self._look_at_the_coming(now)
        self._replace_the_dead(now)
        self._end_the_hanging(now)
        # Until the start, or the last reload, has come to its end, workers need the slots
        settled = not self._coming and all(worker.generation is self._generation for worker in self._workers)
        if self._reload_asked and self._generation and settled:
            self._reload_asked = False
            if not self._ends_at:
                self._reload(self._generation)

    def _reload(self, serving: Generation) -> None:
        try:
            self._coming = serving.again()
        except Misconfigured as error:
            self._refuse(*map(str, error.problems))
        except StoreUnavailable as error:
            self._refuse(f"the database cannot be used: {explained(error.detail)}")
        except Exception as error:  # noqa: BLE001  whatever it is, those who serve go on; its text may quote a password
            self._refuse(f"the broker has a defect: nobody foresaw a {type(error).__name__}")

    def _refuse(self, *problems: str) -> None:
        self._log.error("reload_refused", serving="as before", problems=list(problems))

    def _reap(self, now: float) -> None:
        """Take note of every process that ended."""
        for companion in (*self._lasting, *self._companions):
            self._look_at_companion(companion, now)
        gone = [(worker, code) for worker in self._workers if (code := ended(worker.process)) is not None]
        # All of them before any of it has consequences
        for worker, _ in gone:
            self._workers.remove(worker)
            self._board.slots[worker.index].state = WorkerState.FREE
        for worker, code in gone:
            if worker.leaves_by:
                continue
            if worker.generation is self._coming:
                self._give_up_the_coming(f"it ended with {code} before it served")
            elif worker.generation is self._generation:
                if now - worker.begun > SOUND_SECONDS:
                    self._put_off_for, self._restart_at = 0.0, now
                else:
                    self._put_off(now)
                seconds = round(self._put_off_for, 1)
                self._log.error("worker_died", number=worker.index + 1, code=code, restart_seconds=seconds)
        if gone:
            self._note([worker.index + 1 for worker, _ in gone])

    def _look_at_companion(self, companion: Companion, now: float) -> None:
        if companion.process and ended(companion.process) is not None:
            companion.process, companion.again_at = 0, now + LOOK_SECONDS
        if not companion.process and now >= companion.again_at:
            companion.again_at = now + LOOK_SECONDS
            self._begin_companion(companion)

    def _note(self, ended: Sequence[int] = ()) -> None:
        if self._noted:
            self._noted(self._wanted, len(self._workers), ended)

    def _put_off(self, now: float) -> None:
        """Plan the next start, later each time."""
        self._put_off_for = min(max(2 * self._put_off_for, FIRST_PAUSE), LONGEST_PAUSE)
        self._restart_at = now + self._put_off_for

    def _of(self, generation: Generation | None) -> list[LivingWorker]:
        """The workers of a generation that nobody has asked to leave."""
        return [worker for worker in self._workers if worker.generation is generation and not worker.leaves_by]

    def _look_at_the_coming(self, now: float) -> None:
        workers = self._of(self._coming)
        if self._coming is None or any(self._board.slots[each.index].state != WorkerState.READY for each in workers):
            return
        if len(workers) < self._wanted:
            # The first worker shows that the configuration serves: were it broken, one worker would say so, and not all
            if not self._fill(self._coming, self._wanted if workers else 1):
                self._give_up_the_coming("no process could be forked for it")
            return
        former, self._generation, self._coming = self._generation, self._coming, None
        self._restart_at = self._put_off_for = 0.0
        self._exchange_companions(self._generation)
        if former is None:
            self._board.phase = ServerPhase.SERVING
            self._ready()
        else:
            self._leave(self._of(former))
            self._log.info("reloaded", workers=self._wanted, seconds=round(now - workers[0].begun, 2))

    def _give_up_the_coming(self, why: str) -> None:
        """End its workers. Where one of them could say what is wrong, it has."""
        self._leave(self._of(self._coming), signal.SIGKILL)
        self._coming = None
        if self._generation is None:
            self._code = 1
        else:
            self._refuse(f"a worker of the new configuration: {why}")

    def _replace_the_dead(self, now: float) -> None:
        if self._generation and len(self._of(self._generation)) < self._wanted and now >= self._restart_at:
            self._restart_at = 0.0
            if not self._fill(self._generation, self._wanted):
                self._put_off(now)

    def _end_the_hanging(self, now: float) -> None:
        """Kill each worker that neither starts, turns nor leaves in its time: others may wait for what it holds."""
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for worker in self._workers:
            slot = self._board.slots[worker.index]
            # Looks are counted, not seconds: a machine that stood still as a whole has no worker that hangs
            worker.silent = 0 if slot.beats != worker.beats else worker.silent + 1
            worker.beats = slot.beats
            if worker.leaves_by:
                late = now > worker.leaves_by
            elif slot.state == WorkerState.STARTING:
                late = now - worker.begun > START_SECONDS
            else:
                late = worker.silent == HUNG_LOOKS
            if late:
                self._log.error("worker_hangs", number=worker.index + 1)
                os.kill(worker.process, signal.SIGKILL)

    def _fill(self, generation: Generation, wanted: int) -> bool:
        """Fork what a generation lacks; whether all of it could be."""
        return all(self._fork(generation) for _ in range(wanted - len(self._of(generation))))

    def _fork(self, generation: Generation) -> bool:
        board, wanted = self._board, self._wanted
        taken = {worker.index % wanted for worker in self._of(generation)}
        free = [index for index, slot in enumerate(board.slots) if slot.state == WorkerState.FREE]
        index = next((index for index in free if index % wanted not in taken), free[0])
        slot, processor, ours = board.slots[index], self._processors[index % wanted], self._process
        slot.state = WorkerState.STARTING
        process = fork(lambda: work(generation, board, index, self._listening, processor=processor, supervisor=ours))
        if not process:
            slot.state = WorkerState.FREE
            return False
        self._workers.append(LivingWorker(process, index, generation, time.monotonic(), slot.beats))
        self._note()
        return True

    def _exchange_companions(self, serving: Generation) -> None:
        """End those of the former generation, and begin those of the one that serves now."""
        for companion in self._companions:
            if companion.process:
                end(companion.process)
        self._companions = [Companion(act) for act in serving.beside]
        for companion in self._companions:
            self._begin_companion(companion)

    def _begin_companion(self, companion: Companion) -> None:
        act_beside, board = companion.act, self._board

        def follow() -> None:
            while os.getppid() == self._process:
                time.sleep(LOOK_SECONDS)
            os._exit(0)

        def act() -> int:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            # Those that end all of us are for the supervisor: until it ends, somebody may ask how it is
            signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGTERM, signal.SIGINT])
            self._listening.close()
            threading.Thread(target=follow, name="follow", daemon=True).start()
            act_beside(board)
            return 0

        companion.process = fork(act)

    def _leave(self, workers: Sequence[LivingWorker], number: signal.Signals = LEAVE) -> None:
        for worker in workers:
            worker.leaves_by = time.monotonic() + LEAVE_SECONDS
            self._board.slots[worker.index].state = WorkerState.LEAVING
            os.kill(worker.process, number)


def fork(act: Callable[[], int]) -> int:
    """The number of a child that does `act` and ends with its code; 0 where no process could be had."""
    flush()
    try:
        process = os.fork()
    except OSError as error:
        # No memory, or too many processes: it may pass, and those who serve go on
        structlog.get_logger().error("cannot_fork", why=os.strerror(error.errno or 0))
        return 0
    if process:
        return process
    code = FAILED_CODE
    try:
        code = act()
    except BaseException as error:  # noqa: BLE001 - the edge of a process: its text may quote anything
        structlog.get_logger().critical("worker_failed", kind=type(error).__name__)
    finally:
        try:
            flush()
        finally:
            os._exit(code)


def flush() -> None:
    """Write what our streams still hold, so that no child writes it again. A stream that is broken is left alone."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # the command line's own has an exception of its own
            stream.flush()


def ended(process: int) -> int | None:
    """The exit code of a child, which is reaped by that; negative where a signal ended it, None while it lives."""
    found, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def end(process: int) -> None:
    """End a child now, and wait until it is gone. Nobody is ended who is not ours any more."""
    with suppress(ChildProcessError):
        if ended(process) is None:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
