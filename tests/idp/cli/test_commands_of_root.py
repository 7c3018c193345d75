"""Root in the folder of the account that the broker runs as: nothing is opened there, whatever that account laid out."""

import json
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.store.engine import create_file, open_engine
from policies.errors import Misconfigured
from tests.idp.cli.account import BROKER, as_account, give, needs_root, public_place

pytestmark = needs_root
COMMANDS = (
    "doctor --offline --config CITY",
    "policy test --config CITY",
    "migrate --config CITY",
    "serve --config CITY",
    "keys list --config CITY",
    "keys new log --config CITY",
    "party list --config CITY",
    "party add permits --redirect https://a.example/b --purpose resident-parking --config CITY",
    "ledger verify --config CITY",
    "backup --to BACKUP --config CITY",
    "restore --from BACKUP --config CITY",
    "metadata pending --config CITY",
)
# Of these the folder of settings says enough: they open neither keys nor database
SETTINGS_ALONE = ("policy",)
NO_DATABASE = ("keys list", "keys new", "party add", "restore")
# These look at no key before all else is in order
NO_KEY = ("party list", "metadata", "restore", "migrate")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the broker's account."""
    with public_place() as found:
        give(found, BROKER)
        yield found


@pytest.fixture
def city(with_purpose: Path, place: Path) -> Path:
    """A configuration, all of it the broker's."""
    folder = Path(shutil.copytree(with_purpose, place / "city"))
    give(folder, BROKER)
    return folder


def run(line: str, city: Path, tmp_path: Path) -> Result:
    words = [word.replace("CITY", str(city)).replace("BACKUP", str(tmp_path / "backup.db")) for word in line.split()]
    return CliRunner().invoke(app, words)


def states(folder: Path) -> dict[Path, tuple[int, int, int]]:
    found = ((path, path.stat()) for path in (folder, *folder.rglob("*")))
    return {path: (state.st_ino, state.st_mtime_ns, state.st_uid) for path, state in found}


def assert_refused(done: Result) -> None:
    assert done.exit_code in {1, 2}, done.output
    assert "root does not work in another account's folder" in done.output
    assert f"sudo -u '#{BROKER}' {Path(sys.executable).parent}/ciconia ..." in done.output


@pytest.mark.parametrize("line", COMMANDS)
def test_root_is_told_as_whom_to_run_and_nothing_is_touched(city: Path, tmp_path: Path, line: str) -> None:
    before = states(city)
    assert_refused(run(line, city, tmp_path))
    assert states(city) == before


@pytest.mark.parametrize("line", [line for line in COMMANDS if not line.startswith(SETTINGS_ALONE)])
def test_keys_of_the_account_in_a_folder_of_roots_are_not_roots_to_use(
    with_purpose: Path, tmp_path: Path, line: str
) -> None:
    city = Path(shutil.copytree(with_purpose, tmp_path / "city"))
    give(city / "keys", BROKER)
    (city / "keys" / "log.vkey").unlink()
    (city / "keys" / "log.vkey").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").write_bytes(b"of root\n")
    before = states(city / "keys")
    done = run(line, city, tmp_path)
    if not line.startswith(NO_KEY):
        assert_refused(done)
    assert (tmp_path / "victim").read_bytes() == b"of root\n"
    assert states(city / "keys") == before


def super_journal(database: Path, victim: Path) -> None:
    """A rollback journal of no page that names a super-journal: SQLite takes it for a crash's and deletes what it names."""
    name = str(victim).encode()
    magic = bytes.fromhex("d9d505f920a163d7")
    header = (magic + struct.pack(">5I", 0, 0, 1, 512, 4096)).ljust(512, b"\0")
    tail = struct.pack(">I", 0) + name + struct.pack(">II", len(name), sum(name)) + magic
    database.with_name(database.name + "-journal").write_bytes(header + tail)


@pytest.mark.parametrize("line", [line for line in COMMANDS if not line.startswith(SETTINGS_ALONE)])
def test_a_journal_that_the_account_left_deletes_nothing_of_roots(
    with_purpose: Path, place: Path, tmp_path: Path, line: str
) -> None:
    """Settings and keys are root's, as in /etc, and the database is the account's, as in /var/lib."""
    city = Path(shutil.copytree(with_purpose, tmp_path / "city"))
    data = place / "data"
    data.mkdir()
    shutil.move(city / "ciconia.db", data / "ciconia.db")
    settings = city / "ciconia.toml"
    text = settings.read_text()
    assert 'database = "ciconia.db"' in text
    settings.write_text(text.replace('"ciconia.db"', f'"{data / "ciconia.db"}"'))
    victim = tmp_path / "victim"
    victim.write_text("of root\n")
    super_journal(data / "ciconia.db", victim)
    give(data, BROKER)
    done = run(line, city, tmp_path)
    assert victim.exists()
    if not line.startswith(NO_DATABASE):
        assert_refused(done)


def test_a_link_in_place_of_the_database_makes_no_file(place: Path) -> None:
    (place / "ciconia.db").symlink_to(place / "nologin")
    for attempt in (create_file, open_engine):
        with pytest.raises(Misconfigured, match="root does not work"):
            attempt(f"sqlite:///{place / 'ciconia.db'}")
    assert not (place / "nologin").exists()


@pytest.mark.parametrize("new", ["", "a/b"])
def test_a_demo_is_kept_in_no_folder_of_another_account(place: Path, new: str) -> None:
    """While it runs that account could lay a link there, through which root would write."""
    done = CliRunner().invoke(app, ["demo", "--once", "--keep", str(place / new)])
    assert_refused(done)
    assert list(place.iterdir()) == []


def test_init_says_that_what_root_made_is_of_no_use_to_the_account_whose_folder_it_lies_in(
    place: Path, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["init", str(place / "new" / "city"), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["ok"]) == (0, True)
    said = f"{place / 'new' / 'city'} is root's alone, and lies in another account's folder, {place}."
    assert done.stderr.startswith(said)
    assert f"sudo -u '#{BROKER}'" in done.stderr
    assert CliRunner().invoke(app, ["init", str(tmp_path / "city")]).stderr == ""


@pytest.mark.parametrize("line", ["keys list --config CITY", "ledger verify --config CITY"])
def test_the_account_itself_may(city: Path, line: str) -> None:
    done = as_account(BROKER, *[word.replace("CITY", str(city)) for word in line.split()])
    assert done.returncode == 0, done.stderr
