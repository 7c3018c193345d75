"""`ciconia keys` over a folder, and what it says in JSON."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from idp.cli import app

REASON = "The laptop was stolen"


def keys(city: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments, "--config", str(city)])


def said(run: Result) -> dict[str, object]:
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


def listed(city: Path, kind: str) -> list[dict[str, str]]:
    found = said(keys(city, "list", "--json"))["keys"]
    assert isinstance(found, list)
    return [one for one in found if one["kind"] == kind]


def states(city: Path, kind: str) -> list[str]:
    return [one["state"] for one in listed(city, kind)]


def problem(run: Result, code: int = 1) -> dict[str, str]:
    assert run.exit_code == code, run.output
    (found,) = json.loads(run.stdout)["problems"]
    assert isinstance(found, dict)
    return found
