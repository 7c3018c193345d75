"""What CPU each node spends on one login across the border: `python -m tests.benchmarks.border [--json] [--logins N]`.

The demo's stage with each node in a process of its own, its logins one after another. CPU is user and system time of the
node's process, with all its threads, from /proc; logins go in batches, of which the least and the median count. What a node
spends with nobody there (checkpoints, looking at the other nodes' metadata every second) is measured first and taken off.
Figures, no targets. Exit 0, or 2 where it could not run.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2

from idp.demo.border import Border
from idp.demo.browser import WalkError
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity
from tests.benchmarks.measure import Figure, Report, could_not_run
from tests.kill.travellers import Journey

WARM_UP = 10
BATCH = 10
IDLE_SECONDS = 5.0
SIDES = {"receiving node": "broker", "sending node": "node-ee"}
LIBRARIES = ("ciconia", "cryptography", "lxml", "xmlsec", "fastapi", "uvicorn", "sqlalchemy", "msgspec")


@dataclass(frozen=True, slots=True)
class Moment:
    """The clock, and each node's CPU seconds so far."""

    wall: float
    cpu: dict[str, float]


def cpu_seconds(process: int) -> float:
    """User and system time of a process, from /proc/PID/stat (proc(5): fields 14 and 15, counted behind the name)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def moment(border: Border) -> Moment:
    """Now."""
    return Moment(time.monotonic(), {side: cpu_seconds(border.processes[name].pid) for side, name in SIDES.items()})


def log_in(border: Border, party: RelyingPartyOfCity) -> None:
    """One login, from the city and back to it with what it was given."""
    journey = Journey(border, party, "mari")
    with journey.browser:
        for step in journey.steps():
            step()
        journey.acknowledged()
        journey.sign_in()


def measured(border: Border, logins: int) -> list[Figure]:
    """The figures of so many logins."""
    party = RelyingPartyOfCity(border.city._parties["parking"].service, border.issuer)
    for _ in range(WARM_UP):
        log_in(border, party)
    time.sleep(1)
    load = os.getloadavg()[0]
    before = moment(border)
    time.sleep(IDLE_SECONDS)
    after = moment(border)
    idle = {side: (after.cpu[side] - before.cpu[side]) / (after.wall - before.wall) for side in SIDES}
    batches: list[tuple[Moment, Moment]] = []
    for _ in range(max(1, logins // BATCH)):
        start = moment(border)
        for _ in range(BATCH):
            log_in(border, party)
        batches.append((start, moment(border)))
    party.close()
    found = [Figure("load average of the machine before", round(load, 2), "1")]
    for side in SIDES:
        spent = [
            (end.cpu[side] - start.cpu[side] - idle[side] * (end.wall - start.wall)) * 1000 / BATCH
            for start, end in batches
        ]
        found += [
            Figure(f"CPU of the {side} for one login, median", round(statistics.median(spent), 2), "ms"),
            Figure(f"CPU of the {side} for one login, least", round(min(spent), 2), "ms"),
            Figure(f"CPU of the {side} with nobody there", round(idle[side] * 1000, 2), "ms/s"),
        ]
    walls = [(end.wall - start.wall) * 1000 / BATCH for start, end in batches]
    found.append(Figure("one login from the city and back, median", round(statistics.median(walls), 2), "ms"))
    return [*found, Figure("logins measured", len(batches) * BATCH, "1")]


def main() -> int:
    """Measure and print. The exit code."""
    parser = argparse.ArgumentParser(description="CPU of each node for one login across the border")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of a table")
    parser.add_argument("--logins", type=int, default=100, help=f"how many, in batches of {BATCH}")
    chosen = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            border = Border(Path(folder) / "stage", fixed=False, processes=True)
            try:
                border.open()
                figures = measured(border, chosen.logins)
            finally:
                border.close()
    except (OSError, WalkError, AnswerRefusedError, httpx2.HTTPError) as error:
        return could_not_run(error)
    return Report("border", LIBRARIES, figures).finish(as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
