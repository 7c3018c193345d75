"""Whose a new file is. What root writes into another account's folder belongs to that account, which the broker runs as.

Else an administrator's key, party or database would stop the broker, which cannot read what is root's alone. The other way
round, whoever is neither cannot look into the broker's folders, and is told who can.
"""

import os
import stat
from pathlib import Path

from policies.errors import Misconfigured, Problem

ROOT = 0
CLOSED = "it cannot be read (Permission denied)."
WHO_MAY = "Run this as the account that serves, which alone reads it."


def hand_over(descriptor: int, folder: Path, mode: int) -> None:
    """Give a file or folder that was just made, and is open, to whom `folder` belongs, in which it lies.

    Its mode is then `mode`, as far as that folder is as open: root's umask is no reason to keep the broker out. What lies
    in root's own folder, or was made by another account, stays as it is. Raises OSError where it cannot be given.
    """
    if os.geteuid() != ROOT:
        return
    above = folder.stat()
    if above.st_uid == above.st_gid == ROOT:
        return
    os.fchown(descriptor, above.st_uid, above.st_gid)
    os.fchmod(descriptor, mode & (above.st_mode | 0o700))


def make_folder(path: Path, mode: int = 0o777) -> None:
    """A folder, and those above it that are missing. One that is there stays as it is.

    Raises OSError, FileExistsError where something else has the name.
    """
    try:
        path.mkdir(mode)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_folder(path.parent)
        path.mkdir(mode)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        hand_over(descriptor, path.parent, mode & 0o755)
    finally:
        os.close(descriptor)


def closed(path: Path) -> bool:
    """Whether there is a file that this account may not read, or a folder that it may not look into."""
    try:
        folder = stat.S_ISDIR(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK | (os.X_OK if folder else 0))


def assert_open(path: Path, key: str) -> None:
    """Raise `Misconfigured`, of the setting `key`, where a file or folder is `closed` to this account."""
    if closed(path):
        raise Misconfigured((Problem(str(path), 0, key, CLOSED, WHO_MAY),))
