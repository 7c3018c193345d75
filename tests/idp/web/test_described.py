"""OpenAPI describes the endpoints of programs, and real answers are what it says."""

from idp.web.described import Claims, Discovered, KeySet, Refusal, Tokens, openapi
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor

DESCRIBED = {
    "/token": {"post"},
    "/userinfo": {"get", "post"},
    "/.well-known/openid-configuration": {"get"},
    "/jwks": {"get"},
}


def test_every_endpoint_of_a_program_is_described_and_no_page_is(stage: Stage) -> None:
    found = openapi(stage.application.asgi)
    assert {path: set(operations) for path, operations in found["paths"].items()} == DESCRIBED
    assert "HTTPValidationError" not in found["components"]["schemas"], "no refusal quotes what came"
    form = found["paths"]["/token"]["post"]["requestBody"]["content"]
    assert set(form) == {"application/x-www-form-urlencoded"}


def test_what_is_answered_is_what_is_described(visitor: Visitor) -> None:
    for path, model in (("/.well-known/openid-configuration", Discovered), ("/jwks", KeySet)):
        model.model_validate(visitor.go("GET", path, headers=DIRECT).json)
    tokens = Tokens.model_validate(visitor.redeem(visitor.code()).json)
    Claims.model_validate(visitor.userinfo(tokens.access_token).json)
    for refused in (visitor.redeem("none"), visitor.userinfo("none")):
        Refusal.model_validate(refused.json)
