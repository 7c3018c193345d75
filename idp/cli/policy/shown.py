"""The configuration that the commands of `ciconia policy` judge, and their tables."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from idp.cli.console import NO, plain, problems, trying
from idp.config.folder import read_configuration
from policies.errors import Misconfigured
from policies.load import Configuration, load
from policies.simulation.compare import Change

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "<[`!|"})


def read_policy(directory: Path, *, as_json: bool) -> Configuration:
    """The configuration of a folder; a fault in it ends the command with 1, and with 2 where it cannot be read."""
    return read_policy_files(directory, as_json=as_json)[1]


def read_policy_files(directory: Path, *, as_json: bool) -> tuple[Mapping[str, bytes], Configuration]:
    """The same, and its files."""
    with trying(as_json=as_json):
        files = read_configuration(directory)
    try:
        return files, load(files)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(NO) from None


def cell(text: str) -> str:
    """A text that a cell shows as it is."""
    return escape(plain(text))


def wide_console() -> Console:
    """A console for today's stdout; wide enough for a pipe."""
    console = Console(emoji=False, highlight=False)
    return console if console.is_terminal else Console(emoji=False, highlight=False, width=160)


class Output(StrEnum):
    """How differences are written."""

    TEXT = "text"
    MARKDOWN = "markdown"


def as_markdown(text: str) -> str:
    """A text in Markdown, in which nothing of it is a link, a picture or HTML: titles come from files somebody proposes."""
    return plain(text).translate(_MARKS)


def change_line(change: Change) -> str:
    """A change of what leaves, on one line."""
    sign = "" if change.narrows else "+"
    return f"{change.sentence}. ({sign}{change.bits:.1f} bits, {change.source})"
