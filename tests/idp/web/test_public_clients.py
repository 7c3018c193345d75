"""Public clients over HTTP: a name, a verifier and a registered place, no secret; and which pages may read what."""

import base64
from collections.abc import Mapping

import pytest

from tests.idp.web.stage import APP, LOOPBACK, SCHEME, Stage
from tests.idp.web.visitor import DIRECT, VERIFIER, Answer, Visitor

ALLOWED, CREDENTIALS = "access-control-allow-origin", "access-control-allow-credentials"
# What a browser sends where a page of another site asks by fetch
FETCHED: Mapping[str, str | None] = {
    **DIRECT,
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "cors",
    "sec-fetch-dest": "empty",
}
DOCUMENTS = ("/.well-known/openid-configuration", "/jwks")
NOBODYS = "https://evil.example"


def _code(visitor: Visitor, redirect: str = "", client: str = APP) -> str:
    address = redirect or _callback(visitor.stage, client)
    return visitor.code(client_id=client, redirect_uri=address)


def _callback(stage: Stage, client: str = APP) -> str:
    return f"{stage.city_base if client == APP else stage.other_origin}/app/callback"


def _redeem(visitor: Visitor, given: str, headers: Mapping[str, str | None] = DIRECT, **changes: str | None) -> Answer:
    """The token endpoint, as the app calls it, but for `changes`."""
    wanted: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": _callback(visitor.stage),
        "code_verifier": VERIFIER,
        "client_id": APP,
        **changes,
    }
    fields = {name: value for name, value in wanted.items() if value is not None}
    return visitor.go("POST", "/token", fields=fields, headers=headers, jar={})


def _from(origin: str | None, **more: str) -> Mapping[str, str | None]:
    return {**FETCHED, "origin": origin, **more}


def _readable(answer: Answer, origin: str) -> bool:
    """Whether a browser lets a page of this origin read the answer, which never says more than that."""
    assert answer.headers["vary"].lower().split(", ").count("origin") == 1
    assert CREDENTIALS not in answer.headers
    assert answer.headers.get(ALLOWED) in (None, origin), "another page's"
    return answer.headers.get(ALLOWED) == origin


def _refused(answer: Answer, status: int, error: str) -> str:
    assert (answer.status, answer.json["error"]) == (status, error)
    assert "token" not in answer.text.replace("token ", "")
    return str(answer.json["error_description"])


def test_a_page_of_the_apps_own_origin_signs_a_citizen_in_without_a_secret(visitor: Visitor, stage: Stage) -> None:
    tokens = _redeem(visitor, _code(visitor), _from(stage.city_base))
    assert tokens.status == 200
    assert _readable(tokens, stage.city_base)
    answer = visitor.go(
        "GET", "/userinfo", headers=_from(stage.city_base, authorization=f"Bearer {tokens.json['access_token']}"), jar={}
    )
    assert answer.json["age_over_18"] is True
    assert _readable(answer, stage.city_base)


# -- who it is ---------------------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 6749 §2.1; RFC 6749 §2.3")
def test_a_public_client_that_sends_a_secret_is_refused_and_its_code_stays_good(visitor: Visitor) -> None:
    code = _code(visitor)
    pair = "Basic " + base64.b64encode(b"app:secret").decode()
    ways: tuple[tuple[Mapping[str, str | None], dict[str, str]], ...] = (
        ({**DIRECT, "authorization": pair}, {}),
        ({**DIRECT, "authorization": visitor.basic("parking")}, {}),
        (DIRECT, {"client_secret": "secret"}),
        (DIRECT, {"client_assertion": "x"}),
        (DIRECT, {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}),
    )
    for headers, fields in ways:
        assert "public" in _refused(_redeem(visitor, code, headers, **fields), 401, "invalid_client")
    _refused(_redeem(visitor, code, {**DIRECT, "authorization": pair}, client_id=None), 401, "invalid_client")
    assert _redeem(visitor, code).status == 200


def test_a_client_with_a_secret_that_sends_none_is_refused(visitor: Visitor, stage: Stage) -> None:
    code = visitor.code()
    redirect = f"{stage.city_base}/parking/callback"
    for client in ("parking", "fares", "nobody", "", None):
        _refused(_redeem(visitor, code, client_id=client, redirect_uri=redirect), 401, "invalid_client")
    # The public client beside it is another client
    _refused(_redeem(visitor, code, redirect_uri=redirect), 400, "invalid_grant")
    assert visitor.redeem(code).status == 200


@pytest.mark.spec("RFC 8252 §8.1; RFC 9700 §2.1.1")
def test_a_public_client_without_the_verifier_gets_nothing(visitor: Visitor) -> None:
    code = _code(visitor)
    for verifier in (None, "A" * 43):
        _refused(_redeem(visitor, code, code_verifier=verifier), 400, "invalid_grant")
    for changes in ({"code_challenge": None}, {"code_challenge_method": "plain"}, {"code_challenge": ""}):
        back = visitor.authorize(client_id=APP, redirect_uri=SCHEME, **changes).headers["location"]
        assert "error=invalid_request" in back


def test_a_receipt_is_for_who_can_prove_who_it_is(visitor: Visitor, stage: Stage) -> None:
    token = str(_redeem(visitor, _code(visitor)).json["access_token"])
    fields = {"access_token": token, "client_id": APP}
    answer = visitor.go("POST", "/userinfo/receipt", fields=fields, headers=DIRECT, jar={})
    _refused(answer, 401, "invalid_client")
    page = visitor.go("POST", "/userinfo/receipt", fields=fields, headers=_from(stage.city_base), jar={})
    _refused(page, 403, "invalid_request")
    assert ALLOWED not in page.headers


@pytest.mark.spec("RFC 8252 §8.6; RFC 9700 §4.14")
def test_a_public_client_gets_the_question_each_time_and_never_an_answer_without_it(visitor: Visitor) -> None:
    asked = {"client_id": APP, "redirect_uri": SCHEME}
    visitor.code(**asked)
    assert visitor.question(**asked).found("//button[@value='approve']/@value") == ["approve"]
    silent = visitor.authorize(**asked, prompt="none")
    assert silent.headers["location"].startswith(f"{SCHEME}?error=interaction_required&")


# -- where an answer goes ----------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 8252 §7.3")
@pytest.mark.parametrize(
    "address", [LOOPBACK, "http://127.0.0.1:1/done", "http://127.0.0.1:65535/done", "http://[::1]:51004/done"]
)
def test_a_loopback_address_takes_every_port_and_the_code_is_bound_to_that_one(visitor: Visitor, address: str) -> None:
    code = _code(visitor, address)
    for other in (LOOPBACK.replace("/done", ":8080/done"), SCHEME, None):
        _refused(_redeem(visitor, code, redirect_uri=other), 400, "invalid_grant")
    assert _redeem(visitor, code, redirect_uri=address).status == 200


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:51004/done",
        "http://127.0.0.1.evil.example/done",
        "http://2130706433/done",
        "https://127.0.0.1:51004/done",
        "org.storkhaven.app:/done/",
        "org.storkhaven.app://done",
        "org.storkhaven.other:/done",
    ],
)
def test_an_address_that_only_looks_like_a_registered_one_gets_no_redirect(visitor: Visitor, address: str) -> None:
    answer = visitor.authorize(client_id=APP, redirect_uri=address)
    assert answer.status == 400
    assert "location" not in answer.headers


def test_nothing_is_posted_to_an_apps_own_scheme_which_would_lose_it(visitor: Visitor) -> None:
    answer = visitor.authorize(client_id=APP, redirect_uri=SCHEME, response_mode="form_post")
    assert answer.headers["location"].startswith(f"{SCHEME}?error=invalid_request&")
    posted = visitor.question(client_id=APP, redirect_uri="http://[::1]:7/done", response_mode="form_post")
    assert visitor.decides(posted).found("//main//form/@action") == ["http://[::1]:7/done"]


# -- which page may read what ------------------------------------------------------------------------------------------


@pytest.mark.spec("Fetch §3.2")
@pytest.mark.parametrize("path", DOCUMENTS)
def test_what_is_public_is_read_by_pages_of_every_registered_origin_and_no_other(
    visitor: Visitor, stage: Stage, path: str
) -> None:
    for origin in (stage.city_base, stage.other_origin):
        answer = visitor.go("GET", path, headers=_from(origin), jar={})
        assert answer.status == 200
        assert _readable(answer, origin)
    for origin in (NOBODYS, "null", stage.city_base.upper(), stage.city_base + "/", stage.issuer, "", "*"):
        answer = visitor.go("GET", path, headers=_from(origin), jar={})
        assert answer.status == 200
        assert not _readable(answer, origin)
    # A cache keeps it for whoever comes next
    assert not _readable(visitor.go("GET", path, headers=DIRECT, jar={}), "")


def test_a_page_of_another_origin_redeems_nothing_and_the_code_stays_good(visitor: Visitor, stage: Stage) -> None:
    code = _code(visitor)
    for origin in (stage.other_origin, NOBODYS, "null", "", stage.city_base + "."):
        for headers in (_from(origin), {**DIRECT, "origin": origin}):
            answer = _redeem(visitor, code, headers)
            _refused(answer, 403, "invalid_request")
            assert not _readable(answer, origin)
    assert not _readable(_redeem(visitor, code, _from(None)), "")
    assert _redeem(visitor, code, _from(stage.city_base)).status == 200


def test_no_page_redeems_for_a_client_with_a_secret(visitor: Visitor, stage: Stage) -> None:
    code = visitor.code()
    redirect = f"{stage.city_base}/parking/callback"
    for client in ("parking", APP, "nobody", None):
        headers = _from(stage.city_base, authorization=visitor.basic("parking"))
        answer = _redeem(visitor, code, headers, client_id=client, redirect_uri=redirect)
        assert answer.status in (401, 403)
        assert "access_token" not in answer.text
    answer = _redeem(visitor, code, _from(stage.city_base), client_id="parking", redirect_uri=redirect)
    assert not _readable(answer, stage.city_base), "its client has no page"
    assert visitor.redeem(code).status == 200


def test_the_app_can_read_what_is_wrong_with_its_own_request(visitor: Visitor, stage: Stage) -> None:
    code = _code(visitor)
    changed: tuple[dict[str, str | None], ...] = (
        {"code_verifier": "short"},
        {"grant_type": "password"},
        {"client_secret": "x"},
        {"code": None},
    )
    for changes in changed:
        answer = _redeem(visitor, code, _from(stage.city_base), **changes)
        assert answer.status in (400, 401)
        assert _readable(answer, stage.city_base), changes
    for headers in (_from(stage.city_base), _from(stage.city_base, authorization="Bearer " + "A" * 43)):
        answer = visitor.go("GET", "/userinfo", headers=headers, jar={})
        assert answer.status == 401
        assert _readable(answer, stage.city_base)
        assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]


def test_an_access_token_is_of_use_in_no_page_but_of_its_own_client(visitor: Visitor, stage: Stage) -> None:
    own = str(_redeem(visitor, _code(visitor)).json["access_token"])
    confidential = str(visitor.redeem(visitor.code()).json["access_token"])
    for token, origin in (
        (own, stage.other_origin),
        (own, NOBODYS),
        (own, "null"),
        (confidential, stage.city_base),
        (confidential, NOBODYS),
    ):
        answer = visitor.go("GET", "/userinfo", headers=_from(origin, authorization=f"Bearer {token}"), jar={})
        _refused(answer, 403, "invalid_request")
        assert not _readable(answer, origin)
        assert "age_over_18" not in answer.text
    assert visitor.userinfo(own).status == 200
    assert visitor.userinfo(confidential).status == 200


@pytest.mark.spec("Fetch §4.8")
@pytest.mark.parametrize(
    ("path", "method"), [("/userinfo", "GET"), ("/token", "POST"), *((one, "GET") for one in DOCUMENTS)]
)
def test_a_preflight_is_answered_for_registered_origins_alone(
    visitor: Visitor, stage: Stage, path: str, method: str
) -> None:
    asked = {"access-control-request-method": method, "access-control-request-headers": "authorization"}
    answer = visitor.go("OPTIONS", path, headers=_from(stage.city_base, **asked), jar={})
    assert answer.status == 204
    assert _readable(answer, stage.city_base)
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type, dpop"
    for origin in (NOBODYS, "null"):
        answer = visitor.go("OPTIONS", path, headers=_from(origin, **asked), jar={})
        assert answer.status == 403
        assert not _readable(answer, origin)
        assert "access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize("path", ["/authorize", "/userinfo/receipt", "/receipt.json", "/log/checkpoint", "/saml/acs"])
def test_no_other_address_is_read_by_any_page(visitor: Visitor, stage: Stage, path: str) -> None:
    asked = {"access-control-request-method": "POST"}
    for method, more in (("OPTIONS", asked), ("GET", {})):
        answer = visitor.go(method, path, headers=_from(stage.city_base, **more), jar={})
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_request_that_names_two_origins_is_of_none(visitor: Visitor, stage: Stage) -> None:
    raw = [(b"host", stage.issuer.partition("//")[2].encode()), *((b"origin", stage.city_base.encode()),) * 2]
    port = stage.issuer.rpartition(":")[2]
    response = visitor.http.request("GET", f"http://127.0.0.1:{port}/jwks", headers=raw)
    assert response.status_code == 200
    assert ALLOWED not in response.headers
