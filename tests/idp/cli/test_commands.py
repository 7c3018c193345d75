"""A command is loaded when it is asked for, and without what another one needs."""

import re
import subprocess
import sys
from functools import cache
from itertools import pairwise

from typer.testing import CliRunner

from idp.cli import MODULES, app

RUNNER = CliRunner()
# What it takes to serve, or to try the attack corpus: a second of a processor
BROKER = {"fastapi", "uvicorn", "idp.application.app", "idp.selftest.run"}
# `init --demo` makes a provider, and `witness serve` and `console serve` are servers
LIGHT = [name for name in MODULES if name not in {"init", "serve", "demo", "doctor", "witness", "console"}]


def test_a_command_that_serves_nothing_loads_no_broker_and_one_that_serves_does() -> None:
    show = "app([name, '--help'], standalone_mode=False)"
    code = f"for name in {[*LIGHT, 'serve', 'doctor']}: {show}; print('after', name, *sys.modules)"
    code = f"import sys; from idp.cli import app\n{code}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    lines = [line.split()[1:] for line in run.stdout.splitlines() if line.startswith("after ")]
    loaded = {name: BROKER.intersection(modules) for name, *modules in lines}
    assert {name for name in LIGHT if loaded[name]} == set()
    assert (loaded["serve"], loaded["doctor"]) == (BROKER - {"idp.selftest.run"}, BROKER)


def test_the_help_names_every_command_in_their_order() -> None:
    shown = RUNNER.invoke(app, ["--help"]).output
    places = [shown.index(f"│ {name} ") for name in MODULES]
    assert places == sorted(places)


@cache
def helps(command: str) -> list[str]:
    """The help of a command, and of those below it, on a terminal of 60 columns."""
    shown = RUNNER.invoke(app, [*command.split(), "--help"], env={"COLUMNS": "60"}).output
    below = shown.partition(" Commands ")[2]
    names = [line[2:].split()[0] for line in below.splitlines() if line.startswith("│ ") and line[2] != " "]
    return [shown, *(text for name in names for text in helps(f"{command} {name}"))]


EVERY = [(name, shown) for name in MODULES for shown in helps(name)]


def test_the_name_of_each_option_is_whole_on_a_narrow_terminal_and_each_command_shows_an_example() -> None:
    for name, shown in EVERY:
        assert not re.findall(r"--[a-z-]*…", shown), name
        assert "--help " in shown, name
        assert "ciconia " in shown or " Commands " in shown, name


def test_a_paragraph_of_a_help_flows() -> None:
    for name, shown in EVERY:
        assert "--install-completion" not in shown
        for paragraph in shown.partition("╭")[0].split(" " * 60):
            lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
            for line, after in pairwise(lines):
                assert len(line) + 1 + len(after.split()[0]) > 58, f"{name}: `{line}` ends before `{after}`"


def test_one_that_there_is_not_is_named_with_its_like() -> None:
    asked = RUNNER.invoke(app, ["keyz"])
    assert asked.exit_code == 2
    assert "No such command 'keyz'. Did you mean 'keys'?" in asked.output
