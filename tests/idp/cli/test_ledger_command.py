"""`ciconia ledger verify`: exit 0 everything fits, 1 something does not and is named, 2 it could not be tried."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.config.settings import load_settings
from idp.keys.ledger_files import create_ledger_keys, load_ledger_keys
from idp.ledger.record_contents import RELEASE, draft_node, new_record
from idp.sequencer.sequencer import Sequencer
from idp.store.migrate import migrate
from idp.store.store import open_store
from policies.parties import EntityId
from tests.idp.store.units import NOW, TENANT, refusal, release, unit

SETTINGS = f'issuer = "https://{TENANT}"\n'
NODE_SETTINGS = """
role = "node"
country = "EE"

[organization]
name = "Authority"
url = "https://authority.example/"
support = "help@authority.example"
technical = "node@authority.example"
"""
Verify = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration folder with three records, two in their place and one staged."""
    (tmp_path / "ciconia.toml").write_text(SETTINGS, encoding="utf-8")
    settings = load_settings(tmp_path)
    settings.key_folder.mkdir()
    keys = create_ledger_keys(settings.key_folder, settings.origin)
    migrate(settings.database_url)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    sequencer = Sequencer(store, keys, checkpoint_seconds=0)
    store.commit(unit(record=release()))
    store.commit(unit(record=refusal()))
    sequencer.step()
    sequencer.stop()
    store.commit(unit(record=release()))
    store.close()
    return tmp_path


@pytest.fixture
def verify(folder: Path) -> Verify:
    def run(*options: str) -> Result:
        return CliRunner().invoke(app, ["ledger", "verify", "--config", str(folder), *options])

    return run


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_ledger_that_fits_exits_0(verify: Verify) -> None:
    found = verify()
    assert found.exit_code == 0, found.output
    assert "3 records, 2 leaves, 1 staged, 1 checkpoints" in found.stdout
    assert "Everything fits." in found.stdout


def test_json_is_one_object(verify: Verify) -> None:
    found = verify("--json")
    assert found.exit_code == 0
    said = json.loads(found.stdout)
    assert (said["ok"], said["size"], said["records"], said["staged"], said["checkpoints"]) == (True, 2, 3, 1, 1)
    assert len(bytes.fromhex(said["root"])) == 32
    assert said["findings"] == []


@pytest.mark.spec("issue: one byte of a ledger row changed with sqlite3, and ledger verify names it")
def test_one_changed_byte_exits_1_and_is_named(verify: Verify, folder: Path) -> None:
    change(
        folder,
        "UPDATE leaves SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"v\":1', '\"v\":2') AS BLOB) WHERE leaf_index = 1",
    )
    found = verify()
    assert found.exit_code == 1
    assert "leaves 1: its hash is not that of its bytes" in found.stdout
    said = json.loads(verify("--json").stdout)
    assert not said["ok"]
    assert {"table": "leaves", "row": "1", "what": "its hash is not that of its bytes"} in said["findings"]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("missing", ["ciconia.toml", "ciconia.db", "keys/log.key", "keys/openings.key"])
def test_what_is_missing_exits_2_and_is_named(verify: Verify, folder: Path, missing: str, *, as_json: bool) -> None:
    (folder / missing).unlink()
    found = verify(*(["--json"] if as_json else []))
    assert found.exit_code == 2
    assert Path(missing).name in found.output
    assert not (folder / missing).exists()
    if as_json:
        assert json.loads(found.stdout)["problems"]


def test_a_database_that_was_not_migrated_exits_2(verify: Verify, folder: Path) -> None:
    (folder / "ciconia.db").write_bytes(b"")
    for name in ("ciconia.db-wal", "ciconia.db-shm"):
        (folder / name).unlink(missing_ok=True)
    found = verify()
    assert found.exit_code == 2
    assert "ciconia migrate" in found.output


def test_records_of_another_role_than_the_settings_have_exit_1_and_are_named(verify: Verify, folder: Path) -> None:
    settings = load_settings(folder)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    draft = draft_node(record=new_record(), time=NOW, kind=RELEASE, message="_m", node=EntityId("https://nl.example/"))
    store.commit(unit(record=draft))
    store.close()
    found = verify()
    assert found.exit_code == 1
    assert "another country's node, and this is a city's ledger" in found.stdout
    with (folder / "ciconia.toml").open("a", encoding="utf-8") as file:
        file.write(NODE_SETTINGS)
    found = verify("--json")
    assert found.exit_code == 1
    whats = [finding["what"] for finding in json.loads(found.stdout)["findings"]]
    assert whats == ["it is of a login for a relying party, and this is a node's ledger"] * 3


def test_an_export_to_a_dash_writes_no_file_of_that_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run = CliRunner().invoke(app, ["ledger", "export", "-", "--config", str(folder)])
    assert (run.exit_code, run.stdout) == (2, "")
    assert "- is no file" in run.stderr
    assert not (folder / "-").exists()
