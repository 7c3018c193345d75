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
from idp.keys.change import MINUTE, make, move, next_key
from idp.keys.folder import BrokerKeys, create_keys, load_keys
from idp.keys.keeper import KeyFolderWatch, KeyKeeper
from idp.keys.ledger_files import LOG_VKEY, list_log_keys
from policies.errors import Misconfigured
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


def loaded(folder: Path) -> BrokerKeys:
    return load_keys(folder, ORIGIN)


def new(folder: Path, kind: kinds.KeyKind, begins: int = NOW + MINUTE) -> Path:
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


def test_a_server_that_runs_takes_a_new_file_and_leaves_one_that_does_not_serve(folder: Path) -> None:
    keys = loaded(folder)
    look = KeyFolderWatch(keys, folder, ORIGIN)
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
    look = KeyFolderWatch(keys, folder, ORIGIN)
    look()
    made = {name: new(folder, kind).name for name, kind in kinds.KINDS.items()}
    list_log_keys(folder, ORIGIN)
    look()
    assert {name: ring.scheduled[0].file for name, ring in keys.rings.items()} == made


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


def test_one_key_for_two_moments_is_named(folder: Path) -> None:
    shutil.copy(folder / "es256.pem", folder / kinds.ES256.file_from(NOW))
    with pytest.raises(Misconfigured, match=r"the same key as"):
        loaded(folder)


def test_of_a_key_whose_file_is_gone_nothing_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.keys.file.load_pem_private_key", load_pem_private_key)  # the tests' own keeps what it read
    path = new(folder, kinds.ES256)
    keys = loaded(folder)
    look = KeyFolderWatch(keys, folder, ORIGIN)
    look()
    key = keys.es256.at(NOW + MINUTE)._private_key
    path.unlink()
    look()
    assert sys.getrefcount(key) == ALONE


def test_a_key_of_the_log_that_went_stays_known_without_a_list(folder: Path, tmp_path: Path) -> None:
    create_keys(tmp_path / "others", ORIGIN, TENANT)
    for each in (folder, tmp_path / "others"):
        (each / LOG_VKEY).unlink()
    keys = loaded(folder)
    verifier = keys.ledger.log.at(NOW).verifier
    keys.take(loaded(tmp_path / "others"))
    assert verifier in keys.ledger.log.known


def test_the_log_says_which_folder_of_keys_is_gone(folder: Path) -> None:
    keys = loaded(folder)
    keeper = KeyKeeper((KeyFolderWatch(keys, folder, ORIGIN),), tenant=TENANT)
    shutil.rmtree(folder)
    with structlog.testing.capture_logs() as logs:
        keeper.step()
    assert [(line["check"], line.get("fix")) for line in logs] == [(f"{folder}: No such file or directory", None)]
