"""`ciconia ledger prove` and `ledger export`: for whoever runs the log, and for auditors."""

import base64
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.config.settings import load_settings
from idp.keys.kinds import LOG
from idp.keys.ledger_files import LOG_VKEY, create_ledger_keys, create_log_key, list_log_keys, load_ledger_keys
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_note
from idp.ledger.merkle_tree import CompactRange, leaf_hash
from idp.receipts.inclusion_proof import prove, read_proof
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.migrate import migrate
from idp.store.store import open_store
from idp.store.switches.switch import KEY
from idp.store.switches.switchboard import Switchboard
from tests.idp.store.units import TENANT, refusal, release, unit

Run = Callable[..., Result]
RECORDS = 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration folder with nine records in their place, and one that is staged."""
    (tmp_path / "ciconia.toml").write_text(f'issuer = "https://{TENANT}"\n', encoding="utf-8")
    settings = load_settings(tmp_path)
    settings.key_folder.mkdir()
    keys = create_ledger_keys(settings.key_folder, settings.origin)
    migrate(settings.database_url)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    sequencer = Sequencer(store, keys, checkpoint_seconds=0)
    for number in range(RECORDS):
        store.commit(unit(record=release() if number % 2 else refusal()))
    sequencer.step()
    sequencer.stop()
    store.commit(unit(record=release()))
    store.close()
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    def ran(command: str, *arguments: str | Path) -> Result:
        found = CliRunner().invoke(app, ["ledger", command, "--config", str(folder), *map(str, arguments)])
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found

    return ran


def key(folder: Path) -> VerifierKey:
    return VerifierKey.read((folder / "keys" / "log.vkey").read_text("utf-8").removesuffix("\n"))


def records(folder: Path, *, staged: bool) -> list[tuple[bytes, bytes]]:
    """Record id and leaf hash of those in their place, or of the staged one."""
    settings = load_settings(folder)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    with store.engine.connect() as connection:
        rows = connection.execute(select(tables.records.c.record, tables.records.c.leaf_hash)).all()
        waiting = set(connection.scalars(select(tables.staged.c.record)))
    store.close()
    return [(row.record, row.leaf_hash) for row in rows if (row.record in waiting) == staged]


@pytest.mark.spec("consent.md §8: tlog-proof")
def test_a_leaf_is_proved_by_its_record_or_by_its_hash(run: Run, folder: Path) -> None:
    for record, hashed in records(folder, staged=False):
        by_record, by_hash = run("prove", record.hex()), run("prove", hashed.hex())
        assert by_record.exit_code == 0, by_record.output
        assert by_record.stdout == by_hash.stdout
        assert prove(read_proof(by_record.stdout.encode()), hashed, key(folder))[1].size == RECORDS


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
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    board = Switchboard(engine=store.engine, tenant=settings.tenant, keys=keys, commits=store)
    board.set_switch(KEY, signed.key_id.hex(), off=True, reason="it was copied", now=int(time.time()))
    store.close()
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

    monkeypatch.setattr(import_module("idp.cli.ledger"), "export_lines", lines)
    assert run("export", file).exit_code == 0
    assert file.name not in seen
    assert any(name.startswith(".ciconia-half-") for name in seen), "what begins with a dot is no witness"
    assert [path.name for path in tmp_path.iterdir() if "jsonl" in path.name] == [file.name]


def test_a_log_without_its_leaf_or_without_a_checkpoint_exits_1_and_leaves_no_file(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    for statement in ("DELETE FROM leaves WHERE leaf_index = 4", "DELETE FROM checkpoints"):
        with sqlite3.connect(folder / "ciconia.db") as connection:
            connection.execute(statement)
        connection.close()
        assert run("export", file).exit_code == 1
        assert not file.exists()
