"""A supervisor and its workers as a test sees them: by their answers, their numbers and their last words."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from tests.ports import free_port

SECONDS = 120.0


@dataclass(frozen=True)
class Answer:
    """The worker that answered."""

    process: int
    number: int
    word: str
    taken: int
    random: tuple[object, ...]
    closing: bool


@dataclass
class Crew:
    """One supervisor with its workers."""

    supervisor: subprocess.Popen[str]
    folder: Path
    port: int

    @property
    def lines(self) -> list[str]:
        """The lines of stderr, but for a line that somebody writes just now."""
        return (self.folder / "log").read_text(encoding="utf-8").rpartition("\n")[0].splitlines()

    def events(self, name: str) -> list[dict[str, object]]:
        """The log lines of one event."""
        found = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [line for line in found if line["event"] == name]

    @property
    def processes(self) -> set[int]:
        """The living children of the supervisor, without the companion."""
        text = Path(f"/proc/{self.supervisor.pid}/task/{self.supervisor.pid}/children").read_text(encoding="ascii")
        return {int(number) for number in text.split()} - {int((self.folder / "companion").read_text(encoding="ascii"))}

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(self, query: str = "", *, over: HTTPConnection | None = None, body: bytes | None = None) -> Answer:
        """One request, over a connection of its own where none is given."""
        connection = over or self.connect()
        try:
            connection.request("GET" if body is None else "POST", f"/?{query}", body=body)
            found = connection.getresponse()
            said = json.loads(found.read())
            closing = found.getheader("connection") == "close"
            return Answer(said["process"], said["number"], said["word"], said["taken"], tuple(said["random"]), closing)
        finally:
            if over is None:
                connection.close()

    def asked_all(self, count: int) -> dict[int, Answer]:
        """Answers of `count` workers, by process: asked until as many have answered."""
        found: dict[int, Answer] = {}
        connections: list[HTTPConnection] = []

        def enough() -> bool:
            # Kept open, so that whoever has one is busy and another takes the next
            connections.append(self.connect())
            answer = self.ask(over=connections[-1])
            found[answer.process] = answer
            return len(found) >= count

        try:
            until(enough)
        finally:
            for connection in connections:
                connection.close()
        return found

    def say(self, word: str) -> None:
        """Change the configuration, and ask for a reload."""
        (self.folder / "word").write_text(word, encoding="utf-8")
        self.supervisor.send_signal(signal.SIGHUP)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.supervisor.send_signal(number)
        return self.supervisor.wait(SECONDS)


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> float:
    """Wait for it; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not come about"
        time.sleep(0.02)
    return time.monotonic() - begun


def alive(process: int) -> bool:
    """Whether a process runs; one that nobody has reaped does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def refused(port: int) -> bool:
    """Whether nobody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def begin(folder: Path, *, word: str, workers: int = 2, drain: float = 0, look: float = 0.2, looks: int = 150) -> Crew:
    """Start one, whether or not it comes to serve. After `looks` without a sign of life a worker counts as hanging."""
    folder.mkdir(exist_ok=True)
    (folder / "word").write_text(word, encoding="utf-8")
    port = free_port()
    numbers = [str(number) for number in (port, workers, drain, look, looks)]
    command = [sys.executable, "-m", "tests.idp.server.small", str(folder), *numbers]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    return Crew(process, folder, port)


@contextmanager
def crew(folder: Path, *, workers: int = 2, drain: float = 0, look: float = 0.2, looks: int = 150) -> Iterator[Crew]:
    """One that serves; nothing of it is left when the block ends."""
    found = begin(folder, word="one", workers=workers, drain=drain, look=look, looks=looks)
    try:
        assert found.supervisor.stdout is not None
        assert found.supervisor.stdout.readline() == "listening\n", found.lines
        # The companion may come to its first words later than the workers to theirs
        until((folder / "ready").exists)
        yield found
    finally:
        if found.supervisor.poll() is None:
            workers_left = found.processes
            found.supervisor.kill()
            for process in workers_left:
                if alive(process):
                    os.kill(process, signal.SIGCONT)
        found.supervisor.wait(SECONDS)
        if found.supervisor.stdout is not None:
            found.supervisor.stdout.close()
