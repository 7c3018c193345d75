"""A logout token: each check, broken alone, refuses under its own name; and it is never an id_token, nor the other way."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.logout_token import EVENT, MAX_LIFE, SKEW, ExpectedLogoutToken, LogoutToken, judge_logout_token
from connectors.wire.claims import Json
from policies.errors import SignatureInvalid
from tests.connectors.token_cases import KID, NOW, keys_for, without
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, b64, handmade, token_key

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


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_good_token_says_which_sessions_end(alg: str) -> None:
    held = judged(token(alg), replace(EXPECTED, alg=alg))
    assert held == LogoutToken(
        issuer=OP, subject="canary-subject", session="canary-session", jti="canary-jti", issued_at=NOW, ends=NOW + 120
    )
    assert "canary" not in repr(held)


@pytest.mark.spec("Back-Channel Logout §2.6")
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
    unsigned = f"{b64(json.dumps({'alg': 'none', 'kid': KID, 'typ': 'logout+jwt'}))}.{token().split('.')[1]}."
    for expected in (replace(EXPECTED, alg="none"), replace(EXPECTED, alg=""), replace(EXPECTED, alg="HS256")):
        with pytest.raises(SignatureInvalid) as refusal:
            judge_logout_token(unsigned, keys_for(), expected, NOW)
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
