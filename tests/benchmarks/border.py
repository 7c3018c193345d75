"""The cost of what crosses a border: each promise of it in a table of its own.

    python -m tests.benchmarks.border [--json] [--only NAME]

A measure is a function that gives its target and its figures; `MEASURES` names it by its target.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from tests.benchmarks.border_persons import legal_vs_natural
from tests.benchmarks.border_registers import providers_parallel
from tests.benchmarks.border_stork import stork_vs_eidas
from tests.benchmarks.measure import Figure, Report, Target

# `rounds` of one: the target, and the figures that explain it
Measure = Callable[[int], tuple[Target, Sequence[Figure]]]
MEASURES: Mapping[str, Measure] = {
    "legal_vs_natural": legal_vs_natural,
    "providers_parallel": providers_parallel,
    "stork_vs_eidas": stork_vs_eidas,
}


def measured(rounds: int, names: Sequence[str] = tuple(MEASURES)) -> Report:
    """One report of these measures."""
    found = [MEASURES[name](rounds) for name in names]
    figures = [figure for _, shown in found for figure in shown]
    libraries = ("ciconia", "cryptography", "lxml", "httpcore2", "SQLAlchemy", "psycopg")
    return Report("border", libraries, figures, [target for target, _ in found])


def main() -> int:
    """Measure and print. The exit code."""
    parser = argparse.ArgumentParser(description="what crosses a border costs")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of a table")
    parser.add_argument("--rounds", type=int, default=20, help="how often each is measured")
    parser.add_argument("--only", choices=sorted(MEASURES), action="append", help="one measure alone; may stand again")
    chosen = parser.parse_args()
    return measured(chosen.rounds, chosen.only or tuple(MEASURES)).finish(as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
