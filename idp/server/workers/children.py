"""Child processes by their numbers. None of these raises where a child is gone already.

A number is ours until the child is reaped, and somebody else's afterwards.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import structlog

UNKNOWN_CODE = 255  # of a child that somebody else reaped, as asyncio has it
FAILED_CODE = 70  # sysexits.h: EX_SOFTWARE


def fork(act: Callable[[], int]) -> int:
    """The number of a child that does `act` and ends with its code. Raises OSError."""
    flush()
    process = os.fork()
    if process:
        return process
    code = FAILED_CODE
    try:
        code = act()
    except BaseException as error:  # noqa: BLE001 - the edge of a process: its text may quote anything
        structlog.get_logger().critical("worker_failed", kind=type(error).__name__)
    finally:
        try:
            flush()
        finally:
            os._exit(code)


def flush() -> None:
    """Write what our streams still hold, so that no child writes it again. A stream that is broken is left alone."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # the command line's own has an exception of its own
            stream.flush()


def send(process: int, number: signal.Signals) -> None:
    """Send a signal to a child that was not reaped yet."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


def ended(process: int) -> int | None:
    """The exit code of a child, which is reaped by that; negative where a signal ended it, None while it lives."""
    try:
        found, status = os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        return UNKNOWN_CODE
    return os.waitstatus_to_exitcode(status) if found else None


def end(process: int) -> None:
    """End a child now, and wait until it is gone."""
    if ended(process) is None:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
