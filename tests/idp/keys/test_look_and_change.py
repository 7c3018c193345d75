"""New files in the folder of keys: made whole, and seen within seconds by a server that runs, where they serve."""

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from idp.keys import kinds
from idp.keys.change import MINUTE, make, move, next_key, next_minute, safe_from, this_minute
from idp.keys.file import create_token_key, forget_gone_keys
from idp.keys.folder import Keys, create_keys, load_keys
from idp.keys.keeper import FIX, Keeper
from idp.keys.ledger import list_log_keys
from idp.keys.look import Look
from policies.errors import AllRevoked, Misconfigured, StoreUnavailable
from policies.parties import Tenant

ORIGIN, TENANT = "broker.example/log", Tenant("broker.example")
NOW = 1_795_600_020 // MINUTE * MINUTE
# References to what one variable holds, as Python counts them
ALONE = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "keys"
    create_keys(folder, ORIGIN, TENANT, saml_encryption=True)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "keys"))


def loaded(folder: Path) -> Keys:
    return load_keys(folder, ORIGIN)


def new(folder: Path, kind: kinds.Kind, begins: int = NOW + MINUTE) -> Path:
    return make(folder, kind, begins, host="broker.example", now=NOW, production=True)


@pytest.fixture
def durable(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The inodes of what was made durable."""
    found: set[int] = set()
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        found.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return found


@pytest.mark.parametrize("name", ["sealing", "es256", "node"])
def test_a_new_key_and_its_name_are_there_after_a_power_cut(folder: Path, durable: set[int], name: str) -> None:
    path = new(folder, kinds.KINDS[name])
    assert {path.stat().st_ino, folder.stat().st_ino} <= durable
    durable.clear()
    move(folder, kinds.KINDS[name], path.name, NOW + 2 * MINUTE)
    assert folder.stat().st_ino in durable


def test_every_secret_of_a_new_broker_is_there_after_a_power_cut(tmp_path: Path, durable: set[int]) -> None:
    folder = tmp_path / "keys"
    create_keys(folder, ORIGIN, TENANT, saml_encryption=True)
    secret = [path for path in folder.iterdir() if path.suffix in (".key", ".pem")]
    assert len(secret) >= 10
    assert {path.stat().st_ino for path in (*secret, folder, tmp_path)} <= durable


@pytest.mark.parametrize("name", ["sealing", "es256", "saml-encryption", "node"])
def test_a_new_key_of_each_kind_waits_for_its_moment(folder: Path, name: str) -> None:
    before = set(folder.iterdir())
    path = new(folder, kinds.KINDS[name])
    assert set(folder.iterdir()) == before | {path}
    assert path.stat().st_mode & 0o777 == 0o600
    ring = loaded(folder).rings[name]
    waiting = next_key(ring, NOW)
    assert waiting is not None
    assert (waiting.file, waiting.begins) == (path.name, NOW + MINUTE)
    first, second = ring.at(NOW).key_id, ring.at(NOW + MINUTE).key_id
    assert first != second
    assert [key.key_id for key in ring.published(NOW)] == [first, second]
    assert next_key(ring, NOW + MINUTE) is None


def test_nothing_is_replaced_and_nothing_is_left_of_a_try(folder: Path) -> None:
    path = new(folder, kinds.ES256)
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    with pytest.raises(FileExistsError):
        new(folder, kinds.ES256)
    other = new(folder, kinds.ES256, NOW + 2 * MINUTE)
    with pytest.raises(FileExistsError):
        move(folder, kinds.ES256, other.name, NOW + MINUTE)
    other.unlink()
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before
    assert path.name in before


def test_a_server_that_runs_takes_a_new_file_and_leaves_one_that_does_not_serve(folder: Path) -> None:
    keys = loaded(folder)
    look = Look(keys, folder, ORIGIN)
    look()
    first = keys.es256.at(NOW)
    path = new(folder, kinds.ES256)
    look()
    assert keys.es256.at(NOW) is not first, "loaded again"
    second = keys.es256.at(NOW + MINUTE)
    assert second.key_id != first.key_id
    path.write_bytes(b"half a key")
    for _ in range(2):
        with pytest.raises(Misconfigured, match="no unencrypted PKCS#8"):
            look()
    assert keys.es256.at(NOW + MINUTE).key_id == second.key_id, "what was loaded counts on"
    path.unlink()
    look()
    assert keys.es256.at(NOW + MINUTE).key_id == first.key_id


def test_a_server_that_runs_takes_a_new_file_of_every_kind(folder: Path) -> None:
    keys = loaded(folder)
    look = Look(keys, folder, ORIGIN)
    look()
    made = {name: new(folder, kind).name for name, kind in kinds.KINDS.items()}
    list_log_keys(folder, ORIGIN)
    look()
    assert {name: ring.scheduled[0].file for name, ring in keys.rings.items()} == made


def test_a_folder_that_did_not_change_is_loaded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = loaded(folder)
    look = Look(keys, folder, ORIGIN)
    look()
    monkeypatch.setattr("idp.keys.look.load_keys", None)
    (folder / ".half").write_bytes(b"what a command is about to write")
    look()


def test_a_key_that_was_moved_is_the_same_one_at_another_moment(folder: Path) -> None:
    path = new(folder, kinds.ES256, NOW + 60 * MINUTE)
    before = path.read_bytes()
    moved = move(folder, kinds.ES256, path.name, NOW + MINUTE)
    assert moved.read_bytes() == before
    assert not path.exists()
    assert loaded(folder).es256.at(NOW + MINUTE).key_id != loaded(folder).es256.at(NOW).key_id


def test_two_commands_in_one_minute_replace_no_key_of_each_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one comes between the first one's look at a name and its renaming."""
    waiting = new(folder, kinds.ES256, NOW + 60 * MINUTE)
    before, exists = waiting.read_bytes(), Path.exists
    refused: list[type[Exception]] = []

    def second() -> None:
        try:
            new(folder, kinds.ES256)
        except FileExistsError as error:
            refused.append(type(error))

    thread = threading.Thread(target=second)

    def slowly(path: Path) -> bool:
        found = exists(path)
        if not thread.ident:
            thread.start()
            thread.join(1)
        return found

    monkeypatch.setattr(Path, "exists", slowly)
    moved = move(folder, kinds.ES256, waiting.name, NOW + MINUTE)
    thread.join()
    assert (refused, moved.read_bytes()) == ([FileExistsError], before)


def test_a_key_that_another_command_moved_meanwhile_is_not_there_to_be_moved(folder: Path) -> None:
    waiting = new(folder, kinds.ES256, NOW + 60 * MINUTE)
    move(folder, kinds.ES256, waiting.name, NOW + MINUTE)
    with pytest.raises(FileNotFoundError):
        move(folder, kinds.ES256, waiting.name, NOW + 2 * MINUTE)


def test_without_its_first_file_a_kind_has_the_others(folder: Path) -> None:
    new(folder, kinds.ES256, NOW)
    (folder / "es256.pem").unlink()
    assert len(loaded(folder).es256.scheduled) == 1
    for path in folder.glob("es256*"):
        path.unlink()
    with pytest.raises(Misconfigured) as refused:
        loaded(folder)
    assert [Path(problem.file).name for problem in refused.value.problems] == ["es256.pem"]


def test_one_key_for_two_moments_is_named(folder: Path) -> None:
    shutil.copy(folder / "es256.pem", folder / kinds.ES256.file_from(NOW))
    with pytest.raises(Misconfigured, match=r"the same key as"):
        loaded(folder)


def test_a_minute_is_rounded_so_that_nobody_meets_a_key_too_early() -> None:
    assert (this_minute(NOW + 59), next_minute(NOW), next_minute(NOW + 1)) == (NOW, NOW, NOW + MINUTE)
    assert safe_from(kinds.ES256, NOW + 1) == NOW + kinds.ES256.lead + MINUTE


def test_a_key_that_comes_of_other_hands_counts_as_well(folder: Path) -> None:
    create_token_key(folder / kinds.ES256.file_from(NOW), "ES256")
    assert loaded(folder).es256.at(NOW).key_id != loaded(folder).es256.at(NOW - 1).key_id


def test_a_private_key_is_read_from_its_file_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def noting(pem: bytes, password: None) -> object:
        read.append(pem)
        return load_pem_private_key(pem, password=password)

    monkeypatch.setattr("idp.keys.file.load_pem_private_key", noting)
    new(folder, kinds.KINDS["rs256"])
    loaded(folder)
    first = len(read)
    assert first
    again = loaded(folder)
    assert len(read) == first
    path = new(folder, kinds.KINDS["es256"])
    assert again.rings["es256"].scheduled != loaded(folder).rings["es256"].scheduled
    assert [pem.strip() for pem in read[first:]] == [path.read_bytes().strip()]


def test_of_a_key_whose_file_is_gone_nothing_is_kept(folder: Path) -> None:
    path = new(folder, kinds.ES256)
    keys = loaded(folder)
    look = Look(keys, folder, ORIGIN)
    look()
    key = keys.es256.at(NOW + MINUTE)._private_key
    path.unlink()
    look()
    assert sys.getrefcount(key) == ALONE


def test_of_a_key_whose_file_is_gone_nothing_is_kept_after_a_reload(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "of-another-tenant")
    new(moved, kinds.ES256, NOW)
    keys = loaded(moved)
    key = keys.es256.at(NOW)._private_key
    del keys
    forget_gone_keys()
    assert sys.getrefcount(key) > ALONE, "it may be needed again"
    shutil.rmtree(moved)
    forget_gone_keys()
    assert sys.getrefcount(key) == ALONE


def test_the_log_says_which_folder_of_keys_is_gone(folder: Path) -> None:
    keys = loaded(folder)
    keeper = Keeper((Look(keys, folder, ORIGIN),), tenant=TENANT)
    shutil.rmtree(folder)
    with structlog.testing.capture_logs() as logs:
        keeper.step()
    assert [(line["check"], line.get("fix")) for line in logs] == [(f"{folder}: No such file or directory", None)]


def test_the_log_says_of_a_broken_file_what_to_do_about_it_and_nothing_else(folder: Path) -> None:
    keys = loaded(folder)
    keeper = Keeper((Look(keys, folder, ORIGIN),), tenant=TENANT)
    (folder / "saml.pem").write_text("no key")
    with structlog.testing.capture_logs() as logs:
        keeper.step()
    (line,) = logs
    assert (line["event"], "saml.pem" in line["check"]) == ("keys_not_ready", True)
    assert "fix" not in line


@pytest.mark.parametrize(
    ("error", "gone", "said"),
    [
        (StoreUnavailable("SQLITE_CANTOPEN"), True, []),
        (StoreUnavailable("SQLITE_FULL"), False, [("SQLITE_FULL", FIX)]),
        (AllRevoked("every key of this kind is revoked"), True, [("every key of this kind is revoked", None)]),
        (RuntimeError("Canary-1887"), True, [("RuntimeError", FIX)]),
    ],
)
def test_the_log_says_nothing_of_keys_where_the_database_alone_is_gone(
    error: Exception, *, gone: bool, said: list[tuple[str, str | None]]
) -> None:
    def fails() -> None:
        raise error

    def database() -> None:
        if gone:
            raise StoreUnavailable("SQLITE_CANTOPEN")

    with structlog.testing.capture_logs() as logs:
        Keeper((fails,), tenant=TENANT, database=database).step()
    assert [(line["check"], line.get("fix")) for line in logs] == said
