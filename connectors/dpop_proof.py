"""A DPoP proof, judged: whoever sends a request has the private half of a key (RFC 9449 §4.3), pure.

    {"typ": "dpop+jwt", "alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", "x": "...", "y": "..."}}
    {"jti": "...", "htm": "POST", "htu": "https://id.storkhaven.example/token", "iat": 1795600000, "nonce": "..."}

The key comes with the message, so a proof says nothing of who its sender is: it says that two requests are of one sender.
Each check has its name in `connectors.checks.DPOP_CHECKS`. Whether a `jti` was used before is for the store.
"""

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from connectors.registered_claims import optional_text
from connectors.signatures.jwk import key_brought
from connectors.signatures.jws import SignedClaims, VerificationKey, base64url, unverified_claim, unverified_key, verify
from policies.errors import AssertionRejected, SignatureInvalid

TYPES = frozenset({"dpop+jwt"})
# RFC 9449 §11.1: how far its clock may be from ours, to either side. A browser's may be wrong by most of a minute
WINDOW = 60
MAX_JTI = 256
# A key of RSA-8192 with its signature has 3 kilobytes
MAX_PROOF = 8 * 1024
# Clients that come again have the same header, letter by letter
REMEMBERED_KEYS = 512
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class ExpectedProof:
    """The request that a proof must match, and at a resource the access token that it brings ("" elsewhere).

    `addresses` are ours for this request, `nonces` those that we take now. Where none is `nonce_required`, one that a proof
    has is judged all the same.
    """

    method: str
    addresses: Collection[str]
    algorithms: Collection[str]
    nonces: Collection[str] = ()
    nonce_required: bool = False
    access_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DpopProof:
    """A proof that holds in every respect. `thumbprint` names its key (RFC 7638). It is refused from `ends` on."""

    thumbprint: str
    jti: str = field(repr=False)
    ends: int


# The plan. Each block below has its number.
#  1. One short text: not none, not two.
#  2. The key that it brings: public, of an algorithm that we take, and its signature. [items 1 to 7]
#  3. This request: method and address, without query and fragment. [items 8 and 9]
#  4. When: our nonce, and within a minute of our clock. [items 10 and 11]
#  5. The access token that comes with it. [item 12]
#  6. An identifier, by which it is used once. [§11.1]
def judge_dpop_proof(proofs: Collection[str], expected: ExpectedProof, now: int) -> DpopProof:
    """Judge the DPoP headers of a request. Raises `AssertionRejected` and its kinds."""
    # 1.
    if len(proofs) != 1:
        raise AssertionRejected("dpop_count", "the request has not exactly one DPoP header")
    (proof,) = proofs
    if len(proof) > MAX_PROOF:
        raise SignatureInvalid("jws_size", f"a DPoP proof of {len(proof)} characters")
    # 2.
    key = _key(proof.partition(".")[0])
    if key.alg not in expected.algorithms:
        raise SignatureInvalid("jws_alg", f"the algorithm is none of {', '.join(expected.algorithms)}")
    claims = verify(proof, (key,), alg=key.alg, types=TYPES, brought=True)
    # 3.
    if claims.text("htm") != expected.method:
        raise AssertionRejected("dpop_method", f"htm is not {expected.method}")
    if _address(claims.text("htu")) not in {_address(one) for one in expected.addresses}:
        raise AssertionRejected("dpop_address", "htu is not the address of this request")
    # 4.
    ends = _judged_times(claims, expected, now)
    # 5.
    if expected.access_token:
        digest = base64url(hashlib.sha256(expected.access_token.encode(errors="surrogatepass")).digest())
        if not hmac.compare_digest(claims.text("ath").encode(errors="surrogatepass"), digest.encode()):
            raise AssertionRejected("dpop_token", "ath is not the hash of the access token")
    # 6.
    jti = claims.text("jti")
    if len(jti) > MAX_JTI:
        raise AssertionRejected("dpop_jti", f"jti is longer than {MAX_JTI} characters")
    return DpopProof(thumbprint=key.kid, jti=jti, ends=ends)


def knows_nonces(proofs: Collection[str]) -> bool:
    """Whether a proof has a nonce, whatever it is worth: then its sender knows what to do with the next one."""
    try:
        return any(len(proof) <= MAX_PROOF and unverified_claim(proof, "nonce") for proof in proofs)
    except SignatureInvalid:
        return False


def _judged_times(claims: SignedClaims, expected: ExpectedProof, now: int) -> int:
    """The end of the proof. The nonce first: whose clock is wrong learns it from a proof that is fresh beyond doubt."""
    nonce = optional_text(claims, "nonce")
    if nonce is None and expected.nonce_required:
        raise AssertionRejected("dpop_nonce", "nonce is absent")
    if nonce is not None and nonce not in expected.nonces:
        raise AssertionRejected("dpop_nonce", "nonce is none of ours, or has ended")
    issued = claims.seconds("iat")
    if not now - WINDOW < issued < now + WINDOW:
        raise AssertionRejected("dpop_issued", f"iat is not within {WINDOW} seconds of our clock")
    return issued + WINDOW


@lru_cache(maxsize=REMEMBERED_KEYS)
def _key(header: str) -> VerificationKey:
    algorithm, jwk = unverified_key(header)
    return key_brought(jwk, algorithm)


def _address(text: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path in one spelling (RFC 3986 §6.2.2 and §6.2.3). Anything else matches no address."""
    try:
        parts = urlsplit(text)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0, ""
    if "@" in parts.netloc or " " in text or not (text.isascii() and text.isprintable()):
        return "", "", 0, ""
    return parts.scheme, parts.hostname or "", port, parts.path or "/"
