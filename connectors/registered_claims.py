"""The registered claims of RFC 7519 §4.1 as every judge of tokens reads them: whose, for whom, from when until when.

A signature held before anybody comes here. Each check has the same name in the table of each kind of token that has it.
"""

from connectors.signatures.jws import SignedClaims
from policies.errors import AssertionRejected

# OpenID Connect Core 1.0 §2, of `sub`; the same for what identifies a session or a token
MAX_SUBJECT = 255


def subject_of(claims: SignedClaims) -> str:
    """`sub`: 1 to 255 visible ASCII characters (OpenID Connect Core 1.0 §2)."""
    subject = claims.text("sub")
    if not is_visible(subject):
        raise AssertionRejected("token_subject", f"a subject that is not 1 to {MAX_SUBJECT} visible ASCII characters")
    return subject


def is_visible(text: str) -> bool:
    """Whether a text is 1 to 255 characters of ASCII, none of them a control."""
    return 0 < len(text) <= MAX_SUBJECT and text.isascii() and text.isprintable()


def judge_issuer(claims: SignedClaims, issuer: str) -> None:
    """`iss` is this issuer, sign by sign."""
    if claims.text("iss") != issuer:
        raise AssertionRejected("token_issuer", "a token of another issuer")


def judge_audience(claims: SignedClaims, audience: str, trusted: frozenset[str] = frozenset()) -> int:
    """`aud` is a text or a list of texts (RFC 7519 §4.1.3), each once; gives how many.

    It names `audience` and, beside it, only those whom the registration trusts: another one could bring us its own token.
    """
    value = claims.members.get("aud")
    if value == audience and audience:
        return 1
    listed = value if isinstance(value, list) else [value]
    audiences = {one for one in listed if isinstance(one, str) and one}
    if not listed or len(audiences) != len(listed):
        raise AssertionRejected("claim_aud", "the claim aud is absent, or no text and no list of different texts")
    if audience not in audiences:
        raise AssertionRejected("token_audience", "a token for another audience")
    if not audiences <= {audience} | trusted:
        raise AssertionRejected("token_audience", "a token for an audience beside us that we do not trust")
    return len(audiences)


def judge_times(claims: SignedClaims, now: int, *, skew: int, life: int) -> tuple[int, int]:
    """`iat` and `exp`: issued in the past, not ended, not of longer life than `life` seconds; `nbf` where it is there."""
    issued, ends = claims.seconds("iat"), claims.seconds("exp")
    if now >= ends + skew:
        raise AssertionRejected("token_expired", "a token after its end")
    if issued > now + skew:
        raise AssertionRejected("token_issued", "a token from the future")
    begins = optional_seconds(claims, "nbf")
    if begins is not None and begins > now + skew:
        raise AssertionRejected("token_not_before", "a token before its time")
    if begins is not None and begins >= ends:
        raise AssertionRejected("token_not_before", "a token that begins at its end, or after it")
    if not 0 < ends - issued <= life:
        raise AssertionRejected("token_life", f"a token that ends before it was issued, or lives longer than {life} s")
    return issued, ends


def optional_text(claims: SignedClaims, name: str) -> str | None:
    """The claim as a non-empty text, None where it is absent. Raises as `SignedClaims.text`."""
    return claims.text(name) if name in claims.members else None


def optional_seconds(claims: SignedClaims, name: str) -> int | None:
    """The claim as whole seconds, None where it is absent. Raises as `SignedClaims.seconds`."""
    return claims.seconds(name) if name in claims.members else None
