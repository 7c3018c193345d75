"""Files that operators wrote, read up to a limit and never from what has no end."""

import errno
import os
import stat
from pathlib import Path

# As much as a list of revoked certificates may have (connectors.signatures.x509_lists), and far more than any other file
MAX_FILE = 16 * 1024 * 1024


def read_regular(path: Path, limit: int = MAX_FILE) -> bytes:
    """A file of at most `limit` bytes, and one more where there are more. A pipe would never end; a folder has none."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is no regular file", str(path))
    with path.open("rb") as file:
        return file.read(limit + 1)


def read_whole(path: Path, limit: int = MAX_FILE) -> bytes:
    """A file, whole. Raises OSError also for what is none, as a pipe or a device, and for more than `limit` bytes."""
    octets = read_regular(path, limit)
    if len(octets) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return octets
