"""The persons who may change a configuration, named by public keys of OpenSSH: Ed25519, in a file or in a FIDO key.

ssh-ed25519                    string type, string public key of 32 octets                        (RFC 8709 §4)
sk-ssh-ed25519@openssh.com     the same, and string application, which begins with "ssh:"         (PROTOCOL.u2f)
"""

import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

ED25519, FIDO = b"ssh-ed25519", b"sk-ssh-ed25519@openssh.com"
KEY_OCTETS = 32
LENGTH_OCTETS = 4
_LINE = re.compile(r"(ssh-ed25519|sk-ssh-ed25519@openssh\.com) ([A-Za-z0-9+/]+={0,2})(?:[ \t].*)?")


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """A public key: the 32 octets of Ed25519, and the application of a FIDO key (b"" for none)."""

    octets: bytes
    application: bytes = b""

    @property
    def kind(self) -> bytes:
        """The name of its kind, as SSH writes it."""
        return FIDO if self.application else ED25519

    @property
    def blob(self) -> bytes:
        """The key as SSH writes it."""
        return b"".join(map(ssh_string, (self.kind, self.octets, *filter(None, (self.application,)))))

    @property
    def fingerprint(self) -> str:
        """The fingerprint as `ssh-keygen -l` shows it."""
        digest = binascii.b2a_base64(hashlib.sha256(self.blob).digest(), newline=False)
        return f"SHA256:{digest.decode().rstrip('=')}"


# The name of each key's person
Operators = Mapping[OperatorKey, str]


def is_officer(name: str, operators: Operators) -> bool:
    """Whether one of them has this name, in capitals or not."""
    return name.casefold() in {each.casefold() for each in operators.values()}


@dataclass(slots=True)
class SshReader:
    """Reads the parts of SSH's wire format (RFC 4251 §5). Each raises `ValueError` where too little is left."""

    rest: bytes

    def octets(self, count: int) -> bytes:
        """The next octets."""
        if len(self.rest) < count:
            raise ValueError("it ends too early")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def string(self) -> bytes:
        """The next string."""
        return self.octets(int.from_bytes(self.octets(LENGTH_OCTETS)))

    def end(self) -> None:
        """Raises `ValueError` where more follows."""
        if self.rest:
            raise ValueError("it has more octets than its parts")


def ssh_string(octets: bytes) -> bytes:
    """A string of SSH's wire format."""
    return len(octets).to_bytes(LENGTH_OCTETS) + octets


def read_key(blob: bytes) -> OperatorKey:
    """The key as SSH writes it. Raises `ValueError` for any other kind of key."""
    reader = SshReader(blob)
    kind, octets = reader.string(), reader.string()
    application = reader.string() if kind == FIDO else b""
    reader.end()
    if kind not in (ED25519, FIDO) or len(octets) != KEY_OCTETS or (kind == FIDO and not application.startswith(b"ssh:")):
        raise ValueError("its key is neither of Ed25519 nor of a FIDO key with Ed25519")
    return OperatorKey(octets, application)


def read_line(line: str) -> OperatorKey:
    """The key of a line of a `.pub` file. Raises `ValueError` for any other kind of key."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError("it is no line of a public key of Ed25519")
    try:
        key = read_key(binascii.a2b_base64(found[2], strict_mode=True))
    except binascii.Error:
        raise ValueError("its key is no base64") from None
    if key.kind.decode() != found[1]:
        raise ValueError("its key is of another kind than its line says")
    return key
