"""A switch: what may be switched off, one of them as it stands, and the seal of its row."""

import hmac
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Row

from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from policies.errors import StoreUnavailable
from policies.parties import Tenant

PARTY, COUNTRY, PROVIDER, KEY, DEVIATION = "party", "country", "provider", "key", "deviation"
KINDS = (PARTY, COUNTRY, PROVIDER, KEY, DEVIATION)
# An end of time that is a number of the database
NEVER = 2**62

# Kind, of `KINDS`, and name
Name = tuple[str, str]


class Switched(Protocol):
    """What is switched off at this moment. Raises `StoreUnavailable` where nobody can say."""

    @property
    def acts(self) -> int:
        """How many acts are known, on whatever thing."""

    def any_off(self, *things: Name, acts: int | None = None) -> bool:
        """Whether one of these things is off; for what is as old as so many `acts`, whether ever since.

        What was alive while a thing was off does not come back with it.
        """


class ActLost(StoreUnavailable):
    """A record of a switch is gone or was changed: the database answers, and what is off cannot be known."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as it stands: `name` is a client id, an ISO 3166-1 code, or the id of a provider or key.

    A deviation's is `PROVIDER/DEVIATION`. `number` is that of its last act, -1 where the ledger has none.
    """

    kind: str
    name: str
    off: bool
    reason: str
    since: int
    number: int = -1

    @property
    def off_since(self) -> int:
        """Since when it is off, 0 where it is on. Of a row that nobody of ours wrote, as late as can be.

        A key that was revoked early enough hands back to the one before it: no stranger's row brings that one back.
        """
        return (self.since or NEVER) if self.off else 0


class MemorySwitches:
    """The twin for tests: a set of what is off, and the number of the last act on each thing."""

    def __init__(self) -> None:
        self.acts = 0
        self._off: set[Name] = set()
        self._last: dict[Name, int] = {}

    def set_switch(self, kind: str, name: str, *, off: bool) -> None:
        """An act."""
        self._last[kind, name] = self.acts
        self.acts += 1
        (self._off.add if off else self._off.discard)((kind, name))

    def any_off(self, *things: Name, acts: int | None = None) -> bool:
        """As `Switched` has it."""
        return any(one in self._off or (acts is not None and self._last.get(one, -1) >= acts) for one in things)


def switch_of(row: Row[tuple[object, ...]]) -> Switch:
    """What a row says, whoever wrote it: `is_ours` tells."""
    return Switch(row.kind, row.name, off=row.off != 0, reason=row.reason, since=row.since)


def is_ours(key: bytes, row: Row[tuple[object, ...]]) -> bool:
    """Whether a row is as somebody wrote it who has the key."""
    return hmac.compare_digest(seal_of(key, switch_of(row)), row.seal)


def key_of(keys: LedgerKeys, tenant: Tenant) -> bytes:
    """The key of a tenant's seals."""
    return derived(keys.rows, b"", b"switches", tenant.encode())


def seal_of(key: bytes, switch: Switch) -> bytes:
    """The MAC of a row; the key has the tenant in it."""
    texts = (switch.kind, switch.name, "off" if switch.off else "on", switch.reason, str(switch.since))
    return hmac.digest(key, framed(*(text.encode() for text in texts)), "sha256")
