"""A stranger's text in the database commands neither the terminal nor the shell of its reader."""

import json
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.config.settings import load_settings
from idp.store.switches.switch import KEY
from tests.idp.doctor.ward import NOW, at, examined

# To wipe the line, to go to its start, to begin another, to name the window, to hide, to turn the order, a C1 control
OBEYED = "\x1b[2K\r\n\x1b]0;mine\x07\x1b[8m\u202e\u2028\x9b2J"
SHOWN = "?[2K???]0;mine??[8m???2J"


@pytest.fixture
def strange(city: Path) -> Path:
    """Rows that have no seal of ours, and a place that is none of ours."""
    with closing(sqlite3.connect(city / "ciconia.db")) as connection, connection:
        tenant = load_settings(city).tenant
        for kind, name in (("party", f"x{OBEYED}; reboot"), (KEY, "$(reboot)")):
            row = (tenant, kind, name, 1, f"why{OBEYED}", NOW, b"no seal")
            connection.execute(
                "INSERT INTO switches (tenant, kind, name, off, reason, since, seal) VALUES (?,?,?,?,?,?,?)", row
            )
    return city


def run(*words: str, folder: Path) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(folder)])


def test_doctor_shows_a_strangers_text_on_one_line_as_text(strange: Path) -> None:
    told = run("doctor", "--offline", folder=strange).stdout
    assert all(line.isprintable() for line in told.split("\n"))
    assert f":party x{SHOWN}; reboot: its row has no seal of ours" in told


def test_the_list_of_switches_shows_it_as_text_too_and_each_on_its_line(strange: Path) -> None:
    lines = run("party", "list", folder=strange).stdout.split("\n")
    assert all(line.isprintable() for line in lines)
    assert [line.split()[0] for line in lines if SHOWN in line] == ["party"]
    as_json = run("party", "list", "--json", folder=strange).stdout
    assert as_json.isascii()
    assert as_json.count("\n") == 1


def test_a_proof_is_all_that_stands_on_stdout(strange: Path) -> None:
    told = run("ledger", "prove", "0" * 64, "--json", folder=strange)
    assert json.loads(told.stdout)["ok"] is False


def test_what_is_told_to_be_typed_is_one_word_of_a_shell(strange: Path) -> None:
    report = examined(strange)
    party = at(report, "ciconia.db", f"party x{OBEYED}; reboot").fix
    assert shlex.split(party)[-3:] == [f"x{OBEYED}; reboot", "--kind", "party"]
    assert shlex.split(at(report, "ciconia.db", f"{KEY} $(reboot)").fix) == ["ciconia", "keys", "revoke", "$(reboot)"]
    assert "'$(reboot)'" in at(report, "ciconia.db", f"{KEY} $(reboot)").fix
