"""The keys of backups: one a day, in a folder beside the others, destroyed fourteen days after its day (decision 0060).

An erasure waits as long. So whoever is erased is in no backup that can still be read, but in those that name the erasure.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from idp.keys.file import sync_folder, write_private
from idp.ledger.ledger_keys import DAY, KEY_BYTES

FOLDER = "backups"
KEPT_DAYS = 14
_SUFFIX = ".key"


def key_of_day(folder: Path, day: int) -> bytes:
    """The key of a day since the epoch, made where there is none. Raises `OSError`."""
    path = folder / _name(day)
    if not path.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            write_private(path, secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
    found = read_key(folder, day)
    if found is None:
        raise FileNotFoundError(2, "it is no key of a backup: remove it", str(path))
    return found


def read_key(folder: Path, day: int, *, now: int = 0) -> bytes | None:
    """The key of a day; None if it is destroyed, or should be."""
    if day < now // DAY - KEPT_DAYS:
        return None
    try:
        found = bytes.fromhex((folder / _name(day)).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return found if len(found) == KEY_BYTES else None


def destroy_old(folder: Path, now: int) -> Sequence[str]:
    """Overwrite and remove the keys whose time is over; the names of those that could not be. A disk may keep copies."""
    oldest = _name(now // DAY - KEPT_DAYS)
    left = []
    for path in sorted(folder.glob(f"????-??-??{_SUFFIX}")):
        if path.name >= oldest:
            continue
        try:
            with path.open("r+b") as file:
                file.write(b"0" * (2 * KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_folder(folder)
        except FileNotFoundError:  # another process did it
            continue
        except OSError:
            left.append(path.name)
    return left


def backups_end(now: int) -> int:
    """When no backup from before this moment can be read any more."""
    return (now // DAY + 1 + KEPT_DAYS) * DAY


def _name(day: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}{_SUFFIX}"
