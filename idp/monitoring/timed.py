"""How long a commit takes, from the unit's coming to its being durable."""

import time

from idp.monitoring.families import COMMIT
from idp.monitoring.measures import Measures
from idp.ports import Commits, Unit


class TimedCommits:
    """`Commits`, timed. One that failed counts as long as it took."""

    def __init__(self, commits: Commits, measures: Measures, tenant: str) -> None:
        self._commits, self._measures, self._tenant = commits, measures, tenant

    def commit(self, unit: Unit) -> None:
        """As `idp.ports.Commits` has it."""
        begun = time.perf_counter()
        try:
            self._commits.commit(unit)
        finally:
            self._measures.observe(COMMIT, self._tenant, seconds=time.perf_counter() - begun)
