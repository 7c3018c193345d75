"""The base of every benchmark: figures and targets, contestants in turns on one core, a report (table, JSON, markdown).

Times are seconds per call. Whatever is compared runs in turns in one process, so that a machine that gets slower gets
slower for all. Each call is timed by itself: a program beside us takes the core for some calls and leaves the others alone,
while it would be in every average. The least and the median of the calls are kept, and ratios are of the least.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

MET, MISSED, COULD_NOT_RUN = 0, 1, 2
# One turn of a contestant: long enough to warm up, short enough that all get some of every moment
TURN_SECONDS = 0.003


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Target:
    """A number that must reach `at_least`, or stay within `at_most`; exactly one of the two is given."""

    name: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is where it should be."""
        if self.at_least is not None:
            return self.measured >= self.at_least
        return self.at_most is not None and self.measured <= self.at_most

    def limit(self) -> str:
        """The limit in words."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"

    def shown(self) -> dict[str, object]:
        """The target in the report's JSON."""
        bound = {"at_least": self.at_least} if self.at_least is not None else {"at_most": self.at_most}
        return {"name": self.name, "measured": round(self.measured, 3), **bound, "met": self.met}


@dataclass(frozen=True, slots=True)
class Taken:
    """The calls of one contestant, in seconds each."""

    calls: tuple[float, ...]

    @property
    def least(self) -> float:
        """The call that nobody disturbed."""
        return min(self.calls)

    @property
    def median(self) -> float:
        """The call in the middle."""
        return statistics.median(self.calls)


def in_turns(
    contestants: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Taken]:
    """Call all in turns, each for about `TURN_SECONDS` a turn and at least once. What one raises ends the benchmark.

    `clock` may be that of the thread's CPU, for what runs long enough never to have the core for itself.
    """
    calls = {name: max(1, int(TURN_SECONDS / min(_timed(call, 2, clock)))) for name, call in contestants.items()}
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            taken[name] += _timed(call, calls[name], clock)
    return {name: Taken(tuple(found)) for name, found in taken.items()}


def _timed(call: Callable[[], object], calls: int, clock: Callable[[], float]) -> list[float]:
    found = []
    for _ in range(calls):
        begin = clock()
        call()
        found.append(clock() - begin)
    return found


def stay_on_one_core() -> None:
    """Keep this process on one core, where the system can: the one that it may use with the highest number."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def processor() -> str:
    """The machine's name for its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run of a benchmark found."""

    benchmark: str
    libraries: Sequence[str]
    figures: Sequence[Figure]
    targets: Sequence[Target] = ()
    more_versions: Mapping[str, str] = field(default_factory=dict)

    def versions(self) -> dict[str, str]:
        """The versions of what was measured."""
        return {**{name: version(name) for name in self.libraries}, **self.more_versions}

    def machine(self) -> dict[str, object]:
        """Where it was measured."""
        return {"cpu": processor(), "cores": os.cpu_count(), "python": platform.python_version()}

    def as_json(self) -> str:
        """One object on one line."""
        return json.dumps(
            {
                "benchmark": self.benchmark,
                "machine": self.machine(),
                "versions": self.versions(),
                "figures": [{"name": one.name, "value": one.value, "unit": one.unit} for one in self.figures],
                "targets": [target.shown() for target in self.targets],
            }
        )

    def as_table(self) -> str:
        """For people."""
        lines = [f"{one.name:60} {one.value:12g} {one.unit if one.unit != '1' else ''}".rstrip() for one in self.figures]
        for target in self.targets:
            verdict = "met" if target.met else "MISSED"
            lines.append(f"{target.name:60} {target.measured:12.3g} {target.limit():16} {verdict}")
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """Two tables, and where they were measured."""
        machine = self.machine()
        versions = ", ".join(f"{name} {found}" for name, found in self.versions().items())
        targets = [
            f"| `{one.name}` | {one.measured:.3g} | {one.limit()} | {'met' if one.met else '**missed**'} |"
            for one in self.targets
        ]
        return "\n".join(
            [
                f"Measured on {machine['cpu']} ({machine['cores']} cores), Python {machine['python']}, with {versions}.",
                *(["", "| target | measured | limit | |", "|---|---|---|---|", *targets] if targets else []),
                "",
                "| figure | least | median |",
                "|---|---|---|",
                *self._rows(),
            ]
        )

    def _rows(self) -> list[str]:
        """A row for each name; "least" and "median" behind one share it."""
        rows: dict[str, list[str]] = {}
        for one in self.figures:
            name, _, kind = one.name.rpartition(", ")
            shown = f"{one.value:g} {one.unit if one.unit != '1' else ''}".rstrip()
            if kind in ("least", "median"):
                rows.setdefault(name, ["", ""])[kind == "median"] = shown
            else:
                rows[one.name] = [shown, ""]
        return [f"| {name} | {least} | {median} |" for name, (least, median) in rows.items()]

    def write_into(self, page: Path) -> None:
        """Replace what stands between the two markers of this benchmark in a page. ValueError where they do not stand."""
        begin, end = f"<!-- benchmark {self.benchmark} -->\n", f"<!-- end of {self.benchmark} -->"
        text = page.read_text(encoding="utf-8")
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not opened or not closed:
            raise ValueError(f"{page} has no place for the figures of {self.benchmark}")
        page.write_text(f"{before}{begin}\n{self.as_markdown()}\n\n{end}{after}", encoding="utf-8")

    def finish(self, *, as_json: bool, page: Path | None = None) -> int:
        """Print it, write it where it is wanted, and give the exit code."""
        print(self.as_json() if as_json else self.as_table())
        if page is not None:
            self.write_into(page)
        return MET if all(target.met for target in self.targets) else MISSED


def could_not_run(why: object) -> int:
    """Say why, and give the exit code."""
    print(f"could not run: {why}", file=sys.stderr)
    return COULD_NOT_RUN
