"""A whole erasure by a real broker on PostgreSQL with a standby: then no file of anybody has what led to the person.

The log has what every library says at its most talkative. The standby is a streaming replica that was made before the
person came. Both servers remove their own old logs (`wal_recycle`), so whole data folders are searched.
"""

import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from idp.audit.verify import verify_ledger
from idp.citizen.erasures import Erasures, SignIn
from idp.config.settings import Settings, load_settings
from idp.keys.backup_files import FOLDER
from idp.keys.file import FileSigner
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.leaf import open_opening
from idp.ledger.ledger_keys import DAY, LedgerKeys
from idp.store import tables
from idp.store.backup import back_up
from idp.store.engine import disposed, open_engine, single
from idp.store.migrate import migrate
from policies.assurance import LevelOfAssurance
from tests.canary.needles import encoded, needles, search
from tests.canary.stage import CITIZEN, VALUES, VISITOR, CanaryStage, Witness
from tests.idp.cli.command import ciconia, json_of, serving
from tests.idp.store.test_standby import standby_of, until
from tests.postgres import PostgresServer, own_server

pytestmark = pytest.mark.slow

SETTINGS = {"wal_recycle": "off", "min_wal_size": "32MB", "autovacuum_naptime": "1s"}
OTHER = replace(CITIZEN, attributes={**CITIZEN.attributes, "person_identifier": "EE-17001019876-XQ"})
# `ciconia serve`, and nobody is told to be quiet
TALKATIVE = f"""
import logging, sys
from idp.system import logs
for name in logs.QUIET:
    logging.getLogger(name).setLevel({logging.DEBUG})
logs.QUIET, usual = (), logging.basicConfig
logs.configure_logs.__defaults__ = ({logging.DEBUG},)
logging.basicConfig = lambda **given: usual(**{{**given, "level": {logging.DEBUG}}})
from idp.citizen import erasing
# What PostgreSQL was using is tried again at the next look, and not at night
erasing._next_run = lambda now: now
from idp.cli import app
app(["serve", "--config", sys.argv[1]])
"""


class OnPostgres(CanaryStage):
    """The stage with a database of PostgreSQL."""

    def __init__(self, folder: Path, url: str) -> None:
        self._url = url
        super().__init__(folder, fixed=False)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        (self.receiving / "ciconia.db").unlink()
        settings = self.receiving / "ciconia.toml"
        settings.write_text(f'database = "{self._url}"\n{settings.read_text("utf-8")}', encoding="utf-8")
        migrate(self._url)


@dataclass
class Erased:
    """All octets that are searched, by place, before the erasure and after it; and what is sought."""

    sought: dict[str, bytes] = field(default_factory=dict)
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    stays: bytes = b""
    restored: str = ""
    faults: tuple[str, ...] = ()

    def traces(self, octets: bytes) -> set[str]:
        """Find what of the person stands there, in any encoding that anybody writes."""
        return {name for name, one in self.sought.items() if any(form in octets for form in encoded(one))}


def all_files(folder: Path) -> bytes:
    """The octets of all files. Empty runs, half of a database, are left out: nothing that is sought has one."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            found.append(re.sub(rb"\0{16,}", bytes(16), path.read_bytes()) if path.is_file() else b"")
        except FileNotFoundError:  # a server's own, which it removed meanwhile
            continue
    return b"\n".join(found)


def leads(engine: Engine, settings: Settings, keys: LedgerKeys, subject: bytes) -> dict[str, bytes]:
    """Index, salt, what a service knows the person by, and what that lies sealed in."""
    person, record, found = tables.subjects.c, tables.records.c, {"index": subject}
    with engine.connect() as connection:
        salt = connection.execute(select(person.salt).where(person.subject == subject)).scalar_one()
        rows = connection.execute(select(tables.records).where(record.subject == subject)).all()
        found |= {f"session {n}": one for n, one in enumerate(connection.scalars(select(tables.sessions.c.person)))}
    found["salt"] = bytes(salt)[:32]
    for row in rows:
        key = keys.period_key(settings.tenant, row.time)
        login = open_opening(key, settings.tenant, row.record, "login", row.login_opening)
        found[f"login {row.position}"] = row.login_opening
        found[f"sub {row.position}"] = login.content.split(b'"sub":"')[1].split(b'"')[0]
    return found


def on_disk(primary: PostgresServer, standby: PostgresServer) -> None:
    """Have both servers write all that was done, and remove logs that nobody needs any more."""
    for _ in range(2):
        primary.execute("CHECKPOINT")
        primary.execute("SELECT pg_switch_wal()")
        ((position,),) = primary.execute("SELECT pg_current_wal_insert_lsn()::text")
        primary.execute("CHECKPOINT")
        until(lambda at=position: standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{at}'::pg_lsn") == [(True,)])  # type: ignore[misc] # a lambda with a default
        standby.execute("CHECKPOINT")


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erased]:
    folder, found = tmp_path_factory.mktemp("erased"), Erased()
    log, backup = folder / "log", folder / "backup.db"
    with own_server(SETTINGS) as primary, standby_of(primary) as standby:
        url = primary.fresh()
        stage = OnPostgres(folder / "stage", url)
        stage.open()
        settings = load_settings(stage.receiving)
        keys = load_ledger_keys(settings.key_folder, settings.origin)

        def places() -> dict[str, bytes]:
            on_disk(primary, standby)
            data = {"database": all_files(primary.data), "replica": all_files(standby.data), "backup": backup.read_bytes()}
            said = {"log": log.read_bytes(), "log of the database": primary.log.read_bytes() + standby.log.read_bytes()}
            return {**data, **said, "folder": all_files(stage.receiving)}

        try:
            program = [sys.executable, "-c", TALKATIVE, str(stage.receiving)]
            with disposed(open_engine(url)) as engine, serving(stage.receiving, log, program):
                for who, service in ((CITIZEN, "parking"), (CITIZEN, "fares"), (OTHER, "parking")):
                    with Witness(stage, []) as browser:
                        page = browser.decide(browser.to_the_question(who, service), choice="approve")
                        assert page.status == 200, page.text
                        if service == "parking":
                            back = page.link("//main//a[contains(@href, 'code=')]")
                            browser.get(back, origin=stage.issuer, accept="application/json")
                with engine.connect() as connection:
                    subjects = {row.subject: row.counter for row in connection.execute(select(tables.subjects))}
                (gone,) = (subject for subject, count in subjects.items() if count == 2)
                (found.stays,) = subjects.keys() - {gone}
                found.sought = leads(engine, settings, keys, gone)
                primary.execute("ANALYZE", url.rpartition("/")[2])
                made = ciconia("backup", "--config", stage.receiving, "--to", backup)
                assert made.returncode == 0, made.stdout
                found.before = places()
                plain = folder / "plain.db"
                back_up(engine, tenant=settings.tenant, file=plain, advance=lambda _rows: None)
                found.before["backup without a key"] = plain.read_bytes()
                # Twenty days go by
                long_ago = int(time.time()) - 20 * DAY
                (day_key,) = (settings.key_folder / FOLDER).iterdir()
                day_key.rename(day_key.with_name("2020-01-01.key"))
                Erasures(engine=engine, tenant=settings.tenant, keys=keys).ask(
                    SignIn(gone, LevelOfAssurance.HIGH, long_ago), long_ago
                )

                def done() -> bool:
                    # Each look holds rows that a rewrite waits for
                    time.sleep(1)
                    with single(engine).connect() as connection:
                        return not connection.execute(select(tables.erasures)).all()

                until(done, 300)
                found.after = places()
                found.faults = tuple(
                    map(str, verify_ledger(engine, tenant=settings.tenant, keys=keys, role="city").findings)
                )
            again = ciconia("restore", "--config", stage.receiving, "--from", backup, "--json")
            found.restored = str(json_of(again)["error"])
            yield found
        finally:
            stage.close()


@pytest.mark.spec("issue 31 item 7: a search over database, log, backups and replicas finds no link (a test with canaries)")
def test_nothing_that_led_to_the_person_is_in_any_file_of_anybody(erased: Erased) -> None:
    assert {"index", "salt", "login 1", "login 2", "sub 1", "sub 2"} <= {*erased.sought}
    assert {place: left for place, octets in erased.after.items() if (left := erased.traces(octets))} == {}
    assert erased.faults == ()


def test_it_was_there_before_and_somebody_else_is_there_still(erased: Erased) -> None:
    stored = {name for name in erased.sought if not name.startswith("sub ")}
    for place in ("database", "replica"):
        assert stored == erased.traces(erased.before[place]), place
        assert erased.stays in erased.after[place]
    assert {"index", "salt", "login 1"} <= erased.traces(erased.before["backup without a key"])
    assert erased.traces(erased.before["backup"]) == set()


def test_the_backup_of_before_opens_for_nobody(erased: Erased) -> None:
    assert "the key of that day is not in keys/backups/" in erased.restored


def test_no_value_is_in_what_was_said_or_kept(erased: Erased) -> None:
    sought = needles((*VALUES.values(), VISITOR))
    assert b'"logger": "sqlalchemy' in erased.after["log"], "libraries talk"
    for place in ("log", "log of the database", "backup", "folder"):
        assert not search(erased.after[place], sought), place
    for place in ("database", "replica"):
        assert not [needle for needle in sought if needle in erased.after[place]], place
