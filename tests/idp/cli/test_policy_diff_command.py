"""`ciconia policy diff` on two folders: its words, its JSON and its exit codes."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from tests.policies.test_compare import BIRTH, FILES, PARKING

WIDE = {**FILES, PARKING: FILES[PARKING].replace(BIRTH, '"exact"')}
SAID = (
    "*Resident parking* would newly receive: date of birth in full (now: 18 or older), from 2 countries, basis public task"
)


def folder(path: Path, files: Mapping[str, str]) -> str:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    return folder(tmp_path / "old", FILES), folder(tmp_path / "new", WIDE)


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policy", "diff", *arguments])


def test_a_widened_date_exits_with_3_and_its_reverse_with_0(folders: tuple[str, str]) -> None:
    done = diff(*folders)
    assert done.stdout == f"{SAID}. (+14.4 bits, purposes/parking.toml:13)\n"
    assert done.exit_code == 3
    back = diff(*reversed(folders))
    assert back.stdout.splitlines()[:3] == ["Nothing more leaves.", "", "What less would leave:"]
    assert back.exit_code == 0


def test_machines_and_pull_requests_read_the_same(folders: tuple[str, str]) -> None:
    told = json.loads(diff(*folders, "--json").stdout)
    assert (told["ok"], told["equal"], told["narrower"]) == (False, False, [])
    (change,) = told["wider"]
    assert change.pop("sentence") == SAID
    assert change == {
        "client": "parking",
        "service": "Resident parking",
        "purpose": "resident-parking",
        "attribute": "birthdate",
        "before": "age_over(18)",
        "after": "exact",
        "when": "",
        "countries": ["EE", "LV"],
        "basis": "public_task",
        "bits": "14.4",
        "file": "purposes/parking.toml",
        "line": 13,
    }
    written = diff(*folders, "--format", "markdown")
    assert written.stdout.startswith(f"### What more would leave\n\n- {SAID}")
    assert written.exit_code == 3


def test_a_title_adds_nothing_to_a_pull_request(tmp_path: Path, folders: tuple[str, str]) -> None:
    titled = {**WIDE, "parties/parking.toml": WIDE["parties/parking.toml"].replace("Resident p", "[Approved](x) <b>p")}
    written = diff(folders[0], folder(tmp_path / "titled", titled), "--format", "markdown").stdout
    assert r"\[Approved](x) \<b>parking" in written


def test_equal_folders_are_told(folders: tuple[str, str]) -> None:
    done = diff(folders[0], folders[0])
    assert (done.exit_code, done.stdout) == (0, "Both folders say the same: nothing changes.\n")


@pytest.mark.parametrize(("broken", "code"), [({PARKING: 'id = "x"'}, 1), (None, 2)])
def test_what_cannot_be_read_gates_too(
    tmp_path: Path, folders: tuple[str, str], broken: Mapping[str, str] | None, code: int
) -> None:
    other = folder(tmp_path / "broken", broken) if broken else str(tmp_path / "nowhere")
    assert diff(folders[0], other).exit_code == code
