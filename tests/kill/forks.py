"""Brokers and nodes that can be killed many times a minute: the runner of `tests.kill.runner`, a fork a round."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Kill = Callable[[], None]


class Forks:
    """The runner for one folder. `sockets` are descriptors that it inherits."""

    def __init__(self, folder: Path, log: Path, *options: str, sockets: Sequence[int] = ()) -> None:
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kill.runner", str(folder), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                pass_fds=sockets,
            )
        assert self._line() == "ready"

    def begin(self) -> int:
        """Start a fork; its process id, as soon as it listens."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        word, _, number = self._line().partition(" ")
        assert word == "listening"
        return int(number)

    def await_end(self) -> None:
        """Until the fork that was killed is gone."""
        assert self._line() == "ended"

    @contextmanager
    def once(self) -> Iterator[Kill]:
        """One broker, from the moment it listens; it is gone when the block ends."""
        number = self.begin()
        try:
            yield lambda: os.kill(number, signal.SIGKILL)
        finally:
            self.await_end()

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        assert self._process.wait(60) == 0

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
