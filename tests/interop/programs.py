"""Programs of others, each in a process of its own, and what went wrong in their words."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from idp.demo.browser import Page
from idp.demo.scene import HOST
from tests.interop.peer import HERE, NODE_MODULES, VENV

START_SECONDS, STOP_SECONDS = 120.0, 10
# `*.localhost` is this machine, for node and for Python
LOCAL = HERE / "localhost"
# The words that start a program, and its environment
Started = tuple[Sequence[str], Mapping[str, str]]


def in_node(program: Path, folder: Path) -> Started:
    """Write a program for node into the folder, beside the packages that it needs."""
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / program.name).write_bytes(program.read_bytes())
    return [str(shutil.which("node")), "--import", str(LOCAL / "localhost.mjs"), program.name], {}


def in_python(program: Path, *paths: Path) -> Started:
    """A program for the peers' own Python."""
    return [str(VENV / "bin" / "python"), str(program)], {"PYTHONPATH": ":".join(map(str, (LOCAL, *paths)))}


@contextmanager
def running(words: Sequence[str], environment: Mapping[str, str], folder: Path, port: int) -> Iterator[Path]:
    """Run the program in its folder until the caller is done; yield its log once it listens."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    # Nothing of ours by accident: npm's, node's and Python's own variables could change what the peer is
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("ab") as file:
        process = subprocess.Popen(
            words, cwd=folder, env={**inherited, **environment}, stdout=file, stderr=file, start_new_session=True
        )
    try:
        _until_it_listens(process, port, log)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # What it started itself, such as Apache's helper for scripts, may outlive it
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the program listens; an AssertionError with its log where it ends before."""
    until = time.monotonic() + START_SECONDS
    while True:
        said = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < until, said
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)


def words_of(page: Page) -> str:
    """The begin of what a page says."""
    return " ".join(str(page.tree.text_content()).split())[:400] if page.text.strip() else "an empty page"


def end_of(log: Path) -> str:
    """The last lines that the program wrote."""
    return log.read_text(encoding="utf-8", errors="replace")[-1500:]
