"""A switch: the kinds of things that may be switched off, one switch as it stands, and the seal of its row."""

import hmac
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Row

from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from policies.errors import StoreUnavailable
from policies.parties import Tenant

PARTY, COUNTRY, PROVIDER, REGISTER, KEY, DEVIATION = "party", "country", "provider", "register", "key", "deviation"
KINDS = (PARTY, COUNTRY, PROVIDER, REGISTER, KEY, DEVIATION)
# A moment that no clock reaches, and that is a number of the database
NEVER = 2**62

# Kind, of `KINDS`, and name
Name = tuple[str, str]


class Switched(Protocol):
    """Says what is switched off at this moment. Raises `StoreUnavailable` if that cannot be known."""

    @property
    def acts(self) -> int:
        """How many acts are known, on all things."""

    def any_off(self, *things: Name, acts: int | None = None) -> bool:
        """Whether one of these things is off, or with `acts` was switched since so many acts were known.

        A login that was alive while a thing was off does not come back with it.
        """


class ActLost(StoreUnavailable):
    """A record of a switch is gone or was changed: the database answers, and what is off cannot be known."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as it stands: `name` is a client id, an ISO 3166-1 code, or the id of a provider, register or key.

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
        """Since when it is off; 0 if it is on. For a stranger's row that is as late as can be.

        A key that was revoked early enough hands back to the one before it: no stranger's row may do that.
        """
        return (self.since or NEVER) if self.off else 0


def switch_of(row: Row[tuple[object, ...]]) -> Switch:
    """The switch of a row, whoever wrote it: ask `is_ours`."""
    return Switch(row.kind, row.name, off=row.off != 0, reason=row.reason, since=row.since)


def is_ours(key: bytes, row: Row[tuple[object, ...]]) -> bool:
    """Whether somebody who has the key wrote this row."""
    return hmac.compare_digest(seal_of(key, switch_of(row)), row.seal)


def key_of(keys: LedgerKeys, tenant: Tenant) -> bytes:
    """The key of a tenant's seals."""
    return derived(keys.rows, b"", b"switches", tenant.encode())


def seal_of(key: bytes, switch: Switch) -> bytes:
    """The MAC of a row; the key has the tenant in it."""
    texts = (switch.kind, switch.name, "off" if switch.off else "on", switch.reason, str(switch.since))
    return hmac.digest(key, framed(*(text.encode() for text in texts)), "sha256")
