"""The witness: checkpoints of ours that are kept outside the database, so that an older database is recognised.

A restored backup, a promoted replica and a snapshot of a virtual machine all hold a ledger that was true once. Going on
from it would give two logs one name. So whoever signs looks first at what was signed before, in a place that does not come
back together with the database: a file, or a folder of which every file counts. A file holds a signed note as
`/log/checkpoint` shows it, or the log as `ciconia ledger export` writes it, whose last line has the checkpoint.

The sequencer writes each checkpoint there before the public sees it: `<origin, / as _>.checkpoint` in a folder.

Only a checkpoint that was read, and that this ledger does not have in it, is a reason to end. What cannot be read now (a
handle of NFS that went stale, a share that is not mounted, no descriptor left) may be read in a moment: nothing is signed
meanwhile, and it is tried again.
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

# The ledger in the database is older than one that the witness saw, or another: nothing is signed and nothing released
OLDER = "ledger_older"
# Far more than one person's copies; a folder of more is none of a witness
MAX_FILES = 1000


class Witness:
    """What was seen of one log, at `path`: a file, or a folder that exists."""

    def __init__(self, path: Path, keys: LedgerKeys) -> None:
        self._path = path
        self._keys = keys

    @property
    def file(self) -> Path:
        """Where our own newest checkpoint is kept. Raises `StoreUnavailable` where nobody can say what lies there."""
        try:
            folder = stat.S_ISDIR(self._path.stat().st_mode)
        except FileNotFoundError:
            folder = False
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return self._path / (self._keys.origin.replace("/", "_") + ".checkpoint") if folder else self._path

    def seen(self) -> tuple[TreeHead, ...]:
        """Every head of this log that is kept. Raises `StoreUnavailable` where one cannot be read or is not ours.

        What is no regular file is skipped: the root of a file system has a lost+found.
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
        """Raise where the tree of `state` is not what `heads`, which were read before it, grew into: with the code `OLDER`.

        `extended` says of a head that is no larger whether the tree extends it. Without heads, one that could keep none is
        raised for too: it is as one that was not mounted, and a first checkpoint would find that out too late.
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
        """Replace our file, whole or not at all. Raises `StoreUnavailable` where it cannot be written.

        A newer head stays: whoever slept between its commit and this would take it from the witness. So does another log's.
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
                # Again: where the share stood still, another holder kept its own meanwhile
                self._assert_newest(file, fresh_head)
                fresh.replace(file)
            except (OSError, StoreUnavailable):
                fresh.unlink(missing_ok=True)
                raise
            sync_folder(file.parent)
        except OSError as error:
            raise StoreUnavailable(f"the witness {file} cannot be written ({error.strerror})") from error

    def _assert_newest(self, file: Path, fresh: TreeHead) -> None:
        """Raise where our file has a checkpoint that is newer than `fresh`, or another one of its size."""
        kept = self._kept(file)
        if kept is not None and kept != fresh and kept.size >= fresh.size:
            raise StoreUnavailable(f"the witness {file} has a checkpoint over {kept.size} leaves already")

    def _kept(self, file: Path) -> TreeHead | None:
        """The head in our file, None where there is none. Raises where it is another log's, which would lose it."""
        if not _regular(file):
            return None
        if (kept := self._head(file)) is None:
            raise StoreUnavailable(f"the witness {file} has another log's checkpoint: each has a file of its own")
        return kept

    def _head(self, file: Path) -> TreeHead | None:
        """The head in a file, None where it is another log's."""
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
    """Why the witness at `path` can keep no checkpoint: no folder, or one that we may not write to. "" where it can.

    Raises `StoreUnavailable` where nobody can say what lies there.
    """
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
    """Whether a new file would be one of the witness at `path`, wherever links lead: then it has to be a checkpoint."""
    if path is None:
        return False
    try:
        return file.parent.samefile(path)
    except OSError:  # no such folder, or no witness yet: that may be a file
        return os.path.realpath(file) == os.path.realpath(path)


def witnessed(path: Path | None, keys: LedgerKeys) -> tuple[TreeHead, ...]:
    """What the witness at `path` saw; nothing where none is set. Raises `StoreUnavailable` as `Witness.seen` does."""
    return () if path is None else Witness(path, keys).seen()


def saw_nothing(path: Path | None, keys: LedgerKeys) -> str:
    """The path of a witness that has no checkpoint of this log, else "". Raises `StoreUnavailable` as `seen` does."""
    return str(path) if path is not None and not Witness(path, keys).seen() else ""


def note_in(file: Path) -> bytes:
    """The note that a file holds, or that an export ends with. Raises OSError."""
    return _note(_end_of(file))


def _end_of(file: Path) -> bytes:
    """The end of a file: a whole note, or the last lines of an export. Of an export of a big log only its end is read."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - 2 * MAX_NOTE))
        return opened.read()


def _note(octets: bytes) -> bytes:
    """The note that a file holds: itself, or what the last line of an export says."""
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
