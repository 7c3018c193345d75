"""A configuration that this account may not look at: one line that says who can, exit code 2, and JSON where asked."""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.idp.cli.account import IS_ROOT, NOBODY, as_stranger, give, public_place

WHO = "Run this as the account that serves, which alone reads it."
READING = (
    "doctor --config CITY",
    "policy test --config CITY",
    "migrate --config CITY",
    "keys list --config CITY",
    "party list --config CITY",
    "ledger verify --config CITY",
    "backup --to FREE/backup.db --config CITY",
    "metadata pending --config CITY",
    "serve --config CITY",
)


@pytest.fixture
def place(made: Path) -> Iterator[Path]:
    """A folder that everybody gets to, with `closed/city` in it, which nobody does, and `free`, where all may write."""
    with public_place() as found:
        shutil.copytree(made, found / "closed" / "city")
        (found / "free").mkdir()
        (found / "free").chmod(0o777)
        (found / "closed").chmod(0)
        yield found


def words(line: str, place: Path, city: str = "closed/city") -> list[str]:
    return [word.replace("CITY", str(place / city)).replace("FREE", str(place / "free")) for word in line.split()]


def test_a_folder_that_is_closed_is_said_in_one_line_with_who_may_read_it(place: Path) -> None:
    for line in READING:
        done = as_stranger(*words(line, place))
        assert (done.returncode, done.stdout) == (2, ""), done
        said = done.stderr.splitlines()
        assert len(said) == 1, said
        assert "Permission denied" in said[0], line
        assert said[0].endswith(WHO)


@pytest.mark.parametrize("line", ["keys list --config CITY", "serve --config CITY"])
@pytest.mark.parametrize("part", ["ciconia.toml", "tenants", "keys"])
def test_a_part_that_is_closed_is_named(place: Path, line: str, part: str) -> None:
    closed, city = place / "closed", place / "closed" / "city"
    closed.chmod(0o755)
    for path in (city, *city.rglob("*")):
        path.chmod(path.stat().st_mode | 0o044 | (0o011 if path.is_dir() else 0))
    if part == "tenants":
        (city / part).mkdir()
    (city / part).chmod(0)
    done = as_stranger(*words(line, place))
    assert done.returncode == (1 if part == "keys" and "serve" in line else 2), done
    assert f"{city / part}: " in done.stderr
    assert WHO in done.stderr
    assert "cannot be written" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", ["init", "demo --once --keep"])
@pytest.mark.parametrize("name", ["closed/new", "x" * 300])
def test_a_place_that_cannot_be_written_to_is_said_and_nothing_is_made(place: Path, line: str, name: str) -> None:
    where = place / name
    done = as_stranger(*line.split(), where, "--json")
    assert done.returncode == 2, done
    said = json.loads(done.stdout)
    assert said["ok"] is False
    error = said["error"]
    told = error if isinstance(error, str) else error["detail"]
    reason = (
        "File name too long."
        if "x" in name
        else "Permission denied. Run this as an account that may, or name another place."
    )
    assert told == f"{where} cannot be written: {reason}"
    assert done.stderr == ""
    (place / "closed").chmod(0o700)
    assert stat.S_ISDIR((place / "closed" / "city").stat().st_mode)
    assert {path.name for path in (place / "closed").iterdir()} == {"city"}


@pytest.mark.parametrize("name", ["es256.pem", "log.key"])
def test_a_key_that_cannot_be_read_says_who_has_to_own_it_and_nothing_of_making_one(place: Path, name: str) -> None:
    closed, city = place / "closed", place / "closed" / "city"
    closed.chmod(0o755)
    if IS_ROOT:
        give(city, NOBODY)
        os.chown(city / "keys" / name, 0, 0)
    else:
        (city / "keys" / name).chmod(0)
    done = as_stranger("keys", "list", "--config", city)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "cannot be read (Permission denied)." in done.stderr
    assert "The account that the broker runs as must own it" in done.stderr
    assert done.stderr.endswith(f"as root, chown ACCOUNT {city / 'keys' / name}\n")
    assert "init" not in done.stderr
