"""What a durable release costs: `python -m tests.benchmarks.store [--json] [--stored N] [--page FILE] [--slower US]`.

A release is a unit as an approved login has it: three marks, a decision, a parked code, a record with its four openings and
a staged leaf. It counts when `commit` returned. SQLite and PostgreSQL stand beside each other in one run, on the same disk;
PostgreSQL is the wheel's, which the tests start, or the one that `CICONIA_TEST_POSTGRES` names. This process runs as a
worker of `serve` does: where there are two processors, all of its threads on one, and PostgreSQL on the others.

- `group_vs_single`: releases a second with 64 at a time, which share commits, to those with 64 at a time of which each has
  a commit of its own: the same threads and the same writer, which takes one unit into each transaction. Both are the best
  of their turns.
- `full_vs_empty`: the median time of one release, its commit with it, in a store with N releases (a million) to the one in
  a store with a thousand, by turns. Both have taken as many releases before, one at a time: SQLite's log has its size then,
  and a commit that has to lengthen that file costs more. SQLite's files are read once before, so that both are in memory:
  a host takes back pages that nobody read for minutes, and then what a disk takes for them would be measured. What was read
  from the disk all the same stands beside the figures.

What grouping gains depends on what the disk takes for an fsync: `--slower US` adds so many microseconds to each of
SQLite's, by a library that is compiled and preloaded.

Exit 0 all targets met, 1 one missed, 2 could not run.
"""

import argparse
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from idp.ports import Unit
from idp.serving.worker import TURN_SECONDS
from idp.store.engine import database_file, is_postgres
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.writer import Writer
from policies.errors import BrokerError
from tests.benchmarks.measure import Figure, Report, Target, could_not_run
from tests.benchmarks.store_filled import fill, sequencer
from tests.idp.store.units import KEYS, LATER, TENANT, commit_all, marks, opened_at, parked, release, unit
from tests.postgres import own_server

# How many at a time, and how many of them make a turn
AT_A_TIME = {1: 150, 8: 400, 64: 1500}
MANY = 64
ALONE = 400
FEW = 1000
ROUNDS = 5
SECONDS = 0.5
WARM_UP, TURNS = 10, 200
LEAVES = 512
CHUNK = 2**20
LONGER = "CICONIA_FSYNC_US"
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


def fsyncs(folder: Path, seconds: float) -> float:
    """How often a second the disk takes a page for good."""
    path, page, done = folder / "fsync", secrets.token_bytes(4096), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            os.pwrite(descriptor, page, (done % 1000) * len(page))
            os.fdatasync(descriptor)
            done += 1
        return done / (time.perf_counter() - begin)
    finally:
        os.close(descriptor)
        path.unlink()


def rate(store: Store, at_a_time: int, units: Sequence[Unit]) -> float:
    """Durable releases a second, by so many threads. The units are made before: what is measured is the store."""
    coming = iter(units)
    taking = threading.Lock()

    def drive(_thread: int) -> None:
        while True:
            with taking:
                one = next(coming, None)
            if one is None:
                return
            store.commit(one)

    with ThreadPoolExecutor(at_a_time) as pool:
        took = timed(lambda: list(pool.map(drive, range(at_a_time))))
    return len(units) / took


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def rates(folder: Path, stages: Mapping[str, Stage]) -> Iterator[Figure]:
    """The rates of all, by turns; the best of each."""
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        found.setdefault("fsync, each of 4 KiB", []).append(fsyncs(folder, SECONDS))
        for name, stage in stages.items():
            for number, count in AT_A_TIME.items():
                units = [one_release() for _ in range(count)]
                found.setdefault(f"{name}: releases, {number} at a time", []).append(rate(stage.few, number, units))
            units = [one_release() for _ in range(ALONE)]
            found.setdefault(alone(name), []).append(rate(stage.alone, MANY, units))
    for name, values in found.items():
        yield Figure(name, round(max(values), 1), "1/s")


def alone(name: str) -> str:
    """The figure's name."""
    return f"{name}: releases, {MANY} at a time, a commit each"


def read_through(store: Store) -> None:
    """Read SQLite's file once. PostgreSQL's are its own affair."""
    if not is_postgres(store.engine):
        with database_file(str(store.engine.url)).open("rb") as file:
            while file.read(CHUNK):
                pass


def read_from_disk() -> int:
    """Octets that this process has had read from the disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.rpartition(" ")[2]) for line in lines if line.startswith("read_bytes"))


def growth(name: str, stage: Stage) -> tuple[list[Figure], float]:
    """What a release and an inclusion proof cost in a small store and in a large one, and the ratio of the release."""
    releases: dict[str, list[float]] = {"few": [], "full": []}
    proofs: dict[str, list[float]] = {"few": [], "full": []}
    stores = {"few": stage.few, "full": stage.full}
    for store in stores.values():
        for one in [one_release() for _ in range(WARM_UP + TURNS)]:
            store.commit(one)
    # Gives everything its place and begins the log anew
    sizes = {which: sequenced(store) for which, store in stores.items()}
    for store in stores.values():
        read_through(store)
    before = read_from_disk()
    for turn in range(WARM_UP + TURNS):
        for which, store in stores.items():
            one, place = one_release(), secrets.randbelow(sizes[which])
            took = timed(partial(store.commit, one))
            proof = timed(partial(store.inclusion, TENANT, place, sizes[which]))
            if turn >= WARM_UP:
                releases[which].append(took)
                proofs[which].append(proof)
    figures = [
        Figure(f"{name}: {what}, {which}, {kind}", round(of(values[which]) * 1000, 3), "ms")
        for what, values in (("release", releases), ("inclusion proof", proofs))
        for which in ("few", "full")
        for kind, of in (("least", min), ("median", statistics.median))
    ]
    octets = (read_from_disk() - before) / (WARM_UP + TURNS)
    figures.append(Figure(f"{name}: read from the disk a turn, by this process", round(octets), "octets"))
    return figures, statistics.median(releases["full"]) / statistics.median(releases["few"])


def sequenced(store: Store) -> int:
    """Give everything its place; the size of the tree."""
    ours = sequencer(store)
    ours.step()
    ours.stop()
    newest = store.checkpoint(TENANT)
    return newest.size if newest is not None else 0


def appended(name: str, stage: Stage) -> Iterator[Figure]:
    """What the sequencer takes for a leaf."""
    for which, store in (("few", stage.few), ("full", stage.full)):
        found = []
        for _ in range(ROUNDS):
            commit_all(store, [unit(record=release(secrets.token_bytes(32))) for _ in range(LEAVES)])
            ours = sequencer(store)
            found.append(timed(ours.step) / LEAVES)
            ours.stop()
        yield Figure(f"{name}: ledger append of a leaf, {which}, least", round(min(found) * 1000, 4), "ms")
        yield Figure(f"{name}: ledger append of a leaf, {which}, median", round(statistics.median(found) * 1000, 4), "ms")


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
    with ExitStack() as ending:
        figures, targets = [Figure("stored releases, full", stored, "1")], []
        found, ratios = dict[str, Stage](), dict[str, float]()
        databases = urls(folder, only, ending)
        run_as_a_worker()
        for name, pair in databases.items():
            found[name] = stage = filled(pair, stored, ending)
            # Now: the small store is small, and what was written is in memory
            more, ratios[name] = growth(name, stage)
            figures += [*more, *appended(name, stage)]
        figures += rates(folder, found)
        by_name = {one.name: one.value for one in figures}
        for name in found:
            suffix = "" if name == "SQLite" else "_postgres"
            group = by_name[f"{name}: releases, {MANY} at a time"] / by_name[alone(name)]
            targets.append(Target(f"group_vs_single{suffix}", group, at_least=5))
            targets.append(Target(f"full_vs_empty{suffix}", ratios[name], at_most=1.2))
    return Report("store", LIBRARIES, figures, targets)


def slower(microseconds: int, arguments: list[str]) -> int:
    """The same in a process whose disk is slower."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "slow_disk.so"
        source = Path(__file__).with_name("slow_disk.c")
        try:
            subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
        except (OSError, subprocess.SubprocessError) as error:
            return could_not_run(error)
        environment = {**os.environ, "LD_PRELOAD": str(library), LONGER: str(microseconds)}
        command = [sys.executable, "-m", "tests.benchmarks.store", *arguments]
        return subprocess.run(command, check=False, env=environment).returncode


def main(arguments: list[str]) -> int:
    """Run it, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.store", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--stored", type=int, default=1_000_000, help="releases in the large store")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), default="", help="one database alone")
    parser.add_argument("--page", type=Path, help="write the figures into this page")
    parser.add_argument("--slower", type=int, default=0, metavar="US", help="each fsync of SQLite takes so much longer")
    given = parser.parse_args(arguments)
    if given.slower and LONGER not in os.environ:
        return slower(given.slower, arguments)
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
