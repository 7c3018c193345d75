"""Cosignatures of witnesses (C2SP tlog-cosignature v1), and the policy that says how many of them are enough.

A witness is another operator's program. It signs a checkpoint only if that extends every checkpoint of the log that it
signed before. Its signature line stands below the log's own:

    — witness.neighbour.example jWbPPwAA...     key name, base64(key id || time, 8 octets || signature)

Ed25519 (type 04) signs `cosignature/v1`, a line `time SECONDS`, and the checkpoint's text. ML-DSA-44 (type 06) signs a
structure with the witness's name, the time, and the log's origin, size and root.

A cosignature counts only if another operator made it, and an operator counts once, however many witnesses it runs.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from idp.ledger.checkpoint import (
    KEY_ID_BYTES,
    SIGNATURE_MARK,
    TreeHead,
    is_key_name,
    read_base64,
    read_signature,
)
from policies.errors import SignatureInvalid

ED25519, ML_DSA_44 = b"\x04", b"\x06"
KEY_BYTES = {ED25519: 32, ML_DSA_44: 1312}
SIGNATURE_BYTES = {ED25519: 64, ML_DSA_44: 2420}
TIME_BYTES = 8
MAX_TIME = 2**63 - 1
MAX_NAME = 255  # octets: the structure that ML-DSA-44 signs has one octet for their number
SUBTREE = b"subtree/v1\n\0"
# Nobody can have a name under it (RFC 6761), so its witness is on this machine, for practice
PRACTICE = ".localhost"

Signer = Ed25519PrivateKey | MLDSA44PrivateKey


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The public key of a witness: its name, the type of its signatures, and the key."""

    name: str
    kind: bytes
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || LF || type || key), the first four octets."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:KEY_ID_BYTES]

    @property
    def label(self) -> str:
        """Its name and id: what its cosignatures are filed under."""
        return f"{self.name}+{self.key_id.hex()}"

    @property
    def practises(self) -> bool:
        """Whether its name says that it is for practice: such a witness never counts."""
        host = self.name.partition("/")[0].partition(":")[0]
        return f".{host}".endswith(PRACTICE)

    def __str__(self) -> str:
        return f"{self.label}+{base64.b64encode(self.kind + self.public).decode()}"

    @classmethod
    def read(cls, text: str) -> "WitnessKey":
        """Read a `vkey`. Raises `SignatureInvalid` for any spelling but the one that we print."""
        name, _, rest = text.partition("+")
        key = read_base64(rest.partition("+")[2])
        if not is_key_name(name) or len(name.encode()) > MAX_NAME or len(key) != 1 + KEY_BYTES.get(key[:1], -1):
            raise SignatureInvalid("witness_key", "a witness's key is a name and a key of type 04 or 06")
        found = cls(name, key[:1], key[1:])
        if str(found) != text:
            raise SignatureInvalid("witness_key", "a witness's key whose id is another key's")
        return found

    @classmethod
    def of(cls, name: str, signer: Signer) -> "WitnessKey":
        """The public half of a key."""
        kind = ED25519 if isinstance(signer, Ed25519PrivateKey) else ML_DSA_44
        return cls(name, kind, signer.public_key().public_bytes_raw())

    def verify(self, text: str, cosignature: bytes) -> int:
        """The time of a cosignature over a checkpoint's text. Raises `SignatureInvalid` if it does not hold."""
        time, signature = int.from_bytes(cosignature[:TIME_BYTES]), cosignature[TIME_BYTES:]
        # 0 is a statement about a tree that need not be the newest that the witness saw
        if len(signature) != SIGNATURE_BYTES[self.kind] or not 0 < time <= MAX_TIME:
            raise SignatureInvalid("cosignature", f"the cosignature of {self.name} is none")
        message = _message(self, text, time)
        try:
            if self.kind == ED25519:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise SignatureInvalid("cosignature", f"the cosignature of {self.name} does not hold") from error
        except UnsupportedAlgorithm as error:
            raise SignatureInvalid("cosignature", f"ML-DSA-44 of {self.name} cannot be checked on this machine") from error
        return time


@dataclass(frozen=True, slots=True)
class OperatorWitness:
    """A witness that somebody chose to believe: its key, and the operator who runs it. `counts`: another operator does."""

    key: WitnessKey
    operator: str
    counts: bool

    def __str__(self) -> str:
        return f"{self.key.name} ({self.operator})" + ("" if self.counts else ", which does not count")


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The cosignatures below a checkpoint: whose hold, at which time (seconds since the epoch), and names of strangers."""

    witnesses: tuple[tuple[OperatorWitness, int], ...] = ()
    strangers: tuple[str, ...] = ()

    def operators(self, since: int = 0) -> frozenset[str]:
        """The other operators whose witnesses signed at `since` or later."""
        return frozenset(each.operator for each, time in self.witnesses if each.counts and time >= since)


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """The witnesses that somebody believes, and the number of their operators that must have signed."""

    witnesses: tuple[OperatorWitness, ...] = ()
    quorum: int = 0

    @property
    def operators(self) -> frozenset[str]:
        """The other operators that can count."""
        return frozenset(each.operator for each in self.witnesses if each.counts)

    def judge(self, text: str, lines: Iterable[str]) -> Cosigned:
        """Check the signature lines below a checkpoint's text, without the log's own.

        A stranger's line is not believed, and named. Raises `SignatureInvalid` if a known witness's does not hold, or a
        witness signed twice.
        """
        keys = {(each.key.name, each.key.key_id): each for each in self.witnesses}
        found: list[tuple[OperatorWitness, int]] = []
        strangers: list[str] = []
        for line in lines:
            name, key_id, cosignature = read_signature(line)
            witness = keys.get((name, key_id))
            if witness is None:
                strangers.append(name)
                continue
            if any(each == witness for each, _ in found):
                raise SignatureInvalid("cosignature", f"the witness {name} signed twice")
            found.append((witness, witness.key.verify(text, cosignature)))
        return Cosigned(tuple(found), tuple(dict.fromkeys(strangers)))

    def operators_of(self, cosigned: Iterable[tuple[int, str]]) -> frozenset[str]:
        """The operators that count and cosigned one checkpoint: of the one that most of them did.

        `cosigned` has pairs of a checkpoint's number and a witness's name and key id.
        """
        counting = {each.key.label: each.operator for each in self.witnesses if each.counts}
        found: dict[int, set[str]] = {}
        for number, label in cosigned:
            if label in counting:
                found.setdefault(number, set()).add(counting[label])
        return frozenset(max(found.values(), key=len, default=()))

    def assert_met(self, cosigned: Cosigned) -> None:
        """Raise `SignatureInvalid` unless enough operators signed."""
        signed = cosigned.operators()
        if len(signed) < self.quorum:
            raise SignatureInvalid("quorum", f"{len(signed)} other operators cosigned, and {self.quorum} are wanted")


# A checkpoint that nobody cosigned, and the policy of somebody who names no witness
NOBODY, NOBODY_NAMED = Cosigned(), WitnessPolicy()


def cosign(name: str, signer: Signer, text: str, time: int) -> str:
    """A witness's signature line for a checkpoint's text."""
    key = WitnessKey.of(name, signer)
    signature = key.key_id + time.to_bytes(TIME_BYTES) + signer.sign(_message(key, text, time))
    return f"{SIGNATURE_MARK}{name} {base64.b64encode(signature).decode()}"


def has_ml_dsa() -> bool:
    """Whether this machine's OpenSSL has ML-DSA-44."""
    try:
        MLDSA44PrivateKey.generate()
    except UnsupportedAlgorithm:
        return False
    return True


def same_operator(one: str, other: str) -> bool:
    """Whether two names are of one operator, however they are written."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def known_witnesses(named: Sequence[tuple[WitnessKey, str]], *, origin: str, own: str = "") -> tuple[OperatorWitness, ...]:
    """The witnesses of a policy, each with its operator. `origin` is the log's, `own` its operator's name, if it has one.

    A witness of the log's own operator or host, and one for practice, does not count.
    """
    host = origin.partition("/")[0].partition(":")[0]
    return tuple(
        OperatorWitness(
            key,
            next(first for _, first in named if same_operator(first, operator)),
            counts=not (
                key.practises
                or key.name.partition("/")[0].partition(":")[0] == host
                or (own and same_operator(own, operator))
            ),
        )
        for key, operator in named
    )


def _message(key: WitnessKey, text: str, time: int) -> bytes:
    """The octets that a witness signs."""
    if key.kind == ED25519:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    head = TreeHead.of_any_log(text)
    name, origin = key.name.encode(), head.origin.encode()
    if len(origin) > MAX_NAME:
        raise SignatureInvalid("cosignature", "the log's name is too long for a cosignature by ML-DSA-44")
    parts = (SUBTREE, bytes([len(name)]), name, time.to_bytes(8), bytes([len(origin)]), origin)
    return b"".join((*parts, bytes(8), head.size.to_bytes(8), head.root))
