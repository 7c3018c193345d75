"""`ciconia` as another account of this machine, which needs root; and folders that such an account can get to.

A test's Python may lie where only root may read. So root loads the program, and only then becomes the account.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.idp.cli.forked import run

BROKER, NOBODY = 10001, 65534
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives files to another account")


def as_account(account: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as an account that is not root, without root's groups."""
    return run(*arguments, account=account)


def as_stranger(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody from whom a folder of mode 000 is closed."""
    return as_account(NOBODY, *arguments) if IS_ROOT else run(*arguments)


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
