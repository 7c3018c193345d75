"""Reads operators' files up to a limit. A file in a folder must be a regular one: a pipe would never end."""

import errno
import os
import stat
import sys
from pathlib import Path

# As much as a list of revoked certificates may have (connectors.signatures.x509_lists), and far more than any other file
MAX_FILE = 16 * 1024 * 1024
# A hundred times as much as anybody wrote by hand
MAX_TEXT = 1024 * 1024


def is_folder(path: Path) -> bool:
    """Whether this is a folder that we can see."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_regular(path: Path, limit: int = MAX_FILE) -> bytes:
    """The first `limit` bytes of a regular file, and one more if there are more."""
    with regular(path).open("rb") as file:
        return file.read(limit + 1)


def regular(path: Path) -> Path:
    """The same path. Raises OSError if it is no regular file."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is no regular file", str(path))
    return path


def read_whole(path: Path, limit: int = MAX_FILE) -> bytes:
    """A regular file, whole. Raises OSError also for any other, and for more than `limit` bytes."""
    return _within(read_regular(path, limit), limit, str(path))


def read_upto(name: str, limit: int) -> bytes:
    """The first `limit` octets of a named file or pipe, and one more if there are more. `-` is standard input."""
    if name == "-":
        return sys.stdin.buffer.read(limit + 1)
    with Path(name).open("rb") as file:
        return file.read(limit + 1)


def read_named(name: str, limit: int = MAX_FILE) -> bytes:
    """A named file, whole. Raises OSError also for more than `limit` bytes."""
    return _within(read_upto(name, limit), limit, name)


def _within(octets: bytes, limit: int, name: str) -> bytes:
    if len(octets) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return octets
