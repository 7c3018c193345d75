"""`ciconia ledger`: exit 0 everything fits, 1 something does not and is named, 2 it could not be tried."""

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.config.settings import load_settings
from idp.keys.kinds import LOG
from idp.keys.ledger_files import LOG_VKEY, create_log_key, list_log_keys
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_note
from idp.ledger.merkle_tree import CompactRange, leaf_hash
from idp.ledger.record_contents import RELEASE, draft_node, new_record
from idp.receipts.inclusion_proof import prove, read_proof
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.switches.switch import KEY
from idp.store.switches.switchboard import Switchboard
from policies.parties import EntityId
from tests.idp.cli.ledgers import change, opened, with_ledger
from tests.idp.store.units import NOW, refusal, release, unit

NODE_SETTINGS = """
role = "node"
country = "EE"

[organization]
name = "Authority"
url = "https://authority.example/"
support = "help@authority.example"
technical = "node@authority.example"
"""
Run = Callable[..., Result]
RECORDS = 9


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drafts = [release() if number % 2 else refusal() for number in range(RECORDS)]
    return with_ledger(tmp_path_factory.mktemp("ledger"), drafts, [release()])


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A configuration folder with nine records in their place, and one that is staged."""
    return Path(shutil.copytree(made, tmp_path / "folder"))


@pytest.fixture
def run(folder: Path) -> Run:
    def ran(command: str, *arguments: str | Path) -> Result:
        found = CliRunner().invoke(app, ["ledger", command, "--config", str(folder), *map(str, arguments)])
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found

    return ran


def test_since_a_year_what_its_final_checkpoint_covers_is_believed(run: Run, folder: Path, tmp_path: Path) -> None:
    year = datetime.now(UTC).year
    refused = run("verify", "--since", str(year + 1))
    assert (refused.exit_code, f"{year} has no final checkpoint" in refused.stderr) == (2, True)
    with opened(folder) as (store, keys):
        after = datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()
        sequencer = Sequencer(store, keys, checkpoint_seconds=0, clock=lambda: after)
        for _ in range(2):  # the record that names the year is placed by the second step
            assert sequencer.step()
        sequencer.stop()
    found = run("verify", "--since", str(year + 1))
    assert found.exit_code == 0, found.output
    assert f"It begins with the 9 leaves of the final checkpoint of {year}. Nothing before" in found.stdout
    said = json.loads(run("verify", "--since", str(year + 1), "--json").stdout)
    assert (said["ok"], said["size"], said["since"]) == (True, 11, {"year": year + 1, "size": 9, "number": 1})
    assert run("verify", "--since", str(year + 1), "--quick").exit_code == 2
    assert run("tiles", "--to", tmp_path / "log").exit_code == 0
    head = TreeHead.read(open_note((tmp_path / "log" / "years" / str(year)).read_bytes(), key(folder)))
    assert head.size == 9
    change(folder / "ciconia.db", "UPDATE leaves SET leaf = x'7b7d' WHERE leaf_index = 1")
    assert [run("verify", *options).exit_code for options in ((), ("--since", str(year + 1)))] == [1, 0]


def test_a_ledger_that_fits_exits_0(run: Run) -> None:
    found = run("verify")
    assert found.exit_code == 0, found.output
    assert "10 records, 9 leaves, 1 staged, 1 checkpoints" in found.stdout
    assert "Everything fits." in found.stdout
    said = json.loads(run("verify", "--json").stdout)
    assert (said["ok"], said["size"], said["records"], said["staged"], said["checkpoints"]) == (True, 9, 10, 1, 1)
    assert len(bytes.fromhex(said["root"])) == 32
    assert said["findings"] == []


@pytest.mark.spec("issue: one byte of a ledger row changed with sqlite3, and ledger verify names it")
def test_one_changed_byte_exits_1_and_is_named(run: Run, folder: Path) -> None:
    change(
        folder / "ciconia.db",
        "UPDATE leaves SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"v\":1', '\"v\":2') AS BLOB) WHERE leaf_index = 1",
    )
    found = run("verify")
    assert found.exit_code == 1
    assert "leaves 1: its hash is not that of its bytes" in found.stdout
    said = json.loads(run("verify", "--json").stdout)
    assert not said["ok"]
    assert {"table": "leaves", "row": "1", "what": "its hash is not that of its bytes"} in said["findings"]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("missing", ["ciconia.toml", "ciconia.db", "keys/log.key", "keys/openings.key"])
def test_what_is_missing_exits_2_and_is_named(run: Run, folder: Path, missing: str, *, as_json: bool) -> None:
    (folder / missing).unlink()
    found = run("verify", *(["--json"] if as_json else []))
    assert found.exit_code == 2
    assert Path(missing).name in found.output
    assert not (folder / missing).exists()
    if as_json:
        assert json.loads(found.stdout)["problems"]


def test_a_database_that_was_not_migrated_exits_2(run: Run, folder: Path) -> None:
    (folder / "ciconia.db").write_bytes(b"")
    for name in ("ciconia.db-wal", "ciconia.db-shm"):
        (folder / name).unlink(missing_ok=True)
    found = run("verify")
    assert found.exit_code == 2
    assert "ciconia migrate" in found.output


def test_records_of_another_role_than_the_settings_have_exit_1_and_are_named(run: Run, folder: Path) -> None:
    draft = draft_node(record=new_record(), time=NOW, kind=RELEASE, message="_m", node=EntityId("https://nl.example/"))
    with opened(folder) as (store, _):
        store.commit(unit(record=draft))
    found = run("verify")
    assert found.exit_code == 1
    assert "another country's node, and this is a city's ledger" in found.stdout
    with (folder / "ciconia.toml").open("a", encoding="utf-8") as file:
        file.write(NODE_SETTINGS)
    found = run("verify", "--json")
    assert found.exit_code == 1
    whats = [finding["what"] for finding in json.loads(found.stdout)["findings"]]
    assert whats == ["it is of a login for a relying party, and this is a node's ledger"] * (RECORDS + 1)


def test_an_export_to_a_dash_writes_no_file_of_that_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run = CliRunner().invoke(app, ["ledger", "export", "-", "--config", str(folder)])
    assert (run.exit_code, run.stdout) == (2, "")
    assert "- is no file" in run.stderr
    assert not (folder / "-").exists()


# -- proofs and exports


def key(folder: Path) -> VerifierKey:
    return VerifierKey.read((folder / "keys" / "log.vkey").read_text("utf-8").removesuffix("\n"))


def records(folder: Path, *, staged: bool) -> list[tuple[bytes, bytes]]:
    """Record id and leaf hash of those in their place, or of the staged one."""
    with opened(folder) as (store, _), store.engine.connect() as connection:
        rows = connection.execute(select(tables.records.c.record, tables.records.c.leaf_hash)).all()
        waiting = set(connection.scalars(select(tables.staged.c.record)))
    return [(row.record, row.leaf_hash) for row in rows if (row.record in waiting) == staged]


@pytest.mark.spec("consent.md §8: tlog-proof")
def test_a_leaf_is_proved_by_its_record_or_by_its_hash(run: Run, folder: Path) -> None:
    for record, hashed in records(folder, staged=False):
        by_record, by_hash = run("prove", record.hex()), run("prove", hashed.hex())
        assert by_record.exit_code == 0, by_record.output
        assert by_record.stdout == by_hash.stdout
        assert prove(read_proof(by_record.stdout.encode()), hashed, [key(folder)])[1].size == RECORDS


def test_a_staged_leaf_and_one_that_there_is_not_exit_1(run: Run, folder: Path) -> None:
    record, _ = records(folder, staged=True)[0]
    for named in (record.hex(), "0" * 32, "0" * 64):
        found = run("prove", named)
        assert (found.exit_code, found.stdout) == (1, "")
        assert "No checkpoint covers" in found.stderr
        assert json.loads(run("prove", named, "--json").stdout)["ok"] is False


@pytest.mark.spec("issue 5 item 4: ciconia keys revoke")
def test_under_a_revoked_key_nothing_is_proved(run: Run, folder: Path) -> None:
    _, hashed = records(folder, staged=False)[0]
    settings = load_settings(folder)
    signed = key(folder)
    create_log_key(settings.key_folder / LOG.file_from(60))
    list_log_keys(settings.key_folder, settings.origin)
    assert run("prove", hashed.hex()).exit_code == 0, "the control: another key took over, and the first one counts"
    with opened(folder) as (store, keys):
        board = Switchboard(engine=store.engine, tenant=settings.tenant, keys=keys, commits=store)
        board.set_switch(KEY, signed.key_id.hex(), off=True, reason="it was copied", now=int(time.time()))
    found = run("prove", hashed.hex())
    assert (found.exit_code, found.stdout, "No checkpoint covers" in found.stderr) == (1, "", True)


@pytest.mark.parametrize("named", ["", "x", "A" * 32, "0" * 31, "0" * 65, "../x"])
def test_what_is_neither_exits_2(run: Run, named: str) -> None:
    assert run("prove", named).exit_code == 2
    assert json.loads(run("prove", named, "--json").stdout)["ok"] is False


def test_the_export_holds_every_leaf_and_its_root_is_the_checkpoints(run: Run, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    found = run("export", file)
    assert found.exit_code == 0, found.output
    assert found.stderr == "", "no bar where nobody sees it"
    first, *leaves, last = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert (first["size"], first["log"]) == (RECORDS, key(folder).name)
    tree = CompactRange()
    for each in leaves:
        tree.append(leaf_hash(base64.b64decode(each["leaf"], validate=True)))
    head = TreeHead.read(open_note(last["checkpoint"].encode(), key(folder)))
    assert (head.size, head.root) == (tree.size, tree.root()) == (RECORDS, tree.root())
    kept = tmp_path / "kept.checkpoint"
    kept.write_text(last["checkpoint"], encoding="utf-8")
    keys = load_settings(folder).key_folder / LOG_VKEY
    audited = CliRunner().invoke(app, ["audit", "ledger", str(file), "--log", str(keys), "--checkpoint", str(kept)])
    assert audited.exit_code == 0, audited.output


def test_a_file_has_its_name_when_it_is_whole(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A witness may read the folder meanwhile, and a kill may come at any moment."""
    file, seen = tmp_path / "log.jsonl", list[str]()

    def lines(*_: object, **__: object) -> Iterator[bytes]:
        for _line in range(3):
            yield b"{}\n"
            seen.extend(path.name for path in tmp_path.iterdir())

    monkeypatch.setattr(import_module("idp.cli.records.ledger"), "export_lines", lines)
    assert run("export", file).exit_code == 0
    assert file.name not in seen
    assert any(name.startswith(".ciconia-half-") for name in seen), "what begins with a dot is no witness"
    assert [path.name for path in tmp_path.iterdir() if "jsonl" in path.name] == [file.name]


def test_a_log_without_its_leaf_or_without_a_checkpoint_exits_1_and_leaves_no_file(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    for statement in ("DELETE FROM leaves WHERE leaf_index = 4", "DELETE FROM checkpoints"):
        change(folder / "ciconia.db", statement)
        assert run("export", file).exit_code == 1
        assert not file.exists()
