"""A configuration that this account may not look at: one line that says who can, exit code 2, and JSON where asked."""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.cli.init import init
from idp.keys.folder import load_keys
from policies.errors import Misconfigured
from tests.idp.cli.account import IS_ROOT, NOBODY, as_stranger, give, public_place

WHO = "Run this as the account that serves, which alone reads it."
READING = (
    "doctor --config CITY",
    "doctor --offline --config CITY",
    "policy test --config CITY",
    "policy explain --purpose permit --from maria.toml --config CITY",
    "migrate --config CITY",
    "keys list --config CITY",
    "party list --config CITY",
    "party add permits --redirect https://a.example/b --purpose permit --config CITY",
    "ledger verify --config CITY",
    "backup --to FREE/backup.db --config CITY",
    "metadata pending --config CITY",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `init` made."""
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    return folder


@pytest.fixture
def place(made: Path) -> Iterator[Path]:
    """A folder that everybody gets to, with `closed/city` in it, which nobody does, and `free`, where all may write."""
    with public_place() as found:
        shutil.copytree(made, found / "closed" / "city")
        (found / "free").mkdir()
        (found / "free").chmod(0o777)
        (found / "closed").chmod(0)
        yield found


@pytest.fixture
def owned(place: Path) -> Path:
    """A city of the account that runs the commands, with a country's file that is broken."""
    city = place / "closed" / "city"
    (place / "closed").chmod(0o755)
    (city / "providers" / "ee.toml").write_text("[", encoding="utf-8")
    if IS_ROOT:
        give(city, NOBODY)
    return city


def words(line: str, place: Path, city: str = "closed/city") -> list[str]:
    return [word.replace("CITY", str(place / city)).replace("FREE", str(place / "free")) for word in line.split()]


@pytest.mark.parametrize("city", ["closed/city", "closed"])
@pytest.mark.parametrize("line", READING)
def test_a_folder_that_is_closed_is_said_in_one_line_with_who_may_read_it(place: Path, line: str, city: str) -> None:
    done = as_stranger(*words(line, place, city))
    assert (done.returncode, done.stdout) == (2, ""), done
    said = done.stderr.splitlines()
    assert len(said) == 1, said
    assert "Permission denied" in said[0]
    assert said[0].endswith(WHO)


@pytest.mark.parametrize("line", READING)
def test_with_json_it_is_one_object(place: Path, line: str) -> None:
    done = as_stranger(*words(line, place), "--json")
    assert done.returncode == 2, done
    said = json.loads(done.stdout)
    assert said["ok"] is False
    assert [problem["fix"] for problem in said["problems"]] == [WHO]


def test_serve_says_so_and_ends(place: Path) -> None:
    done = as_stranger("serve", "--config", place / "closed" / "city")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert WHO in done.stderr


@pytest.mark.parametrize("line", ["keys list --config CITY", "serve --config CITY", "party list --config CITY"])
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


def test_a_folder_of_parties_that_is_closed_is_no_folder_without_parties(place: Path) -> None:
    closed, city = place / "closed", place / "closed" / "city"
    closed.chmod(0o755)
    city.chmod(0o755)
    (city / "parties").chmod(0)
    done = as_stranger("policy", "test", "--config", city)
    assert done.returncode == 2
    assert "parties: file: it cannot be read (Permission denied). Fix: let the broker read it." in done.stderr


@pytest.mark.parametrize("line", ["init", "demo --once --keep", "doctor --selftest --keep"])
@pytest.mark.parametrize("name", ["closed/new", "closed", "x" * 300])
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


@pytest.mark.parametrize("line", ["demo --once --keep WHERE", "backup --config CITY --to WHERE"])
def test_where_a_folder_takes_no_new_file_it_is_said_who_can_mend_it(owned: Path, line: str) -> None:
    assert as_stranger("migrate", "--config", owned).returncode == 0
    shut = owned.parent.parent / "shut"
    shut.mkdir(mode=0o555)
    words = [word.replace("CITY", str(owned)).replace("WHERE", str(shut / "new")) for word in line.split()]
    done = as_stranger(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be written: Permission denied. Run this as an account that may, or name another place." in done.stderr
    assert done.stderr.count(str(shut)) == 1
    assert "Errno" not in done.stderr
    assert json.loads(as_stranger(*words, "--json").stdout)["ok"] is False


@pytest.mark.parametrize("name", ["es256.pem", "sealing.key", "log.key", "openings.key"])
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


def test_a_key_that_is_gone_is_to_be_restored(place: Path) -> None:
    city = place / "closed" / "city"
    (place / "closed").chmod(0o700)
    (city / "keys" / "es256.pem").unlink()
    with pytest.raises(Misconfigured, match="Fix: Restore it from its backup") as refused:
        load_keys(city / "keys", "login.city.example/log")
    assert "ciconia init" not in str(refused.value)


def test_what_switches_off_says_of_a_read_only_file_that_it_is_that_and_to_end_the_servers(owned: Path) -> None:
    switch = ("party", "disable", "EE", "--kind", "country", "--reason", "A test", "--config", owned)
    assert as_stranger("migrate", "--config", owned).returncode == 0
    assert as_stranger("party", "list", "--config", owned).returncode == 0
    (owned / "ciconia.db").chmod(0o400)
    done = as_stranger(*switch)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "It is not known whether country EE will be off: SQLITE_READONLY. Nothing counts as off yet. The file, one "
        "beside it (-wal, -shm), or its folder cannot be written to. Let the broker's account write to all of them. Then "
        "try again. Where it cannot be mended at once, end the servers.\n"
    )


def test_doctor_says_that_no_database_can_be_made_where_serve_cannot_make_it(owned: Path) -> None:
    (owned / "providers" / "ee.toml").unlink()
    owned.chmod(0o500)
    done = as_stranger("doctor", "--offline", "--config", owned)
    served = as_stranger("serve", "--config", owned)
    owned.chmod(0o700)
    assert (done.returncode, served.returncode) == (1, 1), (done, served)
    assert "`ciconia serve` makes it" not in done.stdout
    assert f"its folder {owned} cannot be written to: `ciconia serve` does not start." in done.stdout
    assert "Fix: Let the broker's account write to it, or name a folder in which it may." in done.stdout
