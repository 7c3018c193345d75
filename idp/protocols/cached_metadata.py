"""Signed metadata of ours, as it is served: made once, and again when half of its life is over.

A signature for every request would let anybody spend our processor on RSA.
"""

import threading
from collections.abc import Callable

from connectors.signatures.signer import DecryptionKeys, Signers


class Published:
    """One document. `make(now, valid_for)` signs it, to end `life` seconds (`valid_for`) after `now`. For any thread.

    It is made anew, too, when other keys of `rings` are to be known: the next one, before it signs.
    """

    def __init__(self, make: Callable[[int, int], bytes], life: int, *rings: Signers | DecryptionKeys) -> None:
        self._make, self._life, self._rings = make, life, rings
        self._lock = threading.Lock()
        self._made: tuple[int, bytes, tuple[tuple[str, bytes], ...]] = (0, b"", ())

    def __call__(self, now: int) -> bytes:
        """The document, of which at least half of its life is left."""
        # A certificate may be renewed in place, behind the key that it always was of
        keys = tuple((key.key_id, key.certificate) for ring in self._rings for key in ring.published(now))
        with self._lock:
            made_at, octets, known = self._made
            # A clock that was set back has made a document from the future
            if not octets or keys != known or not made_at <= now < made_at + self._life // 2:
                octets = self._make(now, self._life)
                self._made = (now, octets, keys)
            return octets
