"""The installed `ciconia`, run as an operator runs it: as a process, with its own stdout, stderr and exit code."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx2
import structlog
from typer.testing import CliRunner

from idp.cli import app
from idp.config.settings import SETTINGS_FILE, load_settings
from tests.idp.cli.forked import SECONDS, Forked, run, start
from tests.ports import free_port

CICONIA = str(Path(sys.executable).with_name("ciconia"))


def ciconia(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with `stdin` in a pipe."""
    return run(*arguments, environment=environment, stdin=stdin)


def in_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A command in this process: one of its own takes seconds to import everything."""
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    structlog.reset_defaults()  # a command has its log go to a stream that ended with it
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return subprocess.CompletedProcess([], found.exit_code, found.stdout, found.stderr)


def json_of(run: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The one JSON object on stdout, and nothing beside it."""
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


@dataclass
class Served:
    """A running `ciconia serve`, or a runner that speaks like it: its first line on stdout says that it listens."""

    process: subprocess.Popen[str] | Forked
    folder: Path
    log: Path
    first_line: str
    _after: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return load_settings(self.folder).port

    @property
    def stderr(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def lines(self) -> list[str]:
        """Those of stderr, but for one that is being written."""
        return self.stderr.rpartition("\n")[0].splitlines()

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Ask it on loopback, as the proxy in front does (underscores in names stand for hyphens)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", headers=named, timeout=SECONDS)

    def end(self, number: signal.Signals) -> int:
        """Send one signal; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self._after.append(self.process.stdout.read() if self.process.stdout else "")
        return code


@contextmanager
def serving(folder: Path, log: Path, command: Sequence[str] = ()) -> Iterator[Served]:
    """`ciconia serve --config folder` (or another `command`), from the moment it listens; killed at the end."""
    with log.open("ab") as stderr:
        process = _begun(("serve", "--config", folder), stderr) if not command else _program(command, stderr)
    alarm = threading.Timer(SECONDS, process.kill)
    alarm.start()
    try:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        alarm.cancel()
        assert first_line, f"it ended before it listened: {log.read_text(encoding='utf-8')}"
        yield Served(process, folder, log, first_line)
    finally:
        alarm.cancel()
        workers = _children(process.pid)
        process.kill()
        process.wait(SECONDS)
        for worker in workers:
            # One that a test stopped would not see that its supervisor is gone
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)
        if process.stdout is not None:
            process.stdout.close()


def _program(command: Sequence[str], stderr: IO[bytes]) -> subprocess.Popen[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment)


def _begun(arguments: Sequence[str | Path], stderr: IO[bytes]) -> Forked:
    reading, writing = os.pipe()
    with Path(os.devnull).open() as nothing:
        begun = start(arguments, (nothing.fileno(), writing, stderr.fileno()), stdout=os.fdopen(reading))
    os.close(writing)
    return begun


def _children(process: int) -> list[int]:
    """The children of a process; none where the system does not tell."""
    try:
        tasks = list(Path(f"/proc/{process}/task").glob("*/children"))
        return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]
    except OSError:
        return []


def listen_on_a_free_port(folder: Path) -> int:
    """Change `listen` in the settings, as an operator would whose port is taken."""
    port = free_port()
    path = folder / SETTINGS_FILE
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = [f'listen = "127.0.0.1:{port}"' if line.startswith("listen") else line for line in lines]
    assert changed != lines
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")
    return port
