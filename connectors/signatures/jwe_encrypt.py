"""JSON Web Encryption to others' public keys (RFC 7516, compact): ours to them, by joserfc. `jwe` opens theirs to us.

    base64url({"alg":"ECDH-ES+A128KW","enc":"A128GCM","cty":"JWT","kid":"..."}) . key . iv . ciphertext . tag

RSA 1.5 is not offered: whoever has to open it gets an oracle from us. What goes in is signed before: anybody can encrypt.
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import ECKey, RSAKey

from connectors.signatures.jwk import encryption_key_of
from connectors.signatures.jws import PublicKey
from policies.errors import BrokerError

# Algorithm -> the key that it needs (RFC 7518 §4.1): P-256 and P-384, or RSA
KEYS: dict[str, type[PublicKey]] = {
    "ECDH-ES": EllipticCurvePublicKey,
    "ECDH-ES+A128KW": EllipticCurvePublicKey,
    "ECDH-ES+A256KW": EllipticCurvePublicKey,
    "RSA-OAEP-256": RSAPublicKey,
}
CONTENTS = ("A128GCM", "A256GCM")
CURVES = frozenset({"secp256r1", "secp384r1"})


@dataclass(frozen=True, slots=True)
class Encrypting:
    """Somebody's public key, with the one pair of algorithms by which we encrypt to it. `kid` is "" where it has none."""

    key: PublicKey = field(repr=False)
    alg: str
    enc: str
    kid: str = ""


def encrypting(jwks: str, alg: str, enc: str) -> Encrypting:
    """The first key of a JWKS that is meant for `alg`. Raises `SignatureInvalid` (check `jwk`) where there is none."""
    kid, key = encryption_key_of(jwks, alg, kty="RSA" if KEYS.get(alg) is RSAPublicKey else "EC")
    return Encrypting(key, alg, enc, kid)


def encrypt(octets: bytes, to: Encrypting) -> str:
    """Encrypt a token. Raises `BrokerError` where key and algorithms do not fit."""
    key = _fitting(to)
    if key is None or to.enc not in CONTENTS:
        raise BrokerError(f"nothing is encrypted with {to.alg!r} and {to.enc!r} to this kind of key")
    header = {"alg": to.alg, "enc": to.enc, "cty": "JWT", **({"kid": to.kid} if to.kid else {})}
    try:
        return encrypt_compact(header, octets, key, registry=JWERegistry(algorithms=[to.alg, to.enc]))
    except (JoseError, ValueError) as error:
        raise BrokerError("the token was not encrypted") from error


def _fitting(to: Encrypting) -> ECKey | RSAKey | None:
    """The key as joserfc has it; None where it is none for this algorithm."""
    if KEYS.get(to.alg) is RSAPublicKey:
        return RSAKey.import_key(to.key) if isinstance(to.key, RSAPublicKey) else None
    if to.alg not in KEYS or not isinstance(to.key, EllipticCurvePublicKey) or to.key.curve.name not in CURVES:
        return None
    return ECKey.import_key(to.key)
