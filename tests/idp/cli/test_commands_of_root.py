"""What root's commands write into the folder of the account that the broker runs as: it is that account's."""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.belonging import make_folder
from idp.cli import app
from idp.cli.serve import init
from idp.keys import kinds
from idp.settings import load_settings
from idp.store.engine import open_engine, writing
from tests.idp.cli.account import BROKER, as_account, give, needs_root, public_place

pytestmark = needs_root


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `init` made, with a purpose and no database."""
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    purpose = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml")
    (folder / "purposes" / "resident-parking.toml").write_bytes(purpose.read_bytes())
    return folder


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the broker's account."""
    with public_place() as found:
        give(found, BROKER)
        yield found


@pytest.fixture
def city(made: Path, place: Path) -> Path:
    """A configuration, all of it the broker's."""
    folder = Path(shutil.copytree(made, place / "city"))
    give(folder, BROKER)
    return folder


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def run(*words: str | Path) -> Result:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done


def others(folder: Path) -> list[str]:
    """What in a folder is not the broker's."""
    states = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return [str(path) for path, state in states.items() if (state.st_uid, state.st_gid) != (BROKER, BROKER)]


def listed(city: Path) -> dict[str, str]:
    """The keys as the broker's account sees them: their states by their files."""
    done = as_account(BROKER, "keys", "list", "--config", city, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["revocations_known"] is True
    return {one["file"]: one["state"] for one in found["keys"]}


@pytest.mark.parametrize("bits", [0o022, 0o077])
def test_keys_that_root_makes_are_read_by_the_broker(city: Path, bits: int) -> None:
    with umask(bits):
        run("migrate", "--config", city)
        made = [
            Path(json.loads(run("keys", *words, "--config", city, "--json").stdout)["file"])
            for words in (("new", "es256"), ("rotate", "rs256", "--now"), ("new", "log"), ("rotate", "sealing"))
        ]
    assert others(city) == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    states = listed(city)
    assert [states[path.name] for path in made] == ["next", "signs", "next", "next"]


def test_where_root_rotates_and_revokes_a_key_is_left_that_signs(city: Path) -> None:
    settings, witness = city / "ciconia.toml", city / "witness"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('witness = ""', 'witness = "witness"'), encoding="utf-8")
    witness.mkdir()
    os.chown(witness, BROKER, BROKER)
    with umask(0o077):
        run("migrate", "--config", city)
        keys = json.loads(run("keys", "list", "--config", city, "--json").stdout)["keys"]
        old = next(one["key_id"] for one in keys if one["kind"] == "es256")
        run("keys", "rotate", "es256", "--now", "--config", city)
        run("keys", "revoke", old, "--reason", "stolen", "--config", city)
    assert [stat.S_IMODE(path.stat().st_mode) for path in witness.iterdir()] == [0o644]
    states = {file: state for file, state in listed(city).items() if kinds.ES256.begins(file) is not None}
    assert sorted(states.values()) == ["revoked", "signs"]
    assert others(city) == []


@pytest.mark.parametrize("bits", [0o022, 0o077])
@pytest.mark.parametrize("more", [(), ("--key-out", "app.pem")])
def test_a_party_that_root_adds_is_loaded_by_the_broker(city: Path, place: Path, bits: int, more: tuple[str, ...]) -> None:
    (city / "parties").rmdir()
    more = tuple(str(place / word) if word.endswith(".pem") else word for word in more)
    words = ("--redirect", "https://permits.city.example/callback", "--purpose", "resident-parking", "--config", city)
    with umask(bits):
        run("party", "add", "permits", *words, "--snippet", "none", *more)
    assert others(place) == []
    done = as_account(BROKER, "policy", "test", "--config", city)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((city / "parties" / "permits.toml").stat().st_mode) == 0o644
    assert stat.S_IMODE((city / "parties").stat().st_mode) == 0o755


def test_a_party_is_as_open_as_its_folder(city: Path) -> None:
    os.chown(city / "parties", 0, BROKER)
    (city / "parties").chmod(0o750)
    words = ("--redirect", "https://permits.city.example/callback", "--purpose", "resident-parking", "--config", city)
    with umask(0o077):
        run("party", "add", "permits", *words, "--snippet", "none")
    state = (city / "parties" / "permits.toml").stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (0, BROKER, 0o640)


def test_a_database_that_root_makes_is_the_brokers_with_its_log(city: Path) -> None:
    run("migrate", "--config", city)
    engine = open_engine(load_settings(city).database_url)
    with writing(engine).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE of_a_test (one)")
        assert {path.name for path in city.glob("ciconia.db*")} == {"ciconia.db", "ciconia.db-wal", "ciconia.db-shm"}
        assert others(city) == []
    engine.dispose()
    assert as_account(BROKER, "migrate", "--config", city).returncode == 0
    assert listed(city)


def test_a_database_that_root_restores_is_the_brokers_and_a_backup_stays_roots(city: Path, place: Path) -> None:
    run("migrate", "--config", city)
    backup = place / "backup.db"
    run("backup", "--to", backup, "--config", city)
    assert (backup.stat().st_uid, stat.S_IMODE(backup.stat().st_mode)) == (0, 0o600)
    for path in city.glob("ciconia.db*"):
        path.unlink()
    run("restore", "--from", backup, "--config", city)
    assert others(city) == []
    assert as_account(BROKER, "ledger", "verify", "--config", city).returncode == 0


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_root_makes_below_the_brokers_is_the_brokers(place: Path, there: bool) -> None:  # noqa: FBT001
    city = place / "tenants" / "city"
    if there:
        city.mkdir(parents=True)
        give(place, BROKER)
    with umask(0o077):
        run("init", city)
    assert others(place) == []
    assert as_account(BROKER, "migrate", "--config", city).returncode == 0
    assert stat.S_IMODE((city / "keys").stat().st_mode) == 0o700


def test_in_roots_own_folder_all_stays_roots(made: Path, tmp_path: Path) -> None:
    assert {path.stat().st_uid for path in made.rglob("*")} == {0}
    with umask(0o077):
        make_folder(tmp_path / "one" / "two")
    assert stat.S_IMODE((tmp_path / "one" / "two").stat().st_mode) == 0o700
