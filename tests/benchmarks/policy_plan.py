"""The cost of `plan` for one registration of 5,000, over that for one of 50: it must not grow with their number.

The folder is read, judged and linted, and compared with what is in force. An attribute of its purpose says more in it,
so no registration is spared. The cost of a plan with one registration is taken away from both: it does not grow.
"""

import time
from collections.abc import Callable
from pathlib import Path

from idp.application.planning import read_candidate
from idp.changes.plan import base_of, make_plan
from idp.cli.plan import findings_of
from tests.benchmarks.measure import Figure, Target, in_turns
from tests.policies.load.files import FILES

ONE, FEW, MANY = 1, 50, 5_000
PURPOSE, PARTY = "purposes/parking.toml", "parties/parking.toml"
NARROW, WIDE = 'form = "age_over(18)"\nwhy', 'form = "birth_year"\nwhy'


def planned(folder: Path, rounds: int, *, many: int = MANY) -> tuple[list[Figure], list[Target]]:
    """Figures in milliseconds and microseconds, and the target."""
    numbers = {f"plan, {number} registrations": number for number in (ONE, FEW, many)}
    plans = {name: _plan(folder / str(number), number) for name, number in numbers.items()}
    # On the clock of the CPU: a plan of 5,000 never has the core for itself
    taken = in_turns(plans, rounds, time.thread_time)
    one, few, much = (found.least for found in taken.values())
    each = ((few - one) / (FEW - ONE), (much - one) / (many - ONE))
    figures = [Figure(f"{name}, least", round(found.least * 1e3, 1), "ms") for name, found in taken.items()]
    figures += [
        Figure(f"plan, one more of {number}", round(cost * 1e6, 1), "µs")
        for number, cost in zip((FEW, many), each, strict=True)
    ]
    return figures, [Target("plan_growth", each[1] / each[0], at_most=1.3)]


def _plan(folder: Path, parties: int) -> Callable[[], object]:
    purpose = FILES[PURPOSE].partition("[[examples]]")[0]
    _write(folder / PURPOSE, purpose)
    for number in range(parties):
        _write(folder / "parties" / f"{number}.toml", FILES[PARTY].replace('"parking"', f'"party-{number}"'))
    base = base_of(1, read_candidate(folder).bundle)
    _write(folder / PURPOSE, purpose.replace(NARROW, WIDE))

    def plan() -> object:
        candidate = read_candidate(folder)
        made = make_plan("bench", base, candidate.bundle, candidate.configuration)
        if len(made.comparison.wider) < parties:
            raise ValueError("some registration was not compared")
        return made, findings_of(candidate.configuration, candidate.bundle.files)

    return plan


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
