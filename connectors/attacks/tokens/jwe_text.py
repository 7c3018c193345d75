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

from connectors.attacks.tokens.jws_text import Change, base64url, changed, written
from connectors.signatures.decryption_keys import FileAgreement
from connectors.signatures.jwk import public_jwk
from connectors.wire.claims import Json

_SIZES = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32}
_IV, _TAG = 12, 16


@dataclass(frozen=True, slots=True)
class JweKey:
    """A key of ours that providers encrypt to."""

    private: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()), repr=False)
    key_id: str = field(default_factory=lambda: f"enc-{secrets.token_hex(4)}")

    @property
    def ours(self) -> FileAgreement:
        """The key as the server holds it. Keys of tokens are published as JWK: it has no certificate."""
        return FileAgreement(self.private, b"", self.key_id)

    @property
    def public(self) -> EllipticCurvePublicKey:
        """Its public half."""
        return self.private.public_key()


@dataclass(frozen=True, slots=True)
class JweParts:
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


def encrypted(octets: bytes, to: EllipticCurvePublicKey, header: Mapping[str, Change], enc: str) -> JweParts:
    """Encrypt to a key by the rules, under a header that may say something else."""
    ephemeral = generate_private_key(SECP256R1())
    epk: dict[str, Json] = {**public_jwk(ephemeral.public_key())}
    said = changed({"alg": "ECDH-ES", "enc": enc, "cty": "JWT", "epk": epk}, header)
    parties = [_decoded(said.get(name)) for name in ("apu", "apv")]
    size = _SIZES[enc]
    known = b"".join(len(part).to_bytes(4) + part for part in (enc.encode(), *parties)) + (8 * size).to_bytes(4)
    key = ConcatKDFHash(SHA256(), size, known).derive(ephemeral.exchange(ECDH(), to))
    return under(key, octets, written(said))


def under(key: bytes, octets: bytes, header: bytes) -> JweParts:
    """Encrypt under a key that is known."""
    iv = secrets.token_bytes(_IV)
    sealed = AESGCM(key).encrypt(iv, octets, base64url(header))
    return JweParts(header, b"", iv, sealed[:-_TAG], sealed[-_TAG:])


def _decoded(value: Json) -> bytes:
    """Either of apu and apv. Those of a good header are of four letters, so that they need no padding."""
    return urlsafe_b64decode(value) if isinstance(value, str) and len(value) % 4 == 0 else b""
