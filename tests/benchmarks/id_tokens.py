"""Tokens for the benchmark of signatures: one realistic id_token an algorithm, verified raw and by us.

Raw is pyca alone: the same key, octets and signature, prepared before (for ECDSA in DER, as pyca wants it). `ours` is
`jws.verify`, with every rule of the header, the one spelling and the strict claims.
"""

import base64
import json
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.signatures.jws import base64url, verification_key, verify
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance

NOW = 1_795_600_000
NONCE, ACCESS_TOKEN_HASH = "n-0S6_WzA2Mj9ZqT3mB7", "77QmUPtjPfzWtF2AnpK9RQ"
TYPES = frozenset({"", "JWT"})
# As the id_token of a national provider: sixteen claims, 800 octets
CLAIMS: dict[str, Json] = {
    "iss": "https://login.example",
    "sub": "3JZ4KUQW2D7MXQ5B7E6O4L2N3A",
    "aud": "https://id.storkhaven.example",
    "exp": NOW + 300,
    "iat": NOW,
    "nbf": NOW,
    "auth_time": NOW - 30,
    "jti": "0f4e9a54-98a1-4f1d-8a7c-0f63b9c8a1c2",
    "nonce": NONCE,
    "acr": LevelOfAssurance.SUBSTANTIAL.uri,
    "amr": ["mID"],
    "at_hash": ACCESS_TOKEN_HASH,
    "given_name": "Kärt-Example Õie",
    "family_name": "Näidis-Õunapuu",
    "birthdate": "1871-02-28",
    "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
}


def rs256() -> dict[str, Callable[[], object]]:
    """RSA-2048 with PKCS#1 v1.5."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    octets, public = _octets("RS256"), private.public_key()
    signature = private.sign(octets, padding.PKCS1v15(), SHA256())
    return {
        "raw": lambda: public.verify(signature, octets, padding.PKCS1v15(), SHA256()),
        "ours": _ours("RS256", octets, signature, public),
    }


def es256() -> dict[str, Callable[[], object]]:
    """ECDSA on P-256."""
    private = ec.generate_private_key(ec.SECP256R1())
    octets, public = _octets("ES256"), private.public_key()
    der = private.sign(octets, ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(der)
    return {
        "raw": lambda: public.verify(der, octets, ec.ECDSA(SHA256())),
        "ours": _ours("ES256", octets, r.to_bytes(32) + s.to_bytes(32), public),
    }


def _octets(alg: str) -> bytes:
    header = json.dumps({"alg": alg, "kid": "k1", "typ": "JWT"}, separators=(",", ":")).encode()
    payload = json.dumps(CLAIMS, separators=(",", ":"), ensure_ascii=False).encode()
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))


def _ours(
    alg: str, octets: bytes, signature: bytes, public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
) -> Callable[[], object]:
    token, keys = f"{octets.decode()}.{base64url(signature)}", (verification_key(public, alg, "k1"),)
    return lambda: verify(token, keys, alg=alg, types=TYPES)
