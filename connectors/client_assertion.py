"""A client assertion, judged: `private_key_jwt` of RFC 7523 §3, by default as strict as FAPI 2.0 has it, pure.

    {"iss": "parking", "sub": "parking", "aud": "https://id.storkhaven.example", "exp": 1795600060, "jti": "..."}

`connectors.signatures.jws` holds the signature and its header; here is what the claims must mean. Each check has its name
in `connectors.checks.CLIENT_ASSERTION_CHECKS`. Whether a `jti` was used before is for the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.registered_claims import optional_seconds
from connectors.signatures.jws import SignedClaims, VerificationKey, unverified_issuer, verify
from policies.errors import AssertionRejected, SignatureInvalid
from policies.parties import ASSERTION_LIFE

# rfc7523bis: the type of its own; absent and JWT are what libraries send today. An id_token or access token is neither.
TYPES = frozenset({"", "JWT", "client-authentication+jwt"})
# Clocks may differ by as much as FAPI 2.0 Security Profile §5.3.2.1 allows
SKEW = 10
MAX_JTI = 256
# Five short claims and a signature have one kilobyte; RSA of 8192 bits signs with 1.4. Anybody may send one
MAX_ASSERTION = 8 * 1024


@dataclass(frozen=True, slots=True)
class ExpectedClientAssertion:
    """The expected client of an assertion by its registration, us as its audience, and the one registered algorithm.

    `token_endpoint` is "" where an assertion may name our issuer alone. `life` is the longest life in seconds.
    """

    client_id: str
    issuer: str
    alg: str
    token_endpoint: str = ""
    life: int = ASSERTION_LIFE


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """An assertion that holds in every respect. `ends` is its `exp` in seconds since the epoch; skew is not in it."""

    client_id: str
    jti: str = field(repr=False)
    ends: int
    kid: str


# The plan. Each block below has its number.
#  1. A short text, one compact JWS, its header and its key: one algorithm, that of the registration; our copy of the
#     client's keys.
#  2. Issuer and subject: the client, both times. [RFC 7523 §3 items 1 and 2.B]
#  3. Audience: our issuer, as one text. A list, or our token endpoint, may be meant for somebody else too: audience
#     injection, CVE-2025-27370 and CVE-2025-27371. [item 3, as rfc7523bis and FAPI 2.0 §5.3.2.1 have it]
#     Where the registration lets it name our token endpoint: names of ours alone, as one text or as a list.
#  4. When: not ended, ending within its life, and neither issued nor beginning in the future. [items 4 to 6]
#  5. An identifier, by which it is used once. [item 7, OpenID Connect Core 1.0 §9]
def judge_client_assertion(
    token: str, keys: Sequence[VerificationKey], expected: ExpectedClientAssertion, now: int
) -> ClientAssertion:
    """Judge an assertion. `keys` are the client's, for `expected.alg` alone. Raises `AssertionRejected` and its kinds."""
    # 1.
    _check_size(token)
    claims = verify(token, keys, alg=expected.alg, types=TYPES)
    # 2.
    if claims.text("iss") != expected.client_id:
        raise AssertionRejected("assertion_issuer", "iss is not the client_id")
    if claims.text("sub") != expected.client_id:
        raise AssertionRejected("assertion_subject", "sub is not the client_id")
    # 3.
    _judge_audience(claims, expected)
    # 4.
    ends = _judged_times(claims, now, expected.life)
    # 5.
    jti = claims.text("jti")
    if len(jti) > MAX_JTI:
        raise AssertionRejected("assertion_jti", f"jti is longer than {MAX_JTI} characters")
    return ClientAssertion(client_id=expected.client_id, jti=jti, ends=ends, kid=claims.kid)


def unverified_client(token: str) -> str:
    """The claimed client of an assertion, which proves nothing; "" for none. Raises `SignatureInvalid` for no token."""
    _check_size(token)
    return unverified_issuer(token)


def _check_size(token: str) -> None:
    if len(token) > MAX_ASSERTION:
        raise SignatureInvalid("jws_size", f"a client assertion of {len(token)} characters")


def _judge_audience(claims: SignedClaims, expected: ExpectedClientAssertion) -> None:
    if not expected.token_endpoint:
        if claims.text("aud") != expected.issuer:
            raise AssertionRejected("assertion_audience", "aud is not our issuer, as one text")
        return
    value = claims.members.get("aud")
    listed = value if isinstance(value, list) else [value]
    named = {one for one in listed if isinstance(one, str) and one}
    if not listed or len(named) != len(listed):
        raise AssertionRejected("claim_aud", "the claim aud is absent, or no text and no list of different texts")
    # One name more is another server, which could bring the assertion to us as the client
    if not named <= {expected.issuer, expected.token_endpoint}:
        raise AssertionRejected("assertion_audience", "aud names somebody beside our token endpoint and our issuer")


def _judged_times(claims: SignedClaims, now: int, life: int) -> int:
    ends = claims.seconds("exp")
    if ends <= now - SKEW:
        raise AssertionRejected("assertion_expired", "it has expired")
    if ends > now + life + SKEW:
        raise AssertionRejected("assertion_life", f"it lives longer than {life} seconds")
    issued, begins = optional_seconds(claims, "iat"), optional_seconds(claims, "nbf")
    if issued is not None and issued > now + SKEW:
        raise AssertionRejected("assertion_issued", "iat lies in the future")
    if begins is not None and begins > now + SKEW:
        raise AssertionRejected("assertion_not_before", "nbf lies in the future")
    if issued is not None and issued >= ends:
        raise AssertionRejected("assertion_life", "iat is not before exp")
    if begins is not None and begins >= ends:
        raise AssertionRejected("assertion_not_before", "nbf is not before exp")
    return ends
