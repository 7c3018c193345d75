"""A command is loaded when it is asked for, and without what another one needs."""

import re
import subprocess
import sys
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from idp.cli import MODULES, app

RUNNER = CliRunner()
# What it takes to serve, or to try the attack corpus: a second of a processor
BROKER = {"fastapi", "uvicorn", "idp.app", "idp.selftest.run"}
LIGHT = [name for name in MODULES if name not in {"serve", "demo", "doctor"}]


def loaded(command: str) -> set[str]:
    """The modules of the process that shows a command's help."""
    code = f"import sys; from idp.cli import app; app(['{command}', '--help'], standalone_mode=False); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(run.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", LIGHT)
def test_a_command_that_serves_nothing_loads_no_broker(command: str) -> None:
    assert not BROKER & loaded(command)


def test_one_that_serves_does() -> None:
    assert loaded("serve") >= BROKER - {"idp.selftest.run"}
    assert "idp.selftest.run" in loaded("doctor")


def test_the_help_names_every_command_in_their_order() -> None:
    shown = RUNNER.invoke(app, ["--help"]).output
    places = [shown.index(f"│ {name} ") for name in MODULES]
    assert places == sorted(places)


@pytest.mark.parametrize("name", MODULES)
def test_each_is_called_as_it_is_listed(name: str) -> None:
    shown = RUNNER.invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert f" {name} " in shown.output.split("\n\n")[0]


def helps(command: str) -> list[str]:
    """The help of a command, and of those below it, on a terminal of 60 columns."""
    shown = RUNNER.invoke(app, [*command.split(), "--help"], env={"COLUMNS": "60"}).output
    below = shown.partition(" Commands ")[2]
    names = [line[2:].split()[0] for line in below.splitlines() if line.startswith("│ ") and line[2] != " "]
    return [shown, *(text for name in names for text in helps(f"{command} {name}"))]


@pytest.mark.parametrize("name", MODULES)
def test_the_name_of_each_option_is_whole_on_a_narrow_terminal(name: str) -> None:
    for shown in helps(name):
        assert not re.findall(r"--[a-z-]*…", shown)
        assert "--help " in shown


@pytest.mark.parametrize("name", MODULES)
def test_a_paragraph_of_a_help_flows(name: str) -> None:
    for shown in helps(name):
        assert "--install-completion" not in shown
        for paragraph in shown.partition("╭")[0].split(" " * 60):
            lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
            for line, after in pairwise(lines):
                assert len(line) + 1 + len(after.split()[0]) > 58, f"{name}: `{line}` ends before `{after}`"


def test_one_that_there_is_not_is_named_with_its_like() -> None:
    asked = RUNNER.invoke(app, ["keyz"])
    assert asked.exit_code == 2
    assert "No such command 'keyz'. Did you mean 'keys'?" in asked.output
