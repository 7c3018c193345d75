"""A key on P-256 that is made for a moment and kept nowhere."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.signatures.algorithms import SignatureAlgorithm
from connectors.signatures.jwk import public_jwk, thumbprint
from policies.errors import BrokerError

_COORDINATE = 32


class EphemeralKey:
    """Implements `connectors.signatures.jws.TokenSigner` for ES256."""

    def __init__(self) -> None:
        self._private_key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = self._private_key.public_key()

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint of the public key, base64url."""
        return thumbprint(self.public_key)

    @property
    def jwk(self) -> dict[str, str]:
        """The public key's members."""
        return public_jwk(self.public_key)

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
        """Sign as `Signer` has it, unasked. Raises `BrokerError` for another algorithm."""
        if algorithm is not None:
            raise BrokerError("a key for a moment signs ES256 alone")
        r, s = decode_dss_signature(self._private_key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(_COORDINATE) + s.to_bytes(_COORDINATE)
