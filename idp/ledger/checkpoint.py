"""C2SP signed notes and the checkpoints in them (signed-note v1.0.0, tlog-checkpoint v1.0.0), signed with Ed25519.

The bytes of a checkpoint, UTF-8, each line ended by a line feed:

    parking.example/log                                    the origin, which is the key's name
    1042                                                   the size of the tree
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=           its root
                                                           one empty line
    — parking.example/log Uw2QOkn8srV1yJGh2V...            key name, base64(key id || signature)

Canonical or nothing: one spelling of everything, a cap on the size first.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from idp.ledger.merkle_tree import HASH_BYTES
from policies.errors import SignatureInvalid

ED25519 = b"\x01"  # signed-note: the signature type of Ed25519
KEY_ID_BYTES = 4
KEY_BYTES = 32
MAX_NOTE = 64 * 1024
MAX_SIGNATURES = 100  # at least 16 must be accepted; ours have one, and later a few witnesses
MAX_SIZE, MAX_SIZE_DIGITS = 2**63, 19
TEXT_LINES = 3
SIGNATURE_MARK = "— "


class UnknownSigner(SignatureInvalid):
    """No known key signed a note."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that a note may be signed with: its name and its Ed25519 public key (32 bytes)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || LF || type || key), the first four bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(ED25519 + self.public)}"

    @classmethod
    def read(cls, text: str) -> "VerifierKey":
        """Read the text form (`vkey`). Raises `SignatureInvalid` for any spelling but the one that we print."""
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        key = read_base64(encoded)
        if not is_key_name(name) or key[:1] != ED25519 or len(key) != 1 + KEY_BYTES:
            raise SignatureInvalid("note_key", "a verifier key that is not an Ed25519 one with a name")
        found = cls(name, key[1:])
        if str(found) != text:
            raise SignatureInvalid("note_key", "a verifier key whose id is another key's")
        return found


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The statement of a checkpoint: at `size` leaves the log called `origin` has this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def of_any_log(cls, text: str) -> "TreeHead":
        """Read the text of any log's checkpoint, which may have further lines that say what its log likes."""
        *three, rest = text.split("\n", TEXT_LINES)
        if rest and not all(f"{rest}\n".split("\n")[:-2]):
            raise SignatureInvalid("checkpoint", "an empty line in a checkpoint")
        return cls.read("".join(f"{line}\n" for line in three))

    @classmethod
    def read(cls, text: str) -> "TreeHead":
        """Read a note's text. Raises `SignatureInvalid` for anything but three lines in their one spelling."""
        lines = text.split("\n")
        if len(lines) != TEXT_LINES + 1 or lines[-1] or not is_key_name(lines[0]):
            raise SignatureInvalid("checkpoint", "not the three lines of a checkpoint")
        number = lines[1]
        if not (number.isascii() and number.isdecimal() and len(number) <= MAX_SIZE_DIGITS and int(number) < MAX_SIZE):
            raise SignatureInvalid("checkpoint", "a size that is not a decimal number")
        head = cls(lines[0], int(number), read_base64(lines[2]))
        if head.text != text or len(head.root) != HASH_BYTES:
            raise SignatureInvalid("checkpoint", "not the canonical spelling of a checkpoint")
        return head


def is_key_name(name: str) -> bool:
    """Whether this may name a key: printable, not empty, without space and plus."""
    return bool(name) and "+" not in name and name.isprintable() and not any(letter.isspace() for letter in name)


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The note: `text` (ended by a line feed), an empty line, our signature line."""
    return f"{text}\n{signature_line(name, key, text.encode())}\n"


def signature_line(name: str, key: Ed25519PrivateKey, message: bytes) -> str:
    """The signature line of a key of this name."""
    verifier = VerifierKey(name, key.public_key().public_bytes_raw())
    return f"{SIGNATURE_MARK}{name} {_base64(verifier.key_id + key.sign(message))}"


def read_signature(line: str) -> tuple[str, bytes, bytes]:
    """The name, the key id and the signature of a signature line. Raises `SignatureInvalid`."""
    name, data = _signature_line(line)
    return name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:]


def open_note(note: bytes, *keys: VerifierKey) -> str:
    """The text of a note that one of `keys` signed. Lines of unknown keys are read and not believed.

    Raises `SignatureInvalid` if the note is malformed, no line is of a known key or two are of one, or the signature of a
    known key fails.
    """
    # 1. size, spelling
    if len(note) > MAX_NOTE:
        raise SignatureInvalid("note_size", f"a note of {len(note)} bytes")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignatureInvalid("note", "a note that is not UTF-8") from error
    if any(letter < " " and letter != "\n" for letter in whole):
        raise SignatureInvalid("note", "a note with control characters")
    # 2. the text ends at the last empty line
    head, gap, tail = whole.rpartition("\n\n")
    if not gap or not head or not tail.endswith("\n"):
        raise SignatureInvalid("note", "a note without its signature lines")
    text = head + "\n"
    # 3. every line is a signature line, a known key's is there, and no key's twice
    signatures = [_signature_line(line) for line in tail[:-1].split("\n")]
    if len(signatures) > MAX_SIGNATURES:
        raise SignatureInvalid("note", f"a note with {len(signatures)} signatures")
    found = [(key, data) for key in keys for data in _of_key(signatures, key)]
    if not found:
        raise UnknownSigner("note_signature", "no key that is known here signed it")
    if len({key for key, _ in found}) != len(found):
        raise SignatureInvalid("note_signature", "a key signed twice")
    # 4. each known key's signature over the text
    for key, signature in found:
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise SignatureInvalid("note_signature", "the note's signature does not hold") from error
    return text


def open_own_note(note: bytes, *keys: VerifierKey) -> tuple[VerifierKey, str]:
    """The key of `keys` that signed a note of one signature line, and the text. Raises as `open_note`."""
    key, text, others = open_cosigned_note(note, *keys)
    if others:
        raise SignatureInvalid("note_signature", "another key signed too")
    return key, text


def open_cosigned_note(note: bytes, *keys: VerifierKey) -> tuple[VerifierKey, str, tuple[str, ...]]:
    """The one key of `keys` that signed a note, the text, and the other signature lines, which nobody has checked.

    Raises as `open_note`, and if another line has the log's own name: a reader would take it for a witness's.
    """
    text = open_note(note, *keys)
    lines = note.decode("utf-8").rpartition("\n\n")[2].removesuffix("\n").split("\n")
    signers = [(line, read_signature(line)[:2]) for line in lines]
    key = next(key for key in keys if any(signer == (key.name, key.key_id) for _, signer in signers))
    others = [(line, signer[0]) for line, signer in signers if signer != (key.name, key.key_id)]
    if any(name == key.name for _, name in others):
        raise SignatureInvalid("note_signature", "another key signed too")
    return key, text, tuple(line for line, _ in others)


def _of_key(signatures: Sequence[tuple[str, bytes]], key: VerifierKey) -> Sequence[bytes]:
    return [data[KEY_ID_BYTES:] for name, data in signatures if (name, data[:KEY_ID_BYTES]) == (key.name, key.key_id)]


def _signature_line(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(SIGNATURE_MARK).partition(" ")
    if not line.startswith(SIGNATURE_MARK) or not is_key_name(name):
        raise SignatureInvalid("note", "a line that is not a signature line")
    data = read_base64(encoded)
    if len(data) <= KEY_ID_BYTES:
        raise SignatureInvalid("note", "a signature line without a signature")
    return name, data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read_base64(text: str) -> bytes:
    """The octets of one base64 spelling. Raises `SignatureInvalid`."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise SignatureInvalid("note", "not base64") from error
    if _base64(data) != text:
        raise SignatureInvalid("note", "not the canonical base64 spelling")
    return data
