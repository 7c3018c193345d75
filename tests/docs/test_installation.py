"""The pages and the program name installation files that exist, and no index is asked for our name."""

import configparser
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from policies.errors import EXTRAS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPTIONAL = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
LOCK = (ROOT / "docker" / "requirements.lock").read_text("utf-8")
SAID = [
    *DOCS.glob("*.md"),
    ROOT / "README.md",
    *(path for floor in ("policies", "connectors", "idp") for path in (ROOT / floor).rglob("*.py")),
]


@pytest.mark.parametrize("extra", ["cluster", "pki", "postgres", "yaml"])
def test_the_lock_that_is_named_has_what_each_extra_asks_for(extra: str) -> None:
    names = [re.match(r"[\w-]+", line)[0] for line in OPTIONAL[extra]]  # type: ignore[index]  # each begins so
    assert "docker/requirements.lock" in EXTRAS
    assert [name for name in names if not re.search(rf"^{name}==", LOCK, re.MULTILINE)] == []


def test_nobody_is_sent_to_an_index_for_our_name() -> None:
    """It is not registered, so whoever registers it would be installed."""
    asking = re.compile(r"pip install [^\n`]*\bciconia(?:\s|'|\"|`|$)|\bciconia\[")
    assert [str(path) for path in SAID if asking.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("source", ["ciconia-2", "./ciconia-2", "ciconia-2/"])
def test_a_source_that_is_named_without_a_path_is_no_package_of_an_index(tmp_path: Path, source: str) -> None:
    (tmp_path / "ciconia-2").mkdir()
    python = tmp_path / "python"
    # As `python -m venv TARGET`, of which each further command goes to a file
    asked = """printf '#!/bin/sh\\necho "$@" >>asked\\n' >"$3/bin/python\""""
    python.write_text(f'#!/bin/sh\nmkdir -p "$3/bin"\n{asked}\nchmod +x "$3/bin/python"\n')
    python.chmod(0o755)
    done = ["sh", str(ROOT / "docker" / "install.sh"), source, "target"]
    subprocess.run(done, cwd=tmp_path, env={**os.environ, "PYTHON": str(python)}, check=True)
    locked, itself = (tmp_path / "asked").read_text("utf-8").splitlines()
    assert locked.endswith(f"--require-hashes --requirement {tmp_path}/ciconia-2/docker/requirements.lock")
    assert itself.endswith(f"--no-deps --no-build-isolation {tmp_path}/ciconia-2")


def test_the_unit_can_be_enabled_and_what_it_names_is_made_before() -> None:
    text = (DOCS / "operations.md").read_text("utf-8")
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    unit.read_string(re.findall(r"```ini\n(.*?)```", text, re.DOTALL)[0])
    assert unit["Install"]["WantedBy"] == "multi-user.target"
    assert unit["Unit"]["After"] == unit["Unit"]["Wants"] == "network-online.target"
    commands = [shlex.split(line) for line in re.findall(r"^\$ sudo (.*)", text, re.MULTILINE)]
    service = unit["Service"]
    program, _, option, folder, *_ = shlex.split(service["ExecStart"])
    assert option == "--config"
    (made,) = (words for words in commands if words[0] == "install")
    assert {folder, *service["ReadWritePaths"].split()} <= {*made}
    assert made[made.index("--owner") + 1] == service["User"]
    assert [words[-1] for words in commands if words[0] == "useradd"] == [service["User"]]
    assert [words[-1] for words in commands if words[0] == "ln"] == [str(Path(program).parents[1])]
    as_account = [words for words in commands if words[0] == "-u"]
    assert {(words[1], words[2]) for words in as_account} == {(service["User"], program)}
