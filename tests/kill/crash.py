"""`make crash ROUNDS=n`: processes and databases killed with -9, at numbered points and at random, and judged each time.

    python -m tests.kill.crash [--rounds N] [--database sqlite|postgresql|both] [--seed N] [--points] [--json]

A round starts workers and sequencers on one database, kills them, and holds the invariants of `tests.kill.checker` over the
database and the drivers' journal. Rounds differ in what kills:

- points: processes end at crash points (`tests.kill.points`); those that no round hit come first (`tests.kill.plan`)
- disk: SQLite's n-th write, fsync, truncation or removal, before or after it (`shim.c`), n from round to round
- power: as disk, and what no fsync confirmed is gone
- random: all processes, at a random moment
- postmaster, backend: PostgreSQL's processes; the workers live through it, and must be answered again
- served: workers of `ciconia serve --workers 2`, or its supervisor, under logins over HTTP (`tests.kill.served`)

A ledger lives through so many rounds; then the next process takes over, places and signs what is left, and `ledger verify`
has its say. Exit codes: 0 no fault, and with 300 rounds every point hit; 1 a fault or a point that was not hit, named, each
fault with its round and the seed; 2 it could not run.
"""

import argparse
import itertools
import json
import random
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from idp.cli.console import progress
from tests.kill.bases import Base, Lite, Post
from tests.kill.preloaded import built, compiler
from tests.kill.report import Report
from tests.kill.rounds import Rounds
from tests.kill.served import ServedRounds
from tests.postgres import own_server

A_LEDGER = 12
# So many rounds of one database hit every point, on any machine
ENOUGH = 150
KINDS = {
    "sqlite": ("points", "disk", "points", "power", "points", "random"),
    "postgresql": ("points", "postmaster", "points", "random", "points", "backend"),
}
# One round of so many is over HTTP, the first after the points of a short run
SERVED, FIRST_SERVED = 25, 7


def kinds(name: str, *, shim: bool) -> Iterator[str]:
    for number in itertools.count():
        kind = KINDS[name][number % len(KINDS[name])]
        if number % SERVED == FIRST_SERVED:
            yield "served"
        elif shim or kind not in ("disk", "power"):
            yield kind


def run(
    base: Base,
    rounds: int,
    chance: random.Random,
    *,
    library: Path | None,
    advance: Callable[[int], None] = lambda _more: None,
) -> Report:
    """So many rounds over one kind of database."""
    report = Report()
    with Rounds(base, chance, report, library=library) as running, ServedRounds(base, chance, report) as served:
        running.patient = rounds >= ENOUGH
        running.find_points()
        for number, kind in zip(range(rounds), kinds(base.name, shim=library is not None), strict=False):
            if number % A_LEDGER == 0:
                running.goes_on()
                running.fresh()
            if kind == "served":
                served.round(number)
            else:
                running.round(number, kind)
            advance(1)
            if report.faults:
                break
        running.goes_on()
    return report


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill.crash", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--points", action="store_true", help="list every point with its number and whether it was hit")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    names = ("sqlite", "postgresql") if asked.database == "both" else (asked.database,)
    counts = {name: len(range(place, asked.rounds, len(names))) for place, name in enumerate(names)}
    guard = threading.Lock()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ciconia-crash-")))
        library = built(folder) if compiler() else None
        # A line of JSON for each round: whoever reads them sees that it goes on
        tell_more = stack.enter_context(progress(asked.rounds, "rounds", as_json=asked.json, every=1))

        def advance(more: int) -> None:
            with guard:
                tell_more(more)

        def one(name: str) -> Report:
            begun, here = time.monotonic(), folder / name
            here.mkdir()
            chance = random.Random(asked.seed)  # noqa: S311 - moments, no secret
            with ExitStack() as own:
                base: Base = Lite(here) if name == "sqlite" else Post(here, own.enter_context(own_server()))
                report = run(base, counts[name], chance, library=library, advance=advance)
            report.seconds = time.monotonic() - begun
            return report

        # Both at once: a round waits for the disk more than it computes
        with ThreadPoolExecutor(len(names)) as pool:
            reports = dict(zip(names, pool.map(one, names), strict=True))
    if not asked.json:
        for name, report in reports.items():
            tell(name, report, points=asked.points)
    if asked.json:
        print(json.dumps({"seed": asked.seed, "shim": library is not None, **{n: r.told() for n, r in reports.items()}}))
    elif library is None:
        print("No C compiler: SQLite's own writes were not reached.")
    print(f"seed {asked.seed}", file=sys.stderr)
    every = sum(len(report.points) for report in reports.values())
    hit = every - sum(len(report.unhit) for report in reports.values())
    print(f"points hit {hit} of {every}", file=sys.stderr if asked.json else sys.stdout)
    return 1 if any(report.faults or (report.rounds >= ENOUGH and report.unhit) for report in reports.values()) else 0


def tell(name: str, report: Report, *, points: bool) -> None:
    """The report of one kind of database, for people."""
    killed = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(report.kinds).items()))
    print(f"{name}: {report.rounds} rounds in {report.seconds:.0f} s ({killed}), {report.killed} processes killed")
    print(
        f"  points hit {len(report.points) - len(report.unhit)} of {len(report.points)}, SQLite's operations {report.disk}"
    )
    print(
        f"  acknowledged {report.acknowledged} units and {report.tokens} tokens; {report.checkpoints} checkpoints shown, "
        f"{report.switched} things switched off"
    )
    print(f"  back after at most {report.slowest:.2f} s; faults {len(report.faults)}")
    for fault in report.faults:
        print(f"  FAULT {fault}")
    if report.rounds >= ENOUGH and not points:
        for point in sorted(report.unhit):
            print(f"  NOT HIT {point}")
    for number, point in enumerate(report.points, 1) if points else ():
        print(f"  {number:4} {'    ' if point in report.unhit else 'hit '} {point}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
