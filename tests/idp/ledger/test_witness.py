"""The witness: a ledger that is older than what was signed before releases nothing; a newer one goes on."""

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path, PosixPath
from typing import NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.audit.export import export_lines, newest_checkpoint
from idp.ledger.checkpoint import TreeHead, open_note, sign_note
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import OLDER, Witness
from idp.store.migrate import migrate
from idp.store.store import Store
from policies.errors import StoreUnavailable
from tests.idp.store.units import KEYS, ORIGIN, TENANT, Clock, commit_all, opened, release, unit

NAME = ORIGIN.replace("/", "_") + ".checkpoint"
STRANGER = Ed25519PrivateKey.from_private_bytes(b"the key of somebody else, 32 oct")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "witness"
    found.mkdir()
    return found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    found = tmp_path / "here"
    found.mkdir()
    migrate(f"sqlite:///{found / 'ciconia.db'}")
    return found


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    found = opened(database)
    yield found
    found.close()


def sequencer(store: Store, folder: Path | None) -> Sequencer:
    witness = Witness(folder, KEYS) if folder is not None else None
    return Sequencer(store, KEYS, checkpoint_seconds=0, witness=witness)


def grown(store: Store, folder: Path | None, count: int) -> None:
    """So many records more, sequenced and signed."""
    commit_all(store, [unit(record=release()) for _ in range(count)])
    one = sequencer(store, folder)
    assert one.step()
    one.stop()


def copied(database: Path, to: Path) -> Path:
    shutil.copytree(database, to)
    return to


def rows_copied(source: Path, target: Path) -> None:
    """Every row of one database, in place of those of another, under whoever uses it."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def refused(store: Store, folder: Path, *, code: str = OLDER) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        sequencer(store, folder).step()
    assert caught.value.code == code
    return caught.value.detail


def waits(store: Store, folder: Path) -> str:
    """Nothing is signed, and it may be tried again."""
    return refused(store, folder, code=StoreUnavailable.code)


def note(size: int, root: bytes = b"r" * 32) -> str:
    return sign_note(TreeHead(ORIGIN, size, root).text, ORIGIN, KEYS.log.at(0).signer)


def test_each_checkpoint_is_kept_before_it_is_shown(store: Store, folder: Path) -> None:
    grown(store, folder, 3)
    head = TreeHead.read(open_note((folder / NAME).read_bytes(), *KEYS.log.known))
    assert head.size == 3
    assert [path.name for path in folder.iterdir()] == [NAME]
    grown(store, folder, 2)
    assert Witness(folder, KEYS).seen()[0].size == 5


def test_a_file_serves_as_a_folder_does(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "newest"
    grown(store, file, 1)
    grown(store, file, 1)
    assert [head.size for head in Witness(file, KEYS).seen()] == [2]


@pytest.mark.spec("security.md §3 restore from backup")
def test_an_older_ledger_signs_nothing_and_releases_nothing(
    store: Store, database: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grown(store, folder, 3)
    store.close()
    older = copied(database, tmp_path / "older")
    store = opened(database)
    grown(store, folder, 4)
    store.close()
    restored = opened(older)
    one = sequencer(restored, folder)
    one.start()
    # before `start` returned: there is no moment in which it released
    with pytest.raises(StoreUnavailable, match="a checkpoint over 7 was signed before"):
        restored.commit(unit(record=release()))
    one.stop()
    found = restored.checkpoint(TENANT)
    assert found is not None
    assert found.size == 3
    lines = [line for line in capsys.readouterr().out.splitlines() if OLDER in line]
    assert len(lines) == 1
    assert "back-up-and-restore.md" in lines[0]
    restored.close()


def test_another_history_of_the_same_length_is_refused(store: Store, database: Path, folder: Path, tmp_path: Path) -> None:
    grown(store, folder, 1)
    store.close()
    other = copied(database, tmp_path / "other")
    store = opened(database)
    grown(store, folder, 2)
    store.close()
    fork = opened(other)
    grown(fork, None, 5)
    assert "does not extend" in refused(fork, folder)
    fork.close()


@pytest.mark.spec("security.md §3 restore from backup")
def test_the_witness_is_asked_again_before_each_signature(
    store: Store, database: Path, folder: Path, tmp_path: Path
) -> None:
    """A worker that looked a moment ago, and got the lease since, would sign another tree of a size that the public saw."""
    clock, witness = Clock(), Witness(folder, KEYS)
    first, second = (
        Sequencer(store, KEYS, checkpoint_seconds=10, lease_seconds=1, clock=clock, witness=witness) for _ in range(2)
    )
    here, older = database / "ciconia.db", tmp_path / "older.db"
    store.commit(unit(record=release()))
    assert first.step()
    clock.now += 9
    assert second.step(), "it looks, and nothing is due yet"
    rows_copied(here, older)
    store.commit(unit(record=release()))
    clock.now += 2
    assert first.step()
    rows_copied(older, here)
    store.commit(unit(record=release()))
    clock.now += 2
    with pytest.raises(StoreUnavailable) as caught:
        second.step()
    assert caught.value.code == OLDER
    assert [head.size for head in witness.seen()] == [2]


def test_a_newer_ledger_that_extends_what_was_seen_goes_on(store: Store, folder: Path) -> None:
    grown(store, folder, 3)
    grown(store, None, 3)
    grown(store, folder, 3)
    assert [head.size for head in Witness(folder, KEYS).seen()] == [9]


def test_every_file_of_a_folder_counts_exports_too(store: Store, folder: Path) -> None:
    grown(store, folder, 3)
    checkpoint = newest_checkpoint(store.engine, TENANT)
    lines = export_lines(store.engine, tenant=TENANT, origin=ORIGIN, checkpoint=checkpoint)
    (folder / "from another machine.jsonl").write_bytes(b"".join(lines))
    text = TreeHead("elsewhere.example/log", 99, b"r" * 32).text
    (folder / "elsewhere").write_text(sign_note(text, "elsewhere.example/log", STRANGER), encoding="utf-8")
    assert [head.size for head in Witness(folder, KEYS).seen()] == [3, 3]


def test_a_witness_that_is_empty_beside_a_ledger_that_was_signed_is_refused(store: Store, folder: Path) -> None:
    grown(store, None, 2)
    assert "has none" in waits(store, folder)
    assert "has none" in waits(store, folder / "a file that is not there")


@pytest.mark.parametrize(
    "octets",
    [b"", b"\xff", b"nothing\n", b'{"checkpoint": 3', b'{"checkpoint":"x"}', b'{"checkpoint":' + b"[" * 99_999],
)
def test_a_file_that_is_no_checkpoint_is_refused(store: Store, folder: Path, octets: bytes) -> None:
    (folder / "x").write_bytes(octets)
    assert "no checkpoint that our key signed" in waits(store, folder)


def test_a_checkpoint_of_our_name_that_another_key_signed_is_refused(store: Store, folder: Path) -> None:
    (folder / NAME).write_text(sign_note(TreeHead(ORIGIN, 1, b"r" * 32).text, ORIGIN, STRANGER), encoding="utf-8")
    assert "no checkpoint that our key signed" in waits(store, folder)


def test_a_witness_that_cannot_be_written_signs_nothing_and_loses_nothing(store: Store, folder: Path) -> None:
    (folder / NAME).mkdir()
    (folder / NAME / "in the way").touch()
    one = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=0, witness=Witness(folder, KEYS))
    commit_all(store, [unit(record=release())])
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        one.step()
    one.stop()
    there = Witness(folder / "no" / "such", KEYS)
    gone = Sequencer(store, KEYS, checkpoint_seconds=0, witness=there)
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        gone.step()
    assert store.checkpoint(TENANT) is None
    (folder / "no").mkdir()
    assert gone.step()
    assert [head.size for head in there.seen()] == [1]
    gone.stop()


class Stale(Witness):
    """Cannot be read so many times: a handle of NFS that went stale."""

    left = 0

    def seen(self) -> tuple[TreeHead, ...]:
        if self.left:
            self.left -= 1
            return Witness(_Gone(self._path), KEYS).seen()
        return super().seen()


class _Gone(PosixPath):
    def iterdir(self) -> NoReturn:
        raise OSError(errno.ESTALE, "Stale file handle")


def within_seconds(store: Store) -> bool:
    """Whether a record is taken, in the end."""
    for _ in range(3000):
        try:
            store.commit(unit(record=release()))
        except StoreUnavailable:
            time.sleep(0.02)
        else:
            return True
    return False


def test_at_start_nothing_is_released_until_the_witness_was_read(store: Store, folder: Path) -> None:
    grown(store, folder, 1)
    witness = Stale(folder, KEYS)
    witness.left = 2**40
    one = Sequencer(store, KEYS, checkpoint_seconds=0, poll_seconds=0.01, witness=witness)
    one.start()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        store.commit(unit(record=release()))
    assert "cannot be read" in store.halted
    witness.left = 0
    assert within_seconds(store)
    one.stop()


def no_folder(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> Path:
    return folder / "no" / "such"


def read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    allowed = os.access  # root may write to every folder but one of a disk that is read-only
    monkeypatch.setattr(os, "access", lambda path, mode: (folder / "no").is_dir() and allowed(path, mode))
    return folder


def nowhere(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "link").symlink_to(folder / "no")
    return folder / "link"


@pytest.mark.parametrize("how", [no_folder, read_only, nowhere])
def test_at_start_a_first_checkpoint_that_cannot_be_kept_is_said_and_nothing_released(
    store: Store,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: Callable[[Path, pytest.MonkeyPatch], Path],
) -> None:
    one = Sequencer(store, KEYS, checkpoint_seconds=0, poll_seconds=0.01, witness=Witness(how(folder, monkeypatch), KEYS))
    one.start()
    assert "cannot be written" in store.halted
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        store.commit(unit(record=release()))
    time.sleep(0.05)
    assert capsys.readouterr().out.count("ledger_waits") == 1
    (folder / "no").mkdir()
    assert within_seconds(store)
    one.stop()
    assert not store.halted


def test_a_witness_that_has_our_checkpoint_and_cannot_be_written_halts_no_start(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown(store, folder, 1)
    read_only(folder, monkeypatch)
    one = sequencer(store, folder)
    one.start()
    assert not store.halted, "it has seen that it is the newest"
    one.stop()


def test_a_late_writer_takes_no_newer_checkpoint_away(folder: Path) -> None:
    witness = Witness(folder, KEYS)
    witness.keep(note(1000))
    for late in (note(10), note(1000, b"x" * 32)):
        with pytest.raises(StoreUnavailable, match="1000 leaves already"):
            witness.keep(late)
    witness.keep(note(1000))
    assert [head.size for head in witness.seen()] == [1000]
    witness.keep(note(1001))
    assert [head.size for head in witness.seen()] == [1001]


def test_two_logs_with_one_file_do_not_take_it_from_each_other(store: Store, tmp_path: Path) -> None:
    file, other = tmp_path / "seen", "other.example/log"
    theirs = sign_note(TreeHead(other, 5, b"r" * 32).text, other, STRANGER)
    file.write_text(theirs, encoding="utf-8")
    with pytest.raises(StoreUnavailable, match="another log's"):
        Witness(file, KEYS).keep(note(10))
    # Said at the start, before anything is released that could not be signed
    assert "another log's" in waits(store, file)
    assert file.read_text(encoding="utf-8") == theirs
