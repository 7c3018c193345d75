"""The threads in which an endpoint's work runs: a share for each tenant.

The framework has forty threads for a whole process. Where several tenants live in one, each may use as many for itself: a
tenant whose database is slow fills its own share, and none of another's.
"""

import functools
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

# The framework has as many for a process; the pool of connections to a database is made for them
THREADS = 40
Share = CapacityLimiter
P = ParamSpec("P")
T = TypeVar("T")

# The share of the request's tenant; the framework's if a process has one tenant
share: ContextVar[Share | None] = ContextVar("threads", default=None)


async def run_in_threadpool(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may block in a thread of the request's share. It ends though its browser is gone."""
    return await run_sync(functools.partial(function, *args, **kwargs), limiter=share.get())


def threaded(endpoint: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """An endpoint that may block, so that its route calls it in a thread of the request's share."""

    @functools.wraps(endpoint)
    async def called(*args: P.args, **kwargs: P.kwargs) -> T:
        return await run_in_threadpool(endpoint, *args, **kwargs)

    return called
