"""Frozen values to bytes and back, strictly by their types: what lies in sealed logins and parked rows.

The types are the schema; msgspec reads and writes them (octets as base64). What does not fit the type does not open.
"""

import zlib
from typing import Generic, TypeVar

from msgspec import MsgspecError
from msgspec.json import Decoder, Encoder

from policies.errors import NotFound

T = TypeVar("T")

_ENCODER = Encoder()
# Our own sealed values inflate to a few kilobytes; a parked one to what a request of 100 kB may hold.
MAX_INFLATED = 256 * 1024
# What is no longer than this stays as it is: to deflate it costs several times what a few hundred bytes more do. What is to
# travel in a cookie has to be shorter, so that a state that does not fit into one (`idp.web.login_cookies.MAX_COOKIE`) is
# deflated before it has to be parked. What travels with a citizen's values stays as it is at any length: beside them stands
# the `state` that whoever wrote the link chose, and what both have in common would make it shorter.
PLAIN, PLAIN_COOKIE, NEVER_DEFLATED = 4096, 1024, MAX_INFLATED
# zlib's usual window and tables clear 256 KiB of memory for each text, and leave nothing of the processor's cache to what
# comes after
LEVEL, WINDOW, TABLES = 6, 12, 5
# How JSON of an object begins, and no zlib stream: its first byte ends in an 8 (RFC 1950 §2.2)
_OBJECT = b"{"


class Codec(Generic[T]):
    """JSON of one type, an object, deflated where it is longer than `plain`. Make it once, in the module of the type."""

    def __init__(self, of: type[T], *, plain: int = PLAIN) -> None:
        self._decoder: Decoder[T] = Decoder(of)
        self._plain = plain

    def dump(self, value: T) -> bytes:
        """JSON as it is, or deflated."""
        text = _ENCODER.encode(value)
        if len(text) <= self._plain:
            return text
        deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, TABLES)
        return deflater.compress(text) + deflater.flush()

    def load(self, data: bytes) -> T:
        """The value; raises `NotFound` where the bytes are not what `dump` of this type makes (another version's, say)."""
        try:
            return self._decoder.decode(data if data.startswith(_OBJECT) else _inflated(data))
        except (zlib.error, MsgspecError, UnicodeDecodeError, RecursionError):
            raise NotFound("a sealed value of another shape") from None  # the cause would quote the value


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, MAX_INFLATED)
    if inflater.unconsumed_tail or not inflater.eof or inflater.unused_data:
        raise NotFound("a sealed value that does not inflate")
    return text
