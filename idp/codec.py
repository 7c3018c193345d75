"""Frozen values to bytes and back, strictly by their types: what lies in sealed logins and parked rows.

The types are the schema; pydantic reads and writes them. What does not fit the type does not open.
"""

import zlib
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from policies.errors import NotFound

T = TypeVar("T")
# Our own sealed values inflate to a few kilobytes; a parked one to what a request of 100 kB may hold.
MAX_INFLATED = 256 * 1024


class Codec(Generic[T]):
    """Deflated JSON of one type. Make it once, at import of the module that owns the type."""

    def __init__(self, of: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(of)

    def dump(self, value: T) -> bytes:
        """Deflated JSON."""
        return zlib.compress(self._adapter.dump_json(value), 6)

    def load(self, data: bytes) -> T:
        """The value; raises `NotFound` where the bytes are not what `dump` of this type makes (another version's, say)."""
        inflater = zlib.decompressobj()
        try:
            text = inflater.decompress(data, MAX_INFLATED)
            if inflater.unconsumed_tail or not inflater.eof or inflater.unused_data:
                raise NotFound("a sealed value that does not inflate")
            return self._adapter.validate_json(text)
        except (zlib.error, ValidationError):
            raise NotFound("a sealed value of another shape") from None  # the cause would quote the value
