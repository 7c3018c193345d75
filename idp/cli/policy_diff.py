"""`ciconia policy diff`: who would newly learn what under another configuration, in citizens' terms, to gate a merge.

Exit codes: 0 nothing more leaves, 3 something more does, 1 a configuration has problems, 2 it could not be compared.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.console import YES, say
from idp.cli.options import AsJson
from idp.cli.policy_shown import read_policy
from policies.compare import Change, Comparison, compare

MORE = 3
_EQUAL = "Both folders say the same: nothing changes."
_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "<[`!|"})
_NO_MORE = "Nothing more leaves."


class Output(StrEnum):
    """How the differences are written."""

    TEXT = "text"
    MARKDOWN = "markdown"


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The configuration folder as it is.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The configuration folder as it would be.")],
    *,
    output: Annotated[
        Output, typer.Option("--format", help="Lines for a terminal, or Markdown for a pull request.")
    ] = Output.TEXT,
    as_json: AsJson = False,
) -> None:
    """Say in citizens' terms who would newly learn what, most of it first, and apart from it who would learn less.

    Example: ciconia policy diff city proposed --format markdown

    Exit codes: 0 nothing more leaves, 3 something more does, 1 a configuration has problems, 2 it could not be compared.
    """
    before, after = (read_policy(folder, as_json=as_json) for folder in (old, new))
    found = compare(before, after)
    equal = before == after
    if as_json:
        told = {"ok": not found.wider, "equal": equal, "wider": _told(found.wider), "narrower": _told(found.narrower)}
        print(json.dumps(told, ensure_ascii=False))
    else:
        say("\n".join(_markdown(found) if output is Output.MARKDOWN else _text(found, equal=equal)))
    raise typer.Exit(MORE if found.wider else YES)


def _text(found: Comparison, *, equal: bool) -> list[str]:
    if equal:
        return [_EQUAL]
    lines = [_line(one) for one in found.wider] or [_NO_MORE]
    return [*lines, *(["", "What less would leave:"] if found.narrower else []), *map(_line, found.narrower)]


def _markdown(found: Comparison) -> list[str]:
    # Titles come from files that somebody proposes
    more, less = ([f"- {_line(one).translate(_MARKS)}" for one in changes] for changes in (found.wider, found.narrower))
    more = more or [_NO_MORE]
    return ["### What more would leave", "", *more, *(["", "### What less would leave", "", *less] if less else [])]


def _line(change: Change) -> str:
    sign = "" if change.narrows else "+"
    return f"{change.sentence}. ({sign}{change.bits:.1f} bits, {change.source})"


def _told(changes: Sequence[Change]) -> list[dict[str, object]]:
    return [
        {
            "client": one.client_id,
            "service": one.service,
            "purpose": one.purpose_id,
            "attribute": one.attribute,
            "before": None if one.before is None else str(one.before),
            "after": None if one.after is None else str(one.after),
            "when": one.when,
            "countries": list(one.countries),
            "basis": one.basis.value,
            "bits": f"{one.bits:.1f}",
            "sentence": one.sentence,
            "file": one.source.file,
            "line": one.source.line,
        }
        for one in changes
    ]
