"""How the command line speaks: plain sentences, problems with file, line, key and fix, progress, and JSON where asked."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from policies.errors import Misconfigured

# emoji: else `12:AB:34` in a fingerprint, which people compare by eye, is shown as 12 and a pictogram
_OUT = Console(emoji=False, highlight=False, soft_wrap=True)
_ERROR = Console(stderr=True, emoji=False, highlight=False, soft_wrap=True)

# How much is done between two lines of JSON about it
EVERY = 10_000


def plain(line: str) -> str:
    """A line of which a terminal obeys nothing and shows all in its order: whatever is not printable becomes `?`."""
    return "".join(mark if mark.isprintable() else "?" for mark in line)


def say(text: str, *, error: bool = False) -> None:
    """Lines for a person, each `plain`; on stderr where something is wrong."""
    (_ERROR if error else _OUT).print("\n".join(map(plain, text.split("\n"))), markup=False)


def failed(code: str, detail: str, *, as_json: bool, **more: str) -> None:
    """Why a command did not do what it was asked: a sentence on stderr, or one JSON object on stdout, which has `more`."""
    if as_json:
        print(json.dumps({"ok": False, **more, "error": {"code": code, "detail": detail}}))
    else:
        say(detail, error=True)


def problems(error: Misconfigured, *, as_json: bool = False) -> None:
    """Every problem at once."""
    if as_json:
        found = [{"file": p.file, "line": p.line, "key": p.key, "what": p.what, "fix": p.fix} for p in error.problems]
        print(json.dumps({"ok": False, "problems": found}))
        return
    for problem in error.problems:
        say(plain(str(problem)), error=True)


@contextmanager
def progress(total: int, what: str, *, as_json: bool = False, every: int = 0) -> Iterator[Callable[[int], None]]:
    """Show how far something is that may take long; what it gives is called with how much more was done.

    A bar on stderr while somebody looks (stdout and stderr are terminals), gone when it ends; with `as_json` a line
    `{"progress": what, "done": n, "of": total}` on stdout after each `every` (else 10,000); in a pipe nothing.
    """
    done, every = 0, every or EVERY

    def told(more: int) -> None:
        nonlocal done
        before, done = done, done + more
        if before // every != done // every:
            print(json.dumps({"progress": what, "done": done, "of": total}), flush=True)

    if as_json:
        yield told
    elif not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield _nothing
    else:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=_ERROR, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda more: bar.advance(task, more)


def _nothing(_more: object) -> None:
    """Nobody looks."""


@contextmanager
def doing(*, as_json: bool = False) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is being done that may take long; what it gives is called with each new thing.

    On a terminal it is one line that moves, and is gone when it ends; else each is a line. With `as_json` nothing is said.
    """
    if as_json:
        yield _nothing
    elif not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield partial(say, error=True)
    else:
        with _ERROR.status("") as status:
            yield lambda what: status.update(Text(what))


def taken(directory: Path) -> bool:
    """Whether something stands there already that a command must not write into. An empty folder is free.

    Raises OSError where that cannot be seen: `unwritable` says it.
    """
    return directory.exists() and (not directory.is_dir() or any(directory.iterdir()))


def unwritable(path: Path, error: OSError) -> str:
    """Why a command cannot write to a place, and who can."""
    who = " Run this as an account that may, or name another place." if isinstance(error, PermissionError) else ""
    return f"{error.filename or path} cannot be written: {error.strerror}.{who}"
