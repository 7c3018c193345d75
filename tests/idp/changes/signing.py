"""Keys of operators for tests: software keys, and FIDO keys by their format, since no test can touch a real one."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

FIDO, PLAIN = b"sk-ssh-ed25519@openssh.com", b"ssh-ed25519"


def string(octets: bytes) -> bytes:
    return len(octets).to_bytes(4) + octets


@dataclass(frozen=True)
class Person:
    """An operator, with one key."""

    name: str
    key: Ed25519PrivateKey
    application: bytes = b""

    @property
    def raw(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def blob(self) -> bytes:
        if self.application:
            return string(FIDO) + string(self.raw) + string(self.application)
        return string(PLAIN) + string(self.raw)

    @property
    def line(self) -> str:
        kind = FIDO if self.application else PLAIN
        return f"{kind.decode()} {b64encode(self.blob).decode()} {self.name}@city\n"

    @property
    def private(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def person(name: str, *, application: bytes = b"") -> Person:
    """The same key for the same name, each time."""
    return Person(name, Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()), application)


def sshsig(
    who: Person,
    content: bytes,
    *,
    magic: bytes = b"SSHSIG",
    version: int = 1,
    namespace: bytes = b"ciconia-plan",
    reserved: bytes = b"",
    algorithm: bytes = b"sha512",
    flags: int = 1,
    after: bytes = b"",
    inside: bytes = b"",
    kind: bytes | None = None,
) -> bytes:
    """A signature of PROTOCOL.sshsig; what differs from the defaults is a fault."""
    digest = hashlib.new(algorithm.decode() if algorithm in (b"sha256", b"sha512") else "sha1", content).digest()
    message = magic + string(namespace) + string(reserved) + string(algorithm) + string(digest)
    behind = b""
    if who.application:
        behind = bytes([flags]) + (7).to_bytes(4)
        message = hashlib.sha256(who.application).digest() + behind + hashlib.sha256(message).digest()
    inner = string(kind or (FIDO if who.application else PLAIN)) + string(who.key.sign(message)) + behind + inside
    blob = magic + version.to_bytes(4) + string(who.blob) + string(namespace) + string(reserved)
    blob += string(algorithm) + string(inner) + after
    return b"-----BEGIN SSH SIGNATURE-----\n" + b64encode(blob) + b"\n-----END SSH SIGNATURE-----\n"
