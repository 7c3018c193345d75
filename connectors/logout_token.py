"""A logout token, judged: OpenID Connect Back-Channel Logout 1.0 §2.6 and RFC 8725, pure.

    {"iss": "https://op.example", "aud": "client", "iat": 1795600000, "exp": 1795600120, "jti": "...", "sid": "...",
     "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}

`connectors.signatures.jws` holds the signature and its header; here is what the claims must mean. Each check has its name
in `connectors.checks.LOGOUT_TOKEN_CHECKS`. Whether a `jti` was used before is for the store. There is no way to switch a
check off: Keycloak took unsigned logout tokens where an option said so (CVE-2026-18569).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.registered_claims import (
    is_visible,
    judge_audience,
    judge_issuer,
    judge_times,
    optional_text,
    subject_of,
)
from connectors.signatures.jws import VerificationKey, verify
from policies.errors import AssertionRejected

# §2.4 has the type as RECOMMENDED, and we insist (RFC 8725 §3.11): no id_token is ever a logout token, nor the other way
TYPES = frozenset({"logout+jwt"})
EVENT = "http://schemas.openid.net/event/backchannel-logout"
# §4: preferably at most two minutes; a provider whose queue is slow has five
MAX_LIFE = 5 * 60
# The limit of an id_token
SKEW = 60


@dataclass(frozen=True, slots=True)
class ExpectedLogoutToken:
    """The facts that a logout token must match: the provider's issuer, us, and the one algorithm of its id_tokens."""

    issuer: str
    client_id: str
    alg: str


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """A logout token that holds: which sessions end. `subject` or `session` may be "", never both. Times in seconds."""

    issuer: str
    subject: str = field(repr=False)
    session: str = field(repr=False)
    jti: str = field(repr=False)
    issued_at: int
    ends: int


# The plan (Back-Channel Logout 1.0 §2.6, its numbers in brackets). Each block below has its number.
#  1. One compact JWS of the type of logout tokens, its header and its key: one algorithm, ours. [1, 2]
#  2. Issuer, audience and times: as for an id_token, with a life of minutes. [3]
#  3. The logged-out subject, session, or both. [4]
#  4. That it is a logout, and nothing else. [5]
#  5. No nonce: an id_token has one, and must not pass for this. [6]
#  6. An identifier, by which it is used once. [7]
def judge_logout_token(token: str, keys: Sequence[VerificationKey], expected: ExpectedLogoutToken, now: int) -> LogoutToken:
    """Judge a logout token. `keys` are the issuer's, for `expected.alg` alone. Raises `AssertionRejected` and its kinds."""
    # 1.
    claims = verify(token, keys, alg=expected.alg, types=TYPES)
    # 2.
    judge_issuer(claims, expected.issuer)
    judge_audience(claims, expected.client_id)
    issued, ends = judge_times(claims, now, skew=SKEW, life=MAX_LIFE)
    # 3.
    subject = subject_of(claims) if "sub" in claims.members else ""
    session = optional_text(claims, "sid") or ""
    if not subject and not session:
        raise AssertionRejected("logout_subject", "neither sub nor sid")
    if session and not is_visible(session):
        raise AssertionRejected("logout_session", "a sid that is not 1 to 255 visible ASCII characters")
    # 4.
    events = claims.members.get("events")
    if not isinstance(events, dict) or set(events) != {EVENT} or not isinstance(events[EVENT], dict):
        raise AssertionRejected("logout_events", "events is not the one event of a logout")
    # 5.
    if "nonce" in claims.members:
        raise AssertionRejected("logout_nonce", "a nonce, which only an id_token has")
    # 6.
    jti = claims.text("jti")
    if not is_visible(jti):
        raise AssertionRejected("logout_jti", "a jti that is not 1 to 255 visible ASCII characters")
    return LogoutToken(issuer=expected.issuer, subject=subject, session=session, jti=jti, issued_at=issued, ends=ends)
