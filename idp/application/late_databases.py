"""What a database that does not answer keeps from being made: it is made in a thread of its own, and comes when it can."""

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
    """Call it in a thread of its own, for which the end of the process does not wait: it may hang."""
    return _begun(call)[0]


def _begun(call: Callable[[], T]) -> "tuple[Future[T], threading.Thread]":
    found: Future[T] = Future()

    def run() -> None:
        try:
            made = call()
        except BaseException as error:  # noqa: BLE001  whatever it is, it is the caller's
            found.set_exception(error)
        else:
            found.set_result(made)

    thread = threading.Thread(target=run, name="late", daemon=True)
    thread.start()
    return found, thread


def ask_all(
    asked: Mapping[str, Callable[[], None]], seconds: float | None = None
) -> "tuple[dict[str, Future[None]], dict[str, BaseException]]":
    """Ask all at once, so that several that hang cost what one does. Returns the tries, and what came of those that failed.

    Whoever has not answered after so many `seconds` counts as away, unless nobody has: then the first one is waited for.
    Without `seconds` no thread is left: who calls may fork.
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
    """Whether it came to nothing, or not yet."""
    return not each.done() or each.exception() is not None


@dataclass(frozen=True, slots=True)
class LateTenant(Generic[T]):
    """What its database keeps from being there: `first` asked it and failed, or does still, and `ask` asks it once more."""

    first: "Future[None]"
    ask: Callable[[], None]
    make: Callable[[], T]

    def come(self, ended: threading.Event) -> T | None:
        """Wait until it is there; None where all has ended before. Raises what is more than a database that is away."""
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
        """One after another, unless one hangs: it is work, and the framework turns off warnings of the whole process."""
        ours = _TURN.acquire(timeout=TURN_SECONDS)
        try:
            return self.make()
        finally:
            if ours:
                _TURN.release()
