"""The ownership of the broker's folders: only the account that serves works in them.

Another account cannot look into them, and is told who can. Root could, and must not: a link, a pipe or a journal of
SQLite's that the account left there would make root read, write or delete other files.
"""

import os
import pwd
import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from policies.errors import Misconfigured, Problem

ROOT = 0
MAX_LINKS = 40  # as Linux has it (path_resolution(7))
CLOSED = "it cannot be read (Permission denied)."
WHO_MAY = "Run this as the account that serves, which alone reads it."


def closed(path: Path) -> bool:
    """Whether this account may not read this file, or look into this folder."""
    try:
        folder = stat.S_ISDIR(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK | (os.X_OK if folder else 0))


def assert_own(path: Path, key: str) -> None:
    """Raise `Misconfigured` for the setting `key` if this is root, and the file or folder is another account's."""
    if os.geteuid() != ROOT:
        return
    with suppress(OSError):  # there is none, or none that can be opened either
        _assert_roots(path, path.stat().st_uid, key)


def assert_own_way(path: Path, key: str) -> None:
    """`assert_own` for each folder and link on the way: the owner of one may replace the next."""
    for each in _way(path) if os.geteuid() == ROOT else ():
        with suppress(OSError):
            _assert_roots(each, each.lstat().st_uid, key)


def _way(path: Path) -> Iterator[Path]:
    """Each folder and link on the way to a path, and the path itself; links as the kernel follows them."""
    here, links = Path("/"), 0
    left = list(reversed(path.absolute().parts))
    while left:
        here = Path(os.path.normpath(here / left.pop()))  # `here` has no link, so .. is what stands before it
        yield here
        if here.is_symlink() and links < MAX_LINKS:
            links += 1
            left += reversed(here.readlink().parts)
            here = here.parent


def _assert_roots(path: Path, owner: int, key: str) -> None:
    if owner == ROOT:
        return
    name = _name(owner)
    what = f"it belongs to {name}, and root does not work in another account's folder."
    # By its path: sudo has a path of its own, on which an environment of Python's is not
    program = Path(sys.executable).with_name("ciconia")
    fix = f"Run this as {name}: `{shlex.join(['sudo', '-u', name, str(program)])} ...`."
    raise Misconfigured((Problem(str(path), 0, key, what, fix),))


def assert_open(path: Path, key: str) -> None:
    """Raise `Misconfigured` for the setting `key` if this account must not use the file or folder."""
    if closed(path):
        raise Misconfigured((Problem(str(path), 0, key, CLOSED, WHO_MAY),))
    assert_own(path, key)


def _name(account: int) -> str:
    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:
        return f"#{account}"  # as sudo takes it
