"""One round after the other over one kind of database: start, kill, judge."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from idp.audit.verify import verify_ledger
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import Witness
from idp.store.store import open_store
from tests.idp.store.units import KEYS, TENANT
from tests.kill.bases import PATIENCE, Base, Post
from tests.kill.checker import check, judge
from tests.kill.chores import restored_whole
from tests.kill.files import leftovers
from tests.kill.journal import read_journal
from tests.kill.plan import CHORES, ROLES, Plan
from tests.kill.preloaded import Mode, environment
from tests.kill.report import Report

ROOT = Path(__file__).parents[2]
# A run without kills has come by every point when so much was done, and nothing new was met for so long
TRACED_UNITS, TRACED_SECONDS = 60, 2.0
# A round of points ends after so many deaths, or when its processes did their work for a while and died of nothing
DEATHS, ROUND_UNITS, ROUND_SECONDS = 10, 12, 1.5
# So many times as long while it waits for those who need long for one turn
SLOW = 4
SHORTEST, LONGEST = 0.02, 0.5
EARLY = 0.2
# A control needs load to be wrong under
CONTROL_UNITS = 12
HEARD_SECONDS = 0.1
OFTEN = 0.01
Order = dict[str, object]


class Rounds:
    """Runs rounds. The processes are forks of one (`tests.kill.crew`), in which the shim lies ready where there is one."""

    def __init__(
        self, base: Base, chance: random.Random, report: Report, *, library: Path | None, control: str = ""
    ) -> None:
        self._base, self._chance, self.report, self._control = base, chance, report, control
        self.plan = Plan(chance, report)
        self.patient = True  # whether a round waits for those who need long for one turn
        self._ledgers = 0
        self._folder, self._url, self._aside = Path(), "", ""
        self._disk = 0
        self._words: list[str] = []
        self._log = (base.folder / "crew.log").open("ab")
        self._crew = subprocess.Popen(
            [sys.executable, "-m", "tests.kill.crew"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment(library),
        )
        assert self._line() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for stream in (self._crew.stdin, self._crew.stdout):
            if stream is not None:
                stream.close()
        self._crew.wait(60)
        self._log.close()

    @property
    def folder(self) -> Path:
        """The folder of the ledger that is being killed."""
        return self._folder

    def fresh(self) -> None:
        """Begin a new ledger."""
        self._base.drop()
        self._ledgers += 1
        self._folder = Path(self._log.name).parent / str(self._ledgers)
        for made in (self._folder, self._folder / "witness", self._folder / "kept"):
            made.mkdir()
        self._url, self._aside = self._base.fresh(self._folder), self._base.aside(self._folder)

    def find_points(self) -> None:
        """Two runs without kills on one ledger: which points each role comes by, and which on a new ledger alone."""
        self.fresh()
        for turn in ("first", "again"):
            traces = {role: self._folder / f"{turn} points of {role}" for role in ROLES}
            orders: list[Order] = [{"role": role, "trace": str(trace)} for role, trace in traces.items()]
            begun = self._acknowledged()
            orders.append({"role": "worker"})
            processes = [self._begin(order) for order in orders]
            seen, since, end = 0, time.monotonic(), time.monotonic() + PATIENCE
            while self._acknowledged() < begun + TRACED_UNITS or time.monotonic() < since + TRACED_SECONDS:
                assert time.monotonic() < end, "a run without kills came to a standstill"
                time.sleep(OFTEN)
                if (size := sum(trace.stat().st_size for trace in traces.values() if trace.exists())) > seen:
                    seen, since = size, time.monotonic()
            self._end(processes)
            self.report.killed = 0
            self.plan.met({role: trace.read_text(encoding="utf-8").splitlines() for role, trace in traces.items()})

    def round(self, number: int, kind: str) -> None:
        """One round, judged."""
        self.report.rounds += 1
        self.report.kinds.append(kind)
        if kind == "points" and self.plan.new_ledger():
            self.goes_on()
            self.fresh()
        before, begun = self._acknowledged(), time.monotonic()
        self._kill(kind)
        self.report.took[kind] += time.monotonic() - begun
        begun = time.monotonic()
        lines = list(read_journal(self._folder))
        self._take_hits()
        self._words = [line.word for line in lines]
        self.report.acknowledged += self._acknowledged() - before
        found = [*judge(self._base.judged(self._folder), lines), *leftovers(self._folder)]
        if kind == "points":
            found += check(self._base.judged(self._folder, aside=True), []) + restored_whole(self._aside)
        self.report.faults += [f"round {number}, {kind}: {fault}" for fault in found]
        self.report.judging += time.monotonic() - begun

    def goes_on(self) -> None:
        """The next process takes over: every record gets its place, signed, and the ledger verifies."""
        if not self._words:
            return
        self.report.tokens += self._words.count("token")
        self.report.checkpoints += self._words.count("checkpoint")
        self.report.switched += self._words.count("off")
        self._words = []
        store = open_store(self._url, tenant=TENANT, ledger_keys=KEYS)
        sequencer = Sequencer(
            store, KEYS, checkpoint_seconds=0, lease_seconds=0.1, witness=Witness(self._folder / "witness", KEYS)
        )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not sequencer.step():
            time.sleep(OFTEN)
        report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
        checkpoint = store.checkpoint(TENANT)
        sequencer.stop()
        store.close()
        self.report.faults += [f"ledger {self._ledgers}: {finding}" for finding in report.findings]
        # What the processes said on stderr: one that halted itself saw what nobody should
        said = Path(self._log.name).read_text(encoding="utf-8", errors="replace").splitlines()
        self.report.faults += [line for line in said if '"critical"' in line]
        self.report.faults += [line for place, line in enumerate(said) if _raised(said[:place], line)]
        signed = checkpoint.size if checkpoint is not None else 0
        if report.staged or signed != report.size or report.size < self._acknowledged():
            self.report.faults.append(f"ledger {self._ledgers}: it does not go on")

    # -- what kills

    def _kill(self, kind: str) -> None:
        if kind == "points":
            self._points()
        elif kind in ("disk", "power"):
            self._disk += 1
            mode = Mode.KILL if kind == "disk" else (Mode.LIE if self._control == "lie" else Mode.POWER)
            at = self._chance.randint(2, 400) if kind == "power" else 1 + self._disk * 7 % 401
            # What one process did not see synced, another may have: the power goes for one alone
            others: list[Order] = [{"role": "worker"}, {"role": "sequencer"}] if kind == "disk" else []
            self._until_dead({"role": "both", "shim": [int(mode), at]}, others)
        elif kind == "random":
            before, known = self._acknowledged(), len(self._journal())
            roles = ["worker", "worker", "sequencer", "sequencer"]
            if self._control in ("", "deaf"):
                roles += ["switches", self._chance.choice(CHORES)]
            processes = [self._begin({"role": role}) for role in roles]
            # One in five dies while it starts, but none on an empty ledger: a short run would judge nothing.
            # The others have begun to work, however slow the machine is
            if self._control or not before or self._chance.random() > EARLY:
                self._await_done(before + (CONTROL_UNITS if self._control else 1))
            if self._control == "deaf":
                self._await_off(known)
            time.sleep(self._chance.uniform(SHORTEST, LONGEST) + (LONGEST if self._control else 0))
            self._end(processes)
        else:
            self._kill_server(kind)

    def _points(self) -> None:
        """Each process ends at a point of its own, and another takes its place, until enough of them died."""
        before, begun, deaths = self._acknowledged(), time.monotonic(), 0
        roles = self.plan.roles()
        awaited = self.plan.slow() if self.patient else set()
        living = {self._begin(self.plan.armed(role, self._folder)): role for role in roles}
        while (deaths < DEATHS or awaited) and time.monotonic() < begun + PATIENCE:
            done = self._acknowledged() - before
            over = begun + ROUND_SECONDS * (SLOW if awaited else 1)
            if (done >= ROUND_UNITS or awaited) and time.monotonic() > over:
                break
            time.sleep(OFTEN)
            for process in [process for process in living if not _alive(process)]:
                deaths += 1
                role = living.pop(process)
                self._take_hits()
                awaited &= self.plan.slow()
                living[self._begin(self.plan.armed(role, self._folder))] = role
        self.report.killed += deaths
        self._end(list(living))

    def _until_dead(self, armed: Order, others: Sequence[Order]) -> None:
        """Start all; when the armed one is dead, or has done its work for a while, kill the rest."""
        before, begun = self._acknowledged(), time.monotonic()
        mortal = self._begin(armed)
        rest = [self._begin(order) for order in others]
        while _alive(mortal) and time.monotonic() < begun + PATIENCE:
            time.sleep(OFTEN)
            if self._acknowledged() - before >= ROUND_UNITS and time.monotonic() > begun + 2 * ROUND_SECONDS:
                break
        self.report.disk += not _alive(mortal)
        self._end([mortal, *rest])

    def _kill_server(self, kind: str) -> None:
        """Kill PostgreSQL under the workers, who live on and are answered again."""
        assert isinstance(self._base, Post)
        roles = ("worker", "worker", "sequencer", "switches", self._chance.choice(CHORES))
        processes = [self._begin({"role": role}) for role in roles]
        self._await_more(0, "before")
        time.sleep(self._chance.uniform(SHORTEST, LONGEST))
        if kind == "postmaster":
            self._base.server.kill()
            self._base.server.start()
        else:
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(self._chance.choice(self._base.backends()), signal.SIGKILL)
            # The postmaster hears of it, and ends all its processes
            time.sleep(HEARD_SECONDS)
            self._base.await_answer()
        begun = time.monotonic()
        self._await_more(5, f"after the {kind}")
        self.report.slowest = max(self.report.slowest, time.monotonic() - begun)
        self._end(processes)

    def _await_done(self, wanted: int) -> bool:
        end = time.monotonic() + PATIENCE
        while self._acknowledged() < wanted:
            if time.monotonic() > end:
                return False
            time.sleep(OFTEN)
        return True

    def _await_more(self, count: int, when: str) -> None:
        if not self._await_done(self._acknowledged() + count + 1):
            self.report.faults.append(f"nothing was acknowledged within {PATIENCE:.0f} s {when} was killed")

    def _await_off(self, known: int) -> None:
        """Until something was switched off and on again in this round, which began when the journal was so long."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            told = self._journal()[known:].partition(b" off ")[2]
            if b" on " in told:
                return
            time.sleep(OFTEN)

    # -- processes

    def _begin(self, order: Order) -> int:
        whole = {
            "url": self._url,
            "aside": self._aside,
            "folder": str(self._folder),
            "name": self.report.rounds,
            "control": self._control,
            **order,
        }
        assert self._crew.stdin is not None
        self._crew.stdin.write(json.dumps(whole) + "\n")
        self._crew.stdin.flush()
        return int(self._line())

    def _end(self, processes: Collection[int]) -> None:
        self.report.killed += len(processes)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(map(_alive, processes)):
            time.sleep(0.002)

    def _line(self) -> str:
        assert self._crew.stdout is not None
        return self._crew.stdout.readline().strip()

    def _acknowledged(self) -> int:
        return self._journal().count(b" ack ")

    def _journal(self) -> bytes:
        journal = self._folder / "journal"
        return journal.read_bytes() if journal.exists() else b""

    def _take_hits(self) -> None:
        hits = self._folder / "hits"
        self.report.hit |= set(hits.read_text(encoding="utf-8").splitlines()) if hits.exists() else set()


def _raised(before: Sequence[str], line: str) -> bool:
    """Whether this is the last line of a traceback."""
    return bool(before) and before[-1].startswith("  ") and not line.startswith(" ") and ":" in line


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
