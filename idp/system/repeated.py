"""A look in a thread of its own, again and again, as long as a worker lives."""

import threading
from abc import ABC, abstractmethod


class Repeated(ABC):
    """Calls `step` every `seconds` until `stop`, at first after as long. `step` raises nothing: its thread would end.

    `stop` waits no longer than `stop_seconds` for a step that hangs.
    """

    def __init__(self, name: str, seconds: float, stop_seconds: float) -> None:
        self._seconds, self._stop_seconds = seconds, stop_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def step(self) -> None:
        """Look once."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End. It may be called where nothing was started."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(self._stop_seconds)

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self.step()
