"""Signed metadata of ours, as it is served: made once, and again when half of its life is over.

A signature for every request would let anybody spend our processor on RSA.
"""

import threading
from collections.abc import Callable


class Published:
    """One document. `make(now, valid_for)` signs it, to end `life` seconds (`valid_for`) after `now`. For any thread."""

    def __init__(self, make: Callable[[int, int], bytes], life: int) -> None:
        self._make, self._life = make, life
        self._lock = threading.Lock()
        self._made = (0, b"")

    def __call__(self, now: int) -> bytes:
        """The document, of which at least half of its life is left."""
        with self._lock:
            made_at, octets = self._made
            # A clock that was set back has made a document from the future
            if not octets or not made_at <= now < made_at + self._life // 2:
                octets = self._make(now, self._life)
                self._made = (now, octets)
            return octets
