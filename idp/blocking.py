"""Whether whoever calls may be kept waiting: a thread may, the event loop may not.

A step of a login that finds all that it needs in memory runs on the event loop, without a change of threads. Where it needs
more after all, what would wait for a database or for another machine raises `Blocks`, and the step runs again in a thread.
"""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Blocks(BaseException):
    """A call would wait, and may not. No `Exception`: nobody on its way may take it for a fault, and go on."""


class _Here(threading.local):
    forbidden = False


_HERE = _Here()


def may_block() -> None:
    """Said before something that may wait. Raises `Blocks` where that is forbidden."""
    if _HERE.forbidden:
        raise Blocks


def without_blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function. Raises `Blocks` where it would wait."""
    _HERE.forbidden = True
    try:
        return function(*args, **kwargs)
    finally:
        _HERE.forbidden = False
