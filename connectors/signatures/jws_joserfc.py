"""PS256 and Ed25519 by joserfc, which python-jose has not: one key, one algorithm, and whether a signature holds.

Only joserfc's computing models are used: `connectors.signatures.jws` judges headers, keys and algorithms.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey, RSAKey
from joserfc.jws import JWSRegistry

# `EdDSA` (RFC 8037) leaves the curve to the key, `Ed25519` (RFC 9864) names it: for us both are Ed25519 and nothing else
MODELS = {"PS256": "PS256", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}


class JoserfcKey:
    """A public key prepared for one algorithm of `MODELS`; they belong together. Made once, at start."""

    def __init__(self, public_key: RSAPublicKey | Ed25519PublicKey, alg: str) -> None:
        self._key: RSAKey | OKPKey
        if isinstance(public_key, RSAPublicKey):
            self._key = RSAKey.import_key(public_key)
        else:
            self._key = OKPKey.import_key(public_key)
        self._model = JWSRegistry.algorithms[MODELS[alg]]

    def verify(self, msg: bytes, sig: bytes) -> bool:
        """Whether `sig` is this key's signature of `msg`. The names are python-jose's."""
        try:
            return self._model.verify(msg, sig, self._key)
        except (JoseError, ValueError):
            return False
