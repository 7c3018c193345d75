"""A request object: each check, broken alone, refuses under its own name; the edges are inside."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.checks import REQUEST_OBJECT_CHECKS
from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.request_object import (
    LIFE,
    MAX_JTI,
    SKEW,
    TYPE,
    ExpectedRequestObject,
    RequestObject,
    judge_request_object,
)
from connectors.wire.claims import Json
from policies.errors import AssertionRejected
from tests.connectors.token_cases import KID, NOW, keys_for, without
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, handmade, token_key

CLIENT, ISSUER = "parking", "https://id.storkhaven.example"
EXPECTED = ExpectedRequestObject(client_id=CLIENT, issuer=ISSUER, alg="ES256")
STRICT = replace(EXPECTED, strict=True)
CLAIMS: Mapping[str, Json] = {
    "iss": CLIENT,
    "aud": ISSUER,
    "exp": NOW + 300,
    "nbf": NOW,
    "iat": NOW,
    "jti": "a-canary-of-a-jti",
    "client_id": CLIENT,
    "response_type": "code",
    "state": "a-canary-of-a-state",
    "max_age": 60,
    "claims": {"userinfo": {"given_name": None}},
}


def token(alg: str = "ES256", /, typ: str | None = TYPE, **changes: Json) -> str:
    header: dict[str, Json] = {"alg": alg, "kid": KID, **({"typ": typ} if typ is not None else {})}
    return handmade(header, without({**CLAIMS, **changes}), token_key(alg))


def judged(text: str, expected: ExpectedRequestObject = EXPECTED, now: int = NOW) -> RequestObject:
    return judge_request_object(text, keys_for(expected.alg), expected, now)


def check_of(text: str, expected: ExpectedRequestObject = EXPECTED) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        judged(text, expected)
    assert "canary" not in f"{refusal.value} {refusal.value.detail}"
    assert refusal.value.check in REQUEST_OBJECT_CHECKS
    return refusal.value.check


BROKEN = {
    handmade({"alg": "ES256", "kid": KID}, dict(CLAIMS), token_key("ES256", 1)): "jws_signature",
    handmade({"alg": "none"}, dict(CLAIMS), token_key("ES256")): "jws_alg",
    handmade({"alg": "RS256", "kid": KID}, dict(CLAIMS), token_key("RS256")): "jws_alg",
    handmade({"alg": "ES256", "kid": KID, "jku": "https://evil.example"}, dict(CLAIMS), token_key("ES256")): "jws_header",
    token(typ="client-authentication+jwt"): "jws_typ",
    token(typ="dpop+jwt"): "jws_typ",
    token(iss="LEFT OUT"): "claim_iss",
    token(iss="fare"): "object_issuer",
    token(client_id="LEFT OUT"): "claim_client_id",
    token(client_id="fare"): "object_client",
    token(sub=CLIENT): "object_subject",
    token(request="e30.e30."): "object_nested",
    token(request_uri="https://evil.example"): "object_nested",
    token(aud="LEFT OUT"): "claim_aud",
    token(aud=[ISSUER, ISSUER]): "claim_aud",
    token(aud=[ISSUER, 7]): "claim_aud",
    token(aud=["https://other.example"]): "object_audience",
    token(aud=ISSUER + "/"): "object_audience",
    token(exp="LEFT OUT"): "claim_exp",
    token(exp=NOW - SKEW, nbf=NOW - 60): "object_expired",
    token(iat=NOW + SKEW + 1): "object_issued",
    token(iat="now"): "claim_iat",
    token(nbf=NOW + SKEW + 1): "object_not_before",
    token(nbf=NOW - LIFE - SKEW - 1, exp=NOW + 1): "object_not_before",
    token(nbf=True): "claim_nbf",
    token(exp=NOW + LIFE + 1): "object_life",
    token(nbf="LEFT OUT", exp=NOW + LIFE + SKEW + 1): "object_life",
    token(nbf=NOW + 5, exp=NOW + 5): "object_life",
    token(jti=7): "claim_jti",
    token(jti="j" * (MAX_JTI + 1)): "object_jti",
    token(max_age=True): "object_parameter",
    token(state=["a"]): "object_parameter",
    token(scope={"openid": True}): "object_parameter",
    token(nonce=None): "object_parameter",
}


@pytest.mark.spec("RFC 9101 §4; RFC 9101 §6.2")
def test_a_refusal_names_its_check_and_quotes_nothing() -> None:
    for text, check in BROKEN.items():
        assert check_of(text) == check
    # Every name that only this judge has is broken above
    assert {one for one in REQUEST_OBJECT_CHECKS if one.startswith(("object_", "claim_"))} <= set(BROKEN.values())


@pytest.mark.spec("FAPI2 signed requests fapi2-security-profile-final-ensure-request-object-without-nbf-fails")
def test_the_strict_profile_takes_one_type_and_needs_a_beginning() -> None:
    assert judged(token(), STRICT).ends == NOW + 300
    for typ in ("JWT", None):
        assert judged(token(typ=typ)).ends == NOW + 300
        assert check_of(token(typ=typ), STRICT) == "jws_typ"
    assert judged(token(nbf="LEFT OUT")).ends == NOW + 300
    assert check_of(token(nbf="LEFT OUT"), STRICT) == "claim_nbf"


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
@pytest.mark.spec("RFC 9101 §6.3")
def test_a_good_object_gives_its_parameters_as_an_address_would_have_them(alg: str) -> None:
    held = judged(token(alg), replace(EXPECTED, alg=alg))
    assert (held.jti, held.ends) == ("a-canary-of-a-jti", NOW + 300)
    assert held.parameters == {
        "client_id": CLIENT,
        "response_type": "code",
        "state": "a-canary-of-a-state",
        "max_age": "60",
        "claims": json.dumps({"userinfo": {"given_name": None}}, separators=(",", ":")),
    }
    assert "canary" not in repr(held)


@pytest.mark.spec("RFC 6749 §3.1")
@pytest.mark.parametrize("value", [True, None, [], ["a"], {"a": 1}])
def test_a_parameter_that_means_nothing_here_may_be_whatever_it_is(value: Json) -> None:
    assert judged(token(authorization_details=value)).parameters == judged(token()).parameters


def test_the_edges_are_inside() -> None:
    edges: tuple[dict[str, Json], ...] = (
        {"exp": NOW - SKEW + 1, "nbf": NOW - 60},
        {"exp": NOW - SKEW + 1, "nbf": NOW - SKEW + 1 - LIFE},
        {"nbf": NOW + SKEW},
        {"aud": [ISSUER, "https://other.example"]},
        {"nbf": "LEFT OUT", "exp": NOW + LIFE + SKEW},
        {"jti": "LEFT OUT", "iat": "LEFT OUT"},
        {"jti": "j" * MAX_JTI, "iat": NOW + SKEW},
    )
    for changes in edges:
        judged(handmade({"alg": "ES256", "kid": KID}, without({**CLAIMS, **changes}), token_key("ES256")))


@pytest.mark.spec("RFC 9101 §10.8")
def test_neither_a_client_assertion_nor_a_request_object_is_the_other() -> None:
    assertion: dict[str, Json] = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "jti": "j"}
    assert check_of(handmade({"alg": "ES256", "kid": KID}, assertion, token_key("ES256"))) == "claim_client_id"
    expected = ExpectedClientAssertion(CLIENT, ISSUER, "ES256")
    with pytest.raises(AssertionRejected) as refusal:
        judge_client_assertion(token(typ="JWT"), keys_for("ES256"), expected, NOW)
    assert refusal.value.check == "claim_sub"
