"""Files as they come: a path, a pipe or standard input, read up to a limit, so that 300 MB cost no more than 256 KiB."""

import sys
from pathlib import Path

from idp.inspection.options import could_not

# A key, a certificate or a token: the largest of them is far smaller
MAX_SIDE_FILE = 1024 * 1024


def read_upto(name: str, limit: int) -> bytes:
    """At most `limit` octets and one more, by which whoever judges sees that there are too many. Raises OSError.

    `-` is standard input. A pipe is read to its end or to the limit.
    """
    if name == "-":
        return sys.stdin.buffer.read(limit + 1)
    with Path(name).open("rb") as file:
        return file.read(limit + 1)


def read_side_file(path: Path, what: str) -> bytes:
    """A file that the expectation names. Raises `BrokerError` where it cannot be read, or is no such file by its size."""
    try:
        octets = read_upto(str(path), MAX_SIDE_FILE)
    except OSError as error:
        raise could_not(f"{what} {path} cannot be read ({error.strerror}).") from None
    if not 0 < len(octets) <= MAX_SIDE_FILE:
        raise could_not(f"{what} {path} is empty, or larger than {MAX_SIDE_FILE} octets.")
    return octets
