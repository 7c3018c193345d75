"""The cost of a durable release: `python -m tests.benchmarks.store [--json] [--stored N] [--page FILE]`.

A release is a unit as an approved login has it: three marks, a decision, a parked code, a record with its four openings and
a staged leaf. It counts when `commit` returned. SQLite and PostgreSQL stand beside each other in one run, on the same disk;
PostgreSQL is the wheel's, which the tests start. This process runs as a worker of `serve` does: where there are two
processors, all of its threads on one, and PostgreSQL on the others.

- `group_vs_single_postgres`: releases a second with 64 at a time, which share commits, to those with 64 at a time of which
  each has a commit of its own: the same threads and the same writer, which takes one unit into each transaction. Both are
  the best of their turns.
- `full_vs_empty`: the median time of one release, its commit with it, in a store with N releases (a million) to the one in
  a store with a thousand, by turns. Both have taken as many releases before, one at a time: SQLite's log has its size then,
  and a commit that has to lengthen that file costs more. SQLite's files are read once before, so that both are in memory:
  a host takes back pages that nobody read for minutes, and then what a disk takes for them would be measured.

Exit 0 all targets met, 1 one missed, 2 could not run.
"""

import argparse
import os
import secrets
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from idp.ports import Unit
from idp.server.workers.worker import TURN_SECONDS
from idp.store.engine import database_file, is_postgres
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.writer import Writer
from policies.errors import BrokerError
from tests.benchmarks.measure import Figure, Report, Target, could_not_run
from tests.benchmarks.store_filled import fill, sequencer
from tests.idp.store.units import KEYS, LATER, TENANT, marks, opened_at, parked, release, unit
from tests.postgres import own_server

MANY = 64
TOGETHER, ALONE = f"{MANY} at a time", f"{MANY} at a time, a commit each"
FEW = 1000
ROUNDS = 5
WARM_UP, TURNS = 10, 200
CHUNK = 2**20
LIBRARIES = ("ciconia", "sqlalchemy", "psycopg", "cryptography")


@dataclass(frozen=True, slots=True)
class Stage:
    """One database with a thousand releases, and one with as many as asked for. `alone` writes each unit by itself."""

    few: Store
    full: Store
    alone: Store


def one_release() -> Unit:
    """A unit as an approved login of somebody has it."""
    own = secrets.token_hex(8)
    taken = (*marks(own), *marks(own, kind="response"), *marks(own, kind="assertion"))
    code = parked(secrets.token_bytes(32), payload=secrets.token_bytes(900), end=LATER)
    return unit(*taken, record=release(secrets.token_bytes(32)), parked=[code], end=LATER)


def rate(store: Store, units: Sequence[Unit]) -> float:
    """Durable releases a second, by `MANY` threads. The units are made before: what is measured is the store."""
    coming = iter(units)
    taking = threading.Lock()

    def drive(_thread: int) -> None:
        while True:
            with taking:
                one = next(coming, None)
            if one is None:
                return
            store.commit(one)

    with ThreadPoolExecutor(MANY) as pool:
        took = timed(lambda: list(pool.map(drive, range(MANY))))
    return len(units) / took


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def grouped(stage: Stage) -> dict[str, float]:
    """The rates with shared commits and with a commit each, by turns; the best of both."""
    found: dict[str, list[float]] = {TOGETHER: [], ALONE: []}
    for _ in range(ROUNDS):
        for name, store, count in ((TOGETHER, stage.few, 1500), (ALONE, stage.alone, 400)):
            found[name].append(rate(store, [one_release() for _ in range(count)]))
    return {name: max(values) for name, values in found.items()}


def read_through(store: Store) -> None:
    """Read SQLite's file once. PostgreSQL's are its own affair."""
    if not is_postgres(store.engine):
        with database_file(str(store.engine.url)).open("rb") as file:
            while file.read(CHUNK):
                pass


def growth(stage: Stage) -> dict[str, list[float]]:
    """Seconds of each release in the small store and in the large one."""
    found: dict[str, list[float]] = {"few": [], "full": []}
    stores = {"few": stage.few, "full": stage.full}
    for store in stores.values():
        for one in [one_release() for _ in range(WARM_UP + TURNS)]:
            store.commit(one)
        # Gives everything its place and begins the log anew
        ours = sequencer(store)
        ours.step()
        ours.stop()
    for store in stores.values():
        read_through(store)
    for turn in range(WARM_UP + TURNS):
        for which, store in stores.items():
            took = timed(partial(store.commit, one_release()))
            if turn >= WARM_UP:
                found[which].append(took)
    return found


def run_as_a_worker() -> None:
    """Every thread that there is, and whatever they start from now on."""
    sys.setswitchinterval(TURN_SECONDS)
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), processors[-1:])
            os.sched_setscheduler(int(thread.name), os.SCHED_BATCH, os.sched_param(0))


def urls(folder: Path, only: str, ending: ExitStack) -> dict[str, tuple[str, str]]:
    """A small and a large database of each kind, which are not there yet."""
    found: dict[str, tuple[str, str]] = {}
    if only in ("", "sqlite"):
        found["SQLite"] = (f"sqlite:///{folder / 'few.db'}", f"sqlite:///{folder / 'full.db'}")
    if only in ("", "postgresql"):
        server = ending.enter_context(own_server({"shared_buffers": "256MB", "max_wal_size": "4GB"}))
        found["PostgreSQL"] = (server.fresh(), server.fresh())
    return found


def filled(pair: tuple[str, str], stored: int, ending: ExitStack) -> Stage:
    """Both databases, with what they store."""
    stores = []
    for url, size in zip(pair, (FEW, stored), strict=True):
        migrate(url)
        stores.append(opened_at(url))
        ending.callback(stores[-1].close)
        fill(stores[-1], size)
    engine = stores[0].engine
    single = Store(engine=engine, writer=Writer(engine=engine, keys=KEYS, max_batch=1), tenant=TENANT)
    ending.callback(single.close)
    return Stage(few=stores[0], full=stores[1], alone=single)


def run(folder: Path, stored: int, only: str) -> Report:
    """Everything, in turns."""
    figures, targets = [Figure("stored releases, full", stored, "1")], []
    with ExitStack() as ending:
        databases = urls(folder, only, ending)
        run_as_a_worker()
        for name, pair in databases.items():
            stage, suffix = filled(pair, stored, ending), "_postgres" if name == "PostgreSQL" else ""
            # First: the small store is small, and what was written is in memory
            releases = growth(stage)
            for which, values in releases.items():
                figures.append(Figure(f"{name}: release, {which}, least", round(min(values) * 1000, 3), "ms"))
                figures.append(
                    Figure(f"{name}: release, {which}, median", round(statistics.median(values) * 1000, 3), "ms")
                )
            ratio = statistics.median(releases["full"]) / statistics.median(releases["few"])
            targets.append(Target(f"full_vs_empty{suffix}", ratio, at_most=1.25))
            if suffix:
                rates = grouped(stage)
                figures += [Figure(f"{name}: releases, {what}", round(value, 1), "1/s") for what, value in rates.items()]
                targets.append(Target("group_vs_single_postgres", rates[TOGETHER] / rates[ALONE], at_least=5))
    return Report("store", LIBRARIES, figures, targets)


def main(arguments: list[str]) -> int:
    """Run it, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.store", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--stored", type=int, default=1_000_000, help="releases in the large store")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), default="", help="one database alone")
    parser.add_argument("--page", type=Path, help="write the figures into this page")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="ciconia-store-"))
    try:
        report = run(folder, given.stored, given.only)
    except (BrokerError, OSError) as error:
        return could_not_run(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report.finish(as_json=given.json, page=given.page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
