"""`ciconia policy diff`: who would newly learn what under another configuration, in citizens' terms, to gate a merge."""

import json
from pathlib import Path
from typing import Annotated

import typer

from idp.application.planning import in_force
from idp.changes.bundle import Bundle
from idp.changes.plan import told_change
from idp.cli.console import YES, end, say, trying
from idp.cli.options import AsJson
from idp.cli.policy.shown import Output, as_markdown, change_line, read_policy
from idp.config.settings import load_settings
from policies.load import Configuration
from policies.simulation.compare import Comparison, compare

MORE = 3
_PAIR = 2
_FOLDERS = "The configuration folder as it is, and as it would be."
_EQUAL = "Both folders say the same: nothing changes."
_NO_MORE = "Nothing more leaves."


def diff(
    folders: Annotated[list[Path], typer.Argument(metavar="[OLD] NEW", help=_FOLDERS)],
    config: Annotated[
        Path | None, typer.Option("--config", readable=False, metavar="DIR", help="With --running: whose.")
    ] = None,
    *,
    running: Annotated[bool, typer.Option("--running", help="What is in force at a broker, in place of OLD.")] = False,
    output: Annotated[
        Output, typer.Option("--format", help="Lines for a terminal, or Markdown for a pull request.")
    ] = Output.TEXT,
    as_json: AsJson = False,
) -> None:
    """Say in citizens' terms who would newly learn what, most of it first, and apart from it who would learn less.

    Example: ciconia policy diff city proposed --format markdown
    Example: ciconia policy diff proposed --running --config /etc/ciconia

    Exit codes: 0 nothing more leaves, 3 something more does, 1 a configuration has problems, 2 it could not be compared.
    """
    if len(folders) != (1 if running else _PAIR) or running is not (config is not None):
        end("could_not_run", "Name two folders, or one with --running --config DIR.", as_json=as_json)
    after = read_policy(folders[-1], as_json=as_json)
    before = _in_force(config, as_json=as_json) if config else read_policy(folders[0], as_json=as_json)
    found = compare(before, after)
    equal = before == after
    if as_json:
        told = {"ok": not found.wider, "equal": equal, **_told(found)}
        print(json.dumps(told, ensure_ascii=False))
    else:
        say("\n".join(_markdown(found) if output is Output.MARKDOWN else _text(found, equal=equal)))
    raise typer.Exit(MORE if found.wider else YES)


def _in_force(directory: Path, *, as_json: bool) -> Configuration:
    """The configuration that a broker serves, out of its database."""
    with trying(as_json=as_json, what="It could not be compared"):
        settings = load_settings(directory)
        standing = in_force(settings, Bundle({}))
    if standing.number == 0:
        end("not_found", "Nothing is in force there yet: start the broker, or name two folders.", as_json=as_json)
    return standing.configuration


def _text(found: Comparison, *, equal: bool) -> list[str]:
    if equal:
        return [_EQUAL]
    lines = [*map(change_line, found.wider)] or [_NO_MORE]
    return [*lines, *(["", "What less would leave:"] if found.narrower else []), *map(change_line, found.narrower)]


def _markdown(found: Comparison) -> list[str]:
    more, less = ([f"- {as_markdown(change_line(one))}" for one in changes] for changes in (found.wider, found.narrower))
    more = more or [_NO_MORE]
    return ["### What more would leave", "", *more, *(["", "### What less would leave", "", *less] if less else [])]


def _told(found: Comparison) -> dict[str, object]:
    return {"wider": [told_change(one) for one in found.wider], "narrower": [told_change(one) for one in found.narrower]}
