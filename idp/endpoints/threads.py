"""Where an endpoint's work runs: a thread of its tenant's own share.

The framework has forty threads for a whole process. Where several tenants live in one, each gets as many for itself: one
whose database is slow fills its own, and none of another's. Which share it is goes with the request (a context variable).

The threads are ours: a queue there and a call of the loop's back is a third of what the framework's way costs, which counts
who waits, looks for a thread and keeps scopes of cancellation, four times a login. Nothing here is cancelled: what has
begun in a thread ends there, whoever still wants it.
"""

import asyncio
import functools
import inspect
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar  # Any: of what type a call's result is, its future does not know

# As many as the framework has for a process; the pool of connections to a database is made for them
THREADS = 40
# A thread that had nothing to do for so long ends
IDLE_SECONDS = 30.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that waits for a thread, and who waits for it."""

    function: Callable[[], object]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Any]"  # Any: see the import
    context: Context = field(default_factory=copy_context)

    def run(self) -> Callable[[], None]:
        """Call it. Returns what tells whoever waits, for the loop to call."""
        try:
            result = self.context.run(self.function)
        except BaseException as error:  # noqa: BLE001  whatever it is, it is the caller's
            return functools.partial(self._tell, self.done.set_exception, _tellable(error))
        return functools.partial(self._tell, self.done.set_result, result)

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits that it is not called. In any thread."""
        self.tell(functools.partial(self._tell, self.done.set_exception, error))

    def tell(self, tell: Callable[[], None]) -> None:
        """Have the loop call what `run` returned. In any thread."""
        try:
            self.loop.call_soon_threadsafe(tell)
        except RuntimeError:  # where the loop has ended nobody waits
            return

    def _tell(self, way: Callable[[Any], None], what: object) -> None:  # Any: see the import
        if not self.done.cancelled():
            way(what)


def _tellable(error: BaseException) -> BaseException:
    """What a future takes: it refuses a StopIteration (until Python 3.12), and whoever waits would wait for ever."""
    return RuntimeError("StopIteration").with_traceback(error.__traceback__) if isinstance(error, StopIteration) else error


class Threads:
    """One tenant's share of at most `count` threads, which come when they are needed. Safe in any thread and event loop.

    A call goes to the thread that had something to do last: its memory is still in the processor's cache.
    """

    def __init__(self, count: int = THREADS, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._count, self._idle_seconds = count, idle_seconds
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting: deque[_Call] = deque()
        # Where each thread that has nothing to do gets its next call; the last one to come is the first to go
        self._idle: list[SimpleQueue[_Call]] = []

    @contextmanager
    def used(self) -> Iterator[None]:
        """What is called inside, and waits for a thread, waits for one of these."""
        before = _SHARE.set(self)
        try:
            yield
        finally:
            _SHARE.reset(before)

    def call(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Call it in one of the threads; the future is the running loop's."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        call, more = _Call(function, loop, done), False
        with self._lock:
            if self._idle:
                self._idle.pop().put(call)
            else:
                self._waiting.append(call)
                more = self._threads < self._count
                self._threads += more
        if more:
            self._begin(call)
        return done

    def _begin(self, call: _Call) -> None:
        try:
            threading.Thread(target=self._run, name="endpoint", daemon=True).start()
        except RuntimeError as error:  # the system has no more: one of those that there are takes the call
            with self._lock:
                self._threads -= 1
                if self._threads:
                    return
                # Nobody takes what waits, and whoever hears so must not find that it was done later
                others = [other for other in self._waiting if other is not call]
                self._waiting.clear()
            for other in others:
                other.fail(error)
            raise

    def _run(self) -> None:
        own: SimpleQueue[_Call] = SimpleQueue()
        call = self._next(own)
        while True:
            if call is None and (call := self._given(own)) is None:
                return
            tell, tells = call.run(), call.tell
            # Before anybody hears of it: whoever comes next finds this thread free, and needs no other
            call = self._next(own)
            tells(tell)
            del tell, tells  # what they hold must not live on until the next call comes

    def _next(self, own: "SimpleQueue[_Call]") -> _Call | None:
        """A call that waits; where there is none, this thread is free."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(own)
            return None

    def _given(self, own: "SimpleQueue[_Call]") -> _Call | None:
        """The next call that comes here; None where none came for long."""
        try:
            return own.get(timeout=self._idle_seconds)
        except Empty:
            with self._lock:
                if own in self._idle:
                    self._idle.remove(own)
                    self._threads -= 1
                    return None
            return own.get()  # it came in this moment


# The process's own, where it has one tenant
_OWN = Threads()
_SHARE: ContextVar[Threads] = ContextVar("threads", default=_OWN)


def run_in_threadpool(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
    """Call a function that may block, in a thread of the share that this request has: from now on, awaited or not."""
    return _SHARE.get().call(functools.partial(function, *args, **kwargs))


def threaded(endpoint: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """An endpoint that may block, so that its route calls it in a thread of the request's share."""

    @functools.wraps(endpoint)
    async def called(*args: P.args, **kwargs: P.kwargs) -> T:
        return await run_in_threadpool(endpoint, *args, **kwargs)

    if inspect.iscoroutinefunction(endpoint):
        raise TypeError("it does not block")
    return called
