"""JSON Web Keys (RFC 7517): public keys out, public keys in. A private member, a weak key or a name twice is refused.

{"keys": [{"kty": "EC", "crv": "P-256", "x": "...", "y": "...", "kid": "...", "use": "sig", "alg": "ES256"}]}
"""

import hashlib
import json
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from connectors.signatures.jws import (
    MIN_RSA_BITS,
    PublicKey,
    VerificationKey,
    base64url,
    from_base64url,
    verification_key,
)
from connectors.signatures.rsa_keys import FERMAT_4, check_rsa, check_size
from connectors.wire.claims import Json, read_object
from policies.errors import AssertionRejected, SignatureInvalid

# Algorithm -> key type, curve by its JOSE name, bytes of a coordinate (RFC 7518 §6.2.1) or of the key (RFC 8037 §2)
KEY_TYPES: Mapping[str, tuple[str, str, int]] = {
    "RS256": ("RSA", "", 0),
    "ES256": ("EC", "P-256", 32),
    "ES384": ("EC", "P-384", 48),
    "PS256": ("RSA", "", 0),
    "EdDSA": ("OKP", "Ed25519", 32),
    "Ed25519": ("OKP", "Ed25519", 32),
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
# Curve of a key that encrypts -> an algorithm of signatures with keys of the same shape
_ENCRYPTING_CURVES = {"P-256": "ES256", "P-384": "ES384"}
MAX_JWKS = 64 * 1024
MAX_KEYS = 32
MAX_KID = 256
MAX_BROUGHT_RSA_BITS = 4096
Reader = Callable[[Mapping[str, Json], str], PublicKey]
# RFC 8032 §5.1: the field and the curve -x^2 + y^2 = 1 + d x^2 y^2
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# The y of its points of order 1, 2, 4 and 8
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


def public_jwk(public_key: PublicKey) -> dict[str, str]:
    """The required members of a public key, `kty` first. Raises `SignatureInvalid` for a curve that we do not use."""
    if isinstance(public_key, RSAPublicKey):
        rsa = public_key.public_numbers()
        return {"kty": "RSA", "n": _unsigned(rsa.n), "e": _unsigned(rsa.e)}
    if isinstance(public_key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(public_key.public_bytes_raw())}
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

    Keys for something else are passed over (RFC 7517 §5). Raises `SignatureInvalid` (check `jwk`).
    """
    if alg not in KEY_TYPES:
        raise SignatureInvalid("jwk", "a JWKS for an unknown algorithm")
    keys = [key for jwk in _listed(text) if (key := _key(jwk, alg)) is not None]
    if len({key.kid for key in keys}) != len(keys):
        raise SignatureInvalid("jwk", "two keys of one kid")
    if not keys:
        raise SignatureInvalid("jwk", f"the JWKS has no key for {alg}")
    return tuple(keys)


def encryption_key_of(text: str, alg: str, *, kty: str) -> tuple[str, PublicKey]:
    """The first key of a JWKS that is there to encrypt with `alg`, and its `kid`, "" without one.

    It says `use: enc` itself: OpenID Connect Core §10.2 wants that where a set has keys of both uses, and a key that
    signs, too, is one too many uses. Raises `SignatureInvalid` (check `jwk`).
    """
    for jwk in _listed(text):
        if jwk.get("kty") != kty or jwk.get("use") != "enc" or jwk.get("alg", alg) != alg:
            continue
        curve = _ENCRYPTING_CURVES.get(str(jwk.get("crv")), "")
        if kty == "EC" and not curve:
            continue
        try:
            key = _READERS[kty](jwk, curve)
        except ValueError:
            raise SignatureInvalid("jwk", f"a key for {alg} that is not canonical") from None
        return _kid(jwk, ""), key
    raise SignatureInvalid("jwk", f'the JWKS has no key for {alg} with "use": "enc"')


def _listed(text: str) -> list[dict[str, Json]]:
    """The keys of a set, none of them private."""
    if len(text) > MAX_JWKS:
        raise SignatureInvalid("jwk", "a JWKS that is too large")
    try:
        listed = read_object(text.encode(errors="surrogatepass")).get("keys")
    except AssertionRejected as error:
        raise SignatureInvalid("jwk", error.detail) from None
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_KEYS:
        raise SignatureInvalid("jwk", f"a JWKS has a list of 1 to {MAX_KEYS} keys")
    keys = [jwk for jwk in listed if isinstance(jwk, dict)]
    if len(keys) != len(listed):
        raise SignatureInvalid("jwk", "a key is no object")
    if not all(PRIVATE_MEMBERS.isdisjoint(jwk) for jwk in keys):
        raise SignatureInvalid("jwk", "the JWKS holds a private or a symmetric key")
    return keys


def _kid(jwk: Mapping[str, Json], unnamed: str) -> str:
    kid = jwk.get("kid", unnamed)
    if not isinstance(kid, str) or not len(kid) <= MAX_KID or ("kid" in jwk and not kid):
        raise SignatureInvalid("jwk", "a kid that is no text of a fitting length")
    return kid


def key_brought(jwk: Json, alg: str) -> VerificationKey:
    """The key that a message brings along, named by its thumbprint. Raises `SignatureInvalid` (check `jwk`).

    A weak key harms nobody but its owner, whereas to look for a fault of one takes a tenth of a second: anybody may send us
    another one each time, so an RSA key is judged by its size.
    """
    public_key = _public_key(jwk, alg, {**_READERS, "RSA": _rsa_of_a_message})
    if public_key is None:
        raise SignatureInvalid("jwk", f"a key that is none of {alg}")
    return verification_key(public_key, alg, thumbprint(public_key))


def _key(jwk: Mapping[str, Json], alg: str) -> VerificationKey | None:
    """The prepared key; None where this key is for something else."""
    public_key = _public_key(jwk, alg)
    if public_key is None:
        return None
    return verification_key(public_key, alg, _kid(jwk, "") or thumbprint(public_key))


def _public_key(jwk: Json | Mapping[str, Json], alg: str, readers: Mapping[str, Reader] | None = None) -> PublicKey | None:
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
        return (readers or _READERS)[kty](jwk, alg)
    except ValueError:
        raise SignatureInvalid("jwk", f"a key that is none of {alg}, or not canonical") from None


def _rsa(jwk: Mapping[str, Json], _alg: str) -> PublicKey:
    numbers = RSAPublicNumbers(e=_number(jwk.get("e")), n=_number(jwk.get("n")))
    try:
        check_rsa(numbers, MIN_RSA_BITS, FERMAT_4)
    except ValueError as error:
        raise SignatureInvalid("jwk", str(error)) from None
    return numbers.public_key()


def _rsa_of_a_message(jwk: Mapping[str, Json], _alg: str) -> PublicKey:
    numbers = RSAPublicNumbers(e=_number(jwk.get("e")), n=_number(jwk.get("n")))
    check_size(numbers, MIN_RSA_BITS, FERMAT_4)
    if numbers.n.bit_length() > MAX_BROUGHT_RSA_BITS:
        raise ValueError("a key that is too large")
    return numbers.public_key()


def _point(jwk: Mapping[str, Json], alg: str) -> PublicKey:
    _, name, size = KEY_TYPES[alg]
    x, y = _octets(jwk.get("x")), _octets(jwk.get("y"))
    if jwk.get("crv") != name or len(x) != size or len(y) != size:
        raise ValueError("another curve")
    curve = SECP256R1() if name == "P-256" else SECP384R1()
    # pyca refuses a point that is not on the curve
    return EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve).public_key()


def _edwards(jwk: Mapping[str, Json], alg: str) -> PublicKey:
    """RFC 8037 §2. pyca takes any 32 octets; under a point of small order a signature holds that nobody made."""
    _, name, _ = KEY_TYPES[alg]
    octets = _octets(jwk.get("x"))
    if jwk.get("crv") != name or "y" in jwk:
        raise ValueError("another curve")
    y = int.from_bytes(octets, "little") & (1 << 255) - 1
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P)
    if y >= _P or y in _SMALL_ORDER or pow(square, (_P - 1) // 2, _P) != 1:
        raise ValueError("no point of Ed25519 that a key can be")
    # pyca refuses another length
    return Ed25519PublicKey.from_public_bytes(octets)


_READERS: Mapping[str, Reader] = {"RSA": _rsa, "EC": _point, "OKP": _edwards}


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
