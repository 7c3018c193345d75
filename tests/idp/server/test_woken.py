"""A whole machine stands still, supervisor and workers, and is woken later: the other serves, and nothing old counts."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from idp.demo.browser import WalkError
from idp.demo.relying_party import AnswerRefusedError
from tests.alone import within
from tests.idp.cli.command import Served, ciconia
from tests.idp.server.crew import until
from tests.idp.server.machines import Machines, approved, children, lease, sign_in, turns, verified
from tests.postgres import server

pytestmark = pytest.mark.slow

SUSPENDED = "503"
MOVES_SECONDS = within(10, 3)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path / "stage", database=server().fresh())
    yield found
    found.close()


@contextmanager
def asleep(served: Served) -> Iterator[None]:
    """Its processes, the supervisor first: else it would replace workers that stand still."""
    processes = [served.process.pid, *children(served)]
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        # The workers first: they must not act on what they knew, whoever looks after them
        for process in reversed(processes):
            os.kill(process, signal.SIGCONT)


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("seconds", [8, 60], ids=["longer than a lease", "a minute"])
def test_a_machine_that_slept_acts_on_nothing_that_it_knew(stage: Machines, seconds: int) -> None:
    ports = list(stage.ports)
    fares, parking = stage.party(0), stage.party(1)
    with turns(stage.front, ports), stage.serving(0, "--workers", "2") as sleeper, ExitStack() as later:
        # The lease is the sleeper's: nobody else was there
        until(lambda: lease(stage.folders[0]) != (0, b""))
        epoch, _ = lease(stage.folders[0])
        later.enter_context(stage.serving(1, "--workers", "2"))
        before = children(sleeper)
        sign_in(stage, fares, "mari")
        answer, state = approved(stage, fares, "mari")
        # Whatever is in front asks for health, and finds one
        ports[:] = stage.ports[1:]
        begun = time.monotonic()
        with asleep(sleeper):
            done, moved = 0, 0.0
            while done < 2 or not moved or time.monotonic() - begun < seconds:
                if not moved and lease(stage.folders[1])[0] > epoch:
                    moved = time.monotonic() - begun
                assert moved or time.monotonic() - begun < MOVES_SECONDS
                sign_in(stage, parking, "juhan")
                done += 1
                time.sleep(0 if not moved else 1)
            said = ciconia("party", "disable", "fares", "--reason", "A test", "--config", stage.folders[1])
            assert said.returncode == 0, said.stderr
        # From its first answer on: what it read of switches is as old as its sleep
        ports[:] = stage.ports[:1]
        with pytest.raises(WalkError, match=SUSPENDED):
            sign_in(stage, fares, "mari")
        with pytest.raises(AnswerRefusedError):
            fares.receive(answer, state)
        for _ in range(2):
            sign_in(stage, parking, "mari")
            done += 1
        # Nobody hung: they were stopped together, and the supervisor takes its own sleep for no one else's
        assert children(sleeper) == before
        # Neither fork nor gap. Beside the logins: one that was approved and not redeemed, and the switch
        until(lambda: verified(stage.folders[0]) >= done + 3)
    fares.close()
    parking.close()
    log = stage.log(0) + stage.log(1)
    for word in ("Traceback", "ledger_broken", "worker_hangs", "unforeseen"):
        assert word not in log, log
    print(f"{done} logins beside and after a sleep of {seconds} s; the lease moved after {moved:.1f} s")
