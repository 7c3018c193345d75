"""The longest login while 5,000 registrations are loaded again, beside the median login before.

A broker of two workers, as `ciconia init` makes it, one login after the other. One registration changes, and it is taken up
in both ways: SIGHUP replaces the workers, and `ciconia apply` has them take it up while they serve. Logins go on until each
worker has it.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.benchmarks.logins import ours, over_saml
from tests.benchmarks.logins_peers import Connection
from tests.benchmarks.logins_stage import HOST, Running, Stage, make_stage
from tests.benchmarks.measure import Figure, Target

PARTIES, WORKERS, ROUNDS = 5_000, 2, 3
WARM_UP, BEFORE = 20, 100
# A reload that takes longer is none
PATIENCE = 180.0
# Logins go on for a while when the last worker has it
SETTLING = 3.0
TIMES = 10
TAKEN_UP = '"configuration_in_force"'


def reloaded(folder: Path, *, parties: int = PARTIES, rounds: int = ROUNDS) -> tuple[list[Figure], list[Target]]:
    """Figures in milliseconds, and the target: the worse of both ways, each in the round that nobody disturbed."""
    stage = make_stage(folder, parties=parties)
    sighup, applied = list[list[float]](), list[list[float]]()
    with stage.serve(WORKERS) as broker:
        _logins(stage, broker, lambda done: done >= WARM_UP)
        usual = _logins(stage, broker, lambda done: done >= BEFORE)
        for number in range(rounds):
            _change(folder, 2 * number)
            sighup.append(_sighup(stage, broker))
            _change(folder, 2 * number + 1)
            applied.append(_applied(stage, broker))
    figures = [Figure("registrations", parties, "1"), *_figures("before", [usual])]
    figures += [*_figures("during SIGHUP", sighup), *_figures("during apply", applied)]
    worse = max(min(map(max, sighup)), min(map(max, applied)))
    return figures, [Target("reload_vs_login", worse / median(usual), at_most=TIMES)]


def _figures(when: str, taken: list[list[float]]) -> list[Figure]:
    return [
        Figure(f"login {when}, median", round(median(one for each in taken for one in each) * 1e3, 2), "ms"),
        Figure(f"longest login {when}, in the best of {len(taken)}", round(min(map(max, taken)) * 1e3, 2), "ms"),
    ]


def _sighup(stage: Stage, broker: Running) -> list[float]:
    old = set(broker.processes[1:])
    os.kill(broker.processes[0], signal.SIGHUP)
    return _logins(stage, broker, _until(lambda: old.isdisjoint(broker.processes)))


def _applied(stage: Stage, broker: Running) -> list[float]:
    log = stage.folder / "broker.log"
    wanted = log.read_text(encoding="utf-8").count(TAKEN_UP) + WORKERS
    plan = json.loads(_ciconia("plan", "--config", stage.folder, "--json").communicate()[0])["plan"]
    with _ciconia("apply", plan, "--config", stage.folder, "--json") as applying:
        taken = _logins(stage, broker, _until(lambda: log.read_text(encoding="utf-8").count(TAKEN_UP) >= wanted))
        told = applying.communicate()[0]
    if applying.returncode:
        raise OSError(f"the configuration was not applied: {told}")
    return taken


def _ciconia(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("ciconia")), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _change(folder: Path, number: int) -> None:
    path = folder / "parties" / f"other-{number}.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('title.en = "Bench"', 'title.en = "Benches"'), encoding="utf-8"
    )


def _until(happened: Callable[[], bool]) -> Callable[[int], bool]:
    """Whether it happened, and a while went by."""
    begun, since = time.monotonic(), 0.0

    def done(_: int) -> bool:
        nonlocal since
        if time.monotonic() - begun > PATIENCE:
            raise OSError("the workers did not take it up")
        if not since and happened():
            since = time.monotonic()
        return bool(since) and time.monotonic() - since > SETTLING

    return done


def _logins(stage: Stage, broker: Running, done: Callable[[int], bool]) -> list[float]:
    """The whole time of each login in seconds, until `done` says so of their number."""
    taken: list[float] = []
    login = ours(over_saml(stage.provider), stage.party)

    async def drive() -> None:
        while not done(len(taken)):
            browser = Connection(HOST, broker.port)
            try:
                await login(browser)
            finally:
                browser.close()
            taken.append(browser.spent)

    asyncio.run(drive())
    return taken
