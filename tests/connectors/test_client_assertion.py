"""A client assertion: each check, broken alone, refuses under its own name; the edges are inside."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.client_assertion import (
    MAX_JTI,
    SKEW,
    TYPES,
    ClientAssertion,
    ExpectedClientAssertion,
    judge_client_assertion,
)
from connectors.wire.claims import Json
from policies.errors import AssertionRejected, SignatureInvalid
from policies.parties import ASSERTION_LIFE, LONGEST_ASSERTION_LIFE
from tests.connectors.token_cases import KID, NOW, keys_for, without
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, handmade, token_key

CLIENT, ISSUER = "parking", "https://id.storkhaven.example"
EXPECTED = ExpectedClientAssertion(client_id=CLIENT, issuer=ISSUER, alg="ES256")
CLAIMS: Mapping[str, Json] = {
    "iss": CLIENT,
    "sub": CLIENT,
    "aud": ISSUER,
    "exp": NOW + 60,
    "iat": NOW,
    "jti": "a-canary-of-a-jti",
}


def token(alg: str = "ES256", /, **changes: Json) -> str:
    header = {"alg": alg, "kid": KID, "typ": "client-authentication+jwt"}
    return handmade(header, without({**CLAIMS, **changes}), token_key(alg))


def judged(text: str, expected: ExpectedClientAssertion = EXPECTED, now: int = NOW) -> ClientAssertion:
    return judge_client_assertion(text, keys_for(expected.alg), expected, now)


# One for each block of the plan; the corpus of the self-test has one for each check
BROKEN = {
    handmade({"alg": "ES256", "kid": KID}, dict(CLAIMS), token_key("ES256", 1)): "jws_signature",
    token(iss="fare"): "assertion_issuer",
    token(sub="fare"): "assertion_subject",
    token(aud=ISSUER + "/token"): "assertion_audience",
    token(exp=NOW - 1000, iat=NOW - 1060): "assertion_expired",
    token(exp=NOW + ASSERTION_LIFE + SKEW + 1): "assertion_life",
    token(jti="j" * (MAX_JTI + 1)): "assertion_jti",
}


@pytest.mark.spec("RFC 7523 §3")
def test_a_refusal_names_its_check_and_quotes_nothing() -> None:
    for text, check in BROKEN.items():
        with pytest.raises(AssertionRejected) as refusal:
            judged(text)
        assert refusal.value.check == check
        assert isinstance(refusal.value, SignatureInvalid) == check.startswith("jws_")
        assert "canary" not in f"{refusal.value} {refusal.value.detail}"


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_good_assertion_says_who_until_when_and_under_which_key(alg: str) -> None:
    held = judged(token(alg), replace(EXPECTED, alg=alg))
    assert held == ClientAssertion(client_id=CLIENT, jti="a-canary-of-a-jti", ends=NOW + 60, kid=KID)
    assert "canary" not in repr(held)


@pytest.mark.parametrize("typ", sorted(TYPES))
def test_each_type_of_an_assertion_is_accepted(typ: str) -> None:
    header = {"alg": "ES256", "kid": KID, **({"typ": typ} if typ else {})}
    assert judged(handmade(header, dict(CLAIMS), token_key("ES256"))).client_id == CLIENT


# What a registration lets an assertion say beyond that, and what not even then

TOKEN_ENDPOINT = f"{ISSUER}/token"
LENIENT = replace(EXPECTED, token_endpoint=TOKEN_ENDPOINT, life=LONGEST_ASSERTION_LIFE)


@pytest.mark.parametrize(
    "audience",
    [
        pytest.param(TOKEN_ENDPOINT, id="mod_auth_openidc 2.4"),
        pytest.param([TOKEN_ENDPOINT], id="idpyoidc 5"),
        pytest.param([ISSUER, TOKEN_ENDPOINT], id="Auth.js, oauth4webapi 2"),
        pytest.param([TOKEN_ENDPOINT, ISSUER], id="the other way round"),
        pytest.param([ISSUER], id="our issuer in a list"),
        pytest.param(ISSUER, id="as rfc7523bis has it"),
    ],
)
def test_by_registration_an_assertion_names_our_token_endpoint_and_our_issuer(audience: Json) -> None:
    assert judged(token(aud=audience), LENIENT).client_id == CLIENT
    if audience != ISSUER:
        with pytest.raises(AssertionRejected) as caught:
            judged(token(aud=audience), replace(LENIENT, token_endpoint=""))
        assert caught.value.check in ("assertion_audience", "claim_aud")


def test_ten_minutes_are_a_registration_s() -> None:
    edge = LONGEST_ASSERTION_LIFE + SKEW
    assert judged(token(exp=NOW + edge), LENIENT).ends == NOW + edge
    for late, expected in ((edge + 1, LENIENT), (edge, EXPECTED)):
        with pytest.raises(AssertionRejected) as caught:
            judged(token(exp=NOW + late), expected)
        assert caught.value.check == "assertion_life"
