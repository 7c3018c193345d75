"""The journal of the drivers, line by line, in one file that every process of a round appends to.

A line is `SECONDS WORD HEX...`, written by one system call when the answer came: it outlives the process, and the lines of
all processes stand in the order in which they were written.

    try RECORD LOGIN CODE      a unit is about to be committed: its record, its login's mark, the code that it parks
    ack RECORD                 its commit returned
    lost RECORD                a mark of it was another's
    redeeming CODE             a unit is about to take the code's mark and to remove what lies under it
    token CODE ASKED KIND NAME that commit returned: a token was issued to somebody who asked at that moment (seconds), for
                               a thing that may be switched off (`idp.store.switches`)
    ending CODE, ended CODE    what lies under the code is about to be removed, was removed: the code was withdrawn
    yielded CODE ASKED         something was read under the code, for somebody who asked at that moment
    off KIND NAME              somebody was told that this is switched off
    on KIND NAME               it is about to be switched on again
    checkpoint NOTE            a signed checkpoint was shown (base64)
    proof LEAF INDEX SIZE PATH an inclusion proof was shown (PATH: the hashes one after the other)
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class Pen:
    """Writes to the journal of a folder."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, word: str, *parts: bytes | str | int) -> None:
        texts = [part.hex() if isinstance(part, bytes) else str(part) for part in parts]
        os.write(self._file, " ".join([f"{time.time():.6f}", word, *texts]).encode() + b"\n")


@dataclass(frozen=True)
class Line:
    """One line."""

    at: float
    word: str
    parts: tuple[str, ...]


def read_journal(folder: Path) -> Iterator[Line]:
    """Every whole line; the last one of a killed process may be cut."""
    file = folder / "journal"
    for line in file.read_text(encoding="ascii").splitlines(keepends=True) if file.exists() else ():
        at, word, *parts = line.split()
        if line.endswith("\n"):
            yield Line(float(at), word, tuple(parts))
