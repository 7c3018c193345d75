"""JSON Web Keys (RFC 7517): public keys out, public keys in. A private member, a weak key or a name twice is refused.

{"keys": [{"kty": "EC", "crv": "P-256", "x": "...", "y": "...", "kid": "...", "use": "sig", "alg": "ES256"}]}
"""

import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from connectors.formats.claims import Json, read_object
from connectors.signatures.jws import PublicKey, VerificationKey, base64url, from_base64url, verification_key
from policies.errors import AssertionRejected, SignatureInvalid

# Algorithm -> key type, curve by its JOSE name, bytes of a coordinate (RFC 7518 §6.2.1)
KEY_TYPES: Mapping[str, tuple[str, str, int]] = {
    "RS256": ("RSA", "", 0),
    "ES256": ("EC", "P-256", 32),
    "ES384": ("EC", "P-384", 48),
}
# P-521 and those of RFC 5639 name keys of XML signature: no token is signed with them, and the latter have no JOSE name
CURVE_NAMES = {
    "secp256r1": ("P-256", 32),
    "secp384r1": ("P-384", 48),
    "secp521r1": ("P-521", 66),
    "brainpoolP256r1": ("brainpoolP256r1", 32),
    "brainpoolP384r1": ("brainpoolP384r1", 48),
    "brainpoolP512r1": ("brainpoolP512r1", 64),
}
# RFC 7518 §6.2.2, §6.3.2 and §6.4.1: who publishes one of these has lost the key
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
MAX_JWKS = 64 * 1024
MAX_KEYS = 32
MAX_KID = 256
# NIST SP 800-56B: below it, and above it, nobody has an honest one
MIN_EXPONENT, MAX_EXPONENT = 65537, 2**32


def public_jwk(public_key: PublicKey) -> dict[str, str]:
    """The required members of a public key, `kty` first. Raises `SignatureInvalid` for a curve that we do not use."""
    if isinstance(public_key, RSAPublicKey):
        rsa = public_key.public_numbers()
        return {"kty": "RSA", "n": _unsigned(rsa.n), "e": _unsigned(rsa.e)}
    if public_key.curve.name not in CURVE_NAMES:
        raise SignatureInvalid("jwk", "a curve that we do not use")
    name, size = CURVE_NAMES[public_key.curve.name]
    point = public_key.public_numbers()
    return {"kty": "EC", "crv": name, "x": base64url(point.x.to_bytes(size)), "y": base64url(point.y.to_bytes(size))}


def thumbprint(public_key: PublicKey) -> str:
    """The SHA-256 thumbprint of RFC 7638, base64url."""
    members = json.dumps(public_jwk(public_key), sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(members.encode()).digest())


def keys_from_jwks(text: str, alg: str) -> tuple[VerificationKey, ...]:
    """The keys of a JWKS that verify `alg`, in their order; a key without `kid` is named by its thumbprint.

    Keys for another use, algorithm or of another type are passed over (RFC 7517 §5). Raises `SignatureInvalid` (check
    `jwk`) where one key is private, weak or malformed, a `kid` comes twice, or no key is left.
    """
    if len(text) > MAX_JWKS or alg not in KEY_TYPES:
        raise SignatureInvalid("jwk", "a JWKS that is too large, or for an unknown algorithm")
    try:
        listed = read_object(text.encode(errors="surrogatepass")).get("keys")
    except AssertionRejected as error:
        raise SignatureInvalid("jwk", error.detail) from None
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_KEYS:
        raise SignatureInvalid("jwk", f"a JWKS has a list of 1 to {MAX_KEYS} keys")
    keys = [key for jwk in listed if (key := _key(jwk, alg)) is not None]
    if len({key.kid for key in keys}) != len(keys):
        raise SignatureInvalid("jwk", "two keys of one kid")
    if not keys:
        raise SignatureInvalid("jwk", f"the JWKS has no key for {alg}")
    return tuple(keys)


def _key(jwk: Json, alg: str) -> VerificationKey | None:
    """The prepared key; None where this key is for something else."""
    if not isinstance(jwk, dict):
        raise SignatureInvalid("jwk", "a key is no object")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise SignatureInvalid("jwk", "the JWKS holds a private or a symmetric key")
    kty, _, _ = KEY_TYPES[alg]
    if jwk.get("kty") != kty or jwk.get("use", "sig") != "sig" or jwk.get("alg", alg) != alg:
        return None
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        public_key = _rsa(jwk) if kty == "RSA" else _point(jwk, alg)
    except ValueError:
        raise SignatureInvalid("jwk", f"a key that is none of {alg}, or not canonical") from None
    kid = jwk.get("kid", thumbprint(public_key))
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise SignatureInvalid("jwk", "a kid that is no text of a fitting length")
    return verification_key(public_key, alg, kid)


def _rsa(jwk: Mapping[str, Json]) -> PublicKey:
    modulus, exponent = _number(jwk.get("n")), _number(jwk.get("e"))
    if not MIN_EXPONENT <= exponent <= MAX_EXPONENT:
        raise ValueError("an exponent that nobody has")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _point(jwk: Mapping[str, Json], alg: str) -> PublicKey:
    _, name, size = KEY_TYPES[alg]
    x, y = _octets(jwk.get("x")), _octets(jwk.get("y"))
    if jwk.get("crv") != name or len(x) != size or len(y) != size:
        raise ValueError("another curve")
    curve = SECP256R1() if name == "P-256" else SECP384R1()
    # pyca refuses a point that is not on the curve
    return EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve).public_key()


def _octets(value: Json) -> bytes:
    if not isinstance(value, str):
        raise ValueError("no text")  # noqa: TRY004 # one kind of error for one kind of fault: the caller catches it
    return from_base64url(value)


def _number(value: Json) -> int:
    octets = _octets(value)
    if not octets or octets[0] == 0:
        raise ValueError("not the shortest spelling of a number")
    return int.from_bytes(octets)


def _unsigned(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8))
