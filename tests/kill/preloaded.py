"""The shim between SQLite and the disk (`shim.c`): compiled where a test runs, preloaded into a process, armed from within.

`built(folder)` compiles it; a process that was started with LD_PRELOAD naming the result calls `arm`. A machine without a
compiler skips what needs it, and fails under CI.
"""

import ctypes
import os
import shutil
import subprocess
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shim.c")


class Mode(IntEnum):
    OFF = 0
    KILL = 1
    POWER = 2
    LIE = 3
    FAIL = 4
    LOSE = 5


class Kind(IntFlag):
    """Which operations fail."""

    WRITES = 1
    SYNCS = 2
    NAMES = 4


def compiler() -> str:
    """The C compiler of this machine, "" where there is none."""
    return shutil.which("gcc") or shutil.which("cc") or ""


def require_compiler() -> None:
    """Skip where nobody can compile; under CI that is a failure."""
    if not compiler():
        assert not os.environ.get("CI"), "gcc is missing: install the package gcc"
        pytest.skip("no C compiler: install the package gcc")


def built(folder: Path) -> Path:
    """Compile the shim into a folder."""
    library = folder / "shim.so"
    command = [compiler(), "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def environment(library: Path | None) -> dict[str, str]:
    """The environment of a process in which it is preloaded, or this one's."""
    return dict(os.environ) if library is None else {**os.environ, "LD_PRELOAD": str(library)}


def arm(folder: Path, mode: Mode, at: int = 0, kinds: int = 0, error: int = 0) -> None:
    """In a preloaded process: watch the files below `folder`, and do what `mode` says at the operation numbered `at`."""
    ctypes.CDLL(None).ciconia_arm(str(folder).encode(), int(mode), ctypes.c_long(at), int(kinds), error)


def power_goes() -> None:
    """End this process now; what no fsync confirmed is gone."""
    ctypes.CDLL(None).ciconia_power()
