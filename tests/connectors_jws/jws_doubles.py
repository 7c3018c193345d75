"""Keys for tests, made once a run, and tokens as an attacker would make them: by hand, without the wrapper's rules."""

import base64
import hashlib
import json
from functools import cache
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from connectors.signatures.algorithms import SignatureAlgorithm
from connectors.signatures.jwk import thumbprint

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
TokenKey = PrivateKey | Ed25519PrivateKey
EDWARDS = ("EdDSA", "Ed25519")
EVERY_ALGORITHM = ("RS256", "ES256", "ES384", "PS256", *EDWARDS)


def token_key(alg: str, number: int = 0) -> TokenKey:
    """A key that fits whatever algorithm a token can have; another one for each `number`."""
    return _edwards(number) if alg in EDWARDS else private_key(alg, number)


@cache
def _edwards(_number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def private_key(alg: str, number: int = 0) -> PrivateKey:
    """A key that fits `alg`; another one for each `number`. PS256 has the keys of RS256: only a registration tells them."""
    return _made("RS256" if alg == "PS256" else alg, number)


@cache
def _made(alg: str, _number: int) -> PrivateKey:
    if alg == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP384R1() if alg == "ES384" else ec.SECP256R1())


def raw_signature(key: TokenKey, data: bytes, *, pss: bool = False) -> bytes:
    """RS256, ES256, ES384 or Ed25519, by the key's type; PS256 where it is asked for."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(SHA256()), 32) if pss else padding.PKCS1v15()
        return key.sign(data, scheme, SHA256())
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

    def at(self, _now: int) -> Self:
        return self

    def published(self, _now: int) -> tuple[Self, ...]:
        return (self,)

    def ready(self) -> None:
        pass

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
        assert algorithm is None or algorithm.scheme in ("pss", "ecdsa")
        self.calls += 1
        return raw_signature(self._key, data, pss=algorithm is not None and algorithm.scheme == "pss")


class EdwardsSigner:
    """A `TokenSigner` of a key on Ed25519."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> Ed25519PublicKey:
        return self._key.public_key()

    @property
    def key_id(self) -> str:
        return thumbprint(self._key.public_key())

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
        assert algorithm is None
        return self._key.sign(data)


class SoftwareAgreement:
    """An `Agreement` in memory: a key of ours to which others encrypt."""

    certificate = b""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.calls = 0

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    @property
    def key_id(self) -> str:
        return thumbprint(self._key.public_key())

    @property
    def curve(self) -> str:
        return self._key.curve.name

    def agree(self, public_key: ec.EllipticCurvePublicKey) -> bytes:
        self.calls += 1
        return self._key.exchange(ec.ECDH(), public_key)


def b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def handmade(header: object, payload: object, key: TokenKey) -> str:
    """A token with whatever header and payload: JSON text as it is, else encoded. PS256 where the header says so."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, payload)]
    signing_input = ".".join(b64(part) for part in parts)
    pss = isinstance(header, dict) and header.get("alg") == "PS256"
    return f"{signing_input}.{b64(raw_signature(key, signing_input.encode(), pss=pss))}"


def s256(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636 §4.2)."""
    return b64(hashlib.sha256(verifier.encode()).digest())
