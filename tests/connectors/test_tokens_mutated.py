"""Whatever becomes of a token on its way, its judge refuses it by the name of a check, or it is the same token still."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.checks import (
    CLIENT_ASSERTION_CHECKS,
    ID_TOKEN_CHECKS,
    JWE_CHECKS,
    LOGOUT_TOKEN_CHECKS,
    REQUEST_OBJECT_CHECKS,
)
from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.logout_token import EVENT, ExpectedLogoutToken, judge_logout_token
from connectors.request_object import TYPE, ExpectedRequestObject, judge_request_object
from connectors.signatures.jwe import TokenEncryption
from connectors.signatures.jwk import keys_from_jwks, public_jwk
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance
from policies.errors import AssertionRejected, SignatureInvalid
from tests.connectors.token_cases import KID, NOW, keys_for
from tests.connectors_jws.jwe_doubles import encrypted, our_key
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, handmade, token_key

OP, CLIENT = "https://op.example", "ciconia"
CLAIMS: dict[str, dict[str, Json]] = {
    "JWT": {
        "iss": OP,
        "sub": "subject-0001",
        "aud": CLIENT,
        "exp": NOW + 300,
        "iat": NOW,
        "nonce": "n-0S6_WzA2Mj",
        "acr": LevelOfAssurance.HIGH.uri,
        "auth_time": NOW - 30,
    },
    "client-authentication+jwt": {"iss": CLIENT, "sub": CLIENT, "aud": OP, "exp": NOW + 60, "iat": NOW, "jti": "j"},
    TYPE: {"iss": CLIENT, "aud": OP, "exp": NOW + 60, "nbf": NOW, "jti": "j", "client_id": CLIENT, "state": "s"},
    "logout+jwt": {"iss": OP, "aud": CLIENT, "iat": NOW, "exp": NOW + 60, "jti": "j", "sid": "s", "events": {EVENT: {}}},
}
ID_TOKEN = ExpectedIdToken(
    issuer=OP,
    client_id=CLIENT,
    alg="ES256",
    nonce="n-0S6_WzA2Mj",
    minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    max_age=600,
)
NESTED = replace(ID_TOKEN, encrypted=TokenEncryption((our_key(),), "A128GCM"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


ACCEPTED = "accepted"


def verdict(kind: str, token: str, alg: str = "ES256") -> str:
    """The verdict of the server's judge of this kind: the name of a check of its table, or `ACCEPTED`."""
    allowed = {
        "nested": {**ID_TOKEN_CHECKS, **JWE_CHECKS},
        "JWT": ID_TOKEN_CHECKS,
        "logout+jwt": LOGOUT_TOKEN_CHECKS,
        TYPE: REQUEST_OBJECT_CHECKS,
    }
    judges: dict[str, Callable[[], object]] = {
        "nested": lambda: judge_id_token(token, keys_for(alg), replace(NESTED, alg=alg), NOW),
        "JWT": lambda: judge_id_token(token, keys_for(alg), replace(ID_TOKEN, alg=alg), NOW),
        "logout+jwt": lambda: judge_logout_token(token, keys_for(alg), ExpectedLogoutToken(OP, CLIENT, alg), NOW),
    }
    judges[TYPE] = lambda: judge_request_object(token, keys_for(alg), ExpectedRequestObject(CLIENT, OP, alg), NOW)
    other = ExpectedClientAssertion(CLIENT, OP, alg)
    try:
        judges.get(kind, lambda: judge_client_assertion(token, keys_for(alg), other, NOW))()
    except AssertionRejected as refusal:
        known = allowed.get(kind, CLIENT_ASSERTION_CHECKS)
        return refusal.check if refusal.check in known and str(NOW) not in refusal.detail else f"unknown: {refusal!r}"
    return ACCEPTED


def is_refused(said: str) -> bool:
    return said != ACCEPTED and not said.startswith("unknown")


def good(kind: str, alg: str = "ES256") -> str:
    typ = "JWT" if kind == "nested" else kind
    made = handmade({"alg": alg, "kid": KID, "typ": typ}, CLAIMS[typ], token_key(alg))
    return encrypted(made) if kind == "nested" else made


KINDS = ["JWT", "client-authentication+jwt", "logout+jwt", TYPE, "nested"]
WHOLE = {(kind, alg): good(kind, alg) for kind in KINDS for alg in EVERY_ALGORITHM}


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_token_is_accepted(kind: str) -> None:
    for alg in EVERY_ALGORITHM:
        assert verdict(kind, WHOLE[kind, alg], alg) == ACCEPTED


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_token_that_was_changed_anywhere_is_refused_by_name(kind: str, data: st.DataObject) -> None:
    alg = data.draw(st.sampled_from(EVERY_ALGORITHM))
    whole = WHOLE[kind, alg]
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, min(len(whole), begin + 8)))
    put = data.draw(st.text(max_size=6) | st.sampled_from([".", "=", "A", "-", "_", "+", "/", "\n", "\u0661"]))
    changed = whole[:begin] + put + whole[end:]
    said = verdict(kind, changed, alg)
    assert said == ACCEPTED if changed == whole else is_refused(said)


@pytest.mark.parametrize("kind", KINDS[:-1])
@given(header=st.dictionaries(st.sampled_from(["alg", "typ", "kid", "x5t", "crit", "jwk", "b64"]), JSON), claims=JSON)
def test_whatever_the_right_key_signed_is_refused_by_name(kind: str, header: dict[str, Json], claims: Json) -> None:
    for part in (header, {"alg": "ES256", "kid": KID, "typ": kind}):
        assert is_refused(verdict(kind, handmade(part, json.dumps(claims), token_key("ES256"))))


@pytest.mark.parametrize("kind", KINDS[:-1])
@given(data=st.data())
def test_a_claim_of_another_value_is_judged_and_nothing_else_is_raised(kind: str, data: st.DataObject) -> None:
    names = [*CLAIMS[kind], "nbf", "azp", "at_hash", "nonce", "sub", "sid"]
    changes = data.draw(st.dictionaries(st.sampled_from(names), JSON | st.just(NOW), min_size=1, max_size=2))
    made = handmade({"alg": "ES256", "kid": KID, "typ": kind}, {**CLAIMS[kind], **changes}, token_key("ES256"))
    said = verdict(kind, made)
    assert said == ACCEPTED or is_refused(said)


@given(
    keys=JSON | st.lists(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"]), JSON))
)
def test_whatever_is_a_key_set_is_read_or_refused_by_name(keys: Json) -> None:
    for alg in EVERY_ALGORITHM:
        with pytest.raises(SignatureInvalid):
            keys_from_jwks(json.dumps({"keys": keys}), alg)


@given(data=st.data())
def test_a_key_with_a_member_of_another_value_is_read_or_refused_by_name(data: st.DataObject) -> None:
    alg = data.draw(st.sampled_from(EVERY_ALGORITHM))
    members = public_jwk(token_key(alg).public_key())
    changes = data.draw(st.dictionaries(st.sampled_from([*members, "kid", "use", "alg", "key_ops"]), JSON, max_size=2))
    check = "jwk"
    try:
        assert len(keys_from_jwks(json.dumps({"keys": [{**members, **changes}]}), alg)) == 1
    except SignatureInvalid as refusal:
        check = refusal.check
    assert check == "jwk"
