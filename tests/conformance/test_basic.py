"""The plan oidcc-basic-certification-test-plan, and again with response_mode=form_post, module by module.

A test has the name of its module: oidcc-server is `test_server`. Modules that sign in twice within a session are in
`test_sessions.py`.
"""

import json
import re
from urllib.parse import parse_qsl, urlencode

import pytest

from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import base64url, from_base64url, verify
from tests.conformance.suite import ATTRIBUTES, BASIC, PHONE, POST, SCOPE, SECOND, Suite, callback
from tests.idp.web.visitor import CHALLENGE, DIRECT, FORM_TYPE, VERIFIER, login_of


@pytest.mark.spec(
    "Basic OP oidcc-server; Form Post OP oidcc-server; OpenID Connect Core §3.1; OpenID Connect Core §3.1.2.5"
)
@pytest.mark.spec(
    "OpenID Connect Core §3.1.3.3; OpenID Connect Core §3.1.3.6; OpenID Connect Core §5.3; RFC 6749 §4.1.4; RFC 6749 §5.1"
)
@pytest.mark.spec("OpenID Connect Core §3.1.3.1; RFC 6749 §4.1.1; RFC 6749 §4.1.3")
def test_server(suite: Suite) -> None:
    tokens = suite.tokens(suite.code())
    assert set(suite.userinfo(tokens)) == {"sub", *ATTRIBUTES}, (
        "a request without wishes asks for all that its purpose needs"
    )


@pytest.mark.spec(
    "Basic OP oidcc-server-client-secret-post; Form Post OP oidcc-server-client-secret-post; OpenID Connect Core §9"
)
def test_server_client_secret_post(suite: Suite) -> None:
    suite.client = POST
    suite.userinfo(suite.tokens(suite.code()))


@pytest.mark.spec(
    "Basic OP oidcc-response-type-missing; Form Post OP oidcc-response-type-missing; OpenID Connect Core §3.1.2.6"
)
@pytest.mark.spec("RFC 9700 §4.12")
def test_response_type_missing(suite: Suite) -> None:
    assert suite.refusal(suite.authorize(response_type=None))["error"] == "invalid_request"


@pytest.mark.spec("Basic OP oidcc-idtoken-signature; Form Post OP oidcc-idtoken-signature; OpenID Connect Core §10.1")
def test_idtoken_signature(suite: Suite) -> None:
    token = str(suite.tokens(suite.code()).answer.json["id_token"])
    header = json.loads(from_base64url(token.partition(".")[0]))
    keys = suite.visitor.go("GET", "/jwks", headers=DIRECT).json["keys"]
    assert isinstance(keys, list)
    (key,) = [key for key in keys if isinstance(key, dict) and key["kid"] == header["kid"]]
    assert (header["alg"], key["alg"], key["kty"], key["use"]) == ("RS256", "RS256", "RSA", "sig")


@pytest.mark.spec("Basic OP oidcc-idtoken-unsigned; Form Post OP oidcc-idtoken-unsigned")
def test_idtoken_unsigned_is_offered_to_nobody(suite: Suite) -> None:
    assert "none" not in suite.discovery()["id_token_signing_alg_values_supported"]  # type: ignore[operator] # a list


@pytest.mark.parametrize(
    ("method", "place"),
    [
        pytest.param(
            "GET", "header", marks=pytest.mark.spec("Basic OP oidcc-userinfo-get; Form Post OP oidcc-userinfo-get")
        ),
        pytest.param(
            "POST",
            "header",
            marks=pytest.mark.spec("Basic OP oidcc-userinfo-post-header; Form Post OP oidcc-userinfo-post-header"),
        ),
        pytest.param(
            "POST",
            "form",
            marks=pytest.mark.spec("Basic OP oidcc-userinfo-post-body; Form Post OP oidcc-userinfo-post-body"),
        ),
    ],
)
@pytest.mark.spec("OpenID Connect Core §5.3.1")
def test_userinfo(suite: Suite, method: str, place: str) -> None:
    tokens = suite.tokens(suite.code())
    headers = {**DIRECT, "authorization": f"Bearer {tokens.access}"} if place == "header" else DIRECT
    fields = {"access_token": tokens.access} if place == "form" else None
    answer = suite.visitor.go(method, "/userinfo", fields=fields, headers=headers, jar={})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["sub"] == tokens.claims["sub"]


@pytest.mark.spec("Basic OP oidcc-ensure-request-without-nonce-succeeds-for-code-flow")
@pytest.mark.spec("Form Post OP oidcc-ensure-request-without-nonce-succeeds-for-code-flow")
def test_ensure_request_without_nonce_succeeds_for_code_flow(suite: Suite) -> None:
    """With PKCE, as the suite sends it where discovery says so: one of the two has to bind the code."""
    code = suite.code(nonce=None, code_challenge=CHALLENGE, code_challenge_method="S256")
    assert "nonce" not in suite.tokens(code, code_verifier=VERIFIER).claims


PROFILE = {"family_name", "given_name", "birthdate"}
CLAIMS = {
    "profile": PROFILE,
    "email": {"email"},
    "address": {"address"},
    "phone": {"phone_number"},
    "profile email address phone": {*ATTRIBUTES},
}


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param("profile", marks=pytest.mark.spec("Basic OP oidcc-scope-profile; Form Post OP oidcc-scope-profile")),
        pytest.param("email", marks=pytest.mark.spec("Basic OP oidcc-scope-email; Form Post OP oidcc-scope-email")),
        pytest.param("address", marks=pytest.mark.spec("Basic OP oidcc-scope-address; Form Post OP oidcc-scope-address")),
        pytest.param("phone", marks=pytest.mark.spec("Basic OP oidcc-scope-phone; Form Post OP oidcc-scope-phone")),
        pytest.param(
            "profile email address phone", marks=pytest.mark.spec("Basic OP oidcc-scope-all; Form Post OP oidcc-scope-all")
        ),
    ],
)
def test_scope(suite: Suite, scope: str) -> None:
    tokens = suite.tokens(suite.code(scope=f"{SCOPE} {scope}"))
    assert not CLAIMS[scope] & set(tokens.claims), "they come from userinfo"
    found = suite.userinfo(tokens)
    assert set(found) == {"sub", *CLAIMS[scope]}
    if "phone" in scope:
        assert found["phone_number"] == PHONE
    if "address" in scope:
        address = found["address"]
        assert isinstance(address, dict)
        assert address["locality"] == "Storkhaven"


@pytest.mark.spec("Basic OP oidcc-alternate-happy-flow; Form Post OP oidcc-alternate-happy-flow; RFC 6749 §3.3")
def test_alternate_happy_flow(suite: Suite) -> None:
    asked = suite.request(scope="email purpose:conformance openid")
    backwards = urlencode(dict(reversed(asked.items())))
    code = suite.signs_in(suite.visitor.go("GET", f"/authorize?{backwards}"))["code"]
    assert set(suite.userinfo(suite.tokens(code))) == {"sub", "email"}


@pytest.mark.spec("OpenID Connect Core §15.1")
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        pytest.param(
            "display", "page", marks=pytest.mark.spec("Basic OP oidcc-display-page; Form Post OP oidcc-display-page")
        ),
        pytest.param(
            "display", "popup", marks=pytest.mark.spec("Basic OP oidcc-display-popup; Form Post OP oidcc-display-popup")
        ),
        pytest.param(
            "ui_locales", "se", marks=pytest.mark.spec("Basic OP oidcc-ui-locales; Form Post OP oidcc-ui-locales")
        ),
        pytest.param(
            "claims_locales",
            "se",
            marks=pytest.mark.spec("Basic OP oidcc-claims-locales; Form Post OP oidcc-claims-locales"),
        ),
        pytest.param(
            "login_hint",
            "buffy@broker.localhost",
            marks=pytest.mark.spec(
                "Basic OP oidcc-login-hint; Form Post OP oidcc-login-hint; OpenID Connect Core §3.1.2.1 login_hint"
            ),
        ),
        pytest.param(
            "extra",
            "foobar",
            marks=pytest.mark.spec(
                "Basic OP oidcc-ensure-request-with-unknown-parameter-succeeds; "
                "Form Post OP oidcc-ensure-request-with-unknown-parameter-succeeds; RFC 6749 §3.1"
            ),
        ),
    ],
)
def test_a_parameter_that_must_do_no_harm(suite: Suite, parameter: str, value: str) -> None:
    picker = suite.authorize(**{parameter: value})
    assert not {"buffy", "foobar"} & set(re.findall(r"\w+", picker.text)), "nobody else's words stand on our page"
    suite.tokens(suite.signs_in(picker)["code"])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"prompt": "login"},
            marks=pytest.mark.spec(
                "Basic OP oidcc-prompt-login; Form Post OP oidcc-prompt-login; OpenID Connect Core §3.1.2.1 prompt"
            ),
        ),
        pytest.param(
            {"max_age": "1"},
            marks=pytest.mark.spec(
                "Basic OP oidcc-max-age-1; Form Post OP oidcc-max-age-1; OpenID Connect Core §3.1.2.1 max_age"
            ),
        ),
    ],
    ids=["prompt-login", "max-age-1"],
)
def test_the_person_signs_in_a_second_time(suite: Suite, changes: dict[str, str | None]) -> None:
    first = suite.tokens(suite.code())
    suite.visitor.stage.clock.ahead = 2
    picker = suite.authorize(**changes)
    asked = suite.visitor.asked(login_of(picker))
    assert asked, "the person is sent to sign in again"
    second = suite.tokens(suite.code(**changes))
    assert second.claims["sub"] == first.claims["sub"]
    before, after = first.claims["auth_time"], second.claims["auth_time"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after >= before


@pytest.mark.spec(
    "Basic OP oidcc-prompt-none-not-logged-in; Form Post OP oidcc-prompt-none-not-logged-in; OpenID Connect Core §3.1.2.3"
)
def test_prompt_none_not_logged_in(suite: Suite) -> None:
    assert suite.refusal(suite.authorize(prompt="none"))["error"] in {"login_required", "interaction_required"}


@pytest.mark.spec(
    "Basic OP oidcc-ensure-request-with-acr-values-succeeds; Form Post OP oidcc-ensure-request-with-acr-values-succeeds"
)
def test_ensure_request_with_acr_values_succeeds(suite: Suite) -> None:
    levels = suite.discovery()["acr_values_supported"]
    assert isinstance(levels, list)
    claims = suite.tokens(suite.code(acr_values=" ".join(map(str, levels)))).claims
    assert claims["acr"] in levels


@pytest.mark.spec(
    "Basic OP oidcc-codereuse; Form Post OP oidcc-codereuse; OpenID Connect Core §3.1.3.2; OpenID Connect Core §3.1.3.4"
)
def test_codereuse(suite: Suite) -> None:
    code = suite.code()
    suite.tokens(code)
    again = suite.redeem(code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


@pytest.mark.spec(
    "Basic OP oidcc-codereuse-30seconds; Form Post OP oidcc-codereuse-30seconds; "
    "RFC 9700 §4.3.1; OpenID Connect Core §16.11"
)
def test_codereuse_30seconds(suite: Suite) -> None:
    code = suite.code()
    tokens = suite.tokens(code)
    suite.visitor.stage.clock.ahead = 30
    assert suite.userinfo(tokens)
    again = suite.redeem(code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert suite.visitor.userinfo(tokens.access).status == 401, "it is in wrong hands"


@pytest.mark.spec("Basic OP oidcc-ensure-registered-redirect-uri; Form Post OP oidcc-ensure-registered-redirect-uri")
@pytest.mark.spec("RFC 6749 §3.1.2.3; RFC 6749 §3.1.2.4; RFC 6749 §10.6; RFC 6749 §10.15; RFC 9700 §4.1; RFC 9700 §4.11")
@pytest.mark.parametrize(
    "wrong", [f"{callback(BASIC)}?foo=bar", f"{callback(BASIC)}/", callback(SECOND), "https://evil.example/"]
)
def test_ensure_registered_redirect_uri(suite: Suite, wrong: str) -> None:
    answer = suite.authorize(redirect_uri=wrong)
    assert (answer.status, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "location" not in answer.headers
    assert "evil.example" not in answer.text


@pytest.mark.spec("Basic OP oidcc-ensure-post-request-succeeds; Form Post OP oidcc-ensure-post-request-succeeds")
def test_ensure_post_request_succeeds(suite: Suite) -> None:
    headers = {"origin": "https://suite.example", "sec-fetch-site": "cross-site", "content-type": FORM_TYPE}
    picker = suite.visitor.go("POST", "/authorize", fields=suite.request(), headers=headers)
    if picker.status == 303:
        picker = suite.visitor.go("GET", picker.headers["location"].removeprefix(suite.issuer))
    suite.tokens(suite.signs_in(picker)["code"])


UNSIGNED = base64url(b'{"alg":"none"}')


@pytest.mark.spec("Basic OP oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported")
@pytest.mark.spec(
    "Form Post OP oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported; OpenID Connect Core §6.2"
)
def test_request_uri_is_never_fetched(suite: Suite) -> None:
    found = suite.refusal(suite.authorize(request_uri="https://suite.example/requests/1"))
    assert found["error"] in {"request_uri_not_supported", "invalid_request_uri"}


@pytest.mark.spec("Basic OP oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported")
@pytest.mark.spec("Form Post OP oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported")
def test_an_unsigned_request_object_is_refused(suite: Suite) -> None:
    inside = {"client_id": BASIC, "scope": SCOPE, "state": "inside"}
    found = suite.refusal(suite.authorize(request=f"{UNSIGNED}.{base64url(json.dumps(inside).encode())}."))
    assert found["error"] in {"request_not_supported", "invalid_request_object"}


@pytest.mark.spec(
    "Basic OP oidcc-ensure-request-object-with-redirect-uri; Form Post OP oidcc-ensure-request-object-with-redirect-uri"
)
def test_a_redirect_address_in_an_unsigned_request_object_leads_nowhere(suite: Suite) -> None:
    inside = {"client_id": BASIC, "redirect_uri": "https://evil.example/"}
    answer = suite.authorize(request=f"{UNSIGNED}.{base64url(json.dumps(inside).encode())}.")
    assert "evil.example" not in answer.text + answer.headers.get("location", "")
    assert suite.refusal(answer)["error"] in {"request_not_supported", "invalid_request_object"}


@pytest.mark.spec("Basic OP oidcc-claims-essential; Form Post OP oidcc-claims-essential; OpenID Connect Core §5.5.1")
def test_claims_essential(suite: Suite) -> None:
    claims = {"userinfo": {"name": {"essential": True}, "given_name": {"essential": True}}}
    found = suite.userinfo(suite.tokens(suite.code(claims=json.dumps(claims))))
    assert set(found) == {"sub", "given_name"}, "no country has one field for a name, so there is none"


@pytest.mark.spec(
    "Basic OP oidcc-ensure-request-with-valid-pkce-succeeds; Form Post OP oidcc-ensure-request-with-valid-pkce-succeeds"
)
@pytest.mark.spec("RFC 7636 §4.2; RFC 7636 §4.3; RFC 9700 §4.5")
def test_ensure_request_with_valid_pkce_succeeds(suite: Suite) -> None:
    asked = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    code = suite.code(**asked)
    wrong = suite.redeem(code, code_verifier="x" * 43)
    assert (wrong.status, wrong.json["error"]) == (400, "invalid_grant")
    suite.tokens(suite.code(**asked), code_verifier=VERIFIER)
    plain = suite.refusal(suite.authorize(code_challenge=VERIFIER, code_challenge_method="plain"))
    assert plain["error"] == "invalid_request"


def test_the_answers_query_has_each_parameter_once(suite: Suite) -> None:
    location = suite.authorize(response_type=None, response_mode=None).headers["location"]
    names = [name for name, _ in parse_qsl(location.partition("?")[2], strict_parsing=True)]
    assert len(names) == len(set(names))


@pytest.mark.spec("Basic OP oidcc-refresh-token; Form Post OP oidcc-refresh-token; RFC 6749 §6; OpenID Connect Core §12.2")
def test_refresh_token(suite: Suite) -> None:
    first = suite.tokens(suite.code(scope=f"{SCOPE} offline_access", prompt="consent"))
    token = str(first.answer.json["refresh_token"])
    other = suite.refresh(token, SECOND)
    assert (other.status, other.json["error"]) == (400, "invalid_grant"), "it is of its client alone"
    answer = suite.refresh(token)
    assert answer.status == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    access = str(answer.json["access_token"])
    assert access != first.access
    if "id_token" in answer.json:
        jwks = suite.visitor.go("GET", "/jwks", headers=DIRECT).text
        claims = verify(str(answer.json["id_token"]), keys_from_jwks(jwks, "RS256"), alg="RS256", types={"JWT"}).members
        for name in ("iss", "sub", "aud", "auth_time"):
            assert claims[name] == first.claims[name]
    assert suite.visitor.userinfo(access).json["sub"] == first.claims["sub"]
    assert "refresh_token" not in suite.tokens(suite.code()).answer.json, "nobody gets one who did not ask"
