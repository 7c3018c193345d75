"""Keys that sign: a protocol, so that a key may live in a file or in a hardware module."""

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


class Signer(Protocol):
    """A private key held in memory or elsewhere. Loading one is start-up work, never a request's."""

    @property
    def public_key(self) -> RSAPublicKey | EllipticCurvePublicKey:
        """The public half."""

    @property
    def certificate(self) -> bytes:
        """DER of the self-signed certificate that SAML metadata carries; empty for keys of OpenID Connect."""

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint of the public key, base64url."""

    def sign(self, data: bytes) -> bytes:
        """Sign `data` with SHA-256: PKCS#1 v1.5 for RSA, raw r||s (64 bytes, RFC 7518 §3.4) for P-256."""
