"""A JWE by hand: ECDH-ES in direct agreement (RFC 7518 §4.6), any header, and each part as whoever calls likes it.

base64url(header) . base64url(encrypted key) . base64url(iv) . base64url(ciphertext) . base64url(tag)
"""

import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from connectors.attacks.tokens.bench import Change, changed
from connectors.attacks.tokens.making import base64url, public_jwk, written
from connectors.wire.claims import Json

_SIZES = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32}
_IV, _TAG = 12, 16


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """A key of ours that providers encrypt to. Implements `connectors.signatures.signer.Agreement`."""

    key_id: str
    private: EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate(self) -> bytes:
        """None: keys of tokens are published as JWK."""
        return b""

    @property
    def curve(self) -> str:
        """P-256, as pyca names it."""
        return self.private.curve.name

    def agree(self, public_key: EllipticCurvePublicKey) -> bytes:
        """The shared secret."""
        return self.private.exchange(ECDH(), public_key)


@dataclass(frozen=True, slots=True)
class Encrypted:
    """The parts of a JWE, to be changed one by one. `header` is its JSON as it was authenticated."""

    header: bytes
    key: bytes
    iv: bytes
    ciphertext: bytes = field(repr=False)
    tag: bytes

    @property
    def octets(self) -> bytes:
        """The compact serialisation."""
        return b".".join(base64url(part) for part in (self.header, self.key, self.iv, self.ciphertext, self.tag))


def decryption_key() -> DecryptionKey:
    """A new key of ours."""
    return DecryptionKey(f"enc-{secrets.token_hex(4)}", generate_private_key(SECP256R1()))


def encrypted(octets: bytes, to: EllipticCurvePublicKey, header: Mapping[str, Change], enc: str) -> Encrypted:
    """Encrypt to a key by the rules, under a header that may say something else."""
    ephemeral = generate_private_key(SECP256R1())
    epk: dict[str, Json] = {**public_jwk(ephemeral)}
    said = changed({"alg": "ECDH-ES", "enc": enc, "cty": "JWT", "epk": epk}, header)
    parties = [_decoded(said.get(name)) for name in ("apu", "apv")]
    size = _SIZES[enc]
    known = b"".join(len(part).to_bytes(4) + part for part in (enc.encode(), *parties)) + (8 * size).to_bytes(4)
    key = ConcatKDFHash(SHA256(), size, known).derive(ephemeral.exchange(ECDH(), to))
    return under(key, octets, written(said))


def under(key: bytes, octets: bytes, header: bytes) -> Encrypted:
    """Encrypt under a key that is known."""
    iv = secrets.token_bytes(_IV)
    sealed = AESGCM(key).encrypt(iv, octets, base64url(header))
    return Encrypted(header, b"", iv, sealed[:-_TAG], sealed[-_TAG:])


def _decoded(value: Json) -> bytes:
    """Either of apu and apv. Those of a good header are of four letters, so that they need no padding."""
    return urlsafe_b64decode(value) if isinstance(value, str) and len(value) % 4 == 0 else b""
