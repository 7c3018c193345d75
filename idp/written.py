"""An answer of HTTP as it goes over the line, in one piece.

uvicorn writes head and body each by itself, and looks through each name and each value for what must not stand there: for
the addresses and cookies of a login that is more than all the rest of writing it. Here the head is looked through once, as
a whole. What is unusual about an answer is not judged here: it goes uvicorn's way.
"""

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

NAME = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-")
# RFC 9110 §5.5: of the control characters a value may have a tab alone
CONTROLS = bytes((*range(0x09), *range(0x0A, 0x20), 0x7F))
# What says how the body ends, or that the connection does
FRAMING = frozenset({b"connection", b"transfer-encoding", b"upgrade", b"trailer"})
LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}".encode() for one in HTTPStatus}
# RFC 9112 §6.3: an answer without a body, whatever it says
BODILESS = frozenset({*range(200), 204, 304})
LENGTH = b"content-length"


def written(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes | None:
    """All octets of an answer to anything but HEAD, on a connection that goes on; None where it is unusual, or broken."""
    line = LINES.get(status)
    if line is None or status in BODILESS:
        return None
    lines, lengths = [line], []
    for name, value in headers:
        if not _is_usual(name):
            return None
        if name == LENGTH:
            lengths.append(value)
        lines.append(name + b": " + value)
    head = b"\r\n".join((*lines, b"", b""))
    ours = 2 * (len(lines) + 1)
    if lengths != [b"%d" % len(body)] or len(head.translate(None, CONTROLS)) + ours != len(head):
        return None
    return head + body


@lru_cache(maxsize=256)
def _is_usual(name: bytes) -> bool:
    return bool(name) and NAME.issuperset(name) and name not in FRAMING
