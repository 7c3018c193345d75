"""Plans rounds of points: the points that nobody hit come first.

A process is armed with all points of its role that nobody hit yet, and dies at the first that it comes by: the frequent
ones are soon hit, and the rare ones when they happen. What a run on a new ledger came by, and one on a used ledger did not,
needs a new ledger: then a round begins with one, and one sequencer at a time. When every point was hit, processes die at
one point each, at its first, second or third time.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kill.report import Report

CHORES = ("files", "restore", "purge", "again")
ROLES = ("worker", "sequencer", "switches", *CHORES)


class Plan:
    def __init__(self, chance: random.Random, report: Report) -> None:
        self._chance, self._report = chance, report
        self._of_role: dict[str, set[str]] = {role: set() for role in ROLES}
        self._first: set[str] = set()  # what a new ledger alone has
        self._traced = False

    def met(self, points: Mapping[str, Sequence[str]]) -> None:
        met = {point for found in points.values() for point in found}
        self._first = self._first - met if self._traced else met
        self._traced = True
        for role, found in points.items():
            self._of_role[role] |= set(found)
        self._report.points = sorted({point for found in self._of_role.values() for point in found})

    def new_ledger(self) -> bool:
        """Whether the next round of points needs one."""
        return bool(self._first & self._report.unhit)

    def roles(self) -> list[str]:
        """The processes of the next round: workers and sequencers, and those of whose points some were not hit."""
        sequencers = ["sequencer"] if self.new_ledger() else ["sequencer", "sequencer"]
        unhit = [role for role in ("switches", *CHORES) if self._of_role[role] & self._report.unhit]
        return ["worker", "worker", *sequencers, *(unhit * 2 or [self._chance.choice(CHORES)])]

    def slow(self) -> set[str]:
        return {role for role in CHORES if self._of_role[role] & self._report.unhit}

    def armed(self, role: str, folder: Path) -> dict[str, object]:
        """The order for a process that ends at a point that nobody hit, or at any of its role."""
        unhit = self._of_role[role] & self._report.unhit
        points = sorted(unhit) or [self._chance.choice(sorted(self._of_role[role]))]
        times = 1 if unhit else self._chance.randint(1, 3)
        return {"role": role, "points": points, "times": times, "hits": str(folder / "hits")}
