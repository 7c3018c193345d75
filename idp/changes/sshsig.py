"""Signatures of OpenSSH over a file (PROTOCOL.sshsig), by Ed25519 keys and by FIDO keys (PROTOCOL.u2f).

`ssh-keygen -Y sign -n ciconia-plan -f KEY FILE` makes one anywhere, and `sign` makes the same from a key's file. What
differs by one octet from what OpenSSH writes is refused: there is one spelling of each part.

    key        string type, string public key of 32 octets; of a FIDO key also string application
    signature  "SSHSIG", uint32 1, string key, string namespace, string "", string hash algorithm, string of what was signed
    signed     "SSHSIG", string namespace, string "", string hash algorithm, string H(file)
"""

import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from policies.errors import SignatureInvalid

NAMESPACE = b"ciconia-plan"
MAX_SIGNATURE = 8192
_MAGIC, _VERSION, _HASHES = b"SSHSIG", 1, {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_ED25519, _FIDO = b"ssh-ed25519", b"sk-ssh-ed25519@openssh.com"
_KEY_OCTETS = 32
_LENGTH_OCTETS = 4
# PROTOCOL.u2f: a person touched the key. Bit 2 says that they also gave its PIN, which no server can demand
_USER_PRESENT = 1
_ARMOUR = re.compile(rb"-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)\r?\n-----END SSH SIGNATURE-----\s*")
_LINE = re.compile(r"(ssh-ed25519|sk-ssh-ed25519@openssh\.com) ([A-Za-z0-9+/]+={0,2})(?:[ \t].*)?")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: the 32 octets of Ed25519, and the application of a FIDO key (b"" for none)."""

    octets: bytes
    application: bytes = b""

    @property
    def blob(self) -> bytes:
        """The key as SSH writes it."""
        if not self.application:
            return _string(_ED25519) + _string(self.octets)
        return _string(_FIDO) + _string(self.octets) + _string(self.application)

    @property
    def fingerprint(self) -> str:
        """The fingerprint as `ssh-keygen -l` shows it."""
        digest = binascii.b2a_base64(hashlib.sha256(self.blob).digest(), newline=False)
        return f"SHA256:{digest.decode().rstrip('=')}"


@dataclass(slots=True)
class _Reader:
    """Reads the parts of SSH's wire format (RFC 4251 §5). Each raises `SignatureInvalid` where too little is left."""

    rest: bytes

    def octets(self, count: int) -> bytes:
        if len(self.rest) < count:
            raise _invalid("it ends too early")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def string(self) -> bytes:
        return self.octets(int.from_bytes(self.octets(_LENGTH_OCTETS)))

    def end(self) -> None:
        if self.rest:
            raise _invalid("it has more octets than its parts")


def read_line(line: str) -> PublicKey:
    """The key of a line of a `.pub` file. Raises `SignatureInvalid` for any other kind of key."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise _invalid("it is no line of a public key of Ed25519")
    try:
        key = _read_key(binascii.a2b_base64(found[2], strict_mode=True))
    except binascii.Error:
        raise _invalid("its key is no base64") from None
    if bool(key.application) != (found[1].encode() == _FIDO):
        raise _invalid("its key is of another kind than its line says")
    return key


def read_private(octets: bytes) -> Ed25519PrivateKey:
    """The key of an OpenSSH private key file. Raises `SignatureInvalid` for one with a passphrase, or of another kind."""
    try:
        key = load_ssh_private_key(octets, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _invalid("it is no private key of OpenSSH, or has a passphrase, or is in a FIDO key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _invalid("it is no key of Ed25519")
    return key


def sign(key: Ed25519PrivateKey, content: bytes) -> bytes:
    """The signature of a file's content, as `ssh-keygen -Y sign` writes it."""
    public = PublicKey(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    made = key.sign(_signed(b"sha512", content))
    parts = (public.blob, NAMESPACE, b"", b"sha512", _string(_ED25519) + _string(made))
    blob = _MAGIC + _VERSION.to_bytes(_LENGTH_OCTETS) + b"".join(map(_string, parts))
    text = binascii.b2a_base64(blob, newline=False)
    lines = b"\n".join(text[start : start + 70] for start in range(0, len(text), 70))
    return b"-----BEGIN SSH SIGNATURE-----\n%b\n-----END SSH SIGNATURE-----\n" % lines


def verified(signature: bytes, content: bytes) -> PublicKey:
    """The key that signed this content for `NAMESPACE`. Raises `SignatureInvalid`, also where nobody touched a FIDO key."""
    key, algorithm, inner = _parts(signature)
    if inner.string() != (_FIDO if key.application else _ED25519):
        raise _invalid("its signature is of another kind than its key")
    made, message = inner.string(), _signed(algorithm, content)
    if key.application:
        flags, counter = inner.octets(1), inner.octets(_LENGTH_OCTETS)
        if not flags[0] & _USER_PRESENT:
            raise _invalid("nobody touched the FIDO key")
        message = hashlib.sha256(key.application).digest() + flags + counter + hashlib.sha256(message).digest()
    inner.end()
    try:
        Ed25519PublicKey.from_public_bytes(key.octets).verify(made, message)
    except InvalidSignature:
        raise _invalid("it does not sign this plan") from None
    return key


def _parts(signature: bytes) -> tuple[PublicKey, bytes, _Reader]:
    """Key, hash algorithm and inner signature of an armoured signature for our purpose."""
    found = _ARMOUR.fullmatch(signature) if len(signature) <= MAX_SIGNATURE else None
    if found is None:
        raise _invalid("it is no signature of ssh-keygen -Y sign")
    try:
        reader = _Reader(binascii.a2b_base64(found[1].replace(b"\r", b"").replace(b"\n", b""), strict_mode=True))
    except binascii.Error:
        raise _invalid("it is no base64") from None
    if reader.octets(len(_MAGIC)) != _MAGIC or int.from_bytes(reader.octets(_LENGTH_OCTETS)) != _VERSION:
        raise _invalid("it is of another version")
    key = _read_key(reader.string())
    if reader.string() != NAMESPACE:
        raise _invalid(f"it was made for another purpose: sign with -n {NAMESPACE.decode()}")
    if reader.string():
        raise _invalid("its reserved part is not empty")
    algorithm = reader.string()
    if algorithm not in _HASHES:
        raise _invalid("its hash is neither SHA-512 nor SHA-256")
    inner = _Reader(reader.string())
    reader.end()
    return key, algorithm, inner


def _read_key(blob: bytes) -> PublicKey:
    reader = _Reader(blob)
    kind, octets = reader.string(), reader.string()
    application = reader.string() if kind == _FIDO else b""
    reader.end()
    if (
        kind not in (_ED25519, _FIDO)
        or len(octets) != _KEY_OCTETS
        or (kind == _FIDO and not application.startswith(b"ssh:"))
    ):
        raise _invalid("its key is neither of Ed25519 nor of a FIDO key with Ed25519")
    return PublicKey(octets, application)


def _signed(algorithm: bytes, content: bytes) -> bytes:
    parts = (NAMESPACE, b"", algorithm, _HASHES[algorithm](content).digest())
    return _MAGIC + b"".join(map(_string, parts))


def _string(octets: bytes) -> bytes:
    return len(octets).to_bytes(_LENGTH_OCTETS) + octets


def _invalid(detail: str) -> SignatureInvalid:
    return SignatureInvalid("operator", detail)
