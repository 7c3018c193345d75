"""`ciconia` as another account of this machine, which needs root; and folders that such an account can get to.

A test's Python may lie where only root may read. So root imports the program, and only then becomes the account.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.idp.cli.command import SECONDS, ciconia

BROKER, NOBODY = 10001, 65534
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives files to another account")
_SCRIPT = """
import _strptime, codecs, os, sys
from idp.cli import app
for name in ("ascii", "latin-1", "idna"):
    codecs.lookup(name)
account = int(sys.argv.pop(1))
os.setgroups([])
os.setgid(account)
os.setuid(account)
app(prog_name="ciconia")
"""


def as_account(account: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as an account that is not root, without root's groups."""
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(account), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


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
