"""The machine's clock."""

import time


def system_clock() -> int:
    """Seconds since the epoch."""
    return int(time.time())
