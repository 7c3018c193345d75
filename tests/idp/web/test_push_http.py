"""Pushed and signed requests over HTTP: one request, one client, one answer."""

import hmac
import json
import secrets
import socket

import pytest

from connectors.signatures.jwk import keys_from_jwks, public_jwk
from connectors.signatures.jws import base64url, from_base64url, sign, verify
from connectors.wire.claims import Json
from tests.connectors_jws.jws_doubles import raw_signature, token_key
from tests.idp.staging import Lines
from tests.idp.web.stage import APP, Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor, login_of, query_of

FARE = "openid purpose:concession-fare"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def reference(pushed: Answer) -> str:
    assert pushed.status == 201, pushed.text
    assert pushed.headers["cache-control"] == "no-store"
    assert pushed.json["expires_in"] == 90
    return str(pushed.json["request_uri"])


def refused(answer: Answer, error: str, status: int = 400) -> None:
    assert (answer.status, answer.json["error"]) == (status, error)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/json", "no-store")


def is_over(page: Answer) -> None:
    """A page of ours that leads nowhere, for whoever stands in front of it."""
    assert (page.status, "location" in page.headers) == (400, False)
    assert page.heading == "Please start again"


def approved(visitor: Visitor, picker: Answer) -> Answer:
    question = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
    return visitor.decides(question)


@pytest.mark.spec("RFC 9126 §4; RFC 9126 §7.3; FAPI 2.0 Security Profile §5.3.2.2")
def test_a_pushed_request_is_signed_in_with_once(visitor: Visitor) -> None:
    request_uri = reference(visitor.push(state="pushed"))
    # Whoever reloads begins again, as long as nobody has decided
    first = visitor.comes_with(request_uri)
    second = visitor.comes_with(request_uri, state="in-the-address", redirect_uri="https://evil.example")
    assert (first.status, second.status) == (200, 200)
    left = approved(visitor, second)
    assert left.back["state"] == "pushed"
    assert visitor.redeem(left.back["code"]).status == 200
    is_over(visitor.comes_with(request_uri))
    # The other login of the same request, in another window, is decided as well
    late = visitor.returns(visitor.signs_in(visitor.asked(login_of(first))))
    assert visitor.decides(late).status == 409


def test_one_that_is_cancelled_is_over_too(visitor: Visitor) -> None:
    request_uri = reference(visitor.push())
    login = login_of(visitor.comes_with(request_uri))
    assert visitor.cancels(login).back["error"] == "access_denied"
    is_over(visitor.comes_with(request_uri))


@pytest.mark.spec("RFC 9126 §2.2; RFC 9126 §4")
def test_it_ends_after_ninety_seconds_and_is_nobody_elses(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    request_uri = reference(visitor.push())
    is_over(visitor.comes_with(request_uri, client_id="fares"))
    stage.clock.ahead = 89
    assert visitor.comes_with(request_uri).status == 200
    stage.clock.ahead = 90
    is_over(visitor.comes_with(request_uri))


@pytest.mark.spec("RFC 9126 §2.3")
def test_errors_are_those_of_the_token_endpoint_and_count_as_its_own(visitor: Visitor, logs: Lines) -> None:
    refused(visitor.push({**DIRECT, "authorization": visitor.basic("parking", "wrong")}), "invalid_client", 401)
    refused(visitor.push(redirect_uri="https://evil.example"), "invalid_request")
    refused(visitor.push(unknown="x" * 40_000), "invalid_request", 413)
    refused(visitor.push(unknown="x" * 61_000), "invalid_request", 413)
    called = {**DIRECT, "authorization": visitor.basic("parking")}
    refused(visitor.go("POST", "/par", body=b"a=1&a=2", headers=called, jar={}), "invalid_request")
    assert visitor.go("GET", "/par", headers=called, jar={}).status == 405
    assert [line["path"] for line in logs if "detail" in line][:5] == ["/par"] * 5
    assert "evil" not in str(list(logs))


def test_an_app_pushes_without_a_secret_and_from_pages_of_its_own_origin_alone(visitor: Visitor, stage: Stage) -> None:
    app = {"client_id": APP, "redirect_uri": f"{stage.city_base}/app/callback"}
    assert visitor.comes_with(reference(visitor.push(DIRECT, **app)), client_id=APP).status == 200
    page = {**DIRECT, "sec-fetch-site": "cross-site", "sec-fetch-dest": "empty", "origin": stage.city_base}
    pushed = visitor.push(page, **app)
    assert visitor.comes_with(reference(pushed), client_id=APP).status == 200
    assert pushed.headers["access-control-allow-origin"] == stage.city_base
    refused(visitor.push({**page, "origin": "https://evil.example"}, **app), "invalid_request", 403)
    # A page cannot push for a client with a secret
    refused(visitor.push({**page, "authorization": visitor.basic("parking")}), "invalid_request", 403)


def fares(stage: Stage, **changes: Json) -> dict[str, Json]:
    """The tokens of fares, both."""
    now = stage.clock()
    return {"iss": "fares", "aud": stage.issuer, "jti": secrets.token_urlsafe(16), "exp": now + 60, **changes}


def signed_request(visitor: Visitor, **changes: Json) -> str:
    stage = visitor.stage
    asked: dict[str, Json] = {**visitor.request(client_id="fares", scope=FARE)}
    claims: dict[str, Json] = {**asked, **fares(stage), "nbf": stage.clock(), **changes}
    return sign(claims, stage.fares_signer(), alg="ES256", typ="oauth-authz-req+jwt")


def pushed_by_fares(visitor: Visitor, token: str) -> Answer:
    stage = visitor.stage
    proof = sign({**fares(stage), "sub": "fares"}, stage.fares_signer(), alg="ES256", typ="client-authentication+jwt")
    fields = {"request": token, "client_assertion": proof, "client_assertion_type": JWT_BEARER, "client_id": "fares"}
    return visitor.go("POST", "/par", fields=fields, headers=DIRECT, jar={})


@pytest.mark.spec("RFC 9101 §5; RFC 9101 §5.1; RFC 9126 §3; JARM §2.3.1")
def test_a_signed_request_comes_by_value_or_pushed_and_is_answered_by_a_signed_one(visitor: Visitor, stage: Stage) -> None:
    token = signed_request(visitor, response_mode="jwt")
    picker = visitor.authorize(client_id="fares", request=token, state="outside", response_mode="form_post")
    response = approved(visitor, picker).back["response"]
    jwks = visitor.go("GET", "/jwks", headers=DIRECT).text
    claims = verify(response, keys_from_jwks(jwks, "ES256"), alg="ES256", types={"JWT"}).members
    assert (claims["iss"], claims["aud"], claims["state"]) == (stage.issuer, "fares", "a-state")
    # Answered once: the same object begins a login, and ends none
    again = visitor.authorize(client_id="fares", request=token)
    assert approved(visitor, again).status == 409
    pushed = pushed_by_fares(visitor, signed_request(visitor))
    assert approved(visitor, visitor.comes_with(reference(pushed), client_id="fares")).back["code"]


@pytest.mark.spec("security.md §2.2")
def test_a_signed_request_has_one_use_in_both_ways(visitor: Visitor) -> None:
    first, second = signed_request(visitor), signed_request(visitor)
    began = [visitor.authorize(client_id="fares", request=token) for token in (first, second)]
    assert approved(visitor, began[0]).status in (200, 303)
    refused(pushed_by_fares(visitor, first), "invalid_request_object")
    assert approved(visitor, visitor.comes_with(reference(pushed_by_fares(visitor, second)), client_id="fares")).back[
        "code"
    ]
    assert approved(visitor, began[1]).status == 409


def test_a_signed_request_that_was_changed_goes_back_to_the_verified_address_alone(visitor: Visitor) -> None:
    token = signed_request(visitor, redirect_uri="https://evil.example/")
    page = visitor.authorize(client_id="fares", request=token)
    assert (page.status, "evil" in page.text) == (400, False)
    location = visitor.authorize(client_id="fares", request=token[:-6] + "AAAAAA", state="outside").headers["location"]
    assert location.startswith(visitor.stage.city_base)
    assert query_of(location)["error"] == "invalid_request_object"


def head_of(alg: str, typ: str = "oauth-authz-req+jwt") -> str:
    return base64url(json.dumps({"alg": alg, "typ": typ}).encode())


def hostile(visitor: Visitor) -> dict[str, str]:
    """Objects as an attacker makes them who knows all that is public."""
    good = signed_request(visitor)
    head, body, signature = good.split(".")
    public = visitor.stage.fares_signer().public_key
    jwk: dict[str, Json] = {**public_jwk(public)}
    own: Json = {**public_jwk(token_key("ES256", 3).public_key())}

    def signed(header: dict[str, Json]) -> str:
        octets = f"{base64url(json.dumps(header).encode())}.{body}"
        return f"{octets}.{base64url(raw_signature(token_key('ES256', 3), octets.encode()))}"

    def by_hmac(secret: bytes) -> str:
        octets = f"{head_of('HS256')}.{body}"
        return f"{octets}.{base64url(hmac.digest(secret, octets.encode(), 'sha256'))}"

    twice = base64url(from_base64url(body)[:-1] + b',"scope":"openid"}')
    return {
        "none": f"{head_of('none')}.{body}.",
        "None": f"{head_of('None')}.{body}.{signature}",
        "HS256 with the public key": by_hmac(json.dumps(jwk).encode()),
        "HS256 with nothing": by_hmac(b""),
        "its own key": signed({"alg": "ES256", "jwk": own}),
        "an address of a key": signed({"alg": "ES256", "jku": "https://evil.example/jwks"}),
        "a certificate": signed({"alg": "ES256", "x5c": ["AAAA"]}),
        "a foreign key of no name": signed({"alg": "ES256"}),
        "crit": signed({"alg": "ES256", "crit": ["x"], "x": 1}),
        "b64": signed({"alg": "ES256", "b64": False, "crit": ["b64"]}),
        "no signature": f"{head}.{body}.",
        "a member twice": f"{head}.{twice}.{signature}",
        "JSON": json.dumps({"payload": body, "protected": head, "signature": signature}),
        "five parts": f"{head}..{body}.{signature}.{signature}",
        "a client assertion": sign(
            {**fares(visitor.stage), "sub": "fares"}, visitor.stage.fares_signer(), alg="ES256", typ="JWT"
        ),
        "an id_token of ours": f"{head_of('ES256', 'JWT')}.{body}.{signature}",
    }


@pytest.mark.spec("RFC 9101 §6.2; RFC 9101 §10.8; security.md §2.2: alg none, HS confusion, embedded jwk, crit")
def test_no_hostile_object_begins_a_login(visitor: Visitor) -> None:
    for name, token in hostile(visitor).items():
        answer = visitor.authorize(client_id="fares", request=token)
        assert answer.status == 303, name
        assert query_of(answer.headers["location"])["error"] == "invalid_request_object", name
        fields = {"client_id": "fares", "client_assertion": token, "client_assertion_type": JWT_BEARER}
        if name != "a client assertion":
            refused(visitor.go("POST", "/par", fields=fields, headers=DIRECT, jar={}), "invalid_client", 401)


@pytest.mark.spec("RFC 9101 §10.8; security.md §2.2: Cross-JWT confusion")
def test_a_signed_request_authenticates_nobody(visitor: Visitor) -> None:
    token = signed_request(visitor)
    fields = {"client_id": "fares", "client_assertion": token, "client_assertion_type": JWT_BEARER}
    for path in ("/par", "/token"):
        refused(visitor.go("POST", path, fields=fields, headers=DIRECT, jar={}), "invalid_client", 401)


@pytest.mark.spec("RFC 9101 §10.4; security.md §2.2: request_uri SSRF")
def test_nobody_is_asked_at_an_address_that_a_request_names(visitor: Visitor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.0)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/request.jwt"
        location = visitor.authorize(request_uri=address).headers["location"]
        assert query_of(location)["error"] == "request_uri_not_supported"
        refused(visitor.push(request_uri=address), "invalid_request")
        with pytest.raises(BlockingIOError):
            listening.accept()
