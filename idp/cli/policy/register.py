"""`ciconia policy register`: the record of processing activities, for a data-protection officer to see and sign.

Exit codes: 0 it was written; 1 the configuration has problems; 2 it could not be tried.
"""

import csv
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.resources import files
from typing import Annotated

import typer
from jinja2 import Environment, StrictUndefined

from idp.cli.options import Folder
from idp.cli.policy.shown import read_policy
from policies.identifiability import MOST
from policies.register import record_of_processing

# What the product says of itself in every record: its safeguards, and where an assessment begins
PRODUCT = tomllib.loads(files("idp.cli.policy").joinpath("register.toml").read_text(encoding="utf-8"))


class RegisterFormat(StrEnum):
    """How the record is written."""

    HTML = "html"
    CSV = "csv"
    JSON = "json"


def register(
    config: Folder,
    *,
    form: Annotated[
        RegisterFormat, typer.Option("--format", help="One page, a table, or one object.")
    ] = RegisterFormat.HTML,
) -> None:
    """Write the record of processing activities (GDPR art. 30) from the purposes alone, and where a DPIA begins.

    Example: ciconia policy register --format html --config city > register.html
    """
    told = [one.as_json() for one in record_of_processing(read_policy(config, as_json=form is RegisterFormat.JSON))]
    match form:
        case RegisterFormat.JSON:
            print(json.dumps({"ok": True, "processing": told, **PRODUCT}, ensure_ascii=False))
        case RegisterFormat.CSV:
            _write_csv(told)
        case RegisterFormat.HTML:
            template = files("idp.cli").joinpath("register.html").read_text(encoding="utf-8")
            page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(template)
            print(page.render(processing=told, most=round(MOST, 1), **PRODUCT))


def _write_csv(told: Sequence[Mapping[str, object]]) -> None:
    """RFC 4180, a row for each activity."""
    if told:
        table = csv.DictWriter(sys.stdout, fieldnames=list(told[0]))
        table.writeheader()
        table.writerows({key: _text(value) for key, value in one.items()} for one in told)


def _text(value: object) -> str:
    """One cell. A sheet takes what begins with such a sign for a formula: an apostrophe makes it a text."""
    if isinstance(value, Mapping):
        value = "; ".join(f"{key}: {_text(inner)}" for key, inner in value.items() if inner)
    elif isinstance(value, list):
        value = "; ".join(_category(one) if isinstance(one, Mapping) else str(one) for one in value)
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _category(one: Mapping[str, object]) -> str:
    """A service by its title; an attribute by its title and form."""
    return f"{one['title']}, {one['said']}{', required' if one['required'] else ''}" if "said" in one else str(one["title"])
