"""`ciconia backup` and `restore`: the ledger verifies elsewhere and on the other database; nothing taken is free."""

import errno
import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import structlog
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from connectors.formats.grammar import written
from idp.cli import app
from idp.keys.folder import create_keys
from idp.keys.ledger import load_ledger_keys
from idp.settings import SETTINGS_FILE, load_settings
from idp.store import tables
from idp.store.backup import CLOSED_SECONDS, COPIED, fresh_file, opened_backup
from idp.store.migrate import migrate
from idp.store.store import Store, open_store
from idp.transparency.sequencer import Sequencer
from idp.transparency.witness import Witness
from policies.errors import StoreUnavailable
from tests.idp.cli.command import ciconia as process
from tests.idp.cli.command import json_of
from tests.idp.store.units import NEVER, commit_all, marks, parked, refusal, release
from tests.idp.store.units import unit as made
from tests.kill.checker import check
from tests.postgres import server

ISSUER = "https://login.storkhaven.example"


def ciconia(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A command in this process: one of its own takes seconds to import everything."""
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    structlog.reset_defaults()  # a command has its log go to a stream that ended with it
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return subprocess.CompletedProcess([], found.exit_code, found.stdout, found.stderr)


def folder_of(parent: Path, name: str, database: str = "ciconia.db", *, witness: str = "") -> Path:
    """A broker's folder with settings alone."""
    folder = parent / name
    folder.mkdir()
    lines = [f'issuer = "{ISSUER}"', f'database = "{database}"', f'witness = "{witness}"']
    (folder / SETTINGS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def with_keys_of(folder: Path, other: Path) -> Path:
    """The keys of the other folder, as an operator brings them along."""
    (folder / "keys").symlink_to(other / "keys")
    return folder


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose database has eleven records, two of them staged, and rows of every kind that is left out."""
    folder = folder_of(tmp_path_factory.mktemp("example"), "served")
    settings = load_settings(folder)
    create_keys(settings.key_folder, settings.origin, settings.tenant)
    migrate(settings.database_url)
    grow(folder, 9)
    grow(folder, 2, sequence=False)
    return folder


@pytest.fixture
def served(example: Path, tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(example, tmp_path / "served"))


def grow(folder: Path, count: int, *, sequence: bool = True, witness: bool = False) -> None:
    settings = load_settings(folder)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    store._closed = 1  # closed until long ago
    now = int(time.time())
    commit_all(
        store,
        [
            made(
                *marks(f"login {now} {number} {count}", end=NEVER),
                record=refusal(now) if number % 4 == 0 else release(time=now),
                parked=[
                    parked(f"{now} {number} {count}".encode().ljust(32, b"p"), end=NEVER, payload=b"CANARY of a value")
                ],
                end=NEVER,
            )
            for number in range(count)
        ],
    )
    if sequence:
        kept = Witness(settings.witness_path, keys) if witness and settings.witness_path else None
        sequencer = Sequencer(store, keys, checkpoint_seconds=0, witness=kept)
        assert sequencer.step()
        sequencer.stop()
    store.close()


@contextmanager
def open_of(folder: Path) -> Iterator[Store]:
    """The store of a folder."""
    settings = load_settings(folder)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    yield store
    store.close()


@pytest.fixture
def url() -> str:
    return server().fresh()


def rows(file: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)  # noqa: S608  our names


def test_a_backup_of_any_name_is_one_file(served: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    run = ciconia("backup", "--config", served, "--to", out / "b?c%41.db")
    assert run.returncode == 0, run.stderr
    assert [path.name for path in out.iterdir()] == ["b?c%41.db"]


@pytest.mark.parametrize("when", ["made", "filled", "checked"])
def test_a_disk_without_room_is_named_by_the_file_that_was_asked_for(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    file, module = tmp_path / "b.db", import_module("idp.store.backup")

    def full(*_: object) -> None:
        raise OperationalError("", {}, sqlite_error("SQLITE_FULL"))

    def unable(*_: object) -> None:
        raise StoreUnavailable("SQLITE_FULL")

    def no_room(descriptor: int, mode: str) -> None:
        os.close(descriptor)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if mode == "wb" else AssertionError(mode)

    match when:
        case "made":
            monkeypatch.setattr(module, "migrate", unable)
        case "filled":
            monkeypatch.setattr(module, "insert", full)
        case "checked":
            monkeypatch.setattr(os, "fdopen", no_room)
    run = ciconia("backup", "--config", served, "--to", file)
    assert run.returncode == 2
    if when == "checked":
        assert run.stderr == f"It could not be done: {tmp_path}: No space left on device. Make room on its disk.\n"
    else:
        told = f"{file} cannot be written: SQLITE_FULL. The disk is full. Make room on it."
        assert run.stderr == f"It could not be done: {told}\n"


@pytest.mark.parametrize(
    ("when", "word"), [("copied", "ENOSPC"), ("migrated", "SQLITE_FULL"), ("filled", "SQLITE_FULL"), ("read", "SHMSIZE")]
)
def test_a_restore_to_a_disk_without_room_names_it_and_says_what_to_do(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, word: str
) -> None:
    file, again = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "again", database="other.db"), served)
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    module, command = import_module("idp.store.backup"), import_module("idp.cli.backup")

    def full(*_: object) -> None:
        raise OperationalError("", {}, sqlite_error("SQLITE_FULL"))

    def unable(*_: object) -> None:
        raise StoreUnavailable("SQLITE_FULL" if when == "migrated" else "SQLITE_IOERR_SHMSIZE")

    def no_room(descriptor: int, _: str) -> None:
        os.close(descriptor)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    match when:
        case "copied":
            monkeypatch.setattr(os, "fdopen", no_room)
        case "migrated":
            monkeypatch.setattr(command, "migrate", unable)
        case "filled":
            monkeypatch.setattr(module, "insert", full)
        case "read":
            monkeypatch.setattr(module, "revision_of", unable)
    told = {
        "ENOSPC": f"{again}: No space left on device. Make room on its disk.",
        "SQLITE_FULL": f"{again / 'other.db'} cannot be written: SQLITE_FULL. The disk is full. Make room on it.",
        "SHMSIZE": f"{again} cannot be written: SQLITE_IOERR_SHMSIZE. The disk has no room for what SQLite keeps beside "
        "the file. Make room on it.",
    }
    run = ciconia("restore", "--config", again, "--from", file)
    assert (run.returncode, run.stderr) == (2, f"It could not be done: {told[word]}\n")
    monkeypatch.undo()
    assert ciconia("restore", "--config", again, "--from", file).returncode == 0


def test_what_the_database_cannot_do_is_no_fault_of_the_backup(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise OperationalError("", {}, sqlite_error("SQLITE_IOERR_READ"))

    monkeypatch.setattr(import_module("idp.store.backup"), "select", unreadable)
    monkeypatch.setattr(import_module("idp.cli.backup"), "rows_of", lambda *_: 1)
    run = ciconia("backup", "--config", served, "--to", tmp_path / "b.db")
    assert run.returncode == 2
    assert run.stderr.startswith("It could not be done: SQLITE_IOERR_READ. ")


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError()
    error.sqlite_errorname = name
    return error


def test_a_file_that_cannot_have_its_name_is_told_by_it(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(source), None, str(target))

    monkeypatch.setattr(os, "link", no_links)
    for command in (("backup", "--to"), ("ledger", "export")):
        run = ciconia(*command, tmp_path / "out", "--config", served)
        assert (run.returncode, list(tmp_path.glob("*out*"))) == (2, [])
        assert f"{tmp_path / 'out'}" in run.stderr
        assert ".out." not in run.stderr


@pytest.mark.parametrize("command", ["backup --to", "ledger export"])
def test_a_folder_that_is_not_there_is_to_be_made(served: Path, tmp_path: Path, command: str) -> None:
    run = ciconia(*command.split(), tmp_path / "absent" / "out", "--config", served)
    assert run.returncode == 2
    assert "there is no such folder: make it, or name another" in run.stderr
    assert f"{tmp_path / 'absent'}" in run.stderr


def test_a_backup_restores_to_another_folder_and_its_ledger_verifies(served: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    told = json_of(ciconia("backup", "--config", served, "--to", file, "--json"))
    assert (told["ok"], told["size"], told["records"]) == (True, 9, 11)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    restored = json_of(ciconia("restore", "--config", again, "--from", file, "--json"))
    assert (restored["ok"], restored["rows"], restored["root"]) == (True, told["rows"], told["root"])
    verified = ciconia("ledger", "verify", "--config", again, "--json")
    assert json_of(verified)["ok"] is True
    assert check(again / "ciconia.db", []) == []
    for table in COPIED:
        extra = 1 if table is tables.marks else 0
        assert len(rows(again / "ciconia.db", table.name)) == len(rows(served / "ciconia.db", table.name)) + extra
    # whoever goes on places and signs what was staged
    grow(again, 1)
    assert json_of(ciconia("ledger", "verify", "--config", again, "--json"))["size"] == 12


def test_what_must_not_lie_in_a_backup_is_not_in_it(served: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    with closing(sqlite3.connect(served / "ciconia.db")) as connection:
        connection.execute("INSERT INTO sealing_keys VALUES ('login.storkhaven.example', 'code', 1, x'ab', 2)")
        connection.commit()
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    assert rows(served / "ciconia.db", "parked")
    for name in ("sealing_keys", "parked", "decisions", "installations"):
        assert rows(file, name) == []
    assert b"CANARY" not in file.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("copy", ".copy"))] == ["copy.db"]


def test_from_sqlite_to_postgresql_and_back_nothing_changes(served: Path, tmp_path: Path, url: str) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    assert ciconia("backup", "--config", served, "--to", first).returncode == 0
    cluster = with_keys_of(folder_of(tmp_path, "cluster", url), served)
    restored = ciconia("restore", "--config", cluster, "--from", first, "--json")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert ciconia("backup", "--config", cluster, "--to", second).returncode == 0
    back = with_keys_of(folder_of(tmp_path, "back"), served)
    assert json_of(ciconia("restore", "--config", back, "--from", second, "--json"))["ok"] is True
    assert json_of(ciconia("ledger", "verify", "--config", back, "--json"))["ok"] is True
    for table in COPIED:
        if table is not tables.marks:
            assert rows(back / "ciconia.db", table.name) == rows(served / "ciconia.db", table.name), table.name


def test_a_backup_beside_a_broker_that_writes_is_one_moment(served: Path, tmp_path: Path) -> None:
    settings = load_settings(served)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    sequencer = Sequencer(store, keys, checkpoint_seconds=0, lease_seconds=1, poll_seconds=0.01)
    sequencer.start()
    sizes = []
    for number in range(2):
        commit_all(store, [made(record=release()) for _ in range(20)])
        told = json_of(ciconia("backup", "--config", served, "--to", tmp_path / f"{number}.db", "--json"))
        assert told["ok"] is True
        sizes.append(told["records"])
    sequencer.stop()
    store.close()
    assert sizes == [31, 51]


@pytest.mark.parametrize("what", ["no database", "not empty", "no backup", "another's", "other keys", "changed", "there"])
def test_what_cannot_be_restored_changes_nothing(served: Path, tmp_path: Path, what: str) -> None:
    file, again = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "again"), served)
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    before = file.read_bytes()
    code, word = 2, ""
    match what:
        case "no database":
            file, word = tmp_path / "nothing.db", "No such file"
        case "not empty":
            assert ciconia("restore", "--config", again, "--from", file).returncode == 0
            word = "the database is not empty: restore into one that is new"
        case "no backup":
            file.write_bytes(b"something else")
            word = "the file is no backup: name one that"
        case "another's":
            change(file, "UPDATE marks SET tenant = 'other.example'")
            word = "the backup is of another broker"
        case "other keys":
            (again / "keys").unlink()
            settings = load_settings(again)
            create_keys(settings.key_folder, settings.origin, settings.tenant)
            word = "it was made with other keys than those in"
        case "changed":
            change(file, "UPDATE records SET time = time + 1")
            code, word = 1, "is not restored"
        case _:
            found = ciconia("backup", "--config", served, "--to", file)
            assert (found.returncode, file.read_bytes()) == (2, before)
            assert "exists already: name a new file" in found.stderr
            nowhere = ciconia("backup", "--config", served, "--to", tmp_path / "nowhere" / "x.db")
            assert (nowhere.returncode, f"{tmp_path / 'nowhere'}: there is no such folder" in nowhere.stderr) == (2, True)
            return
    found = ciconia("restore", "--config", again, "--from", file)
    assert (found.returncode, word in found.stdout + found.stderr) == (code, True), found.stdout + found.stderr
    assert ("other keys" in found.stderr, "DOES NOT FIT" in found.stderr) == (what == "other keys", code == 1)
    assert not [path for path in again.iterdir() if path.name.startswith(".")]
    if what != "not empty":
        assert not (again / "ciconia.db").exists()


def test_a_tree_that_was_changed_in_a_backup_is_no_question_of_keys(served: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "again"), served)
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    change(file, "UPDATE trees SET epoch = epoch + 1")
    found = ciconia("restore", "--config", again, "--from", file)
    assert (found.returncode, "DOES NOT FIT  trees" in found.stderr, "other keys" in found.stderr) == (1, True, False)


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.spec("decisions.md 2")
def test_for_eighteen_minutes_after_a_restore_nothing_is_taken(served: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "again"), served)
    ciconia("backup", "--config", served, "--to", file)
    begun = time.time()
    ciconia("restore", "--config", again, "--from", file)
    settings = load_settings(again)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    assert CLOSED_SECONDS - 60 < store.closed <= CLOSED_SECONDS
    with pytest.raises(StoreUnavailable, match="restored from a backup"):
        store.commit(made(record=release()))
    store._clock = lambda: begun + CLOSED_SECONDS + 60
    assert store.closed == 0
    store.commit(made(record=release()))
    store.close()


@pytest.mark.spec("decisions.md 2")
def test_a_broker_that_began_before_a_restore_ended_takes_nothing_either(served: Path, tmp_path: Path, url: str) -> None:
    file, cluster = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "cluster", url), served)
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    settings = load_settings(cluster)
    migrate(settings.database_url)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    assert store.closed == 0, "the control: nothing is restored yet"
    assert ciconia("restore", "--config", cluster, "--from", file).returncode == 0
    waited = time.monotonic() + 2
    while not store.closed and time.monotonic() < waited:
        time.sleep(0.05)
    with pytest.raises(StoreUnavailable, match="restored from a backup"):
        store.commit(made(record=release()))
    store.close()


@pytest.mark.spec("security.md §3 restore from backup")
def test_a_backup_that_is_older_than_the_witness_saw_is_named_and_signs_nothing(example: Path, tmp_path: Path) -> None:
    (tmp_path / "witness").mkdir()
    served = with_keys_of(folder_of(tmp_path, "served", witness=str(tmp_path / "witness")), example)
    migrate(load_settings(served).database_url)
    grow(served, 3, witness=True)
    assert ciconia("backup", "--config", served, "--to", tmp_path / "old.db").returncode == 0
    grow(served, 4, witness=True)
    assert ciconia("backup", "--config", served, "--to", tmp_path / "new.db").returncode == 0
    older = with_keys_of(folder_of(tmp_path, "older", witness=str(tmp_path / "witness")), served)
    found = ciconia("restore", "--config", older, "--from", tmp_path / "old.db")
    assert found.returncode == 1
    assert "The witness saw 7 leaves, and this ledger has 3" in found.stderr
    with pytest.raises(StoreUnavailable):
        grow(older, 1, witness=True)
    newer = with_keys_of(folder_of(tmp_path, "newer", witness=str(tmp_path / "witness")), served)
    assert json_of(ciconia("restore", "--config", newer, "--from", tmp_path / "new.db", "--json"))["witnessed"] == 7
    grow(newer, 1, witness=True)


@pytest.mark.spec("security.md §3 restore from backup")
def test_a_database_that_is_served_is_no_backup(served: Path, tmp_path: Path) -> None:
    """Its newest commits lie in the log beside it, which nobody copies along."""
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    with open_of(served) as store:
        commit_all(store, [made(record=release()) for _ in range(3)])
        refused = ciconia("restore", "--config", again, "--from", served / "ciconia.db")
    assert refused.returncode == 2
    assert "make one with `ciconia backup`" in refused.stderr
    assert not (again / "ciconia.db").exists()


def test_an_empty_database_is_no_backup(served: Path, tmp_path: Path) -> None:
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("VACUUM")
    refused = ciconia("restore", "--config", again, "--from", tmp_path / "empty.db")
    assert refused.returncode == 2
    assert "an empty database, and no backup" in refused.stderr


def test_tables_of_another_version_than_the_file_names_are_no_fault_of_the_folder(served: Path, tmp_path: Path) -> None:
    again, file = with_keys_of(folder_of(tmp_path, "again"), served), tmp_path / "backup.db"
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
    refused = ciconia("restore", "--config", again, "--from", file)
    assert refused.returncode == 2
    assert "its tables are not of the version that it names" in refused.stderr
    assert "cannot be written" not in refused.stderr


def watched(parent: Path) -> Path:
    """A migrated folder with keys, whose ledger is empty and has a witness."""
    (parent / "witness").mkdir()
    folder = folder_of(parent, "watched", witness=str(parent / "witness"))
    settings = load_settings(folder)
    create_keys(settings.key_folder, settings.origin, settings.tenant)
    migrate(settings.database_url)
    return folder


@pytest.mark.spec("security.md §3 restore from backup")
@pytest.mark.parametrize("left", ["the older one", "nothing"])
def test_the_check_and_a_backup_of_an_older_ledger_say_what_the_witness_saw(tmp_path: Path, left: str) -> None:
    folder = watched(tmp_path)
    grow(folder, 3, witness=True)
    older = (folder / "ciconia.db").read_bytes()
    grow(folder, 2, witness=True)
    assert ciconia("ledger", "verify", "--config", folder).returncode == 0
    assert ciconia("backup", "--config", folder, "--to", tmp_path / "good.db").returncode == 0
    (folder / "ciconia.db").write_bytes(older)
    if left == "nothing":
        for table in reversed(COPIED):
            change(folder / "ciconia.db", f"DELETE FROM {table.name}")  # noqa: S608  our names
    verified = json_of(ciconia("ledger", "verify", "--config", folder, "--json"))
    told = json_of(ciconia("backup", "--config", folder, "--to", tmp_path / "copy.db", "--json"))
    for found in (verified, told):
        assert found["ok"] is False
        assert "the witness saw 5: it is an older ledger" in str(found["findings"])


@pytest.mark.spec("security.md §3 restore from backup")
@pytest.mark.parametrize("how", ["empty", "not there", "a link to nowhere", "lost+found"])
def test_the_check_and_a_backup_say_that_a_witness_may_not_be_mounted(tmp_path: Path, how: str) -> None:
    """A broker that starts then signs and releases nothing, and what is in the database may be as old as it likes."""
    folder, witness = watched(tmp_path), tmp_path / "witness"
    grow(folder, 3, witness=True)
    witness.rename(tmp_path / "away")
    match how:
        case "empty" | "lost+found":
            witness.mkdir()
        case "a link to nowhere":
            witness.symlink_to(tmp_path / "nowhere")
    if how == "lost+found":
        (witness / "lost+found").mkdir()
    verified = json_of(ciconia("ledger", "verify", "--config", folder, "--json"))
    told = json_of(ciconia("backup", "--config", folder, "--to", tmp_path / "copy.db", "--json"))
    for found in (verified, told):
        assert found["ok"] is False
        assert f"the witness {witness} has none of them: is it mounted?" in str(found["findings"])
        assert "a broker that starts releases nothing" in str(found["findings"]), "one that runs goes on"


@pytest.mark.parametrize("how", ["the folder", "a link to it", "a file that is not there yet"])
def test_a_backup_is_not_written_where_it_would_count_as_a_checkpoint(tmp_path: Path, how: str) -> None:
    folder, witness = watched(tmp_path), tmp_path / "witness"
    to = witness / "copy.db"
    match how:
        case "a link to it":
            (tmp_path / "link").symlink_to(witness)
            to = tmp_path / "link" / "copy.db"
        case "a file that is not there yet":
            witness.rmdir()
            to = witness
    run = ciconia("backup", "--config", folder, "--to", to)
    assert (run.returncode, run.stdout) == (2, "")
    assert f"{to} would count as a checkpoint of the witness {witness}" in run.stderr
    assert "name a file in another folder" in run.stderr
    assert not to.exists()
    assert ciconia("backup", "--config", folder, "--to", tmp_path / "copy.db").returncode == 0
    assert ciconia("ledger", "verify", "--config", folder).returncode == 0


def test_another_history_than_the_witness_saw_is_named(tmp_path: Path) -> None:
    folder = watched(tmp_path)
    empty = (folder / "ciconia.db").read_bytes()
    grow(folder, 3, witness=True)
    (folder / "ciconia.db").write_bytes(empty)
    grow(folder, 4)
    verified = json_of(ciconia("ledger", "verify", "--config", folder, "--json"))
    assert "the first 3 are not those that the witness saw" in str(verified["findings"])


def test_a_witness_that_cannot_be_read_is_said_before_anything_is_restored(served: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    witness.mkdir()
    (witness / "README").write_text("what this folder is for", encoding="utf-8")
    assert ciconia("backup", "--config", served, "--to", tmp_path / "copy.db").returncode == 0
    again = with_keys_of(folder_of(tmp_path, "again", witness=str(witness)), served)
    assert ciconia("restore", "--config", again, "--from", tmp_path / "copy.db").returncode == 2
    (witness / "README").unlink()
    show_newest(served, witness)
    assert ciconia("restore", "--config", again, "--from", tmp_path / "copy.db").returncode == 0


@pytest.mark.spec("security.md §3 restore from backup")
def test_a_restore_beside_a_witness_that_was_lost_with_the_old_machine_says_that_nothing_will_be_released(
    served: Path, tmp_path: Path
) -> None:
    file, witness = tmp_path / "copy.db", tmp_path / "witness"
    witness.mkdir()
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    text = ciconia("restore", "--config", of(served, tmp_path, "text", str(witness)), "--from", file)
    told = json_of(ciconia("restore", "--config", of(served, tmp_path, "json", str(witness)), "--from", file, "--json"))
    assert (text.returncode, told["ok"], told["restored"], told["witness"], told["witnessed"]) == (1, False, True, True, 0)
    for said in (text.stderr, str(told["findings"])):
        assert f"the witness {witness} has none of them: is it mounted?" in said
        assert "put the newest checkpoint into it first (docs/back-up-and-restore.md)" in said
        assert "a broker that starts releases nothing" in said
    assert ciconia("ledger", "verify", "--config", tmp_path / "text").returncode == 1, "it says the same"
    show_newest(tmp_path / "text", witness)
    assert ciconia("ledger", "verify", "--config", tmp_path / "text").returncode == 0
    grow(tmp_path / "text", 1, witness=True)


def test_a_restore_beside_another_history_than_the_witness_saw_names_it(served: Path, tmp_path: Path) -> None:
    file, witness = tmp_path / "copy.db", tmp_path / "witness"
    witness.mkdir()
    other = with_keys_of(folder_of(tmp_path, "other"), served)
    migrate(load_settings(other).database_url)
    grow(other, 3)
    show_newest(other, witness)
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    found = ciconia("restore", "--config", of(served, tmp_path, "again", str(witness)), "--from", file)
    assert (found.returncode, "the first 3 are not those that the witness saw" in found.stderr) == (1, True)


def test_a_restore_of_what_was_never_signed_needs_nothing_in_the_witness(tmp_path: Path) -> None:
    folder, file = watched(tmp_path), tmp_path / "copy.db"
    grow(folder, 2, sequence=False)
    assert ciconia("backup", "--config", folder, "--to", file).returncode == 0
    again = of(folder, tmp_path, "again", str(tmp_path / "witness"))
    assert ciconia("restore", "--config", again, "--from", file).returncode == 0


@pytest.mark.spec("security.md §3 restore from backup")
@pytest.mark.parametrize("witness", [True, False])
def test_a_restore_says_from_when_the_backup_is_and_what_has_to_be_done_again(
    served: Path, tmp_path: Path, *, witness: bool
) -> None:
    file, kept = tmp_path / "copy.db", str(tmp_path / "witness") if witness else ""
    ciconia("backup", "--config", served, "--to", file)
    ((newest,),) = rows_of_query(file, "SELECT max(time) FROM records")
    (tmp_path / "witness").mkdir()
    show_newest(served, tmp_path / "witness")
    found = ciconia("restore", "--config", of(served, tmp_path, "text", kept), "--from", file)
    assert found.returncode == 0, found.stderr
    again = f"The newest record in this backup is of {written(int(str(newest)))}. Every relying party"
    assert again in found.stdout
    assert "every key that was revoked since then counts again" in found.stdout
    assert ("No witness is set, so nobody can say" in found.stdout) is not witness
    told = json_of(ciconia("restore", "--config", of(served, tmp_path, "json", kept), "--from", file, "--json"))
    assert (told["newest"], told["witness"]) == (written(int(str(newest))), witness)
    assert told["closed_seconds"] == CLOSED_SECONDS
    sentences = told["again"]
    assert isinstance(sentences, list)
    assert len(sentences) == (1 if witness else 2)
    assert sentences[0].startswith(again)


def show_newest(served: Path, witness: Path) -> None:
    """Put the newest checkpoint into a witness that has none, as an operator does."""
    assert ciconia("ledger", "export", witness / "first", "--config", served).returncode == 0


def of(served: Path, parent: Path, name: str, witness: str) -> Path:
    return with_keys_of(folder_of(parent, name, witness=witness), served)


def rows_of_query(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def test_a_restore_by_a_clock_that_is_behind_says_so_and_until_when_it_is_closed(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "copy.db"
    ciconia("backup", "--config", served, "--to", file)
    ((newest,),) = rows_of_query(file, "SELECT max(time) FROM records")
    behind = int(str(newest)) - 3600
    monkeypatch.setattr(import_module("idp.cli.backup"), "time", SimpleNamespace(time=lambda: behind))
    found = ciconia("restore", "--config", of(served, tmp_path, "text", ""), "--from", file)
    assert f"sign-ins are refused until {written(int(str(newest)) + CLOSED_SECONDS)}" in found.stdout
    assert "The clock of this machine is behind that record: set it, by NTP." in found.stdout
    told = json_of(ciconia("restore", "--config", of(served, tmp_path, "json", ""), "--from", file, "--json"))
    assert told["closed_seconds"] == 3600 + CLOSED_SECONDS


def test_a_copy_that_a_kill_leaves_behind_is_readable_to_its_owner_alone(served: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    ciconia("backup", "--config", served, "--to", file)
    octets = file.read_bytes()
    modes: list[int] = []

    class Reading(io.BytesIO):
        """Looks between any two reads, where a kill may come."""

        def read(self, size: int | None = -1, /) -> bytes:
            modes.extend(stat.S_IMODE(made.stat().st_mode) for made in tmp_path.glob(".ciconia-half-*/*"))
            return super().read(size)

    given = cast("Path", SimpleNamespace(open=lambda _mode: Reading(octets)))  # of a file, it is opened and nothing else
    before = os.umask(0)
    try:
        with opened_backup(given, tenant=load_settings(served).tenant, beside=tmp_path):
            pass
    finally:
        os.umask(before)
    assert set(modes) == {0o600}


_HALF = """
import sys, time
from pathlib import Path
from idp.store.backup import fresh_file
with fresh_file(Path(sys.argv[1])) as fresh:
    for end in ("", "-journal"):
        Path(f"{fresh}{end}").write_bytes(b"half of a record")
    print("there", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_backup_left_goes_with_the_next_one_and_a_living_ones_stays(tmp_path: Path) -> None:
    """Of another name, too: backups are named for their day."""
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", _HALF, str(tmp_path / f"{day}.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for day in ("monday", "tuesday")
    ]
    killed, living = begun
    for each in begun:
        assert each.stdout is not None
        assert each.stdout.readline() == b"there\n"
    assert len(list(tmp_path.iterdir())) == 2
    killed.kill()
    killed.wait()
    with fresh_file(tmp_path / "wednesday.db"):
        assert len(list(tmp_path.iterdir())) == 2
    assert len(list(tmp_path.iterdir())) == 1
    living.communicate()
    assert living.returncode == 0
    assert not list(tmp_path.iterdir())
    for each in begun:
        for pipe in (each.stdin, each.stdout):
            assert pipe is not None
            pipe.close()


def test_progress_is_told_in_json(served: Path, tmp_path: Path) -> None:
    found = process("backup", "--config", served, "--to", tmp_path / "a.db", "--json")
    assert [json.loads(line)["ok"] for line in found.stdout.splitlines()] == [True]
    missing = json_of(ciconia("restore", "--config", tmp_path / "nowhere", "--from", tmp_path / "a.db", "--json"))
    assert missing["problems"]
