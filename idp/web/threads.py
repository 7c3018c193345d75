"""The threads in which an endpoint's work runs: a share for each tenant.

Where several tenants live in one process, each has as many threads for itself: a tenant whose database is slow fills its
own share, and none of another's. The framework's own threads cost a request twice as much as these.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import ParamSpec, TypeVar

from policies.errors import Overloaded

# The pool of connections to a database is made for as many
THREADS = 40
# A thread that had nothing to do for so long ends
IDLE_SECONDS = 10.0
P = ParamSpec("P")
T = TypeVar("T")


class Share:
    """At most so many threads, made when they are needed. Any thread may give them work."""

    def __init__(self, most: int = THREADS) -> None:
        self._most = most
        self._waiting: SimpleQueue[Callable[[], Callable[[], None]]] = SimpleQueue()
        # How many threads there are, and how much work waits or is under way
        self._threads = self._given = 0
        self._lock = Lock()

    def give(self, work: Callable[[], Callable[[], None]]) -> None:
        """Have `work` done, and then what it returns. Neither raises anything.

        Raises `Overloaded` where there is no thread for it, and the machine gives none.
        """
        with self._lock:
            if self._threads < min(self._given + 1, self._most):
                try:
                    Thread(target=self._work, name="request", daemon=True).start()
                    self._threads += 1
                except RuntimeError as error:
                    # Those that there are do it in their turn
                    if not self._threads:
                        raise Overloaded("the machine gives no thread") from error
            self._given += 1
        self._waiting.put(work)

    def _work(self) -> None:
        while True:
            try:
                work = self._waiting.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    # What was given in this moment found a thread too few
                    if self._given < self._threads:
                        self._threads -= 1
                        return
                continue
            done = work()
            with self._lock:
                # First of all: who hears of it may bring the next, which this thread takes
                self._given -= 1
            done()
            del work, done


# The share of the request's tenant; that of the process where it has one tenant
share: ContextVar[Share] = ContextVar("threads")
_of_process = Share()


async def run_in_threadpool(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may block in a thread of the request's share. It ends though its browser is gone."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    context = copy_context()

    def work() -> Callable[[], None]:
        try:
            tells = functools.partial(answer.set_result, context.run(function, *args, **kwargs))
        except StopIteration:
            # A future takes none, and who waits would wait for ever
            tells = functools.partial(answer.set_exception, RuntimeError("an endpoint raised StopIteration"))
        except BaseException as error:  # noqa: BLE001  the one who waits hears of it, whatever it is
            tells = functools.partial(answer.set_exception, error)
        return functools.partial(_tell, loop, answer, tells)

    share.get(_of_process).give(work)
    return await answer


def _tell(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T], tells: Callable[[], None]) -> None:
    """Tell the one who waits, in its own loop; nobody does where the browser is gone or the loop is closed."""

    def tell() -> None:
        if not answer.done():
            tells()

    with suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)


def threaded(endpoint: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """An endpoint that may block, so that its route calls it in a thread of the request's share."""

    @functools.wraps(endpoint)
    async def called(*args: P.args, **kwargs: P.kwargs) -> T:
        return await run_in_threadpool(endpoint, *args, **kwargs)

    return called
