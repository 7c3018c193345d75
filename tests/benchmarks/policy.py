"""The cost of policies: `python -m tests.benchmarks.policy [--json] [--markdown PAGE] [--rounds N]`.

All that is compared runs in turns on one core. Ratios are of the least times. Exit 0: every target is met; 1: one is
missed; 2: it could not run.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import SubprocessError

from tests.benchmarks.logins_peers import LoginFailedError
from tests.benchmarks.measure import Figure, Report, Taken, Target, could_not_run, in_turns, stay_on_one_core
from tests.benchmarks.policy_peers import LIBRARIES, Question, contestants
from tests.benchmarks.policy_plan import planned
from tests.benchmarks.policy_reload import PARTIES, ROUNDS, reloaded

OURS = ("ciconia",)


def _times(taken: Mapping[str, Taken]) -> list[Figure]:
    found = []
    for name, one in taken.items():
        found.append(Figure(f"{name}, least", round(one.least * 1e6, 2), "µs"))
        found.append(Figure(f"{name}, median", round(one.median * 1e6, 2), "µs"))
    return found


def _decided(rounds: int) -> tuple[list[Figure], list[Target]]:
    """The decision beside its peers."""
    question = Question()
    taken = in_turns(contestants(question), rounds)
    ours, cedar, *_ = (one.least for one in taken.values())
    forms = Figure("forms of the 12 attributes", len(question.of_each()), "1")
    return [forms, *_times(taken)], [Target("decide_vs_cedarpy", cedar / ours, at_least=20)]


def _explained(rounds: int) -> tuple[list[Figure], list[Target]]:
    """The explanation beside the decision that it explains, and with each sentence of what would have to change."""
    question = Question()

    def in_words() -> object:
        explanation = question.explain()
        return [explanation.changes(row) for row in explanation.rows]

    contestants = {
        "decide, for explain": question.decide,
        "explain": question.explain,
        "explain, with all that would have to change": in_words,
    }
    taken = in_turns(contestants, rounds)
    decided, _, explained = (one.least for one in taken.values())
    return _times(taken), [Target("explain_vs_decide", explained / decided, at_most=3)]


def _planned(rounds: int, parties: int) -> tuple[list[Figure], list[Target]]:
    with tempfile.TemporaryDirectory() as folder:
        # A plan of 5,000 takes seconds
        return planned(Path(folder), max(1, rounds // 20), many=parties)


def measured(rounds: int, *, parties: int = PARTIES, reloads: int = ROUNDS) -> Report:
    """Everything; the reload of so many registrations first, as it needs two cores, and the rest on one."""
    with tempfile.TemporaryDirectory() as folder:
        reload = reloaded(Path(folder) / "city", parties=parties, rounds=reloads)
    stay_on_one_core()
    parts = [_decided(rounds), _explained(rounds), _planned(rounds, parties), reload]
    figures = [figure for found, _ in parts for figure in found]
    return Report("policy", (*OURS, *LIBRARIES), figures, [target for _, found in parts for target in found])


def main() -> int:
    """Measure and print. The exit code."""
    parser = argparse.ArgumentParser(description="The cost of a decision and of a change of policy, against peers")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of a table")
    parser.add_argument(
        "--markdown", type=Path, metavar="PAGE", help="write the tables into this page, between its markers"
    )
    parser.add_argument("--rounds", type=int, default=60, help="turns of each contestant")
    chosen = parser.parse_args()
    try:
        return measured(chosen.rounds).finish(as_json=chosen.json, page=chosen.markdown)
    except (OSError, ValueError, TypeError, RuntimeError, ImportError, SubprocessError, LoginFailedError) as error:
        return could_not_run(error)


if __name__ == "__main__":
    sys.exit(main())
