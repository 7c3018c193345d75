"""Signatures of OpenSSH over a file (PROTOCOL.sshsig), by Ed25519 keys and by FIDO keys (PROTOCOL.u2f).

`ssh-keygen -Y sign -n ciconia-plan -f KEY FILE` makes one anywhere, and `sign` makes the same from a key's file. Each part
has one spelling, and what differs from it by one octet is refused.

    signature  "SSHSIG", uint32 1, string key, string namespace, string "", string hash algorithm, string of what was signed
    signed     "SSHSIG", string namespace, string "", string hash algorithm, string H(file)
"""

import binascii
import hashlib
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from policies.operators import ED25519, LENGTH_OCTETS, OperatorKey, Operators, SshReader, read_key, ssh_string

NAMESPACE = b"ciconia-plan"
MAX_SIGNATURE = 8192
_MAGIC, _VERSION, _HASHES = b"SSHSIG", 1, {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
# PROTOCOL.u2f: a person touched the key. Another bit says that they gave its PIN, which no verifier can ask for
_USER_PRESENT = 1
_ARMOUR = re.compile(rb"-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)\r?\n-----END SSH SIGNATURE-----\s*")


def signer(operators: Operators, signature: bytes, content: bytes) -> str:
    """The person who signed this content. Raises `ValueError`, also where the key is nobody's."""
    key = verified(signature, content)
    if key not in operators:
        raise _invalid(f"the key {key.fingerprint} is nobody's in operators/")
    return operators[key]


def read_private(octets: bytes) -> Ed25519PrivateKey:
    """The key of an OpenSSH private key file. Raises `ValueError` for one with a passphrase, or of another kind."""
    try:
        key = load_ssh_private_key(octets, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _invalid("it is no private key of OpenSSH, or has a passphrase, or is in a FIDO key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _invalid("it is no key of Ed25519")
    return key


def sign(key: Ed25519PrivateKey, content: bytes) -> bytes:
    """The signature of a file's content, as `ssh-keygen -Y sign` writes it."""
    public = OperatorKey(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    made = key.sign(_signed(b"sha512", content))
    parts = (public.blob, NAMESPACE, b"", b"sha512", ssh_string(ED25519) + ssh_string(made))
    blob = _MAGIC + _VERSION.to_bytes(LENGTH_OCTETS) + b"".join(map(ssh_string, parts))
    text = binascii.b2a_base64(blob, newline=False)
    lines = b"\n".join(text[start : start + 70] for start in range(0, len(text), 70))
    return b"-----BEGIN SSH SIGNATURE-----\n%b\n-----END SSH SIGNATURE-----\n" % lines


def verified(signature: bytes, content: bytes) -> OperatorKey:
    """The key that signed this content for `NAMESPACE`. Raises `ValueError`, also where nobody touched a FIDO key."""
    key, algorithm, inner = _parts(signature)
    if inner.string() != key.kind:
        raise _invalid("its signature is of another kind than its key")
    made, message = inner.string(), _signed(algorithm, content)
    if key.application:
        flags, counter = inner.octets(1), inner.octets(LENGTH_OCTETS)
        if not flags[0] & _USER_PRESENT:
            raise _invalid("nobody touched the FIDO key")
        message = hashlib.sha256(key.application).digest() + flags + counter + hashlib.sha256(message).digest()
    inner.end()
    try:
        Ed25519PublicKey.from_public_bytes(key.octets).verify(made, message)
    except InvalidSignature:
        raise _invalid("it does not sign this plan") from None
    return key


def _parts(signature: bytes) -> tuple[OperatorKey, bytes, SshReader]:
    """Key, hash algorithm and inner signature of an armoured signature for our purpose."""
    found = _ARMOUR.fullmatch(signature) if len(signature) <= MAX_SIGNATURE else None
    if found is None:
        raise _invalid("it is no signature of ssh-keygen -Y sign")
    try:
        reader = SshReader(binascii.a2b_base64(found[1].replace(b"\r", b"").replace(b"\n", b""), strict_mode=True))
    except binascii.Error:
        raise _invalid("it is no base64") from None
    if reader.octets(len(_MAGIC)) != _MAGIC or int.from_bytes(reader.octets(LENGTH_OCTETS)) != _VERSION:
        raise _invalid("it is of another version")
    key = read_key(reader.string())
    if reader.string() != NAMESPACE:
        raise _invalid(f"it was made for another purpose: sign with -n {NAMESPACE.decode()}")
    if reader.string():
        raise _invalid("its reserved part is not empty")
    algorithm = reader.string()
    if algorithm not in _HASHES:
        raise _invalid("its hash is neither SHA-512 nor SHA-256")
    inner = SshReader(reader.string())
    reader.end()
    return key, algorithm, inner


def _signed(algorithm: bytes, content: bytes) -> bytes:
    parts = (NAMESPACE, b"", algorithm, _HASHES[algorithm](content).digest())
    return _MAGIC + b"".join(map(ssh_string, parts))


def _invalid(detail: str) -> ValueError:
    return ValueError(detail)
