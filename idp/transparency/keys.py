"""The keys of one release ledger, and the folder that they lie in.

`log.key` (PEM, PKCS#8) signs checkpoints; `log.vkey` beside it is its public text form for auditors. `openings.key` (32
bytes as hex) is the master of everything that the database keeps encrypted. With it and the database an operator reads
openings; without it a copy of the database says nothing.
"""

import hmac
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from idp.transparency.checkpoint import VerifierKey, is_key_name
from policies.errors import Misconfigured, Problem

KEY_BYTES = 32
LOG_KEY = "log.key"
LOG_VKEY = "log.vkey"
OPENINGS_KEY = "openings.key"


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


def create_ledger_keys(folder: Path, origin: str) -> LedgerKeys:
    """Make fresh keys in `folder` (files of mode 0600; an existing one is never replaced) and load them."""
    signer, master = Ed25519PrivateKey.generate(), secrets.token_bytes(KEY_BYTES)
    keys = ledger_keys(_checked_origin(folder, origin), signer, master)
    _write(folder / LOG_KEY, signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(folder / OPENINGS_KEY, master.hex().encode() + b"\n")
    (folder / LOG_VKEY).write_text(f"{keys.verifier}\n", encoding="utf-8")
    return keys


def load_ledger_keys(folder: Path, origin: str) -> LedgerKeys:
    """Load what `create_ledger_keys` made. Raises `Misconfigured` naming the file that does not serve."""
    _checked_origin(folder, origin)
    name = LOG_KEY
    try:
        signer = load_pem_private_key((folder / LOG_KEY).read_bytes(), password=None)
        name = OPENINGS_KEY if isinstance(signer, Ed25519PrivateKey) else LOG_KEY
        master = bytes.fromhex((folder / OPENINGS_KEY).read_text(encoding="ascii").strip())
        if isinstance(signer, Ed25519PrivateKey) and len(master) == KEY_BYTES:
            return ledger_keys(origin, signer, master)
        what = "is not the kind of key that belongs here"
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = "is not a key"  # the cause may quote the file: it is not chained
    fix = "restore it from its backup; `ciconia init` makes fresh keys for a fresh ledger only"
    raise Misconfigured((Problem(str(folder / name), 0, name, f"{what}.", fix),)) from None


def _checked_origin(folder: Path, origin: str) -> str:
    """The origin, where it may name a key: what stands in every checkpoint cannot be mended later."""
    if is_key_name(origin):
        return origin
    problem = Problem(
        str(folder), 0, "origin", "a log's name has no space and no plus.", "use host and path, as city.example/log"
    )
    raise Misconfigured((problem,))


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
