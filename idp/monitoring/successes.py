"""The last day on which several people were signed in by one identity provider, or for one country's node.

A day of fewer than `FEWEST` sign-ins is told to nobody: of a small country it could be one person's. How many more it
takes is drawn anew for each day. Each worker counts for itself, in memory, and the row is written when the day is over:
neither the number nor the moment can be seen.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

DAY, HOUR = 24 * 3600, 3600
FEWEST, SPREAD = 10, 10


class SuccessRows(Protocol):
    """The rows: one day for each registration."""

    def days(self) -> Mapping[str, int]:
        """The day of each, since the epoch. Raises `StoreUnavailable`."""

    def keep(self, name: str, day: int) -> None:
        """Keep a day that is later than the one that is kept. Raises `StoreUnavailable`."""


class _NoRows:
    def days(self) -> Mapping[str, int]:
        """None."""
        return {}

    def keep(self, name: str, day: int) -> None:
        """Nothing is kept."""


class Successes:
    """Those of one tenant, as one worker counts them."""

    def __init__(self, rows: SuccessRows | None = None, clock: Callable[[], int] = lambda: 0) -> None:
        self._rows, self._clock, self._lock = rows or _NoRows(), clock, threading.Lock()
        # How many sign-ins of a registration a day lacks yet
        self._lacks: dict[tuple[str, int], int] = {}
        self._days: Mapping[str, int] = {}
        self._looked = 0

    def signed_in(self, name: str) -> None:
        """Somebody was signed in, by this registration."""
        day = name, self._clock() // DAY
        with self._lock:
            if day not in self._lacks:
                self._lacks[day] = FEWEST + secrets.randbelow(SPREAD)
            self._lacks[day] -= 1

    def step(self) -> None:
        """Write the days that are over, and read, once an hour."""
        now = self._clock()
        if self._looked and 0 <= now - self._looked < HOUR:
            return
        with self._lock:
            over = sorted(day for day in self._lacks if day[1] < now // DAY)
            enough = dict(day for day in over if self._lacks[day] <= 0)
        before = self._rows.days()
        later = {name: day for name, day in enough.items() if day > before.get(name, 0)}
        for name, day in later.items():
            self._rows.keep(name, day)
        with self._lock:
            for one in over:
                self._lacks.pop(one, None)
        self._days, self._looked = {**before, **later}, now

    def days(self) -> Mapping[str, int]:
        """The last day of each, since the epoch, as it was read last."""
        return self._days
