"""The record of a command's act has its leaf when the command ends, also where no server runs; else the command says so."""

import json
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from idp.audit.verify import verify_ledger
from idp.cli import app
from idp.config.settings import SETTINGS_FILE, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.engine import open_engine
from idp.store.store import Store
from idp.store.switches.switchboard import Switchboard
from tests.idp.cli.ledgers import opened

pytestmark = pytest.mark.spec("decisions.md 31")

WHY = ("--reason", "The laptop was stolen")


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(made, tmp_path / "city"))
    # So that a party is taken that no file has
    (folder / "parties" / "permits.toml").write_text("broken = \n", encoding="utf-8")
    return folder


@pytest.fixture
def store(city: Path) -> Iterator[Store]:
    """The store, opened as a server does."""
    with opened(city) as (found, _):
        yield found


def ledger_keys(city: Path) -> LedgerKeys:
    settings = load_settings(city)
    return load_ledger_keys(settings.key_folder, settings.origin)


def run(city: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, *WHY, "--config", str(city)])


def disable(city: Path, *more: str, name: str = "permits") -> Result:
    return run(city, "party", "disable", name, *more)


def key_of(city: Path, kind: str) -> str:
    listed = CliRunner().invoke(app, ["keys", "list", "--config", str(city), "--json"])
    return next(str(key["key_id"]) for key in json.loads(listed.stdout)["keys"] if key["kind"] == kind)


def count(city: Path, table: str) -> int:
    with closing(sqlite3.connect(city / "ciconia.db")) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names


def placed(ended: Result) -> object:
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)["placed"]


def test_where_no_server_runs_the_record_of_an_act_cannot_be_taken_away_unseen(city: Path) -> None:
    assert placed(disable(city, "--json")) is True
    assert placed(run(city, "keys", "revoke", key_of(city, "es256"), "--json")) is True
    assert (count(city, "staged"), count(city, "leaves")) == (0, 2)
    assert count(city, "checkpoints") in (1, 2), "a slow machine signs each"
    with closing(sqlite3.connect(city / "ciconia.db")) as connection, connection:
        for table in ("switches", "staged", "records"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    settings = load_settings(city)
    engine = open_engine(settings.database_url)
    try:
        found = verify_ledger(engine, tenant=settings.tenant, keys=ledger_keys(city)).findings
    finally:
        engine.dispose()
    assert len([finding for finding in found if finding.table == "leaves"]) == 2


def test_the_witness_sees_what_a_command_signed(city: Path) -> None:
    (city / "seen").mkdir()
    path = city / SETTINGS_FILE
    path.write_text('witness = "seen"\n' + path.read_text(encoding="utf-8").replace("witness =", "# "), encoding="utf-8")
    assert placed(disable(city, "--json")) is True
    assert len(list((city / "seen").iterdir())) == 1


def test_a_ledger_that_somebody_changed_is_not_gone_on_with(city: Path) -> None:
    assert placed(disable(city, "--json")) is True
    with closing(sqlite3.connect(city / "ciconia.db")) as connection, connection:
        connection.execute("UPDATE trees SET size = 7")
    assert placed(disable(city, "--json", name="parking")) is False


def interrupted(monkeypatch: pytest.MonkeyPatch, owner: type[object], name: str) -> None:
    """Have somebody press Ctrl-C right after a method did its work, while the command still waits for it.

    Not when the command has ended, and its thread works on: whoever runs the tests would be interrupted.
    """
    done, waiting = getattr(owner, name), threading.Event()
    invoke = CliRunner.invoke

    def watched(*given: Any, **named: Any) -> Result:  # Any: whatever the runner takes
        waiting.set()
        return invoke(*given, **named)

    def pressed(*given: object, **named: object) -> object:
        found = done(*given, **named)
        # A broker of another test may run in this process
        if waiting.is_set() and threading.current_thread().name == "act":
            waiting.clear()
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.3)
        return found

    monkeypatch.setattr(CliRunner, "invoke", watched)
    monkeypatch.setattr(owner, name, pressed)


def test_who_interrupts_a_command_after_its_commit_reads_that_it_may_count(
    city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, Switchboard, "set_switch")
    ended = disable(city)
    assert ended.exit_code == 2, ended.output
    assert "It is not known whether party permits will be off: the command was interrupted" in ended.stderr
    assert "It is off now." in ended.stderr
    told = json.loads(disable(city, "--json", name="parking").stdout)
    assert (told["ok"], told["off"], told["error"]["code"]) == (False, True, "store_unavailable")
    key = key_of(city, "es256")
    ended = run(city, "keys", "revoke", key)
    assert (ended.exit_code, "It is revoked now." in ended.stderr) == (2, True), ended.output
