"""How the command line speaks: sentences for people, JSON where asked, problems with their fix, progress, exit codes."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from idp.store.faults import explained
from policies.errors import BrokerError, Misconfigured, Problem

# It is so; it is not so, and what is wrong is named; it could not be tried
YES, NO, COULD_NOT_RUN = 0, 1, 2
# emoji: else `12:AB:34` in a fingerprint, which people compare by eye, is shown as 12 and a pictogram
_OUT = Console(emoji=False, highlight=False, soft_wrap=True)
_ERROR = Console(stderr=True, emoji=False, highlight=False, soft_wrap=True)

# How much is done between two lines of JSON about it
EVERY = 10_000


class CommandRefused(Misconfigured):
    """The one reason why a command does not do what it was asked: `trying` ends with 1."""

    def __init__(self, file: str, key: str, what: str, fix: str) -> None:
        super().__init__((Problem(file, 0, key, what, fix),))


def plain(line: str) -> str:
    """The line with `?` for each character that is not printable, so that a terminal obeys nothing in it."""
    return "".join(mark if mark.isprintable() else "?" for mark in line)


def say(text: str, *, error: bool = False) -> None:
    """Prints lines for a person, each `plain`; on stderr where something is wrong."""
    (_ERROR if error else _OUT).print("\n".join(map(plain, text.split("\n"))), markup=False)


def answer(told: Mapping[str, object], *lines: str, as_json: bool) -> None:
    """Prints the result of a command: one JSON object, `ok` unless it says otherwise, or lines."""
    if as_json:
        print(json.dumps({"ok": True, **told}))
    else:
        say("\n".join(lines))


def failed(code: str, detail: str, *, as_json: bool, text: str = "", **more: object) -> None:
    """Says why a command did not do what it was asked: a sentence on stderr, or one JSON object on stdout with `more`.

    `text` is the sentence, where it says more than `detail`.
    """
    if as_json:
        print(json.dumps({"ok": False, **more, "error": {"code": code, "detail": detail}}))
    else:
        say(text or detail, error=True)


def end(error: str, detail: str, *, as_json: bool, code: int = COULD_NOT_RUN, text: str = "", **more: object) -> NoReturn:
    """Says why a command did not do what it was asked, as `failed` does, and ends it."""
    failed(error, detail, as_json=as_json, text=text, **more)
    raise typer.Exit(code) from None


def problems(error: Misconfigured, *, as_json: bool = False) -> None:
    """Says every problem at once."""
    if as_json:
        found = [{"file": p.file, "line": p.line, "key": p.key, "what": p.what, "fix": p.fix} for p in error.problems]
        print(json.dumps({"ok": False, "problems": found}))
        return
    for problem in error.problems:
        say(plain(str(problem)), error=True)


@contextmanager
def trying(*, as_json: bool, what: str = "It could not be tried") -> Iterator[None]:
    """Ends the command where an error leaves the block, and says why: with 1 for `Refused`, with 2 for any other."""
    try:
        yield
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(NO if isinstance(error, CommandRefused) else COULD_NOT_RUN) from None
    except BrokerError as error:
        detail = explained(error.detail)
        end(error.code, detail, as_json=as_json, text=f"{what} ({error.code}): {detail.removesuffix('.')}.")


@contextmanager
def progress(total: int, what: str, *, as_json: bool = False, every: int = 0) -> Iterator[Callable[[int], None]]:
    """Shows how far something is that may take long; the block calls what it gets with how much more was done.

    On a terminal a bar on stderr, gone when it ends; with `as_json` a line `{"progress": what, "done": n, "of": total}` on
    stdout after each `every` (else 10,000); in a pipe nothing.
    """
    done, every = 0, every or EVERY

    def print_line(more: int) -> None:
        nonlocal done
        before, done = done, done + more
        if before // every != done // every:
            print(json.dumps({"progress": what, "done": done, "of": total}), flush=True)

    if as_json:
        yield print_line
    elif not _on_terminal():
        yield _nothing
    else:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=_ERROR, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda more: bar.advance(task, more)


@contextmanager
def doing(*, as_json: bool = False) -> Iterator[Callable[[str], None]]:
    """Says on stderr what is being done that may take long; the block calls what it gets with each new thing.

    On a terminal one line that moves, gone when it ends; else a line each. With `as_json` nothing is said.
    """
    if as_json:
        yield _nothing
    elif not _on_terminal():
        yield partial(say, error=True)
    else:
        with _ERROR.status("") as status:
            yield lambda what: status.update(Text(what))


def _on_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()


def _nothing(_more: object) -> None:
    """Nobody looks."""


def taken(directory: Path) -> bool:
    """Whether something stands there that a command must not write into. An empty folder is free. Raises OSError."""
    return directory.exists() and (not directory.is_dir() or any(directory.iterdir()))


def unwritable(path: Path, error: OSError) -> str:
    """Why a command cannot write to a place, and who can."""
    who = " Run this as an account that may, or name another place." if isinstance(error, PermissionError) else ""
    return f"{error.filename or path} cannot be written: {error.strerror}.{who}"
