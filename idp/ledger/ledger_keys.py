"""The keys of one release ledger, and the keys derived from them. Their files: `idp.keys.ledger_files`.

A log is its name. Its signing keys take turns: the next one is published before it signs. An old checkpoint is checked with
the key that signed it, so the public half of each key is known for good, unless it was revoked: a thief could sign anything
with it.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.signatures.key_ring import Ring, Scheduled
from idp.ledger.checkpoint import VerifierKey, open_own_note
from idp.ledger.key_list import KeyList, begun_with
from policies.errors import SignatureInvalid, StoreUnavailable

KEY_BYTES = 32
# How long (seconds) the key before signs again if the next one is revoked
LOG_OVERLAP = 3600
DAY = 86400


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key that signs the log's checkpoints and receipts."""

    name: str
    signer: Ed25519PrivateKey = field(repr=False)
    verifier: VerifierKey = field(init=False)

    def __post_init__(self) -> None:
        """Compute the public half."""
        object.__setattr__(self, "verifier", VerifierKey(self.name, self.signer.public_key().public_bytes_raw()))

    @property
    def key_id(self) -> str:
        """The id in signed notes, in hex."""
        return self.verifier.key_id.hex()


class LogKeys:
    """The keys of one log, and the public halves of those whose private half is gone. Safe in any thread."""

    def __init__(
        self, keys: Iterable[Scheduled[LogKey]], gone: Iterable[VerifierKey] = (), listed: KeyList | None = None
    ) -> None:
        self.ring = Ring(keys, LOG_OVERLAP)
        self.gone = tuple(gone)
        # Without a list there is one key, and none to vouch for it
        self.listed = begun_with(self.ring.scheduled[-1].key.verifier) if listed is None else listed

    def take(self, others: "LogKeys") -> None:
        """Take keys that were read again."""
        self.listed = others.listed
        # A line that is missing from a file is known as long as we run
        self.gone = tuple(dict.fromkeys([*others.gone, *self.known]))
        self.ring.replace(others.ring.scheduled)

    def at(self, now: int) -> LogKey:
        """The key that signs at `now`. Raises as `Ring.at` does."""
        return self.ring.at(now)

    @property
    def known(self) -> tuple[VerifierKey, ...]:
        """Every key that ever signed. Our own rows also have a seal, which a stolen signing key does not make."""
        mine = [each.key.verifier for each in self.ring.scheduled]
        return tuple(dict.fromkeys([*mine, *self.gone]))

    def stands(self, note: bytes, now: int) -> bool:
        """Whether a checkpoint need not be signed again: a key that is not revoked signed it, or none is left."""
        try:
            counting = self.published(now)
            if len(counting) != len(self.known):
                open_own_note(note, *counting)
        except SignatureInvalid:
            return False
        except StoreUnavailable:
            return True
        return True

    def published(self, now: int) -> tuple[VerifierKey, ...]:
        """The keys for others: the one that signs at `now` first, then all others that are not revoked.

        Raises `StoreUnavailable` if revocations cannot be read, or every key of the folder is revoked.
        """
        first = self.at(now).verifier
        return (first, *(key for key in self.known if key != first and not self.ring.revoked(key.key_id.hex())))

    def published_list(self, now: int) -> KeyList:
        """The list for others, in which each key is vouched for. Raises as `published` does."""
        counting = self.published(now)
        return self.listed.telling([key for key in self.listed.keys if key not in counting])


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """The masters of openings, subjects and rows: they read and check records, and sign nothing.

    Every key is derived from a master with its use, its tenant, and what else tells it apart.
    """

    openings: bytes = field(repr=False)
    subjects: bytes = field(repr=False)
    rows: bytes = field(repr=False)

    def period_key(self, tenant: str, time: int) -> bytes:
        """The key of a tenant's openings in one calendar month (UTC). Raises ValueError if no calendar has `time`."""
        return period_key(self.openings, tenant, time)

    def subject_key(self, tenant: str, subject: bytes, salt: bytes) -> bytes:
        """The subject's own key. Without the random `salt` of the subject's row it is lost: that is erasure."""
        return derived(self.subjects, salt, b"subject", tenant.encode(), subject)


@dataclass(frozen=True, slots=True)
class LedgerKeys(RecordKeys):
    """The keys of records, and the log's name and signing keys."""

    origin: str
    log: "LogKeys"

    @property
    def of_records(self) -> RecordKeys:
        """Those of records alone, for another process."""
        return RecordKeys(self.openings, self.subjects, self.rows)


def period_key(openings: bytes, tenant: str, time: int) -> bytes:
    """`LedgerKeys.period_key`, from the master of openings alone."""
    return derived(openings, b"", b"period", tenant.encode(), _month(time // DAY))


@lru_cache(maxsize=64)
def _month(day: int) -> bytes:
    """The calendar month of a day since the epoch."""
    try:
        return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m").encode()
    except (OverflowError, OSError) as error:
        raise ValueError("a time that is in no calendar") from error


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104)."""
    return hmac.digest(key, message, "sha256")


def derived(master: bytes, salt: bytes, *parts: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869) of 32 secret bytes, for a use that `parts` name."""
    return HKDF(SHA256(), KEY_BYTES, salt, framed(*parts)).derive(master)


def framed(*parts: bytes) -> bytes:
    """Length-prefixed, so that no two lists of parts give the same bytes."""
    return b"".join([len(part).to_bytes(4) + part for part in parts])


def ledger_keys(origin: str, signer: Ed25519PrivateKey, master: bytes) -> LedgerKeys:
    """The keys of a ledger from its log's only key, and a master of 32 bytes."""
    if len(master) != KEY_BYTES:
        raise ValueError("the openings' master key has 32 bytes")
    return with_masters(origin, LogKeys([Scheduled(0, LogKey(origin, signer))]), master)


def with_masters(origin: str, log: LogKeys, master: bytes) -> LedgerKeys:
    """The keys of a ledger whose log has these keys."""
    subjects, rows = (derived(master, b"", use) for use in (b"subjects", b"rows"))
    return LedgerKeys(openings_master(master), subjects, rows, origin, log)


def openings_master(master: bytes) -> bytes:
    """The master key of openings."""
    return derived(master, b"", b"openings")
