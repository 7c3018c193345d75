"""The witness: checkpoints of ours outside of the database, by which an older database is recognised.

A restored backup, a promoted replica and a snapshot of a virtual machine hold a ledger that was true once. Going on from it
would give two logs one name. So before it signs, the sequencer looks at what was signed before, in a place that does not
come back together with the database: a file, or a folder of which every file counts. A file holds a signed note as
`/log/checkpoint` shows it, or an export of the log (`ciconia ledger export`), whose last line has the checkpoint.

The sequencer writes each checkpoint there before the public sees it: `<origin, / as _>.checkpoint` in a folder.

Only a checkpoint that was read, and that this ledger does not contain, ends the sequencer. An unreadable witness (a stale
handle of NFS, a share that is not mounted) is tried again, and nothing is signed meanwhile.
"""

import json
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from idp.keys.file import sync_folder
from idp.ledger.checkpoint import MAX_NOTE, TreeHead, open_note
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.tree_state import TreeState
from policies.errors import SignatureInvalid, StoreUnavailable

# The witness saw a newer ledger than the database's, or another one: nothing is signed and nothing released
OLDER = "ledger_older"
# Far more than one person's copies; a folder of more is none of a witness
MAX_FILES = 1000


class Witness:
    """The witness of one log, at `path`: a file, or a folder that exists."""

    def __init__(self, path: Path, keys: LedgerKeys) -> None:
        self._path = path
        self._keys = keys

    @property
    def file(self) -> Path:
        """The file of our own newest checkpoint. Raises `StoreUnavailable` if the path cannot be read."""
        try:
            folder = stat.S_ISDIR(self._path.stat().st_mode)
        except FileNotFoundError:
            folder = False
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return self._path / (self._keys.origin.replace("/", "_") + ".checkpoint") if folder else self._path

    def seen(self) -> tuple[TreeHead, ...]:
        """Every head of this log that is kept. Raises `StoreUnavailable` if one cannot be read or is not ours.

        Only regular files count: the root of a file system has a lost+found.
        """
        try:
            files = [file for file in sorted(self._path.iterdir()) if not file.name.startswith(".")]
        except NotADirectoryError:
            files = [self._path]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if len(files) > MAX_FILES:
            raise StoreUnavailable(f"the witness {self._path} has more than {MAX_FILES} files")
        heads = (self._head(file) for file in files if _regular(file))
        return tuple(head for head in heads if head is not None)

    def assert_extended(self, heads: Sequence[TreeHead], state: TreeState, extended: Callable[[TreeHead], bool]) -> None:
        """Raise, with the code `OLDER`, if the tree of `state` does not extend each of `heads`, which were read before it.

        `extended` says whether the tree extends a head that is no larger. Without heads, also raise if the witness cannot
        keep one: it may not be mounted, and the first checkpoint would find that out too late.
        """
        if not heads and (unkept := unkept_at(self._path)):
            raise StoreUnavailable(unkept)
        if not heads:
            self._kept(self.file)
        if not heads and state.checkpoints and not self.seen():  # again: the first may have been signed meanwhile
            # A witness that was not mounted would see no harm in anything
            raise StoreUnavailable(f"the ledger has checkpoints, and the witness {self.file} has none")
        for head in heads:
            if head.size > state.size:
                what = f"the ledger has {state.size} leaves, and a checkpoint over {head.size} was signed before"
                raise StoreUnavailable(what, code=OLDER)
            if not extended(head):
                what = f"the ledger does not extend the checkpoint over {head.size} leaves that the witness has"
                raise StoreUnavailable(what, code=OLDER)

    def keep(self, note: str) -> None:
        """Replace our file, whole or not at all. Raises `StoreUnavailable` if it cannot be written.

        A newer head stays: a holder that slept before this must not take it from the witness. So does another log's.
        """
        file = self.file
        fresh_head = TreeHead.read(open_note(note.encode(), *self._keys.log.known))
        self._assert_newest(file, fresh_head)
        fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        try:
            try:
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
                with os.fdopen(descriptor, "wb") as out:
                    out.write(note.encode())
                    out.flush()
                    os.fsync(out.fileno())
                # Again: the share may have stood still, and another holder kept its own meanwhile
                self._assert_newest(file, fresh_head)
                fresh.replace(file)
            except (OSError, StoreUnavailable):
                fresh.unlink(missing_ok=True)
                raise
            sync_folder(file.parent)
        except OSError as error:
            raise StoreUnavailable(f"the witness {file} cannot be written ({error.strerror})") from error

    def _assert_newest(self, file: Path, fresh: TreeHead) -> None:
        """Raise if our file has a newer checkpoint than `fresh`, or another one of its size."""
        kept = self._kept(file)
        if kept is not None and kept != fresh and kept.size >= fresh.size:
            raise StoreUnavailable(f"the witness {file} has a checkpoint over {kept.size} leaves already")

    def _kept(self, file: Path) -> TreeHead | None:
        """The head in our file, None if there is none. Raises if it is another log's, which would lose it."""
        if not _regular(file):
            return None
        if (kept := self._head(file)) is None:
            raise StoreUnavailable(f"the witness {file} has another log's checkpoint: each has a file of its own")
        return kept

    def _head(self, file: Path) -> TreeHead | None:
        """The head in a file, None if it is another log's."""
        try:
            note = note_in(file)
        except OSError as error:
            raise _unreadable(file, error) from error
        try:
            # the first line is the origin; what it says is believed once the signature held
            if note.partition(b"\n")[0] != self._keys.origin.encode():
                TreeHead.read(note.decode().rpartition("\n\n")[0] + "\n")
                return None
            return TreeHead.read(open_note(note, *self._keys.log.known))
        except (SignatureInvalid, UnicodeDecodeError) as error:
            raise StoreUnavailable(f"the witness {file} has no checkpoint that our key signed") from error


def unkept_at(path: Path) -> str:
    """Why the witness at `path` can keep no checkpoint; "" if it can. Raises `StoreUnavailable` if it cannot be read."""
    try:
        folder = path if path.is_dir() else path.parent
        if path.is_symlink() and not path.exists():
            why = "it leads nowhere"
        elif not folder.is_dir():
            why = f"there is no folder {folder}"
        elif not os.access(folder, os.W_OK | os.X_OK):
            why = f"the folder {folder} is not ours to write to"
        else:
            return ""
    except OSError as error:
        raise _unreadable(path, error) from error
    return f"the witness {path} cannot be written ({why})"


def would_count(file: Path, path: Path | None) -> bool:
    """Whether a new file would be one of the witness at `path`, whatever links lead there."""
    if path is None:
        return False
    try:
        return file.parent.samefile(path)
    except OSError:  # no such folder, or no witness yet: that may be a file
        return os.path.realpath(file) == os.path.realpath(path)


def witnessed(path: Path | None, keys: LedgerKeys) -> tuple[TreeHead, ...]:
    """The heads of the witness at `path`; none if none is set. Raises `StoreUnavailable` as `Witness.seen` does."""
    return () if path is None else Witness(path, keys).seen()


def saw_nothing(path: Path | None, keys: LedgerKeys) -> str:
    """The path of a witness that has no checkpoint of this log, else "". Raises `StoreUnavailable` as `seen` does."""
    return str(path) if path is not None and not Witness(path, keys).seen() else ""


def note_in(file: Path) -> bytes:
    """The note that a file holds, or that the last line of an export has. Raises OSError."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - 2 * MAX_NOTE))  # an export may be large
        octets = opened.read()
    last = octets.rstrip(b"\n").rpartition(b"\n")[2]
    if not last.startswith(b'{"checkpoint"'):
        return octets
    try:
        found = json.loads(last)
    except (ValueError, RecursionError):
        return b""
    return str(found.get("checkpoint", "")).encode("utf-8", "replace")  # half a sign may stand in JSON


def _unreadable(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the witness {path} cannot be read ({error.strerror})")


def _regular(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except FileNotFoundError:
        return file.is_symlink()  # one that leads nowhere is read, and said
    except OSError as error:
        raise _unreadable(file, error) from error
