"""`ciconia` as another account of this machine, which needs root; and folders that such an account can get to.

A test's Python may lie where only root may read. So root loads the program, and only then becomes the account.
"""

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.idp.cli.command import SECONDS, ciconia

BROKER, NOBODY = 10001, 65534
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives files to another account")
# Loads the whole program once; each command is a fork of it that becomes the account. All that it needs has to be loaded
# before, so the command's help is asked for first
_SCRIPT = """
import __future__, _strptime, codecs, contextlib, io, json, os, sys
from idp.cli import MODULES, app
for name in ("ascii", "latin-1", "idna"):
    codecs.lookup(name)
for name in MODULES:
    with contextlib.redirect_stdout(io.StringIO()):
        app([name, "--help"], standalone_mode=False)
asked, answers = sys.stdin, os.fdopen(os.dup(1), "w")
for line in asked:
    told = json.loads(line)
    child = os.fork()
    if not child:
        for number, path in enumerate((os.devnull, told["out"], told["err"])):
            os.dup2(os.open(path, os.O_WRONLY if number else os.O_RDONLY), number)
        os.chdir(told["directory"])
        os.environ.clear()
        os.environ.update(told["environment"])
        os.setgroups([])
        os.setgid(told["account"])
        os.setuid(told["account"])
        sys.argv[1:] = told["arguments"]
        app(prog_name="ciconia")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
"""


@functools.cache
def _program() -> subprocess.Popen[str]:
    """One for a process of tests; it ends with that one, when its stdin does."""
    program = subprocess.Popen([sys.executable, "-c", _SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(program.kill)
    return program


def as_account(account: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as an account that is not root, without root's groups."""
    program = _program()
    assert program.stdin is not None
    assert program.stdout is not None
    line = [str(each) for each in arguments]
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        told = {
            "account": account,
            "arguments": line,
            "directory": str(Path.cwd()),
            "environment": {**os.environ, "COLUMNS": "200"},
            "out": out.name,
            "err": err.name,
        }
        alarm = threading.Timer(SECONDS, program.kill)
        alarm.start()
        try:
            program.stdin.write(json.dumps(told) + "\n")
            program.stdin.flush()
            code = int(program.stdout.readline())
        finally:
            alarm.cancel()
        return subprocess.CompletedProcess(line, code, out.read(), err.read())


def as_stranger(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody from whom a folder of mode 000 is closed."""
    return as_account(NOBODY, *arguments) if IS_ROOT else ciconia(*arguments)


def give(folder: Path, account: int) -> None:
    """A folder and all in it belong to an account, as where it had run `ciconia init` itself."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account, account)


@contextmanager
def public_place() -> Iterator[Path]:
    """A new folder that every account gets to; pytest's own are closed to others."""
    place = Path(tempfile.mkdtemp(prefix="ciconia-test-"))
    try:
        place.chmod(0o755)
        yield place
    finally:
        for where, folders, _ in os.walk(place):
            for name in folders:  # before they are walked
                (Path(where) / name).chmod(0o700)
        shutil.rmtree(place)
