"""A request object, judged: an authentication request that its client signed (RFC 9101, OpenID Connect Core §6.1), pure.

{"iss": "parking", "aud": "https://id.storkhaven.example", "exp": 1795600300, "client_id": "parking", "scope": "openid"}

`connectors.signatures.jws` holds the signature and its header; here is what the claims must mean. Each check has its name
in `connectors.checks.REQUEST_OBJECT_CHECKS`. What is asked is for the judge of the same parameters in an address.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.registered_claims import optional_seconds, optional_text
from connectors.signatures.jws import SignedClaims, VerificationKey, verify
from connectors.wire.claims import Json
from policies.errors import AssertionRejected

# RFC 9101 §10.8: a type of its own. Libraries of OpenID Connect Core send JWT or none; fapi2 takes none of those
TYPE = "oauth-authz-req+jwt"
TYPES = frozenset({TYPE, "JWT", ""})
# As for a client assertion (FAPI 2.0 Security Profile §5.3.2.1)
SKEW = 10
# FAPI 2.0 Message Signing §5.3.1: within an hour of nbf
LIFE = 60 * 60
MAX_JTI = 256
# Claims of the token itself: none of them is a parameter
OF_THE_TOKEN = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})
# RFC 9101 §4: an object refers to no other. RFC 7519's `sub` would make it look like a client assertion (RFC 9101 §10.8)
NESTED = frozenset({"request", "request_uri"})
# The parameters that mean something here. Any other may be whatever it is (RFC 6749 §3.1)
PARAMETERS = (
    frozenset({"acr_values", "claims", "client_id", "code_challenge", "code_challenge_method", "dpop_jkt"})
    | frozenset(
        ("id_token_hint", "max_age", "nonce", "prompt", "redirect_uri", "registration", "response_mode", "response_type")
    )
    | {"scope", "state", "ui_locales"}
)


@dataclass(frozen=True, slots=True)
class ExpectedRequestObject:
    """The expected client of an object, us as its audience, and the one registered algorithm.

    `strict` takes the type of its own alone, and needs `nbf` (FAPI 2.0 Message Signing §5.3.1).
    """

    client_id: str
    issuer: str
    alg: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RequestObject:
    """An object that holds in every respect: its parameters as an address would have them, and its `jti`, "" without."""

    parameters: Mapping[str, str] = field(repr=False)
    jti: str = field(repr=False)
    ends: int


# The plan. Each block below has its number.
#  1. One compact JWS, its header and its key: the one registered algorithm; our copy of the client's keys.
#  2. Whose: issuer and client_id are the client, and nothing in it looks like another token or refers to one.
#  3. Audience: our issuer, or a list with it (FAPI 2.0 Message Signing §5.3.1). An object proves what was asked and not who
#     asks, so a server beside us that passes it on gets nothing: the answer goes to the client, and says who we are.
#  4. When: not ended, not too long, not in the future.
#  5. An identifier, where it has one.
#  6. The parameters that we know, each a text or a number, and `claims` an object.
def judge_request_object(
    token: str, keys: Sequence[VerificationKey], expected: ExpectedRequestObject, now: int
) -> RequestObject:
    """Judge an object. `keys` are the client's, for `expected.alg` alone. Raises `AssertionRejected` and its kinds."""
    # 1.
    claims = verify(token, keys, alg=expected.alg, types={TYPE} if expected.strict else TYPES)
    # 2.
    if claims.text("iss") != expected.client_id:
        raise AssertionRejected("object_issuer", "iss is not the client_id")
    if claims.text("client_id") != expected.client_id:
        raise AssertionRejected("object_client", "client_id inside is not the client_id outside")
    if "sub" in claims.members:
        raise AssertionRejected("object_subject", "it has sub, as a client assertion has")
    if not NESTED.isdisjoint(claims.members):
        raise AssertionRejected("object_nested", "it holds request or request_uri")
    # 3.
    _judge_audience(claims, expected.issuer)
    # 4.
    ends = _judged_times(claims, now, strict=expected.strict)
    # 5.
    jti = optional_text(claims, "jti") or ""
    if len(jti) > MAX_JTI:
        raise AssertionRejected("object_jti", f"jti is longer than {MAX_JTI} characters")
    # 6.
    found = {name: _text(name, value) for name, value in claims.members.items() if name not in OF_THE_TOKEN}
    return RequestObject({name: text for name, text in found.items() if text is not None}, jti, ends)


def _judge_audience(claims: SignedClaims, issuer: str) -> None:
    value = claims.members.get("aud")
    listed = value if isinstance(value, list) else [value]
    named = {one for one in listed if isinstance(one, str) and one}
    if not listed or len(named) != len(listed):
        raise AssertionRejected("claim_aud", "the claim aud is absent, or no text and no list of different texts")
    if issuer not in named:
        raise AssertionRejected("object_audience", "aud is not our issuer, and no list with it")


def _judged_times(claims: SignedClaims, now: int, *, strict: bool) -> int:
    ends, issued = claims.seconds("exp"), optional_seconds(claims, "iat")
    begins = claims.seconds("nbf") if strict else optional_seconds(claims, "nbf")
    if ends <= now - SKEW:
        raise AssertionRejected("object_expired", "it has expired")
    if issued is not None and issued > now + SKEW:
        raise AssertionRejected("object_issued", "iat lies in the future")
    if begins is not None and not now - LIFE - SKEW <= begins <= now + SKEW:
        raise AssertionRejected("object_not_before", "nbf lies in the future, or more than an hour back")
    if not 0 < ends - (now - SKEW if begins is None else begins) <= LIFE + (2 * SKEW if begins is None else 0):
        raise AssertionRejected("object_life", f"it lives longer than {LIFE} seconds, or ends before it begins")
    return ends


def _text(name: str, value: Json) -> str | None:
    """A parameter as an address would have it (RFC 9101 §4, OpenID Connect Core §6.1); None for what no address could."""
    if isinstance(value, str):
        return value
    # bool is an int to Python
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "claims" and isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if name not in PARAMETERS:
        return None
    raise AssertionRejected("object_parameter", "a parameter is neither a text nor a number, nor claims an object")
