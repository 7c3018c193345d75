"""The keys of one release ledger, and what is derived from them. Their files: `idp.keys.ledger`.

A log is its name. The keys that sign it take turns, as all signing keys do: the next one is published before it signs. Who
checks an old checkpoint needs the key that signed it then, so the public half of each is known for good, unless it was
revoked: then whoever has the private half could sign anything, and nothing counts that has no other signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from idp.keys.ring import Ring, Scheduled
from idp.transparency.checkpoint import VerifierKey, open_own_note
from idp.transparency.vouching import KeyList, begun_with
from policies.errors import SignatureInvalid, StoreUnavailable

KEY_BYTES = 32
# How long (seconds) the key before signs again where the next one is revoked; its public half is known for good
LOG_OVERLAP = 3600
# Beginnings of messages that are kept: uses times tenants times kinds, and none of them secret
BEGINNINGS = 1024
DAY = 86400
_SHA256 = SHA256()
_FIRST = b"\x01"  # RFC 5869 §2.3: the number of the block


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key that signs the log's checkpoints and receipts."""

    name: str
    signer: Ed25519PrivateKey = field(repr=False)
    verifier: VerifierKey = field(init=False)

    def __post_init__(self) -> None:
        """Compute the public half, as auditors need it."""
        object.__setattr__(self, "verifier", VerifierKey(self.name, self.signer.public_key().public_bytes_raw()))

    @property
    def key_id(self) -> str:
        """As signed notes have it, in hex."""
        return self.verifier.key_id.hex()


class LogKeys:
    """The keys of one log in their turn, and the public halves of those whose private half is gone. For any thread."""

    def __init__(
        self, keys: Iterable[Scheduled[LogKey]], gone: Iterable[VerifierKey] = (), listed: KeyList | None = None
    ) -> None:
        self.ring = Ring(keys, LOG_OVERLAP)
        self.gone = tuple(gone)
        # Where nobody listed them there is one key, and nobody to vouch for it
        self.listed = begun_with(self.ring.scheduled[-1].key.verifier) if listed is None else listed

    def take(self, others: "LogKeys") -> None:
        """Take what was read again."""
        self.listed = others.listed
        # What is forgotten in a file, or was not copied yet, is known as long as we run
        self.gone = tuple(dict.fromkeys([*others.gone, *self.known]))
        self.ring.replace(others.ring.scheduled)

    def at(self, now: int) -> LogKey:
        """The key that signs at `now`. Raises `StoreUnavailable` as `Ring.at` does."""
        return self.ring.at(now)

    @property
    def known(self) -> tuple[VerifierKey, ...]:
        """Every key that ever signed: our own rows have a seal besides, which a stolen key does not make."""
        mine = [each.key.verifier for each in self.ring.scheduled]
        return tuple(dict.fromkeys([*mine, *self.gone]))

    def stands(self, note: bytes, now: int) -> bool:
        """Whether a checkpoint need not be signed again: a key that is not revoked did, or none is left that could."""
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
        """What others check with: the key that signs at `now` first, then all others that are not revoked.

        Raises `StoreUnavailable` where nobody can say which are, or every key of the folder is revoked.
        """
        first = self.at(now).verifier
        return (first, *(key for key in self.known if key != first and not self.ring.revoked(key.key_id.hex())))

    def published_list(self, now: int) -> KeyList:
        """The list that others check with, in which each key is vouched for. Raises as `published` does."""
        counting = self.published(now)
        return self.listed.telling([key for key in self.listed.keys if key not in counting])


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """The log's name and signing keys, and the masters under which openings, subjects and rows are protected.

    Every key that is used is derived from a master with its use, tenant and whatever else tells it apart.
    """

    origin: str
    log: "LogKeys"
    openings: "Master" = field(repr=False)
    subjects: bytes = field(repr=False)
    rows: bytes = field(repr=False)

    def period_key(self, tenant: str, time: int) -> bytes:
        """The key of the openings of one tenant and one calendar month (UTC): granted, and in time destroyed, as one.

        Raises ValueError where `time` is in no year of a calendar: in the database it can be any number.
        """
        return self.openings.derive(_month(time // DAY), begun=beginning("period", tenant))

    def subject_key(self, tenant: str, subject: bytes, salt: bytes) -> bytes:
        """The subject's own key. Without the random `salt` of the subject's row nobody computes it again: erasure."""
        return derived(self.subjects, salt, b"subject", tenant.encode(), subject)


@lru_cache(maxsize=64)
def _month(day: int) -> bytes:
    """The calendar month of a day since the epoch."""
    try:
        return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m").encode()
    except (OverflowError, OSError) as error:
        raise ValueError("a time that is in no calendar") from error


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104)."""
    # The standard library's looks its algorithms up in OpenSSL at each call, at twice the time, twenty times a login
    made = HMAC(key, _SHA256)
    made.update(message)
    return made.finalize()


def derived(master: bytes, salt: bytes, *parts: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869); `parts` are length-prefixed, so that no two lists of parts meet."""
    return mac(_extracted(salt, master), framed(*parts) + _FIRST)  # §2.3, of which 32 bytes are the first block


def _extracted(salt: bytes, secret: bytes) -> bytes:
    """RFC 5869 §2.2. No salt is as many zeros as the hash has bytes, and so is an empty key of an HMAC."""
    return mac(salt, secret)


def framed(*parts: bytes) -> bytes:
    """Length-prefixed, so that no two lists of parts give the same bytes."""
    # No list, and no generator: this runs a dozen times a login, over a few short parts
    joined = b""
    for part in parts:
        joined += len(part).to_bytes(4) + part
    return joined


@lru_cache(maxsize=BEGINNINGS)
def beginning(*parts: str) -> bytes:
    """`framed`, for the first parts of many messages: texts of our configuration, which come again and again."""
    return framed(*(part.encode() for part in parts))


@dataclass(frozen=True, slots=True)
class Master:
    """A secret of 32 bytes from which keys are derived again and again, by HKDF-SHA256 (RFC 5869) without a salt.

    HKDF's first step looks at the secret alone, so it is made once; what remains for 32 bytes is one HMAC whose key is set.
    """

    secret: bytes = field(repr=False)
    # HKDF's second step, as far as it is the same each time
    _begun: HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_begun", HMAC(_extracted(b"", self.secret), _SHA256))

    def derive(self, *parts: bytes, begun: bytes = b"") -> bytes:
        """32 bytes for these `parts`, as `derived` has it. `begun`: the parts before them, by `beginning`."""
        made = self._begun.copy()
        for part in parts:  # as `framed` has it, without its call
            begun += len(part).to_bytes(4) + part
        made.update(begun + _FIRST)
        return made.finalize()


def ledger_keys(origin: str, signer: Ed25519PrivateKey, master: bytes) -> LedgerKeys:
    """All keys of a ledger from two secrets: its log's only key, and a master of 32 bytes."""
    if len(master) != KEY_BYTES:
        raise ValueError("the openings' master key has 32 bytes")
    return with_masters(origin, LogKeys([Scheduled(0, LogKey(origin, signer))]), master)


def with_masters(origin: str, log: LogKeys, master: bytes) -> LedgerKeys:
    """The keys of a ledger whose log has these keys."""
    subjects, rows = (derived(master, b"", use) for use in (b"subjects", b"rows"))
    return LedgerKeys(origin, log, Master(openings_master(master)), subjects, rows)


def openings_master(master: bytes) -> bytes:
    """Under which openings are encrypted."""
    return derived(master, b"", b"openings")
