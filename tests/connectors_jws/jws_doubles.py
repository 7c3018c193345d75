"""Keys for tests, made once a run, and tokens as an attacker would make them: by hand, without the wrapper's rules."""

import base64
import hashlib
import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from connectors.signatures.algorithms import SignatureAlgorithm
from connectors.signatures.jwk import thumbprint

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def private_key(alg: str, number: int = 0) -> PrivateKey:
    """A key that fits `alg`; another one for each `number`."""
    return _made(alg, number)


@cache
def _made(alg: str, _number: int) -> PrivateKey:
    if alg == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP384R1() if alg == "ES384" else ec.SECP256R1())


def raw_signature(key: PrivateKey, data: bytes) -> bytes:
    """RS256, ES256 or ES384, by the key's type."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), SHA256())
    size = key.curve.key_size // 8
    der = key.sign(data, ec.ECDSA(SHA384() if key.curve.name == "secp384r1" else SHA256()))
    r, s = decode_dss_signature(der)
    return r.to_bytes(size) + s.to_bytes(size)


class SoftwareSigner:
    """A `Signer` in memory."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.calls = 0

    @property
    def public_key(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
        return self._key.public_key()

    @property
    def certificate(self) -> bytes:
        return b""

    @property
    def key_id(self) -> str:
        return thumbprint(self._key.public_key())

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
        assert algorithm is None
        self.calls += 1
        return raw_signature(self._key, data)


def b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def handmade(header: object, payload: object, key: PrivateKey) -> str:
    """A token with whatever header and payload: JSON text as it is, anything else encoded."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, payload)]
    signing_input = ".".join(b64(part) for part in parts)
    return f"{signing_input}.{b64(raw_signature(key, signing_input.encode()))}"


def s256(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636 §4.2)."""
    return b64(hashlib.sha256(verifier.encode()).digest())
