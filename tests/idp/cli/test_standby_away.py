"""Commands that commit while the synchronous standby of PostgreSQL is away: each ends, and says what nobody knows."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from idp.audit.verify import verify_ledger
from idp.cli import app
from idp.config.settings import SETTINGS_FILE, Settings, load_settings
from idp.keys.folder import create_keys
from idp.keys.ledger_files import load_ledger_keys
from idp.store.migrate import migrate
from idp.store.store import open_store
from idp.store.switches.switches import Switches
from tests.idp.cli.command import CICONIA
from tests.postgres import PostgresServer, own_server

pytestmark = pytest.mark.spec("security.md §3 I7")

# Far more than a command needs, which waits for ten: without a bound it would wait for ever
SECONDS = 120
KEY = "a" * 43
SWITCH = ("party", "disable", "EE", "--kind", "country", "--reason", "A test")


@dataclass(frozen=True)
class Broker:
    """A broker's folder, whose database is on a server of its own."""

    folder: Path
    server: PostgresServer

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [CICONIA, *arguments, "--config", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    def standby(self, name: str) -> None:
        """Have the server wait for a standby of this name; "" for none."""
        self.server.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.server.execute("SELECT pg_reload_conf()")
        end = time.monotonic() + SECONDS
        while self.server.execute("SHOW synchronous_standby_names") != [(name,)]:
            assert time.monotonic() < end


def here(*arguments: str | Path) -> Result:
    """A command in this process, whose bounds a test has changed."""
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    structlog.reset_defaults()  # a command has its log go to a stream that ended with it
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Its standby is away, and it knows no country yet: its configuration is broken."""
    with own_server() as found:
        lines = ['issuer = "https://login.storkhaven.example"', f'database = "{found.fresh()}"']
        (tmp_path / SETTINGS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
        (tmp_path / "providers").mkdir()
        (tmp_path / "providers" / "ee.toml").write_text("[", encoding="utf-8")
        settings = load_settings(tmp_path)
        create_keys(settings.key_folder, settings.origin, settings.tenant)
        migrate(settings.database_url)
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys).close()
        broker = Broker(tmp_path, found)
        broker.standby("s1")
        yield broker
        broker.standby("")


def test_a_switch_says_that_it_is_not_known_and_works_when_the_standby_is_back(broker: Broker) -> None:
    ended = broker.run(*SWITCH)
    assert ended.returncode == 2, ended.stderr
    assert "It is not known whether country EE will be off" in ended.stderr
    assert "Nothing counts as off yet." in ended.stderr
    assert "try again" in ended.stderr
    assert ended.stdout == ""
    broker.standby("")
    again = broker.run(*SWITCH, "--json")
    assert (again.returncode, json.loads(again.stdout)["off"]) == (0, True)
    settings = broker.settings
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    assert Switches(engine=store.engine, tenant=settings.tenant, keys=keys).off("country", "EE")
    assert verify_ledger(store.engine, tenant=settings.tenant, keys=keys).holds
    store.close()


def elsewhere(broker: Broker) -> None:
    """Have the broker's configuration name an empty database of the same server. Its standby is away from then on."""
    broker.standby("")  # or the database itself would wait for it
    text = f'issuer = "{broker.settings.issuer}"\ndatabase = "{broker.server.fresh()}"\n'
    (broker.folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    broker.standby("s1")


def test_restore_says_what_is_there_and_what_is_not(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    broker.standby("")
    assert here(*SWITCH, "--config", broker.folder).exit_code == 0
    assert here("backup", "--config", broker.folder, "--to", backup).exit_code == 0
    elsewhere(broker)
    restore = ("restore", "--config", broker.folder, "--from", backup)
    monkeypatch.setattr("idp.store.commits.STANDBY_SECONDS", 0.5)

    ended = here(*restore)
    assert ended.exit_code == 2, ended.output
    assert "Nothing is restored yet: restore again." in " ".join(ended.stderr.split())

    # It goes away between the tables and the rows
    monkeypatch.setattr("idp.cli.backup.migrate", lambda *_: None)
    ended = here(*restore)
    assert ended.exit_code == 1, ended.output
    told = " ".join(ended.stderr.split())
    assert "rows are restored; sign-ins are refused for 18 minutes" in told
    assert "The rows are there, but no standby has confirmed" in told
    assert "Repeat it: ciconia party disable" in told
    broker.standby("")
    ended = here(*restore)
    assert (ended.exit_code, "the database is not empty" in ended.stderr) == (2, True)


@pytest.mark.slow
def test_so_do_the_other_acts_and_json_says_what_counts_now(broker: Broker) -> None:
    ended = broker.run(*SWITCH, "--json")
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["ok"], told["off"], told["error"]["code"]) == (2, False, False, "store_unavailable")
    ended = broker.run("keys", "revoke", KEY, "--unknown", "--reason", "A test")
    assert ended.returncode == 2, ended.stdout
    assert f"it is not known whether {KEY} will be revoked" in ended.stderr
    assert "It is not revoked yet." in ended.stderr
    broker.standby("")
    assert broker.run(*SWITCH).returncode == 0
    broker.standby("s1")
    ended = broker.run("party", "enable", *SWITCH[2:])
    assert ended.returncode == 2
    assert "will be on again" in ended.stderr
    assert "It is off now." in ended.stderr
