"""The threads in which an endpoint's work runs: a share for each tenant.

The framework has forty threads for a whole process. Where several tenants live in one, each may use as many for itself: a
tenant whose database is slow fills its own share, and none of another's.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

# As many as the framework has for a process; the pool of connections to a database is made for them
THREADS = 40

P = ParamSpec("P")
T = TypeVar("T")

# The share of the tenant that this request is for; the framework's where a process has one tenant
_SHARE: ContextVar[CapacityLimiter | None] = ContextVar("threads", default=None)


class Threads:
    """One tenant's share of threads."""

    def __init__(self, count: int = THREADS) -> None:
        self._limiter = CapacityLimiter(count)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have what is called inside wait for a thread of this share."""
        before = _SHARE.set(self._limiter)
        try:
            yield
        finally:
            _SHARE.reset(before)


async def run_in_threadpool(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may block in a thread of the request's share. What has begun ends, whoever still waits."""
    return await run_sync(_called, functools.partial(function, *args, **kwargs), limiter=_SHARE.get())


def _called(function: Callable[[], T]) -> T:
    """Runs in the thread; the benchmark of logins times it."""
    return function()


def threaded(endpoint: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """An endpoint that may block, so that its route calls it in a thread of the request's share."""

    @functools.wraps(endpoint)
    async def called(*args: P.args, **kwargs: P.kwargs) -> T:
        return await run_in_threadpool(endpoint, *args, **kwargs)

    if inspect.iscoroutinefunction(endpoint):
        raise TypeError("it does not block")
    return called
