"""Fuzz everything for a while: `python -m tests.fuzz.run --seconds N [--target NAME...] [--json]` (`make fuzz SECONDS=N`).

Each target has the same share of the time, two of them at a time where there are two cores. What reached new code is kept
in .fuzz/corpus and is where the next run goes on; the octets of a finding are in .fuzz/findings, and the run
goes on without them. Exit codes: 0 nothing found, 1 a finding, 2 it could not run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".fuzz"
TARGETS = ("responses", "metadata", "queries", "tokens", "messages", "notes")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
MOST_FINDINGS = 5


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of one target: how often it ran, and the files of its findings."""

    target: str
    executions: int
    findings: tuple[str, ...]
    words: str


def fuzz(target: str, seconds: int, cache: Path = CACHE) -> Ran:
    """Fuzz one target for so long, and go on behind a finding."""
    findings, corpus = cache / "findings" / target, cache / "corpus" / target
    findings.mkdir(parents=True, exist_ok=True)
    before, words, executions = set(findings.iterdir()), "", 0
    end = time.monotonic() + seconds
    for _ in range(MOST_FINDINGS):
        left = round(end - time.monotonic())
        if left < 1:
            break
        command = [sys.executable, "-m", "tests.fuzz.one", target, str(corpus)]
        options = [f"-max_total_time={left}", f"-artifact_prefix={findings}/"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, errors="replace", check=False)
        ran = sum(int(number) for number in _EXECUTED.findall(done.stderr))
        executions += ran
        if done.returncode == 0:
            break
        words += done.stderr[-2000:]
        if not ran and set(findings.iterdir()) == before:
            break
    found = tuple(str(path) for path in sorted(set(findings.iterdir()) - before))
    return Ran(target, executions, found, words)


def fuzz_all(targets: Sequence[str], seconds: int) -> Iterator[Ran]:
    """Each target, its share of the time."""
    workers = min(2, os.cpu_count() or 1, len(targets))
    share = max(1, seconds * workers // len(targets))
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda target: fuzz(target, share), targets)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run", description="Fuzz the verification, with its oracle.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--target", action="append", choices=TARGETS, help="only these")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    ran = list(fuzz_all(asked.target or TARGETS, asked.seconds))
    if asked.json:
        print(json.dumps({one.target: {"executions": one.executions, "findings": one.findings} for one in ran}))
    else:
        for one in ran:
            print(f"{one.target:<12}{one.executions:>12} executions  {', '.join(one.findings) or 'nothing found'}")
            if one.words:
                print(one.words)
    if any(one.findings or one.words for one in ran):
        return 1
    return 0 if all(one.executions for one in ran) else 2


if __name__ == "__main__":
    sys.exit(main())
