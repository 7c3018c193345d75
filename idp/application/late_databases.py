"""Starts a tenant whose database is away, in a background thread, when the database answers."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from policies.errors import StoreUnavailable

AGAIN_SECONDS = 3.0
TURN_SECONDS = 20.0

T = TypeVar("T")

_TURN = threading.Lock()


def in_thread(call: Callable[[], T]) -> "Future[T]":
    """Call it in a daemon thread: it may hang, and the end of the process does not wait for it."""
    return _begun(call)[0]


def _begun(call: Callable[[], T]) -> "tuple[Future[T], threading.Thread]":
    found: Future[T] = Future()

    def run() -> None:
        try:
            made = call()
        except BaseException as error:  # noqa: BLE001  the caller gets every error
            found.set_exception(error)
        else:
            found.set_result(made)

    thread = threading.Thread(target=run, name="late", daemon=True)
    thread.start()
    return found, thread


def ask_all(
    asked: Mapping[str, Callable[[], None]], seconds: float | None = None
) -> "tuple[dict[str, Future[None]], dict[str, BaseException]]":
    """Ask all at the same time, so that several that hang cost no more than one. Returns the tries, and the errors by name.

    A database that has not answered after `seconds` counts as away. If none has answered, the first answer is waited for.
    Without `seconds` every thread has ended on return, so the caller may fork.
    """
    begun = {name: _begun(call) for name, call in asked.items()}
    tries = {name: each for name, (each, _) in begun.items()}
    for _, thread in begun.values() if seconds is None else ():
        thread.join()
    wait(tries.values(), seconds)
    while (hanging := [each for each in tries.values() if not each.done()]) and all(map(_failed, tries.values())):
        wait(hanging, return_when=FIRST_COMPLETED)
    away = StoreUnavailable("it does not answer")
    errors = {name: each.exception() if each.done() else away for name, each in tries.items()}
    return tries, {name: error for name, error in errors.items() if error is not None}


def _failed(each: "Future[None]") -> bool:
    """Whether the try failed, or has not ended yet."""
    return not each.done() or each.exception() is not None


@dataclass(frozen=True, slots=True)
class LateTenant(Generic[T]):
    """A tenant that waits for its database. `first` is the try that failed or still hangs; `ask` makes another one."""

    first: "Future[None]"
    ask: Callable[[], None]
    make: Callable[[], T]

    def come(self, ended: threading.Event) -> T | None:
        """Wait for the database and make the tenant; None if `ended` is set before. Raises every other error."""
        ask: Callable[[], None] = self.first.result
        while True:
            try:
                ask()
                return self._made()
            except StoreUnavailable:
                ask = self.ask
            if ended.wait(AGAIN_SECONDS):
                return None

    def _made(self) -> T:
        """Make one tenant at a time, unless one hangs: FastAPI changes the filters of warnings meanwhile."""
        ours = _TURN.acquire(timeout=TURN_SECONDS)
        try:
            return self.make()
        finally:
            if ours:
                _TURN.release()
