"""The longest login while 5,000 registrations are loaded again, beside the median login before.

A broker of two workers, as `ciconia init` makes it, one login after the other. SIGHUP replaces its workers, each of which
reads everything anew; logins go on until none of the old ones is left.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.benchmarks.logins import ours
from tests.benchmarks.logins_peers import Connection
from tests.benchmarks.logins_stage import HOST, Running, Stage, make_stage
from tests.benchmarks.measure import Figure, Target

PARTIES, WORKERS = 5_000, 2
WARM_UP, BEFORE = 20, 100
# A reload that takes longer is none
PATIENCE = 180.0
# Logins go on for a while when the last of the old workers has left
SETTLING = 3.0
TIMES = 10


def reloaded(folder: Path, *, parties: int = PARTIES, before: int = BEFORE) -> tuple[list[Figure], list[Target]]:
    """Figures in milliseconds, and the target."""
    stage = make_stage(folder, parties=parties)
    with stage.serve(WORKERS) as broker:
        _logins(stage, broker, lambda done: done >= WARM_UP)
        usual = _logins(stage, broker, lambda done: done >= before)
        begun, old = time.monotonic(), set(broker.processes[1:])
        _change(folder)
        os.kill(broker.processes[0], signal.SIGHUP)
        during = _logins(stage, broker, _until_replaced(broker, old, begun))
        took = time.monotonic() - begun
    figures = [
        Figure("registrations", parties, "1"),
        Figure("login before a reload, median", round(median(usual) * 1e3, 2), "ms"),
        Figure("longest login before a reload", round(max(usual) * 1e3, 2), "ms"),
        Figure("logins during a reload", len(during), "1"),
        Figure("login during a reload, median", round(median(during) * 1e3, 2), "ms"),
        Figure("longest login during a reload", round(max(during) * 1e3, 2), "ms"),
        Figure("until every worker was replaced", round(took - SETTLING, 1), "s"),
    ]
    return figures, [Target("reload_vs_login", max(during) / median(usual), at_most=TIMES)]


def _change(folder: Path) -> None:
    path = next(iter(sorted((folder / "parties").glob("other-*.toml"))))
    path.write_text(
        path.read_text(encoding="utf-8").replace('title.en = "Bench"', 'title.en = "Benches"'), encoding="utf-8"
    )


def _until_replaced(broker: Running, old: set[int], begun: float) -> Callable[[int], bool]:
    replaced = 0.0

    def done(_: int) -> bool:
        nonlocal replaced
        if time.monotonic() - begun > PATIENCE:
            raise OSError("the workers were not replaced")
        if not replaced and old.isdisjoint(broker.processes):
            replaced = time.monotonic()
        return bool(replaced) and time.monotonic() - replaced > SETTLING

    return done


def _logins(stage: Stage, broker: Running, done: Callable[[int], bool]) -> list[float]:
    """The whole time of each login in seconds, until `done` says so of their number."""
    taken: list[float] = []
    login = ours(stage.provider, stage.party, encrypted=False)

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
