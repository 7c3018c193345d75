"""The demo's stage with country and city in this process, and the broker left to a process of its own."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from idp.demo.scene import PORTS, Scene
from idp.system.clock import system_clock
from tests.ports import free_port


class BrokerOutside(Scene):
    """Sets the stage as the demo does; `receiving` is then a configuration for `ciconia serve` or a test's runner."""

    def __init__(self, folder: Path, *, fixed: bool, clock: Callable[[], int] = system_clock) -> None:
        # Whoever plays the broker binds its port again, and it must be free then
        with patch.dict(PORTS, {} if fixed else {name: free_port() for name in PORTS}):
            super().__init__(folder, fixed=True, clock=clock)

    def open(self) -> None:
        """Country and city play; the broker's port is free."""
        self.application.stop()
        self._sockets["broker"].close()
        for name, app in (("country", self.country.app()), ("city", self.city.app())):
            self._stage.thread(name, app, self._sockets[name])

    def close(self) -> None:
        self._stage.close()
        self.city.close()
