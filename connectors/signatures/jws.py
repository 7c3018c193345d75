"""JSON Web Signatures (RFC 7515), compact serialisation: the only user of python-jose.

    base64url({"alg":"ES256","kid":"...","typ":"JWT"}) . base64url({"iss":...}) . base64url(signature)

python-jose's prepared keys verify RS256, ES256 and ES384, joserfc's PS256 and Ed25519 (`jws_joserfc`): the registration
names the algorithm, never the header. Every rule is ours, since python-jose 3.5.0 alone accepts an HS256 token made from a
public key in DER, an empty HMAC key, an unknown `crit` and a token without `exp`. We judge the header before a library sees
the token, verify the token's own octets up to the last dot, and read those; each part has one spelling.
"""

import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey

from connectors.signatures.algorithms import ALGORITHMS as XML_ALGORITHMS
from connectors.signatures.algorithms import ECDSA_BY_CURVE, SignatureAlgorithm
from connectors.signatures.jws_joserfc import JoserfcKey
from connectors.wire.claims import Json, read_object
from policies.errors import AssertionRejected, BrokerError, SignatureInvalid, StoreUnavailable

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

# Algorithm -> the curve that RFC 7518 §3.4, RFC 8037 §3.1 or RFC 9864 §2.2 gives it; RSA has none.
CURVES: Mapping[str, str] = MappingProxyType(
    {
        "RS256": "",
        "ES256": "secp256r1",
        "ES384": "secp384r1",
        "PS256": "",
        "EdDSA": "ed25519",
        "Ed25519": "ed25519",
    }
)
ALGORITHMS = tuple(CURVES)
# The algorithm that a Signer is asked for; None: the one with which it signs unasked
_ASKED: Mapping[str, SignatureAlgorithm | None] = {
    "ES256": None,
    "RS256": None,
    "ES384": XML_ALGORITHMS[ECDSA_BY_CURVE["secp384r1"]],
    "PS256": XML_ALGORITHMS["http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"],
    "EdDSA": None,
    "Ed25519": None,
}
_PYTHON_JOSE = frozenset({"RS256", "ES256", "ES384"})
# The same limit for every JWT
MAX_TOKEN = 64 * 1024
# Three short texts and two thumbprints, and a kid may be an address
MAX_HEADER = 2 * 1024
# Some issuers with a few keys each, and every client
REMEMBERED_HEADERS = 512
# RFC 7518 §3.3; beyond the upper bound a verification is work for an attacker to give us
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
# A closed grammar. `jwk`, `jku`, `x5u` and `x5c` would let the message bring its own key, `crit` and `b64` change what is
# signed, `zip` unpacks before anybody was believed (RFC 8725 §3.10). The thumbprints are hints that we do not use.
HEADER_MEMBERS = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})
# Of a proof of possession, which says nothing but that its sender has this key (RFC 9449 §4.2)
WITH_KEY = frozenset({"alg", "typ", "kid", "jwk"})
# The last character, by the number of characters beyond a multiple of four: its lowest bits are unused, and zero
_LAST: Mapping[int, str] = {2: "AQgw", 3: "AEIMQUYcgkosw048"}


class Verifies(Protocol):
    """A public key that a library prepared, as python-jose has it."""

    def verify(self, msg: bytes, sig: bytes) -> bool:
        """Whether `sig` is the signature of `msg`."""


class TokenSigner(Protocol):
    """A key that signs tokens: a `Signer`, or a key on Ed25519, which XML signatures do not have."""

    @property
    def public_key(self) -> PublicKey:
        """The public half."""

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint of the public key, base64url."""

    def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
        """Sign `data`, as `Signer` has it. A key on Ed25519 has no other algorithm, and is asked for none."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that may verify with exactly one algorithm. Made once, at start, by `verification_key`."""

    kid: str
    alg: str
    prepared: Verifies = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """The claims of a JWS whose signature held; only this module makes one. The caller judges what they mean."""

    kid: str  # the verifying key's, not the header's
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
    prepared: Verifies
    if isinstance(public_key, EllipticCurvePublicKey):
        prepared = CryptographyECKey(public_key, alg)
    elif isinstance(public_key, RSAPublicKey) and alg in _PYTHON_JOSE:
        prepared = CryptographyRSAKey(public_key, alg)
    else:
        prepared = JoserfcKey(public_key, alg)
    return VerificationKey(kid=kid, alg=alg, prepared=prepared)


# The plan. Each block below has its number.
#  1. Keys and algorithm are ours, and there are some.
#  2. The size, then three parts, each in its one spelling.
#  3. The header: a closed list of members, each once, each of the expected value.
#  4. The key: kid only chooses among ours.
#  5. The signature, over the octets of the token up to its last dot.
#  6. The claims, out of the same octets.
def verify(
    token: str, keys: Sequence[VerificationKey], *, alg: str, types: Collection[str], brought: bool = False
) -> SignedClaims:
    """Verify a compact JWS under one of `keys`, with the one algorithm `alg`, and read its claims.

    `types` holds the accepted values of `typ`, exactly as spelled; `""` accepts a header without it (RFC 8725 §3.11).
    `brought` says that the one key is that of the header itself (`unverified_key`): that proves its possession, and
    nothing of whose it is. Raises `SignatureInvalid` with a check `jws_…`.
    """
    # 1.
    if alg not in CURVES or not keys or not types or any(key.alg != alg for key in keys):
        raise SignatureInvalid("jws_keys", f"no key for the algorithm {alg!r}")
    # 2.
    header, payload, signature = _parts(token)
    octets, made = _octets(payload), _octets(signature)
    # 3.
    typ, kid = _judged_header(header, alg, frozenset(types), WITH_KEY if brought else HEADER_MEMBERS)
    # 4.
    key = _chosen(None if brought else kid, keys)
    # 5.
    if not key.prepared.verify(token[: len(header) + 1 + len(payload)].encode("ascii"), made):
        raise SignatureInvalid("jws_signature", "the signature does not hold")
    # 6.
    return SignedClaims(kid=key.kid, typ=typ, members=MappingProxyType(_object(octets, "jws_claims")))


def unverified_issuer(token: str) -> str:
    """The `iss` that a token claims: a hint for choosing whose keys to try, and nothing else. "" where there is none."""
    return unverified_claim(token, "iss")


def unverified_claim(token: str, name: str) -> str:
    """A text that a token claims, "" where there is none. It proves nothing."""
    found = _object(_octets(_parts(token)[1]), "jws_claims").get(name)
    return found if isinstance(found, str) else ""


def unverified_algorithm(token: str) -> str:
    """The algorithm that a token says it has, where it is one that we know: what its sender seems to be set to. Else ""."""
    algorithm = _object(_octets(_parts(token)[0]), "jws_header").get("alg")
    return algorithm if isinstance(algorithm, str) and algorithm in CURVES else ""


def unverified_key(header: str) -> tuple[str, Json]:
    """The algorithm and the `jwk` that a header brings: whose key it is, it cannot say."""
    if len(header) > MAX_HEADER:
        raise SignatureInvalid("jws_size", f"a header of {len(header)} characters")
    members = _object(_octets(header), "jws_header")
    algorithm = members.get("alg")
    if not isinstance(algorithm, str) or algorithm not in CURVES:
        raise SignatureInvalid("jws_alg", "the header's algorithm is none that we know")
    return algorithm, members.get("jwk")


def sign(
    claims: Mapping[str, Json], signer: TokenSigner, *, alg: str, typ: str, jwk: Mapping[str, str] | None = None
) -> str:
    """Sign claims as a compact JWS with `kid` and `typ`; with the whole public `jwk` in place of `kid`, if it is given.

    Raises `BrokerError` where the signer cannot.
    """
    if alg not in _ASKED:
        raise BrokerError(f"no signer signs with {alg!r}")
    _fits(signer.public_key, alg)
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    named = {"kid": signer.key_id} if jwk is None else {"jwk": jwk}
    header = json.dumps({"alg": alg, **named, "typ": typ}, separators=(",", ":")).encode()
    octets = f"{base64url(header)}.{base64url(payload)}"
    try:
        return f"{octets}.{base64url(signer.sign(octets.encode(), _ASKED[alg]))}"
    except StoreUnavailable:
        raise
    except Exception as error:  # a signer may be a device's program, with errors of its own
        raise BrokerError("the signer did not sign") from error


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    # Two replacements look for their sign alone, and take a third of the time of a table for each byte
    spelled = binascii.b2a_base64(data, newline=False).rstrip(b"=")
    return spelled.replace(b"+", b"-").replace(b"/", b"_").decode("ascii")


def from_base64url(text: str) -> bytes:
    """The bytes of one canonical base64url spelling; ValueError for any other: two spellings would be two tokens."""
    beyond = len(text) % 4
    if "+" in text or "/" in text or "=" in text or (beyond and text[-1] not in _LAST.get(beyond, "")):
        raise ValueError("not the canonical base64url spelling")
    try:
        spelled = text.encode("ascii").replace(b"-", b"+").replace(b"_", b"/")
        return binascii.a2b_base64(spelled + b"=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error


def read_handle(text: str, size: int) -> bytes:
    """The random bytes that a handle spells; b"" for any other text, or number of bytes."""
    try:
        handle = from_base64url(text)
    except ValueError:
        return b""
    return handle if len(handle) == size else b""


def _fits(public_key: PublicKey, alg: str) -> None:
    if alg not in CURVES:
        raise SignatureInvalid("jwk", f"we do not know the algorithm {alg!r}")
    if isinstance(public_key, RSAPublicKey):
        fits = CURVES[alg] == "" and MIN_RSA_BITS <= public_key.key_size <= MAX_RSA_BITS
    elif isinstance(public_key, EllipticCurvePublicKey):
        fits = public_key.curve.name == CURVES[alg]
    else:
        fits = CURVES[alg] == "ed25519"
    if not fits:
        raise SignatureInvalid("jwk", f"the key is none for {alg}: its type, curve or size is another")


def _parts(token: str) -> tuple[str, str, str]:
    """Header, payload and signature, as they are spelled."""
    if len(token) > MAX_TOKEN:
        raise SignatureInvalid("jws_size", f"a token of {len(token)} characters")
    parts = token.split(".", 3)
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 §3.1
        raise SignatureInvalid("jws_form", "no compact JWS of three parts")
    if len(parts[0]) > MAX_HEADER:
        raise SignatureInvalid("jws_size", f"a header of {len(parts[0])} characters")
    return parts[0], parts[1], parts[2]


def _octets(part: str) -> bytes:
    try:
        return from_base64url(part)
    except ValueError:
        raise SignatureInvalid("jws_form", "a part that is not canonical base64url") from None


@lru_cache(maxsize=REMEMBERED_HEADERS)
def _judged_header(header: str, alg: str, types: frozenset[str], accepted: frozenset[str]) -> tuple[str, str | None]:
    """`typ` ("" where absent) and `kid` (None where absent) of a header that holds.

    The verdict is remembered: an issuer's headers are alike, letter by letter, from one token to the next. It belongs to
    these octets, this algorithm and these types, and to no key. A refusal is judged again.
    """
    members = _object(_octets(header), "jws_header")
    if not accepted.issuperset(members):
        raise SignatureInvalid("jws_header", "the header has a member that we do not accept")
    if members.get("alg") != alg:
        raise SignatureInvalid("jws_alg", f"the header's algorithm is not {alg}")
    typ = members.get("typ", "")
    if not isinstance(typ, str) or ("typ" in members and not typ) or typ not in types:
        raise SignatureInvalid("jws_typ", "the header's typ is not that of this kind of token")
    kid = members.get("kid")
    if "kid" in members and not isinstance(kid, str):
        raise SignatureInvalid("jws_kid", "a kid that is no text")
    return typ, kid if isinstance(kid, str) else None


def _object(data: bytes, check: str) -> dict[str, Json]:
    try:
        return read_object(data)
    except AssertionRejected as error:
        raise SignatureInvalid(check, error.detail) from None


def _chosen(kid: str | None, keys: Sequence[VerificationKey]) -> VerificationKey:
    if kid is None:
        if len(keys) != 1:
            raise SignatureInvalid("jws_kid", "no kid, and more than one key")
        return keys[0]
    named = [key for key in keys if key.kid == kid]
    if len(named) != 1:
        raise SignatureInvalid("jws_kid", "the header names no key of ours")
    return named[0]
