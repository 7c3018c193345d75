"""Tokens by hand, so that nonsense can be made: any header, any payload, any octets as a signature.

base64url(header) . base64url(payload) . base64url(signature over the two before it)
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
Sign = Callable[[bytes], bytes]

_HASHES: dict[str, HashAlgorithm] = {
    "1": SHA1(),  # noqa: S303 - what must be refused is signed with it
    "256": SHA256(),
    "384": SHA384(),
    "512": SHA512(),
}
_JOSE_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384"}


def base64url(octets: bytes) -> bytes:
    """RFC 7515 §2."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def written(value: object) -> bytes:
    """JSON without white space, in UTF-8; NaN and lone surrogates as Python writes them."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def compact(*parts: bytes) -> bytes:
    """The compact serialisation of these parts."""
    return b".".join(base64url(part) for part in parts)


def signed(header: bytes, payload: bytes, sign: Sign) -> bytes:
    """A compact JWS whose signature `sign` makes over what JWS signs."""
    signing_input = compact(header, payload)
    return b".".join((signing_input, base64url(sign(signing_input))))


def signer(key: SigningKey, alg: str) -> Sign:
    """A signature as RFC 7518 and RFC 8037 have it, by algorithms that nobody should take too (`RS1`)."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    digest = _HASHES[alg[2:]]
    if isinstance(key, EllipticCurvePrivateKey):
        return lambda octets: raw(key, *numbers(key, octets, digest))
    padding = PSS(MGF1(digest), digest.digest_size) if alg.startswith("PS") else PKCS1v15()
    return lambda octets: key.sign(octets, padding, digest)


def numbers(key: EllipticCurvePrivateKey, octets: bytes, digest: HashAlgorithm) -> tuple[int, int]:
    """An ECDSA signature as its two numbers, r and s."""
    return decode_dss_signature(key.sign(octets, ECDSA(digest)))


def raw(key: EllipticCurvePrivateKey, r: int, s: int, *, more: int = 0) -> bytes:
    """r||s, each as long as the curve's field and `more` octets."""
    size = (key.curve.key_size + 7) // 8 + more
    return r.to_bytes(size) + s.to_bytes(size)


def hmac_with(secret: bytes, alg: str = "HS256") -> Sign:
    """A MAC under a secret that is none."""
    name = _HASHES[alg[2:]].name
    return lambda octets: hmac.new(secret, octets, name).digest()


def public_jwk(key: SigningKey) -> dict[str, str]:
    """The public JWK (RFC 7518 §6, RFC 8037 §2)."""
    if isinstance(key, RSAPrivateKey):
        rsa = key.public_key().public_numbers()
        return {"kty": "RSA", "n": number(rsa.n), "e": number(rsa.e)}
    if isinstance(key, Ed25519PrivateKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().public_bytes_raw()).decode()}
    point, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    x, y = (base64url(coordinate.to_bytes(size)).decode() for coordinate in (point.x, point.y))
    return {"kty": "EC", "crv": _JOSE_CURVES[key.curve.name], "x": x, "y": y}


def number(value: int) -> str:
    """Base64urlUInt (RFC 7518 §2)."""
    return base64url(value.to_bytes((value.bit_length() + 7) // 8)).decode()


def half_hash(text: str, alg: str) -> str:
    """`at_hash` of an access token (OpenID Connect Core 1.0 §3.1.3.6); of Ed25519 with SHA-512."""
    digest = hashlib.new(_HASHES.get(alg[2:], SHA512()).name, text.encode()).digest()
    return base64url(digest[: len(digest) // 2]).decode()
