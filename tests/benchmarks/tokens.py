"""Tokens for the benchmark of signatures: one realistic id_token an algorithm, verified raw, by us, and by the peers.

Raw is pyca alone: the same key, octets and signature, prepared before (for ECDSA in DER, as pyca wants it). `ours` is
`jws.verify`, with every rule of the header, the one spelling and the strict claims; `judged` is the judge of id_tokens.
Peers get the same key, as an object where they take one, and read the claims too: a signature alone is no token.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import jws as python_jose
from jose.backends.base import Key
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, RSAKey

from connectors.formats.claims import Json
from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.signatures.jws import VerificationKey, base64url, verification_key, verify
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


@dataclass(frozen=True, slots=True)
class Measured:
    """One token with its key: what is called in turns, each by its name, and the key and token themselves."""

    alg: str
    token: str
    key: VerificationKey
    contestants: dict[str, Callable[[], object]]


def rs256() -> Measured:
    """RSA-2048 with PKCS#1 v1.5."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    octets = _octets("RS256")
    signature = private.sign(octets, padding.PKCS1v15(), SHA256())
    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = f"{octets.decode()}.{base64url(signature)}"

    def raw() -> None:
        public.verify(signature, octets, padding.PKCS1v15(), SHA256())

    return _measured("RS256", token, verification_key(public, "RS256", "k1"), raw, RSAKey.import_key(pem), pem)


def es256() -> Measured:
    """ECDSA on P-256."""
    private = ec.generate_private_key(ec.SECP256R1())
    octets = _octets("ES256")
    der = private.sign(octets, ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(der)
    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = f"{octets.decode()}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"

    def raw() -> None:
        public.verify(der, octets, ec.ECDSA(SHA256()))

    return _measured("ES256", token, verification_key(public, "ES256", "k1"), raw, ECKey.import_key(pem), pem)


def _octets(alg: str) -> bytes:
    header = json.dumps({"alg": alg, "kid": "k1", "typ": "JWT"}, separators=(",", ":")).encode()
    payload = json.dumps(CLAIMS, separators=(",", ":"), ensure_ascii=False).encode()
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))


def _measured(
    alg: str,
    token: str,
    key: VerificationKey,
    raw: Callable[[], object],
    theirs: RSAKey | ECKey,
    pem: bytes,
) -> Measured:
    keys = (key,)
    expected = ExpectedIdToken(
        issuer="https://login.example",
        client_id="https://id.storkhaven.example",
        alg=alg,
        nonce=NONCE,
        minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
        max_age=600,
    )
    prepared = key.prepared
    if not isinstance(prepared, Key):
        raise TypeError(f"python-jose has no key for {alg}")
    contestants: dict[str, Callable[[], object]] = {
        "raw": raw,
        "ours": lambda: verify(token, keys, alg=alg, types=TYPES),
        "judged": lambda: judge_id_token(token, keys, expected, NOW),
        "python-jose": lambda: json.loads(python_jose.verify(token, prepared, [alg])),
        "python-jose, key as PEM": lambda: json.loads(python_jose.verify(token, pem.decode(), [alg])),
        "joserfc": lambda: json.loads(joserfc_jws.deserialize_compact(token, theirs, algorithms=[alg]).payload),
    }
    return Measured(alg, token, key, contestants)
