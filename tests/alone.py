"""Times that somebody was promised: as they are in a run by itself, with room where other tests want the processors."""

import os

ALONE = "PYTEST_XDIST_WORKER" not in os.environ


def within(seconds: float, times: float = 10) -> float:
    """The promised time, or so many times as much."""
    return seconds if ALONE else times * seconds
