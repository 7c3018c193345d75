"""How many processes may work at once."""

import os


def cores() -> int:
    """The processors that this process may use."""
    # Linux alone says which ones those are
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
