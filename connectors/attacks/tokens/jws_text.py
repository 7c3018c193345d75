"""Tokens by hand, so that nonsense can be made: any header, any payload, any octets as a signature.

base64url(header) . base64url(payload) . base64url(signature over the two before it)
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from connectors.attacks.xml_signer import raw_signature
from connectors.signatures.jwk import public_jwk
from connectors.wire.claims import Json

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
Sign = Callable[[bytes], bytes]
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
_HASHES: dict[str, HashAlgorithm] = {
    "1": SHA1(),  # noqa: S303 - what must be refused is signed with it
    "256": SHA256(),
    "384": SHA384(),
    "512": SHA512(),
}


class Absent(Enum):
    """Instead of a value: the member is left out."""

    ABSENT = 0


ABSENT = Absent.ABSENT
Change = Json | Absent


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


def changed(members: Mapping[str, Json], changes: Mapping[str, Change]) -> dict[str, Json]:
    """These members with the changes in it."""
    return {name: value for name, value in {**members, **changes}.items() if not isinstance(value, Absent)}


def signer(key: SigningKey, alg: str) -> Sign:
    """A signature as RFC 7518 and RFC 8037 have it, by algorithms that nobody should take too (`RS1`)."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    return lambda octets: raw_signature(key, octets, _HASHES[alg[2:]], pss=alg.startswith("PS"))


def hmac_with(secret: bytes, alg: str = "HS256") -> Sign:
    """A MAC under a secret that is none."""
    return lambda octets: hmac.digest(secret, octets, _HASHES[alg[2:]].name)


def number(value: int) -> str:
    """Base64urlUInt (RFC 7518 §2)."""
    return base64url(value.to_bytes((value.bit_length() + 7) // 8)).decode()


def half_hash(text: str, alg: str) -> str:
    """`at_hash` of an access token (OpenID Connect Core 1.0 §3.1.3.6); of Ed25519 with SHA-512."""
    digest = hashlib.new(_HASHES.get(alg[2:], SHA512()).name, text.encode()).digest()
    return base64url(digest[: len(digest) // 2]).decode()


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key, its name, and the one algorithm that it is registered for."""

    kid: str
    alg: str
    private: SigningKey = field(repr=False)

    @property
    def sign(self) -> Sign:
        """A signature of its algorithm."""
        return signer(self.private, self.alg)

    @property
    def jwk(self) -> dict[str, str]:
        """The public key alone."""
        return public_jwk(self.private.public_key())


def jwks(*keys: TokenKey) -> bytes:
    """A JWKS (RFC 7517 §5), each key for its one algorithm."""
    return json.dumps({"keys": [{**key.jwk, "kid": key.kid, "use": "sig", "alg": key.alg} for key in keys]}).encode()


def new_key(alg: str) -> SigningKey:
    """A new key for an algorithm."""
    match alg:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "EdDSA" | "Ed25519":
            return Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def new_jwk(alg: str) -> dict[str, str]:
    """The public JWK of a new key for an algorithm."""
    return public_jwk(new_key(alg).public_key())
