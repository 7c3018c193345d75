"""A logout token: each check, broken alone, refuses under its own name; and it is never an id_token, nor the other way."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.checks import LOGOUT_TOKEN_CHECKS
from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.logout_token import EVENT, MAX_LIFE, SKEW, ExpectedLogoutToken, LogoutToken, judge_logout_token
from connectors.wire.claims import Json
from policies.errors import AssertionRejected, SignatureInvalid
from tests.connectors.token_cases import KID, NOW, Case, keys_for, of_signature, without
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, handmade, token_key

OP, CLIENT = "https://op.example", "ciconia"
EXPECTED = ExpectedLogoutToken(issuer=OP, client_id=CLIENT, alg="ES256")
CLAIMS: Mapping[str, Json] = {
    "iss": OP,
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "canary-jti",
    "sub": "canary-subject",
    "sid": "canary-session",
    "events": {EVENT: {}},
}


def token(alg: str = "ES256", /, **changes: Json) -> str:
    return handmade({"alg": alg, "kid": KID, "typ": "logout+jwt"}, without({**CLAIMS, **changes}), token_key(alg))


def judged(text: str, expected: ExpectedLogoutToken = EXPECTED, now: int = NOW) -> LogoutToken:
    return judge_logout_token(text, keys_for(expected.alg), expected, now)


def claim(check: str, what: str, **changes: Json) -> Case:
    return Case(check, what, token(**changes))


OTHER_TYPES = ("JWT", "Logout+jwt", "application/logout+jwt", "")
CASES = (
    *of_signature("logout+jwt", CLAIMS, OTHER_TYPES),
    Case("jws_typ", "missing", handmade({"alg": "ES256", "kid": KID}, dict(CLAIMS), token_key("ES256"))),
    claim("claim_iss", "missing", iss="LEFT OUT"),
    claim("token_issuer", "another", iss="https://evil.example"),
    claim("claim_aud", "missing", aud="LEFT OUT"),
    claim("token_audience", "another", aud="somebody"),
    claim("claim_iat", "missing", iat="LEFT OUT"),
    claim("claim_exp", "missing", exp="LEFT OUT"),
    claim("claim_nbf", "a text", nbf="now"),
    claim("token_expired", "long ago", iat=NOW - 3600, exp=NOW - 3500),
    claim("token_issued", "in the future", iat=NOW + SKEW + 1),
    claim("token_not_before", "in the future", nbf=NOW + SKEW + 1),
    claim("token_life", "a second too long", exp=NOW + MAX_LIFE + 1),
    claim("claim_sub", "a number", sub=7),
    claim("token_subject", "not ASCII", sub="mäe"),
    claim("claim_sid", "a list", sid=["canary-session"]),
    claim("logout_session", "a control", sid="a\nb"),
    claim("logout_subject", "neither", sub="LEFT OUT", sid="LEFT OUT"),
    claim("logout_events", "missing", events="LEFT OUT"),
    claim("logout_events", "empty", events={}),
    claim("logout_nonce", "of a sign-in", nonce="n-0S6_WzA2Mj"),
    claim("claim_jti", "missing", jti="LEFT OUT"),
    claim("logout_jti", "too long", jti="j" * 256),
)


@pytest.mark.spec("OpenID Connect Back-Channel Logout 1.0 §2.6")
@pytest.mark.spec("security.md §2.2")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_logout_token_that_breaks_one_check_is_refused_by_that_check(case: Case) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        judged(case.token)
    assert refusal.value.check == case.check
    assert isinstance(refusal.value, SignatureInvalid) == case.check.startswith("jws_")
    assert "canary" not in f"{refusal.value} {refusal.value.detail}"


def test_a_key_set_without_the_registered_algorithm_is_refused() -> None:
    for keys in (keys_for("ES256"), []):
        with pytest.raises(SignatureInvalid) as refusal:
            judge_logout_token(token(), keys, replace(EXPECTED, alg="ES384"), NOW)
        assert refusal.value.check == "jws_keys"


def test_every_check_that_we_name_is_broken_by_some_token_and_every_name_is_ours() -> None:
    assert {case.check for case in CASES} | {"jws_keys"} == set(LOGOUT_TOKEN_CHECKS)
    assert all(LOGOUT_TOKEN_CHECKS.values())


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_good_token_says_which_sessions_end(alg: str) -> None:
    held = judged(token(alg), replace(EXPECTED, alg=alg))
    assert held == LogoutToken(
        issuer=OP, subject="canary-subject", session="canary-session", jti="canary-jti", issued_at=NOW, ends=NOW + 120
    )
    assert "canary" not in repr(held)


@pytest.mark.parametrize(
    ("changes", "subject", "session"),
    [
        ({"sid": "LEFT OUT"}, "canary-subject", ""),
        ({"sub": "LEFT OUT"}, "", "canary-session"),
        ({"aud": [CLIENT]}, "canary-subject", "canary-session"),
        ({"exp": NOW + MAX_LIFE}, "canary-subject", "canary-session"),
        ({"iat": NOW - 100, "exp": NOW - SKEW + 1}, "canary-subject", "canary-session"),
    ],
)
def test_what_the_standard_leaves_open_is_read(changes: Mapping[str, Json], subject: str, session: str) -> None:
    held = judged(token(**changes))
    assert (held.subject, held.session) == (subject, session)


@pytest.mark.spec("CVE-2026-18569")
def test_cve_2026_18569_nothing_switches_the_judging_of_a_logout_token_off() -> None:
    """Keycloak took unsigned ones where `validate signature` was off: here no field of the expectation is a switch."""
    assert set(ExpectedLogoutToken.__slots__) == {"issuer", "client_id", "alg"}
    unsigned = [case for case in CASES if case.check == "jws_alg" and case.what.lower() == "none"]
    assert len(unsigned) == 2
    for expected in (replace(EXPECTED, alg="none"), replace(EXPECTED, alg=""), replace(EXPECTED, alg="HS256")):
        for case in unsigned:
            with pytest.raises(SignatureInvalid) as refusal:
                judge_logout_token(case.token, keys_for(), expected, NOW)
            assert refusal.value.check == "jws_keys"


@pytest.mark.spec("RFC 8725 §2.8")
def test_an_id_token_is_no_logout_token_and_a_logout_token_no_id_token() -> None:
    expected = ExpectedIdToken(issuer=OP, client_id=CLIENT, alg="ES256", nonce=None, minimum_assurance=None)
    with pytest.raises(SignatureInvalid) as refusal:
        judge_id_token(token(), keys_for(), expected, NOW)
    assert refusal.value.check == "jws_typ"
    id_token = handmade({"alg": "ES256", "kid": KID, "typ": "JWT"}, dict(CLAIMS), token_key("ES256"))
    assert judge_id_token(id_token, keys_for(), expected, NOW).subject == "canary-subject"
    with pytest.raises(SignatureInvalid) as refusal:
        judged(id_token)
    assert refusal.value.check == "jws_typ"
