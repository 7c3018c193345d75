"""Numbered crash points: before and after each statement, commit and file operation of ours, reached from outside.

The product knows nothing of them. What gives a statement of any engine of this process to its driver is wrapped (the
dialect's `do_execute` and its kin), so is its `do_commit`, and so are the functions of `os` that name, write through and
remove files. A point's name says what it is (`INSERT INTO marks .. | before`); its number is its place among all names that
a run without kills came by, in alphabetical order. A point is hit when a process ended there by SIGKILL. A process may be
armed with many points, and ends at the first of them that it comes by: so the rare ones are hit as soon as somebody comes
by.
"""

import os
import re
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any  # a driver's cursor, and what is wrapped, are of no type that anybody names

from sqlalchemy.engine.default import DefaultDialect

EXECUTING = ("do_execute", "do_executemany", "do_execute_no_params")
FILES = ("open", "fdopen", "fsync", "rename", "replace", "link", "unlink", "mkdir", "chmod", "close")
# Lists of parameters have as many places as there are rows
_LIST = re.compile(r"\(\?(?:, ?\?)*\)(?:, ?\(\?(?:, ?\?)*\))*")
_PARAMETER = re.compile(r"%\(\w+\)[sb](?:::\w+(?:\[\])?)?|%s(?:::\w+)?")
# Moments, in the names of partitions and in their bounds
_MOMENT = re.compile(r"[0-9]{5,}")
_PAIRS = re.compile(r"\(?(\w+\.\w+ = \? AND \w+\.\w+ = \?)(?: OR \1)*\)?")
LONGEST = 150


def named(statement: str) -> str:
    text = _PARAMETER.sub("?", " ".join(statement.split()))
    text = _MOMENT.sub("N", _PAIRS.sub(r"\1", _LIST.sub("(..)", text)))
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} .. {text[-LONGEST // 2 :]}"


class Points:
    """The points of this process. `trace` collects names in a file; `arm` ends the process at one of some."""

    def __init__(self) -> None:
        self._armed: frozenset[str] = frozenset()
        self._left = 0
        self._hits = self._trace = -1
        self._seen: set[str] = set()
        self._folder = ""
        self.statements = True  # whether statements and commits count, or files alone
        self._of_thread = threading.local()
        self._instrument()

    def trace(self, file: Path) -> None:
        """Write each name into a file, when it is first met."""
        self._trace = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def arm(self, points: Collection[str], times: int, hits: Path) -> None:
        """End this process when it comes to one of `points` for the so manieth time, and say so in the file `hits`."""
        self._hits = os.open(hits, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._armed, self._left = frozenset(points), times

    def watch(self, folder: Path) -> None:
        """Count operations on files below this folder."""
        self._folder = str(folder)

    def meet(self, name: str) -> None:
        """We are at a point."""
        if self._trace >= 0 and name not in self._seen:
            self._seen.add(name)
            os.write(self._trace, f"{name}\n".encode())
        if name in self._armed:
            self._left -= 1
            if self._left <= 0:
                os.write(self._hits, f"{name}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
                threading.Event().wait()

    @contextmanager
    def quietly(self) -> Iterator[None]:
        self.statements, before = False, self.statements
        yield
        self.statements = before

    def _meet_statement(self, name: str) -> None:
        if self.statements:
            self.meet(name)

    def _instrument(self) -> None:
        for which in EXECUTING:
            setattr(DefaultDialect, which, self._around_statement(getattr(DefaultDialect, which)))
        setattr(DefaultDialect, "do_commit", self._around(DefaultDialect.do_commit))  # noqa: B010 - a type error else
        for which in FILES:
            setattr(os, which, self._around_file(getattr(os, which), which))

    def _around_statement(self, real: Callable[..., Any]) -> Callable[..., Any]:  # Any: whatever it takes and gives
        @wraps(real)
        def framed(dialect: Any, cursor: Any, statement: str, *more: Any) -> Any:  # Any: as above
            self._of_thread.last = name = named(statement)
            self._meet_statement(f"{name} | before")
            found = real(dialect, cursor, statement, *more)
            self._meet_statement(f"{name} | after")
            return found

        return framed

    def _around(self, real: Callable[..., Any]) -> Callable[..., Any]:  # Any: whatever it takes and gives
        @wraps(real)
        def framed(*arguments: Any, **named_ones: Any) -> Any:  # Any: as above
            name = f"COMMIT after {getattr(self._of_thread, 'last', 'nothing')}"
            self._meet_statement(f"{name} | before")
            found = real(*arguments, **named_ones)
            self._meet_statement(f"{name} | after")
            return found

        return framed

    def _around_file(self, real: Callable[..., Any], which: str) -> Callable[..., Any]:  # Any: as above
        @wraps(real)
        def framed(*arguments: Any, **named_ones: Any) -> Any:  # Any: as above
            name = self._file(arguments)
            if not name:
                return real(*arguments, **named_ones)
            self.meet(f"os.{which} {name} | before")
            found = real(*arguments, **named_ones)
            self.meet(f"os.{which} {name} | after")
            return found

        return framed

    def _file(self, arguments: tuple[Any, ...]) -> str:  # Any: as above
        if not self._folder or not arguments:
            return ""
        path = arguments[-1] if isinstance(arguments[-1], str | os.PathLike) else arguments[0]
        if isinstance(path, int):
            try:
                path = Path(f"/proc/self/fd/{path}").readlink()
            except OSError:
                return ""
        text = os.fspath(path)
        if not isinstance(text, str) or not text.startswith(self._folder) or text.endswith("/journal"):
            return ""
        return re.sub(r"[0-9a-f]{8,}|[0-9]+", "N", text.removeprefix(self._folder).lstrip("/"))
