"""The token endpoint and userinfo over HTTP: one code once, for its client and verifier, within its minute."""

import hashlib
import secrets

import pytest

from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import base64url, sign, verify
from connectors.wire.claims import Json
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, VERIFIER, Answer, Visitor

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _refused(answer: Answer, error: str, status: int = 400) -> None:
    """RFC 6749 §5.2: a JSON object with the code, never kept, and no token."""
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "token" not in answer.json
    if status == 401:
        assert answer.headers["www-authenticate"].startswith(("Basic ", "Bearer "))


def _token(visitor: Visitor) -> str:
    return str(visitor.redeem(visitor.code()).json["access_token"])


def test_a_code_gives_both_tokens_once(visitor: Visitor, stage: Stage) -> None:
    code = visitor.code()
    tokens = visitor.redeem(code)
    assert tokens.status == 200
    assert set(tokens.json) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert (tokens.json["token_type"], tokens.json["expires_in"]) == ("Bearer", 300)
    assert (tokens.headers["cache-control"], tokens.headers["pragma"]) == ("no-store", "no-cache")
    jwks = visitor.go("GET", "/jwks", headers=DIRECT).text
    claims = verify(str(tokens.json["id_token"]), keys_from_jwks(jwks, "ES256"), alg="ES256", types={"JWT"}).members
    left = hashlib.sha256(str(tokens.json["access_token"]).encode()).digest()[:16]
    assert claims["iss"] == stage.issuer
    assert claims["aud"] == "parking"
    assert claims["nonce"] == "a-nonce"
    assert claims["at_hash"] == base64url(left)
    assert claims["acr"] == "http://eidas.europa.eu/LoA/high"
    assert isinstance(claims["exp"], int)
    assert isinstance(claims["iat"], int)
    assert claims["exp"] - claims["iat"] == 300
    assert isinstance(claims["auth_time"], int)
    assert "email" not in claims


@pytest.mark.spec("decisions.md 8")
def test_the_same_answer_within_its_minute_gives_no_second_redemption(visitor: Visitor) -> None:
    question = visitor.question()
    code = visitor.decides(question).back["code"]
    assert visitor.redeem(code).status == 200
    again = visitor.decides(question).back["code"]
    assert again == code
    _refused(visitor.redeem(again), "invalid_grant")


def test_repeated_large_and_unreadable_bodies_are_errors_of_oauth(visitor: Visitor, logs: Lines) -> None:
    called = {**DIRECT, "authorization": visitor.basic("parking")}
    _refused(visitor.go("POST", "/token", body=b"code=a&code=b", headers=called), "invalid_request")
    _refused(visitor.go("POST", "/token", body=b"code=" + b"a" * 100_000, headers=called), "invalid_request", 413)
    _refused(visitor.go("POST", "/token", body=b"code=%ff", headers=called), "invalid_request")
    as_json = {**called, "content-type": "application/json"}
    _refused(visitor.go("POST", "/token", body=b"{}", headers=as_json), "invalid_request", 415)
    assert len(logs) == 4
    assert all(line["detail"] for line in logs)


def _assertion(stage: Stage, **changes: Json) -> str:
    now = stage.clock()
    claims: dict[str, Json] = {
        "iss": "fares",
        "sub": "fares",
        "aud": stage.issuer,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    return sign(claims, stage.fares_signer(), alg="ES256", typ="JWT")


def _redeemed_by_fares(visitor: Visitor, code: str, assertion: str) -> Answer:
    return visitor.redeem(
        code,
        authorization="",
        redirect_uri=f"{visitor.stage.city_base}/fares/callback",
        client_assertion_type=JWT_BEARER,
        client_assertion=assertion,
    )


def _fares_code(visitor: Visitor) -> str:
    return visitor.code(client_id="fares", scope="openid purpose:concession-fare")


@pytest.mark.spec("issue 2 item 6: id_token_signed_response_alg")
def test_the_service_that_wants_rs256_gets_it(visitor: Visitor, stage: Stage) -> None:
    code = visitor.code(client_id="budget", scope="openid purpose:participatory-budget")
    redirect = f"{stage.city_base}/budget/callback"
    tokens = visitor.redeem(code, authorization=visitor.basic("budget"), redirect_uri=redirect)
    jwks = visitor.go("GET", "/jwks", headers=DIRECT).text
    claims = verify(str(tokens.json["id_token"]), keys_from_jwks(jwks, "RS256"), alg="RS256", types={"JWT"}).members
    assert claims["aud"] == "budget"


@pytest.mark.spec("decisions.md 27")
@pytest.mark.spec("OpenID Connect Core §8")
def test_sub_is_equal_in_one_sector_and_another_in_another(visitor: Visitor, stage: Stage) -> None:
    parking = visitor.userinfo(_token(visitor)).json["sub"]
    fares = _redeemed_by_fares(visitor, _fares_code(visitor), _assertion(stage)).json["access_token"]
    code = visitor.code(client_id="budget", scope="openid purpose:participatory-budget")
    redirect = f"{stage.city_base}/budget/callback"
    budget = visitor.redeem(code, authorization=visitor.basic("budget"), redirect_uri=redirect).json["access_token"]
    juhan = visitor.userinfo(str(visitor.redeem(visitor.code("juhan")).json["access_token"])).json["sub"]
    same, other = visitor.userinfo(str(fares)).json["sub"], visitor.userinfo(str(budget)).json["sub"]
    assert parking == same
    assert len({parking, other, juhan}) == 3
    assert len(str(parking)) == len(str(other)) == len(str(juhan))


@pytest.mark.spec("RFC 6750 §3; RFC 9700 §4.3.2")
@pytest.mark.spec("OpenID Connect Core §5.3.3")
def test_userinfo_refuses_in_json_whatever_is_wrong(visitor: Visitor) -> None:
    token = _token(visitor)
    nothing = visitor.go("GET", "/userinfo", headers=DIRECT)
    assert (nothing.status, nothing.json) == (401, {})
    assert nothing.headers["www-authenticate"].startswith("Bearer realm=")
    _refused(visitor.go("GET", f"/userinfo?access_token={token}", headers=DIRECT), "invalid_request")
    _refused(visitor.go("GET", "/userinfo?a=1&a=2", headers=DIRECT), "invalid_request")
    _refused(visitor.go("POST", "/userinfo", body=b"a=1&a=2", headers=DIRECT), "invalid_request")
    _refused(
        visitor.go("POST", "/userinfo", body=b"{}", headers={**DIRECT, "content-type": "text/plain"}),
        "invalid_request",
        415,
    )
    for wrong in ("x", token[:-1], token + "A", "A" * 43, "A" * 20_000):
        _refused(visitor.userinfo(wrong), "invalid_token", 401)
    basic = {**DIRECT, "authorization": visitor.basic("parking")}
    answer = visitor.go("GET", "/userinfo", headers=basic)
    assert (answer.status, answer.json, answer.headers["www-authenticate"]) == (
        401,
        {},
        nothing.headers["www-authenticate"],
    )


@pytest.mark.spec("OpenID Connect Core §16.4")
def test_no_token_code_or_secret_is_ever_logged(visitor: Visitor, logs: Lines) -> None:
    code = visitor.code()
    token = str(visitor.redeem(code).json["access_token"])
    visitor.redeem(code)
    visitor.userinfo(token)
    visitor.go("GET", f"/userinfo?access_token={token}", headers=DIRECT)
    visitor.redeem(code, authorization=visitor.basic("parking", "wrong-secret-of-theirs"))
    assert len(logs) == 4
    for secret in (code, token, VERIFIER, visitor.stage.service("parking").secret, "wrong-secret-of-theirs"):
        assert secret not in repr(logs)
