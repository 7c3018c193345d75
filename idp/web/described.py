"""The machine endpoints as OpenAPI describes them: the models of their forms and answers.

Handlers make their answers themselves, byte for byte as the standards say, and read forms by our own reader, which refuses
a repeated parameter (docs/decisions/0001). So these models describe; a test holds real answers against them.
"""

import warnings
from typing import Any, Literal  # Any: of what the framework's keyword arguments are

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """A form of `/token` (RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 7523 §2.2)."""

    grant_type: Literal["authorization_code"]
    code: str
    redirect_uri: str
    code_verifier: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    client_assertion_type: str | None = None
    client_assertion: str | None = None


class Tokens(BaseModel):
    """RFC 6749 §5.1, OpenID Connect Core §3.1.3.3."""

    model_config = ConfigDict(extra="forbid")
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str | None = None
    id_token: str


class Refusal(BaseModel):
    """RFC 6749 §5.2."""

    model_config = ConfigDict(extra="forbid")
    error: str
    error_description: str
    error_uri: str | None = None


class Claims(BaseModel):
    """OpenID Connect Core §5.3.2: the attributes that were released, and always `sub`."""

    model_config = ConfigDict(extra="allow")
    sub: str


class Discovered(BaseModel):
    """OpenID Connect Discovery §3."""

    model_config = ConfigDict(extra="allow")
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]


class KeySet(BaseModel):
    """RFC 7517 §5."""

    model_config = ConfigDict(extra="forbid")
    keys: list[dict[str, str]]


def described(
    answer: type[BaseModel], *refused: int, form: type[BaseModel] | None = None
) -> dict[str, Any]:  # Any: see the import
    """The OpenAPI description of a route: its answer, the statuses of a refusal, and its form."""
    responses = {200: {"model": answer}, **{status: {"model": Refusal} for status in refused}}
    if form is None:
        return {"responses": responses}
    content = {"application/x-www-form-urlencoded": {"schema": form.model_json_schema()}}
    return {"responses": responses, "openapi_extra": {"requestBody": {"required": True, "content": content}}}


def openapi(app: FastAPI) -> dict[str, Any]:  # Any: see the import
    """The OpenAPI document, without HEAD (the GET without its body) and the names that methods of a route share."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of those names
        found = app.openapi()
    for operations in found["paths"].values():
        operations.pop("head", None)
        for operation in operations.values():
            operation.pop("operationId", None)
    return found
