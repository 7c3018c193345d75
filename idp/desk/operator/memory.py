"""The sessions of administrators lie in the memory of one process: the broker's database takes no write from the pages."""

import threading
from dataclasses import dataclass, field
from os import urandom

from idp.login.sealing import KEY_BYTES
from idp.ports import Unit
from idp.system.clock import system_clock
from policies.errors import Conflict, NotFound
from policies.parties import Tenant

# Administrators are few: more than this many are an attack, and the oldest of them end
MOST = 256


@dataclass(frozen=True, slots=True)
class ProcessKeys:
    """One random sealing key for as long as the process lives (`idp.login.sealing.SealingKeys`)."""

    key: bytes = field(default_factory=lambda: urandom(KEY_BYTES), repr=False)

    def current(self, _kind: str) -> tuple[int, bytes]:
        """See `SealingKeys`."""
        return 0, self.key

    def to_seal(self, _kind: str, _hour: int) -> bytes:
        """See `SealingKeys`."""
        return self.key

    def to_open(self, _kind: str, _hour: int) -> bytes:
        """See `SealingKeys`."""
        return self.key


class SessionMemory:
    """Implements `idp.desk.sessions.Rows`. Safe in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: dict[bytes, int] = {}
        self._parked: dict[bytes, tuple[bytes, int]] = {}

    def commit(self, unit: Unit) -> None:
        """Take the marks, and keep and remove what is parked. Raises `Conflict` for a mark that is taken."""
        with self._lock:
            now = system_clock()
            self._marks = {key: end for key, end in self._marks.items() if end > now}
            self._parked = {key: found for key, found in self._parked.items() if found[1] > now}
            if any(mark.digest in self._marks for mark in unit.marks):
                raise Conflict("a sign-in that was used before")
            self._marks |= {mark.digest: mark.end for mark in unit.marks}
            for digest in unit.removed:
                self._parked.pop(digest, None)
            self._parked |= {row.digest: (row.payload, row.end) for row in unit.parked}
            for digest in [*self._parked][:-MOST]:
                del self._parked[digest]

    def parked(self, _tenant: Tenant, _kind: str, digest: bytes, _now: int) -> bytes:
        """See `Rows`. The sealed row ends by itself. Raises `NotFound`."""
        found = self._parked.get(digest)
        if found is None:
            raise NotFound("no session of this process")
        return found[0]
