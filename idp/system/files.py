"""Files that operators wrote, read up to a limit. What lies in a folder is never read from what has no end."""

import errno
import os
import stat
import sys
from pathlib import Path

# As much as a list of revoked certificates may have (connectors.signatures.x509_lists), and far more than any other file
MAX_FILE = 16 * 1024 * 1024


def is_folder(path: Path) -> bool:
    """Whether there is a folder that can be seen: no of one that is closed, and of a name that no file can have."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_regular(path: Path, limit: int = MAX_FILE) -> bytes:
    """A file of at most `limit` bytes, and one more where there are more. A pipe would never end; a folder has none."""
    with regular(path).open("rb") as file:
        return file.read(limit + 1)


def regular(path: Path) -> Path:
    """The same path, of a regular file. Raises OSError of any other."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is no regular file", str(path))
    return path


def read_whole(path: Path, limit: int = MAX_FILE) -> bytes:
    """A file, whole. Raises OSError also for what is none, as a pipe or a device, and for more than `limit` bytes."""
    return _within(read_regular(path, limit), limit, str(path))


def read_upto(name: str, limit: int) -> bytes:
    """What somebody named: at most `limit` octets and one more, by which whoever judges sees that there are too many.

    `-` is standard input. A pipe is read to its end or to the limit. Raises OSError.
    """
    if name == "-":
        return sys.stdin.buffer.read(limit + 1)
    with Path(name).open("rb") as file:
        return file.read(limit + 1)


def read_named(name: str, limit: int = MAX_FILE) -> bytes:
    """As `read_upto`, whole. Raises OSError also for more than `limit` bytes."""
    return _within(read_upto(name, limit), limit, name)


def _within(octets: bytes, limit: int, name: str) -> bytes:
    if len(octets) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return octets
