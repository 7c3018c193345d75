"""The keys that find a person and the keys that open records, in two folders: the whole way of a broker from one to two.

Then a thief takes each folder with the database, and each folder is away.
"""

import itertools
import json
import re
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import select

from idp.config.settings import SETTINGS_FILE, load_settings
from idp.demo.browser import Browser
from idp.demo.citizens import CITIZENS
from idp.keys.index_folder import FINDING
from idp.keys.ledger_files import OPENINGS_KEY, load_ledger_keys
from idp.keys.secret_files import INDEX_KEY, PAIRWISE_KEY, load_secret
from idp.ledger.leaf import open_opening, subject_index
from idp.ledger.ledger_keys import derived, framed, mac, openings_master, period_key, with_masters
from idp.store.tables import metadata
from policies.errors import SignatureInvalid
from policies.parties import Sector, SubjectNamespace
from policies.pseudonyms import pairwise_subject
from tests.desk.stage import DeskStage
from tests.idp.changes.signing import Person, person
from tests.idp.cli.command import ciconia, in_process, json_of, serving
from tests.idp.server.crew import until
from tests.ports import free_port

ANNA, BERT = person("anna"), person("bert")
JUHAN = next(one for one in CITIZENS if one.key == "juhan").attributes["person_identifier"]
NAMESPACE, SECTOR = SubjectNamespace("demo/EE"), Sector("mobility")
HEX = re.compile(rb"\b[0-9a-f]{64}\b")
SEALED = ("sent_opening", "decision_opening", "login_opening", "subject_opening")
Row = dict[str, object]


@dataclass
class Separated:
    """A broker that released from one folder and from two, and a person's receipt of each time."""

    stage: DeskStage
    receipts: list[Path] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.stage.config

    @property
    def index(self) -> Path:
        return self.stage.folder / "index"

    def run(self, *words: str | Path) -> tuple[int, str]:
        """A command's exit code, and all that it says."""
        ran = in_process(*words, "--config", self.config)
        return ran.returncode, ran.stdout + ran.stderr

    def release(self, **more: str) -> None:
        """A release about Juhan, whose receipt is kept."""
        with Browser() as browser:
            self.stage.release(browser, "juhan", "fares", **more)
            receipt = browser.get(f"{self.stage.issuer}/receipt.json", origin=self.stage.issuer)
        path = self.stage.folder / f"receipt{len(self.receipts)}.json"
        path.write_text(receipt.text, encoding="utf-8")
        self.receipts.append(path)

    def grant(self) -> str:
        """A grant of two officers that opens the person of the first receipt."""
        record = json.loads(self.receipts[0].read_text(encoding="utf-8"))["record"]["record_id"]
        made = self._grant(ANNA, "new", "--auditor", "liis", "--record", record, "--reason", "case 7")
        return self._grant(BERT, "approve", made)

    def _grant(self, officer: Person, *words: str) -> str:
        key = self.stage.folder / f"{officer.name}.key"
        by = ("--as", officer.name, "--key", key, "--config", self.config, "--json")
        return str(json_of(in_process("ledger", "grant", *words, *by))["grant"])

    def opened(self, *words: str | Path) -> list[str]:
        """The records that `ciconia ledger person` shows."""
        told = json_of(in_process("ledger", "person", *words, "--config", self.config, "--json"))
        return [str(one["record"]) for one in told["records"]]  # type: ignore[attr-defined]  # a list of objects


@pytest.fixture(scope="module")
def separated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Separated]:
    stage = DeskStage(tmp_path_factory.mktemp("custody"))
    (stage.config / "operators").mkdir()
    for one in (ANNA, BERT):
        (stage.config / "operators" / f"{one.name}.pub").write_text(one.line)
        (stage.folder / f"{one.name}.key").write_bytes(one.private)
    found = Separated(stage)
    with DeskStage.countries(stage):
        with serving(stage.config, stage.folder / "log") as served:
            found.release()
            served.end(signal.SIGTERM)  # and its workers, who listen there
        code, said = found.run("keys", "separate")
        assert code == 1, said
        assert 'Write index_keys = "/PLACE"' in said
        found.index.mkdir(0o700)
        settings = stage.config / SETTINGS_FILE
        settings.write_text(f'index_keys = "{found.index}"\n{settings.read_text(encoding="utf-8")}', encoding="utf-8")
        refused = ciconia("serve", "--config", stage.config)
        assert refused.returncode == 1
        assert "`ciconia keys separate` moves it there." in refused.stderr
        code, said = found.run("keys", "separate")
        assert code == 0, said
        purpose = stage.config / "purposes" / "concession-fare.toml"
        purpose.write_text(f'ask = "remember(P180D)"\n{purpose.read_text(encoding="utf-8")}', encoding="utf-8")
        with serving(stage.config, stage.folder / "log2"):
            found.release(remember="yes")
            until(lambda: found.run("ledger", "verify")[0] == 0)
        yield found


@pytest.mark.spec("decisions.md 24")
def test_records_from_before_and_after_are_one_persons_and_all_verifies(separated: Separated) -> None:
    whole = separated.opened("--receipt", separated.receipts[0])
    assert len(whole) == 2
    assert separated.opened("--receipt", separated.receipts[1]) == whole
    assert separated.opened("--grant", separated.grant(), "--as", "liis") == whole
    code, said = separated.run("ledger", "verify")
    assert code == 0, said
    code, said = separated.run("audit", "events")
    assert said.count("key.separated") == 1, said
    code, said = separated.run("doctor", "--offline")
    assert "it lies on the same disk as the keys that open records" in said
    assert INDEX_KEY not in said


@pytest.mark.spec("decisions.md 24")
def test_without_the_index_folder_records_open_and_nothing_serves(separated: Separated, tmp_path: Path) -> None:
    away = separated.index.rename(tmp_path / "away")
    try:
        grant = separated.grant()
        assert len(separated.opened("--grant", grant, "--as", "liis")) == 2
        for works in (
            ("ledger", "verify"),
            ("ledger", "person", "--receipt", separated.receipts[0]),
            ("ledger", "grant", "list"),
            ("backup", "--to", tmp_path / "backup.db"),
        ):
            code, said = separated.run(*works)
            assert code == 0, said
        for refuses in (("keys", "list"), ("keys", "separate"), ("doctor", "--offline"), ("serve",)):
            ran = ciconia(*refuses, "--config", separated.config)
            assert ran.returncode in (1, 2)
            assert f"there is no such folder, and {' and '.join(FINDING)} belong there" in ran.stdout + ran.stderr
    finally:
        away.rename(separated.index)


@pytest.mark.spec("decisions.md 24")
def test_without_the_key_folder_every_command_names_the_key_that_opens(separated: Separated, tmp_path: Path) -> None:
    keys = load_settings(separated.config).key_folder
    away = keys.rename(tmp_path / "away")
    try:
        for refuses in (
            ("ledger", "verify"),
            ("ledger", "person", "--receipt", separated.receipts[0]),
            ("ledger", "grant", "list"),
            ("backup", "--to", tmp_path / "backup.db"),
            ("keys", "list"),
            ("serve",),
        ):
            ran = ciconia(*refuses, "--config", separated.config)
            assert ran.returncode in (1, 2), refuses
            assert f"{OPENINGS_KEY} belongs there: without it nobody's records open" in ran.stdout + ran.stderr, refuses
    finally:
        away.rename(keys)


@pytest.mark.spec("decisions.md 24")
def test_a_restore_needs_the_key_folder_and_no_other_keys_of_persons_are_served(
    separated: Separated, tmp_path: Path
) -> None:
    file, again, index = tmp_path / "backup.db", tmp_path / "again", tmp_path / "index"
    code, said = separated.run("backup", "--to", file)
    assert code == 0, said
    shutil.copytree(separated.config, again, ignore=shutil.ignore_patterns("ciconia.db*"))
    settings = again / SETTINGS_FILE
    text = settings.read_text(encoding="utf-8").replace(str(separated.index), str(index))
    settings.write_text(text, encoding="utf-8")
    ran = in_process("restore", "--config", again, "--from", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # It was not served yet, and knows its keys all the same
    for name in FINDING:
        shutil.copytree(separated.index, index, dirs_exist_ok=True)
        assert "a second name" not in in_process("doctor", "--offline", "--config", again).stdout
        (index / name).write_text("ab" * 32)
        assert "a second name" in in_process("doctor", "--offline", "--config", again).stdout
    # The broker's own port was told a while ago: since then somebody else may listen there
    assert f"127.0.0.1:{separated.stage.broker_port}" in text
    settings.write_text(
        text.replace(f"127.0.0.1:{separated.stage.broker_port}", f"127.0.0.1:{free_port()}"), encoding="utf-8"
    )
    refused = ciconia("serve", "--config", again)
    assert refused.returncode == 1
    assert "another pairwise.key or index.key" in refused.stderr


@dataclass
class Loot:
    """A thief's: the database, and one folder of keys with all below it."""

    rows: dict[str, list[Row]]
    files: dict[str, bytes]
    tenant: str

    @property
    def blobs(self) -> set[bytes]:
        return {value for rows in self.rows.values() for row in rows for value in row.values() if isinstance(value, bytes)}

    @property
    def masters(self) -> set[bytes]:
        """Every 32 bytes of the folder, and what the product derives from them."""
        found = {bytes.fromhex(word.decode()) for text in self.files.values() for word in HEX.findall(text)}
        for text in self.files.values():
            if b"PRIVATE KEY" in text:
                key = load_pem_private_key(text.partition(b"-----BEGIN CERTIFICATE")[0], password=None)
                if hasattr(key, "private_bytes_raw"):
                    found.add(key.private_bytes_raw())
                elif hasattr(numbers := key.private_numbers(), "private_value"):
                    found.add(numbers.private_value.to_bytes(32))
        for master in tuple(found):
            keys = with_masters("x", None, master)  # type: ignore[arg-type]  # the log's keys derive nothing
            found |= {keys.openings, keys.subjects, keys.rows}
        return found

    @property
    def candidates(self) -> set[bytes]:
        return self.masters | {one for one in self.blobs if len(one) == 32}

    def opened(self, master: bytes) -> Iterator[bytes]:
        """Find what a master of openings opens, as the key of a period or of one opening."""
        for row in self.rows["records"]:
            record, time = row["record"], row["time"]
            assert isinstance(record, bytes)
            assert isinstance(time, int)
            for column, key in itertools.product(SEALED, (period_key(master, self.tenant, time), master)):
                if isinstance(sealed := row[column], bytes):
                    try:
                        yield open_opening(key, self.tenant, record, column.removesuffix("_opening"), sealed).content
                    except SignatureInvalid:
                        continue


def looted(separated: Separated, folder: Path) -> Loot:
    settings = load_settings(separated.config)
    with closing(sqlite3.connect(settings.folder / settings.database)) as database:
        database.row_factory = sqlite3.Row
        rows = {
            name: [dict(row) for row in database.execute(str(select(table)))] for name, table in metadata.tables.items()
        }
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files
    return Loot(rows, files, settings.tenant)


@pytest.mark.spec("decisions.md 24")
def test_who_has_the_key_folder_and_the_database_opens_records_and_finds_nobody(separated: Separated) -> None:
    loot = looted(separated, load_settings(separated.config).key_folder)
    opened = set(loot.opened(openings_master(load_secret(load_settings(separated.config).key_folder / OPENINGS_KEY))))
    subs = {str(json.loads(one)["sub"]) for one in opened if b'"sub"' in one}
    assert subs
    blobs = loot.blobs

    def finds(key: bytes) -> bool:
        named = pairwise_subject(key, loot.tenant, SECTOR, NAMESPACE, JUHAN) if len(key) == 32 else ""  # type: ignore[arg-type]
        return subject_index(key, loot.tenant, NAMESPACE, JUHAN) in blobs or named in subs

    # So it is found where it can be: each of the other folder's keys finds him alone
    assert finds(load_secret(separated.index / INDEX_KEY))
    assert finds(load_secret(separated.index / PAIRWISE_KEY))
    tried = loot.candidates
    assert len(tried) > 20
    assert not [key for key in tried if finds(key)]
    plain = JUHAN.encode()
    assert not [one for one in (*blobs, *opened) if plain in one]
    assert plain not in json.dumps(loot.rows, default=str).encode()


@pytest.mark.spec("decisions.md 24")
def test_who_has_the_index_folder_and_the_database_finds_a_person_and_opens_nothing(separated: Separated) -> None:
    loot = looted(separated, separated.index)
    index = subject_index(load_secret(separated.index / INDEX_KEY), loot.tenant, NAMESPACE, JUHAN)
    assert len([row for row in loot.rows["records"] if row["subject"] == index]) == 2
    right = openings_master(load_secret(load_settings(separated.config).key_folder / OPENINGS_KEY))
    assert len(list(loot.opened(right))) >= 6
    tried = loot.candidates
    assert len(tried) > 20
    assert not [key for key in tried if list(loot.opened(key))]
    # Nor do they find what the person lets us remember, though they know of whom and for what
    parts = (loot.tenant.encode(), index, b"fares", b"concession-fare")

    def remembered(key: bytes) -> set[bytes]:
        uses = [naming(key, use) for naming in (mac, plainly) for use in (b"approvals name", b"stops name")]
        return {mac(each, framed(*parts)) for each in uses} & loot.blobs

    settings = load_settings(separated.config)
    assert remembered(load_ledger_keys(settings.key_folder, settings.origin).subjects)
    assert not [key for key in tried if remembered(key)]


def plainly(master: bytes, use: bytes) -> bytes:
    return derived(master, b"", use)
