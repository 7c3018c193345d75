"""Hourly sealing keys (decision 0000.4): one a kind and hour, the same for all workers, erased when they are over.

Each key is 32 random bytes. The first worker that needs it makes it, and it lies wrapped in the database; each worker
unwraps it once and holds it in memory. `keep_ready` makes the keys of the coming hour minutes before it begins. A sealed
thing is accepted until the end of the next hour. Then the key is forgotten here, and its row purged an hour later. So
neither a stolen wrapping key nor a stolen memory opens what ended before.

Clocks may differ: the coming hour is accepted from the moment in which its keys may exist. A clock that jumps an hour ends
logins, and nothing else.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from connectors.signatures.key_ring import Ring
from idp.keys.wrapping import KEY_BYTES, WrappingKey, named
from idp.ports import SealingRow, SealingRows
from policies.errors import NotFound, StoreUnavailable
from policies.parties import Tenant
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE

HOUR = 3600
# How long before its hour a key is made, and accepted from then on
AHEAD = 5 * 60
# A stranger writes any hour into a cookie: the database is asked for a missing key no oftener than this
MISS_SECONDS = 2
# Kind -> hours after its own in which it is accepted. A receipt, and a session at the most, lies for a day under the handle
# of its holder, a refresh token and its family for as long as a registration may say.
KINDS: Mapping[str, int] = {
    "requested": 1,
    "asked": 1,
    "decided": 1,
    "request": 1,
    "pushed": 1,
    "code": 1,
    "access": 1,
    "device": 1,
    "derived": 1,
    "onward": 1,
    "phone": 1,
    "receipt": 24,
    "refresh": LONGEST_REFRESH_LIFE // HOUR,
    "session": 24,
    "trial": 1,
    "me": 1,
    "artifact": 1,
    "ecp": 1,
    "logout": 1,
    "desk": 1,
    "page": 1,
}
LONGEST = max(KINDS.values())


@dataclass(frozen=True, slots=True)
class _Held:
    """An unwrapped key, the id of the key that had closed it, and its row's bytes."""

    key: bytes = field(repr=False)
    by: str
    wrapped: bytes = field(repr=False)


class HourlyKeys:
    """The sealing keys of one tenant. Implements `idp.login.sealing.SealingKeys`. Safe in any thread."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        wrapping: Ring[WrappingKey],
        rows: SealingRows,
        clock: Callable[[], int],
        revoked: Callable[[str], int],
    ) -> None:
        self._tenant, self._wrapping, self._rows = tenant, wrapping, rows
        self._clock, self._revoked = clock, revoked
        self._held: dict[tuple[str, int], _Held] = {}
        # When a key of an accepted hour was not there: no more entries than there are such hours
        self._missed: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        self._failures = 0

    def hour(self) -> int:
        """The hour in which something is sealed now."""
        return self._clock() // HOUR

    def current(self, kind: str) -> tuple[int, bytes]:
        """The hour in which something is sealed now, and its key of a kind. Raises as `to_seal` does."""
        hour = self.hour()
        return hour, self.to_seal(kind, hour)

    def to_seal(self, kind: str, hour: int) -> bytes:
        """The key of a kind for an accepted hour, made if it is missing.

        Raises `NotFound` for another hour, `StoreUnavailable` if the database does not answer.
        """
        self._check_accepted(kind, hour)
        held = self._standing(kind, hour)
        if held is None:
            self._load({hour})
            held = self._held.get((kind, hour))
        if held is None:
            raise StoreUnavailable("the sealing keys of this hour are closed by a key that this server does not have")
        return held.key

    def to_open(self, kind: str, hour: int) -> bytes:
        """The key of a kind and hour. Raises `NotFound` if it is over or revoked, or was never made."""
        self._check_accepted(kind, hour)
        held = self._standing(kind, hour)
        if held is None and not 0 <= self._clock() - self._missed.get((kind, hour), -MISS_SECONDS) < MISS_SECONDS:
            self._load(set())
            held = self._standing(kind, hour)
            if held is None:
                self._missed[kind, hour] = self._clock()
        if held is None:
            raise NotFound("a sealing key that is not there")
        return held.key

    def keep_ready(self) -> None:
        """Make the keys of this hour and, near its end, of the next one; forget those that are over.

        A thread calls it, so that no request makes keys at the turn of an hour. Raises `StoreUnavailable`.
        """
        now = self._clock()
        wanted = {now // HOUR, (now + AHEAD) // HOUR}
        if any(self._standing(kind, hour) is None for kind in KINDS for hour in wanted):
            self._load(wanted)
        self._forget()

    def _standing(self, kind: str, hour: int) -> _Held | None:
        """The key in memory, unless its wrapping key is revoked: another worker may have replaced it."""
        held = self._held.get((kind, hour))
        return None if held is None or self._revoked(held.by) else held

    def _accepted(self, kind: str, hour: int) -> bool:
        return hour * HOUR - AHEAD <= self._clock() < (hour + KINDS[kind] + 1) * HOUR

    def _check_accepted(self, kind: str, hour: int) -> None:
        if not self._accepted(kind, hour):
            raise NotFound("the sealing key of an hour that is over")

    def _load(self, wanted: Iterable[int]) -> None:
        """Read the keys, and make the missing ones of the hours `wanted`."""
        failures = self._failures
        with self._lock:
            if self._failures != failures:
                # Another thread tried while we waited: a database that hangs must not hold the threads one after another
                raise StoreUnavailable("the sealing keys cannot be read")
            try:
                self._read_or_make(wanted)
            except StoreUnavailable:
                self._failures += 1
                raise

    def _read_or_make(self, wanted: Iterable[int]) -> None:
        found = {(row.kind, row.hour): row for row in self._rows.rows(self.hour() - LONGEST)}
        gone = [row for row in found.values() if self._revoked(named(row.wrapped))]
        lacking = {(kind, hour) for hour in wanted for kind in KINDS} - (found.keys() - {(r.kind, r.hour) for r in gone})
        if lacking:
            if gone:
                # The rows of a revoked key would keep new ones out
                self._rows.drop(gone)
            self._rows.add([self._made(kind, hour) for kind, hour in lacking])
            found = {(row.kind, row.hour): row for row in self._rows.rows(self.hour() - LONGEST)}
        self._take(found.values())

    def _made(self, kind: str, hour: int) -> SealingRow:
        closing = self._wrapping.at(self._clock())
        wrapped = closing.wrap(secrets.token_bytes(KEY_BYTES), self._tenant, kind, hour)
        return SealingRow(kind, hour, wrapped, (hour + KINDS[kind] + 2) * HOUR)

    def _take(self, rows: Iterable[SealingRow]) -> None:
        """Unwrap new rows. A row that none of our published keys opens does not count: a stranger may have written it."""
        ours = {key.key_id: key for key in self._wrapping.published(self._clock())}
        taken: dict[tuple[str, int], _Held] = {}
        for row in rows:
            by = named(row.wrapped)
            if row.kind not in KINDS or not self._accepted(row.kind, row.hour) or by not in ours or self._revoked(by):
                continue
            before = self._held.get((row.kind, row.hour))
            if before is not None and before.wrapped == row.wrapped:
                taken[row.kind, row.hour] = before
                continue
            try:
                key = ours[by].unwrap(row.wrapped, self._tenant, row.kind, row.hour)
            except ValueError:
                continue
            taken[row.kind, row.hour] = _Held(key, by, row.wrapped)
        self._held = taken

    def _forget(self) -> None:
        with self._lock:
            self._held = {place: held for place, held in self._held.items() if self._accepted(*place)}
        self._missed = {place: at for place, at in self._missed.copy().items() if self._accepted(*place)}
