"""An id_token, judged: OpenID Connect Core 1.0 §3.1.3.7 and RFC 8725, pure. Octets, keys, expectation and time go in.

    {"iss": "https://op.example", "sub": "...", "aud": "client", "exp": 1795600300, "iat": 1795600000, "nonce": "..."}

`connectors.signatures.jws` holds the signature and its header; here is what the claims must mean. Each check has its name
in `connectors.checks.ID_TOKEN_CHECKS`. Whether a token was used before, and in which browser, is not for a pure function.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.registered_claims import (
    judge_audience,
    judge_issuer,
    judge_times,
    optional_seconds,
    optional_text,
    subject_of,
)
from connectors.signatures.jwe import TokenEncryption, check_replicated, opened
from connectors.signatures.jws import SignedClaims, VerificationKey, verify
from connectors.wire.claims import Json
from policies.assurance import LEVELS_BY_NAME, LevelOfAssurance
from policies.errors import AssertionRejected, AssuranceTooLow

# RFC 8725 §3.11: explicit types tell kinds of tokens apart; OpenID Connect gave the id_token none, and "JWT" says nothing
TYPES = frozenset({"", "JWT"})
# No provider needs longer, and a token that lives for months is a key
MAX_LIFE = 24 * 3600
# FAPI 2.0 Security Profile §5.3.2.1: clocks differ by 10 to 60 seconds
SKEW = 60
# Claims of the protocol itself; every other claim is an attribute
PROTOCOL_CLAIMS = frozenset(
    ("iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "acr", "amr", "auth_time", "at_hash", "c_hash")
) | frozenset(("s_hash", "sid"))
# §3.1.3.6: at_hash uses the hash of the signature's algorithm
_HASHES = {
    "RS256": hashlib.sha256,
    "ES256": hashlib.sha256,
    "ES384": hashlib.sha384,
    "PS256": hashlib.sha256,
    # Ed25519 hashes with SHA-512 (RFC 8032 §5.1)
    "EdDSA": hashlib.sha512,
    "Ed25519": hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class ExpectedIdToken:
    """The facts that an id_token must match. A part that is None is not checked: only inspection may lack parts.

    `alg` is the one algorithm of the registration. A provider with `encrypted` sends nested JWE alone, every other none.
    `levels` maps `acr` values to levels. Audiences beside ours are refused, but for `trusted_audiences`.
    """

    issuer: str
    client_id: str
    alg: str
    nonce: str | None = field(repr=False)
    minimum_assurance: LevelOfAssurance | None
    max_age: int | None = None  # seconds
    access_token: str | None = field(default=None, repr=False)
    trusted_audiences: frozenset[str] = frozenset()
    levels: Mapping[str, LevelOfAssurance] = field(default_factory=lambda: LEVELS_BY_NAME)
    skew: int = SKEW
    encrypted: TokenEncryption | None = None


@dataclass(frozen=True, slots=True)
class IdToken:
    """An id_token that holds in every respect that was expected. Times are seconds since the epoch."""

    issuer: str
    subject: str = field(repr=False)
    loa: LevelOfAssurance | None  # None where `acr` says none that we know, and none was asked
    authenticated_at: int | None
    issued_at: int
    ends: int
    kid: str
    bound_to_access_token: bool  # whether at_hash was there and held
    session: str = field(repr=False)  # `sid`, which a logout names; "" where there is none
    claims: Mapping[str, Json] = field(repr=False)  # all but the protocol's own


# The plan (OpenID Connect Core 1.0 §3.1.3.7, its numbers in brackets). Each block below has its number.
#  1. Decrypted, where the registration says that it is encrypted. One compact JWS, its header and its key: one algorithm,
#     ours; a kid chooses among our keys; the signature. [1, 6, 7, 8]
#  2. Issuer, exactly, and subject. [2]
#  3. Audience: us, and nobody beside us whom we do not trust. [3, 4, 5]
#  4. When: not ended, not of the future, and not for longer than a day. [9, 10]
#  5. In answer to which request. [11]
#  6. How the citizen was authenticated: surely enough, lately enough. [12, 13]
#  7. With which access token. [§3.1.3.8]
def judge_id_token(token: str, keys: Sequence[VerificationKey], expected: ExpectedIdToken, now: int) -> IdToken:
    """Judge a token. `keys` are the issuer's, for `expected.alg` alone. Raises `AssertionRejected` and its kinds."""
    # 1.
    inside = token if expected.encrypted is None else opened(token, expected.encrypted)
    claims = verify(inside, keys, alg=expected.alg, types=TYPES)
    if expected.encrypted is not None:
        check_replicated(token, claims.members)
    # 2.
    judge_issuer(claims, expected.issuer)
    subject = subject_of(claims)
    # 3.
    audiences = judge_audience(claims, expected.client_id, expected.trusted_audiences)
    party = optional_text(claims, "azp")
    if party != expected.client_id and (party is not None or audiences > 1):
        raise AssertionRejected("token_authorized_party", "a token whose azp is another than us, or is missing")
    # 4.
    issued, ends = judge_times(claims, now, skew=expected.skew, life=MAX_LIFE)
    # 5.
    nonce = optional_text(claims, "nonce")
    if expected.nonce is not None and (not expected.nonce or nonce != expected.nonce):
        raise AssertionRejected("token_nonce", "a token to another request, or to none")
    # 6.
    authenticated_at = _check_authentication_time(claims, now, expected)
    loa = _check_assurance(claims, expected)
    # 7.
    bound = _check_access_token(claims, expected)
    return IdToken(
        issuer=expected.issuer,
        subject=subject,
        loa=loa,
        authenticated_at=authenticated_at,
        issued_at=issued,
        ends=ends,
        kid=claims.kid,
        bound_to_access_token=bound,
        session=optional_text(claims, "sid") or "",
        claims={name: value for name, value in claims.members.items() if name not in PROTOCOL_CLAIMS},
    )


def _check_authentication_time(claims: SignedClaims, now: int, expected: ExpectedIdToken) -> int | None:
    instant = optional_seconds(claims, "auth_time")
    if instant is not None and instant > now + expected.skew:
        raise AssertionRejected("authentication_future", "an authentication in the future")
    if expected.max_age is None:
        return instant
    if instant is None:
        raise AssertionRejected("authentication_time", "no auth_time, where a max_age was asked")
    if instant < now - expected.max_age - expected.skew:
        raise AssertionRejected("authentication_stale", "an authentication from before what was asked")
    return instant


def _check_assurance(claims: SignedClaims, expected: ExpectedIdToken) -> LevelOfAssurance | None:
    """A level is never guessed, and never rounded up."""
    context = optional_text(claims, "acr")
    level = expected.levels.get(context) if context is not None else None
    if expected.minimum_assurance is None:
        return level
    if level is None:
        raise AssuranceTooLow("acr_unknown", "no acr, or one that the registration does not name")
    if level < expected.minimum_assurance:
        detail = f"{level.label} where {expected.minimum_assurance.label} was asked"
        raise AssuranceTooLow("acr_too_low", detail, reached=level.label)
    return level


def _check_access_token(claims: SignedClaims, expected: ExpectedIdToken) -> bool:
    """§3.1.3.8: at_hash is optional in the code flow, and never wrong."""
    found = optional_text(claims, "at_hash")
    if expected.access_token is None or found is None:
        return False
    digest = _HASHES[expected.alg](expected.access_token.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if found != half:
        raise AssertionRejected("token_access_token", "an at_hash of another access token")
    return True
