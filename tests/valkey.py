"""Valkey from Debian: a server of our own on loopback, for the tests that need a real one."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from idp.server.rate_limits import Shared
from tests.peers import require_peer
from tests.ports import free_port

PROGRAM = shutil.which("valkey-server")
KEY = b"k" * 32


@dataclass
class Valkey:
    """A server of our own on loopback."""

    port: int
    folder: Path
    policy: str = "noeviction"
    process: subprocess.Popen[bytes] | None = None
    clients: list[Shared] = field(default_factory=list)

    def shared(self, clock: Callable[[], float] = time.time) -> Shared:
        """One worker's way to it."""
        self.clients.append(Shared(self.url, key=KEY, clock=clock))
        return self.clients[-1]

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        words = [f"--port {self.port}", "--bind 127.0.0.1", "--save ''", f"--maxmemory-policy {self.policy}"]
        arguments = [part.strip("'") for word in words for part in word.split(" ")]
        self.process = subprocess.Popen(
            [str(PROGRAM), *arguments, "--dir", str(self.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if self.shared()._storage.check():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError("Valkey did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@contextmanager
def valkey_server(folder: Path) -> Iterator[Valkey]:
    """One that answers, in a folder of its own."""
    require_peer("valkey-server", present=PROGRAM is not None)
    made = Valkey(free_port(), folder)
    made.start()
    try:
        yield made
    finally:
        for client in made.clients:
            client.close()
        made.stop()
