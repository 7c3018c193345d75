"""ES256 by pyca alone: what a token endpoint's key operations cost without anything around them."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

OCTETS = b"x" * 400


def signature(key: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    """The two numbers of the signature, of 32 octets each (RFC 7518 §3.4)."""
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def raw() -> dict[str, Callable[[], object]]:
    """One signature, and one verification."""
    key = ec.generate_private_key(ec.SECP256R1())
    public, der = key.public_key(), key.sign(OCTETS, ec.ECDSA(SHA256()))
    return {
        "sign": lambda: key.sign(OCTETS, ec.ECDSA(SHA256())),
        "verify": lambda: public.verify(der, OCTETS, ec.ECDSA(SHA256())),
    }
