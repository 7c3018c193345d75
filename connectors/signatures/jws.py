"""JSON Web Signatures (RFC 7515), compact serialisation, RS256, ES256 and ES384: the only user of python-jose.

    base64url({"alg":"ES256","kid":"...","typ":"JWT"}) . base64url({"iss":...}) . base64url(signature)

python-jose computes; every rule is ours, since 3.5.0 alone accepts an HS256 token made from a public key in DER, an empty
HMAC key, a `crit` that it does not know and a token without `exp`, and takes keys as text. So: exactly one algorithm, from
our configuration; keys as prepared objects; the header judged before python-jose sees the token.
"""

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jose import jws
from jose.backends.base import Key
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey
from jose.exceptions import JOSEError

from connectors.formats.claims import Json, read_object
from connectors.signatures.signer import Signer
from policies.errors import AssertionRejected, BrokerError, SignatureInvalid

PublicKey = RSAPublicKey | EllipticCurvePublicKey

# Algorithm -> the curve that RFC 7518 §3.4 gives it; RSA has none.
CURVES: Mapping[str, str] = MappingProxyType({"RS256": "", "ES256": "secp256r1", "ES384": "secp384r1"})
# A Signer signs with SHA-256 alone.
SIGNING_ALGORITHMS = ("ES256", "RS256")
# design §8: the same limit for every JWT
MAX_TOKEN = 64 * 1024
# RFC 7518 §3.3; beyond the upper bound a verification is work for an attacker to give us
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
# A closed grammar. `jwk`, `jku`, `x5u` and `x5c` would let the message bring its own key, `crit` and `b64` change what is
# signed, `zip` unpacks before anybody was believed (RFC 8725 §3.10). The thumbprints are hints that we do not use.
HEADER_MEMBERS = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that may verify with exactly one algorithm. Made once, at start, by `verification_key`."""

    kid: str
    alg: str
    prepared: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """The claims of a JWS whose signature held, under one of the keys given. Only this module makes one.

    Issuer, audience and times have not been judged: that is the caller's, by the kind of token.
    """

    kid: str  # of the key that verified, not of the header
    typ: str  # "" where the header has none
    members: Mapping[str, Json] = field(repr=False)

    def text(self, name: str) -> str:
        """The claim as a non-empty text. Raises `AssertionRejected` with the check `claim_NAME` for anything else."""
        value = self.members.get(name)
        if not isinstance(value, str) or not value:
            raise AssertionRejected(f"claim_{name}", f"the claim {name} is absent or no text")
        return value

    def seconds(self, name: str) -> int:
        """The claim as whole seconds since the epoch. Raises `AssertionRejected` with the check `claim_NAME`."""
        value = self.members.get(name)
        # bool is an int to Python
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise AssertionRejected(f"claim_{name}", f"the claim {name} is absent or no time")
        return value


def verification_key(public_key: PublicKey, alg: str, kid: str) -> VerificationKey:
    """Prepare a public key. Raises `SignatureInvalid` (check `jwk`) where key and algorithm do not belong together."""
    _fits(public_key, alg)
    maker = CryptographyRSAKey if alg == "RS256" else CryptographyECKey
    prepared = maker(public_key, alg)
    return VerificationKey(kid=kid, alg=alg, prepared=prepared)


def verify(token: str, keys: Sequence[VerificationKey], *, alg: str, types: Collection[str]) -> SignedClaims:
    """Verify a compact JWS under one of `keys`, with the one algorithm `alg`, and read its claims.

    `types` holds the accepted values of `typ`, exactly as spelled; `""` accepts a header without it (RFC 8725 §3.11).
    Raises `SignatureInvalid`; its check is one of jws_keys, jws_size, jws_form, jws_header, jws_alg, jws_typ, jws_kid,
    jws_signature, jws_claims.
    """
    # 1. keys and algorithm are ours, and there are some
    if alg not in CURVES or not keys or not types or any(key.alg != alg for key in keys):
        raise SignatureInvalid("jws_keys", f"no key for the algorithm {alg!r}")
    # 2. the size, then the one spelling of three parts
    header_bytes, claims_bytes = _parts(token)
    # 3. the header: a closed list of members, each once, each of the expected value
    header = _object(header_bytes, "jws_header")
    if not HEADER_MEMBERS.issuperset(header):
        raise SignatureInvalid("jws_header", "the header has a member that we do not accept")
    if header.get("alg") != alg:
        raise SignatureInvalid("jws_alg", f"the header's algorithm is not {alg}")
    typ = header.get("typ", "")
    if not isinstance(typ, str) or ("typ" in header and not typ) or typ not in types:
        raise SignatureInvalid("jws_typ", "the header's typ is not that of this kind of token")
    # 4. the key: kid only chooses among ours
    key = _chosen(header, keys)
    # 5. the signature
    try:
        payload = jws.verify(token, key.prepared, algorithms=[alg])
    except JOSEError as error:
        raise SignatureInvalid("jws_signature", "the signature does not hold") from error
    # 6. what python-jose verified is what we read
    if payload != claims_bytes:
        raise SignatureInvalid("jws_form", "two readings of one payload")
    return SignedClaims(kid=key.kid, typ=typ, members=MappingProxyType(dict(_object(payload, "jws_claims"))))


def unverified_issuer(token: str) -> str:
    """The `iss` that a token claims: a hint for choosing whose keys to try, and nothing else. "" where there is none."""
    issuer = _object(_parts(token)[1], "jws_claims").get("iss")
    return issuer if isinstance(issuer, str) else ""


def sign(claims: Mapping[str, Json], signer: Signer, *, alg: str, typ: str) -> str:
    """Sign claims as a compact JWS with `kid` and `typ`. Raises `BrokerError` where the signer cannot."""
    if alg not in SIGNING_ALGORITHMS:
        raise BrokerError(f"no signer signs with {alg!r}")
    _fits(signer.public_key, alg)
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    try:
        return jws.sign(payload, _SignerKey(signer), headers={"kid": signer.key_id, "typ": typ}, algorithm=alg)
    except JOSEError as error:
        raise BrokerError("the signer did not sign") from error


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of one canonical base64url spelling; ValueError for any other: two spellings would be two tokens."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if base64url(data) != text:
        raise ValueError("not the canonical base64url spelling")
    return data


class _SignerKey(Key):
    """A `Signer` in the shape that python-jose signs with: the key itself never comes here."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def sign(self, msg: bytes) -> bytes:
        return self._signer.sign(msg)


def _fits(public_key: PublicKey, alg: str) -> None:
    if alg not in CURVES:
        raise SignatureInvalid("jwk", f"we do not know the algorithm {alg!r}")
    if isinstance(public_key, RSAPublicKey):
        fits = alg == "RS256" and MIN_RSA_BITS <= public_key.key_size <= MAX_RSA_BITS
    else:
        fits = public_key.curve.name == CURVES[alg]
    if not fits:
        raise SignatureInvalid("jwk", f"the key is none for {alg}: its type, curve or size is another")


def _parts(token: str) -> tuple[bytes, bytes]:
    """Header and payload; the signature's spelling is checked too."""
    if len(token) > MAX_TOKEN:
        raise SignatureInvalid("jws_size", f"a token of {len(token)} characters")
    parts = token.split(".")
    try:
        header, payload, _ = (from_base64url(part) for part in parts)
    except ValueError:
        raise SignatureInvalid("jws_form", f"no compact JWS: {len(parts)} parts, or not canonical") from None
    return header, payload


def _object(data: bytes, check: str) -> Mapping[str, Json]:
    try:
        return read_object(data)
    except AssertionRejected as error:
        raise SignatureInvalid(check, error.detail) from None


def _chosen(header: Mapping[str, Json], keys: Sequence[VerificationKey]) -> VerificationKey:
    if "kid" not in header:
        if len(keys) != 1:
            raise SignatureInvalid("jws_kid", "no kid, and more than one key")
        return keys[0]
    named = [key for key in keys if key.kid == header["kid"]]
    if len(named) != 1:
        raise SignatureInvalid("jws_kid", "the header names no key of ours")
    return named[0]
