"""OpenAPI describes the endpoints of programs, and real answers are what it says."""

from collections.abc import Mapping

import pytest

from idp.pages.wording import MOVES
from idp.web.described import (
    JsonWebKeySet,
    OAuthError,
    ProblemDetails,
    ProviderMetadata,
    PushedResponse,
    ReceiptFile,
    TokenResponse,
    UserInfo,
    openapi,
)
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor

DESCRIBED = {
    "/token": {"post"},
    "/par": {"post"},
    "/userinfo": {"get", "post"},
    "/device_authorization": {"post"},
    "/userinfo/receipt": {"post"},
    "/introspect": {"post"},
    "/revoke": {"post"},
    "/why": {"post"},
    "/.well-known/openid-configuration": {"get"},
    "/jwks": {"get"},
    "/countries.json": {"get"},
    "/log/checkpoint": {"get"},
    "/log/vkey": {"get"},
    "/log/proof": {"get"},
    "/log/tile/{tile}": {"get"},
    "/log/years/{year}": {"get"},
    "/healthz": {"get"},
    "/saml/metadata": {"get"},
    "/mdq/entities/{entity}": {"get"},
    "/saml/bodies": {"get"},
    "/saml/bodies/{place}": {"get"},
    "/saml/idp": {"get"},
    "/saml/artifact": {"post"},
    "/saml/ecp": {"post"},
    "/saml/metadata/demo-ee": {"get"},
    "/oidc/jwks": {"get"},
    "/oidc/backchannel/{provider}": {"post"},
}


def test_every_endpoint_of_a_program_is_described_and_no_page_is(stage: Stage) -> None:
    found = openapi(stage.application.asgi)
    assert {path: set(operations) for path, operations in found["paths"].items()} == DESCRIBED
    assert "HTTPValidationError" not in found["components"]["schemas"], "no refusal quotes what came"
    form = found["paths"]["/token"]["post"]["requestBody"]["content"]
    assert set(form) == {"application/x-www-form-urlencoded"}
    for path, method in (("/token", "post"), ("/par", "post"), ("/userinfo", "get"), ("/userinfo", "post")):
        operation = found["paths"][path][method]
        assert [(one["name"], one["in"]) for one in operation["parameters"]] == [("DPoP", "header")]
        assert "DPoP-Nonce" in operation["responses"]["400"]["headers"]


def test_what_is_answered_is_what_is_described(visitor: Visitor) -> None:
    for path, model in (("/.well-known/openid-configuration", ProviderMetadata), ("/jwks", JsonWebKeySet)):
        model.model_validate(visitor.go("GET", path, headers=DIRECT).json)
    tokens = TokenResponse.model_validate(visitor.redeem(visitor.code()).json)
    pushed = visitor.push()
    assert pushed.status == 201
    PushedResponse.model_validate(pushed.json)
    UserInfo.model_validate(visitor.userinfo(tokens.access_token).json)
    credentials = {**DIRECT, "authorization": visitor.basic("parking")}
    fields = {"access_token": tokens.access_token}
    ReceiptFile.model_validate(visitor.go("POST", "/userinfo/receipt", fields=fields, headers=credentials, jar={}).json)
    for refused in (visitor.redeem("none"), visitor.userinfo("none")):
        OAuthError.model_validate(refused.json)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/.well-known/openid-configuration", {}, 200),
        ("GET", "/jwks", {}, 200),
        ("POST", "/token", {}, 401),
        ("POST", "/par", {}, 401),
        ("POST", "/par", {"content-type": "text/plain"}, 415),
        ("POST", "/par", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", "/token", {"content-type": "text/plain"}, 415),
        ("POST", "/token", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", "/userinfo", {}, 401),
        ("POST", "/userinfo/receipt", {}, 401),
        ("POST", "/userinfo/receipt", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", "/introspect", {}, 401),
        ("POST", "/introspect", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", "/revoke", {}, 401),
        ("POST", "/why", {}, 401),
        ("POST", "/why", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", "/countries.json", {}, 200),
        ("GET", "/log/vkey", {}, 200),
        ("GET", "/log/proof", {}, 400),
        ("GET", f"/log/proof?leaf={'0' * 64}", {}, 404),
        ("GET", "/saml/metadata", {}, 200),
    ],
)
def test_each_status_and_its_media_type_are_described(
    visitor: Visitor, method: str, path: str, headers: Mapping[str, str], status: int
) -> None:
    answer: Answer = visitor.go(method, path, headers={**DIRECT, **headers})
    assert answer.status == status
    responses = openapi(visitor.stage.application.asgi)["paths"][path.partition("?")[0]][method.lower()]["responses"]
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in responses[str(status)]["content"]


@pytest.mark.spec("RFC 9457 §3")
@pytest.mark.parametrize("path", ["/log/proof", "/log/proof?leaf=x", "/log/proof?leaf=<script>&other=1"])
def test_an_error_that_is_none_of_oauth_is_a_problem_without_a_word_of_the_request(visitor: Visitor, path: str) -> None:
    answer = visitor.go("GET", path, headers={**DIRECT, "accept": "text/html"})
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    found = ProblemDetails.model_validate(answer.json)
    assert (found.type, found.status) == ("about:blank", 400)
    assert found.code in MOVES
    assert "script" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    page = visitor.go("GET", "/nothing-here", headers=DIRECT)
    assert page.headers["content-type"].startswith("text/html"), "what is no endpoint for programs answers people"
