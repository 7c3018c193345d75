"""The keys of one release ledger, and what is derived from them. Their files: `idp.keys.ledger`."""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from idp.transparency.checkpoint import VerifierKey

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """The log's name and signing key, and the masters under which openings, subjects and rows are protected.

    Every key that is used is derived from a master with its use, tenant and whatever else tells it apart.
    """

    origin: str
    signer: Ed25519PrivateKey = field(repr=False)
    openings: bytes = field(repr=False)
    subjects: bytes = field(repr=False)
    rows: bytes = field(repr=False)

    @property
    def verifier(self) -> VerifierKey:
        """The public half, as auditors need it."""
        return VerifierKey(self.origin, self.signer.public_key().public_bytes_raw())

    def period_key(self, tenant: str, time: int) -> bytes:
        """The key of the openings of one tenant and one calendar month (UTC): granted, and in time destroyed, as one."""
        period = datetime.fromtimestamp(time, UTC).strftime("%Y-%m")
        return derived(self.openings, b"", b"period", tenant.encode(), period.encode())

    def subject_key(self, tenant: str, subject: bytes, salt: bytes) -> bytes:
        """The subject's own key. Without the random `salt` of the subject's row nobody computes it again: erasure."""
        return derived(self.subjects, salt, b"subject", tenant.encode(), subject)


def derived(master: bytes, salt: bytes, *parts: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869); `parts` are length-prefixed, so that no two lists of parts meet."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=framed(*parts)).derive(master)


def framed(*parts: bytes) -> bytes:
    """Length-prefixed, so that no two lists of parts give the same bytes."""
    # A list, and no generator: this runs thirty times a login
    return b"".join([len(part).to_bytes(4) + part for part in parts])


@dataclass(frozen=True, slots=True)
class Master:
    """A secret of 32 bytes from which keys are derived again and again, by HKDF-SHA256 (RFC 5869) without a salt.

    HKDF's first step looks at the secret alone, so it is made once; what remains for 32 bytes is one HMAC. What comes out
    is what `derived` makes, in a fifth of the time.
    """

    secret: bytes = field(repr=False)
    _extracted: hmac.HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # §2.2: without a salt the key is as many zeros as the hash has bytes
        extracted = hmac.digest(bytes(KEY_BYTES), self.secret, "sha256")
        object.__setattr__(self, "_extracted", hmac.new(extracted, digestmod="sha256"))

    def derive(self, *parts: bytes) -> bytes:
        """32 bytes for these `parts`, as `derived` has it."""
        # §2.3, of which 32 bytes are the first block
        expanding = self._extracted.copy()
        expanding.update(framed(*parts) + b"\x01")
        return expanding.digest()


def ledger_keys(origin: str, signer: Ed25519PrivateKey, master: bytes) -> LedgerKeys:
    """All keys of a ledger from its two secrets: the signing key, and a master of 32 bytes."""
    if len(master) != KEY_BYTES:
        raise ValueError("the openings' master key has 32 bytes")
    openings, subjects, rows = (derived(master, b"", use) for use in (b"openings", b"subjects", b"rows"))
    return LedgerKeys(origin, signer, openings, subjects, rows)
