"""Searches a file for octets, in a process of its own.

A process that closes a file loses all its locks on that file (POSIX). SQLite's are among them: another process would then
take itself for the last one, and delete the log that this one writes (https://sqlite.org/howtocorrupt.html, 2.2). So
nobody may open a database's file beside SQLite.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 20
NOTHING, FOUND = 0, 10


def has_any(path: Path, needles: Iterable[bytes]) -> bool:
    """Whether the file has one of these. A search that fails counts as one that found something."""
    wanted = "\n".join(each.hex() for each in needles if each)
    # -I: no module of the folder where we happen to be is loaded
    command = [sys.executable, "-I", __file__, str(path)]
    done = subprocess.run(command, input=wanted.encode(), check=False)  # noqa: S603  our own file, and no shell
    return done.returncode != NOTHING


def _search(path: str, needles: list[bytes]) -> int:
    keep = max(map(len, needles), default=1) - 1
    with Path(path).open("rb") as file:
        before = b""
        while chunk := file.read(CHUNK):
            before = before[len(before) - keep :] + chunk if keep else chunk
            if any(each in before for each in needles):
                return FOUND
    return NOTHING


if __name__ == "__main__":
    sys.exit(_search(sys.argv[1], [bytes.fromhex(line) for line in sys.stdin.read().split()]))
