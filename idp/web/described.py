"""Describes the machine endpoints for OpenAPI: the models of their forms and answers.

Handlers make their answers themselves, byte for byte as the standards say, and read forms by our own reader, which refuses
a repeated parameter (docs/decisions/0001). So these models describe; a test holds real answers against them.
"""

import warnings
from typing import Any, Literal  # Any: of what the framework's keyword arguments are

from fastapi import FastAPI
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from idp.web.problems import MEDIA_TYPE as PROBLEM

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PROOF = {"name": "DPoP", "in": "header", "required": False, "schema": {"type": "string", "format": "jwt"}}


class ClientCredentials(BaseModel):
    """RFC 6749 §2.3.1, RFC 7523 §2.2. A header may say the same."""

    client_id: str | None = None
    client_secret: str | None = None
    client_assertion_type: str | None = None
    client_assertion: str | None = None


class TokenRequest(ClientCredentials):
    """RFC 6749 §4.1.3 and §6, RFC 7636 §4.5, RFC 8628 §3.4: a code of either kind, or a refresh token."""

    grant_type: Literal["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    code: str | None = None
    redirect_uri: str | None = None
    code_verifier: str | None = None
    device_code: str | None = None
    refresh_token: str | None = None
    scope: str | None = None


class DeviceAuthorizationRequest(ClientCredentials):
    """RFC 8628 §3.1, with what of an authentication request a kiosk may send."""

    scope: str
    claims: str | None = None
    acr_values: str | None = None
    ui_locales: str | None = None
    nonce: str | None = None


class DeviceAnswer(BaseModel):
    """RFC 8628 §3.2, without verification_uri_complete."""

    model_config = ConfigDict(extra="forbid")
    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int


class LogoutTokenRequest(BaseModel):
    """Back-Channel Logout 1.0 §2.5."""

    logout_token: str


class LogoutTaken(BaseModel):
    """Back-Channel Logout 1.0 §2.8: the status says all."""

    model_config = ConfigDict(extra="forbid")


class RevocationRequest(ClientCredentials):
    """RFC 7009 §2.1."""

    token: str
    token_type_hint: str | None = None


class Revoked(BaseModel):
    """RFC 7009 §2.2: the status says all."""

    model_config = ConfigDict(extra="forbid")


class IntrospectionRequest(RevocationRequest):
    """RFC 7662 §2.1."""


class Introspected(BaseModel):
    """RFC 7662 §2.2: `active` alone, or with what the resource server may know. Never a value of the citizen."""

    model_config = ConfigDict(extra="forbid")
    active: bool
    iss: str | None = None
    aud: str | None = None
    client_id: str | None = None
    scope: str | None = None
    token_type: Literal["Bearer", "DPoP"] | None = None
    iat: int | None = None
    exp: int | None = None
    auth_time: int | None = None
    acr: str | None = None
    sub: str | None = None
    cnf: dict[str, str] | None = None


class PushedRequest(ClientCredentials):
    """RFC 9126 §2.1: the parameters of an authorization request, or `request` with a signed one (§3)."""

    model_config = ConfigDict(extra="allow")
    response_type: Literal["code"] | None = None
    redirect_uri: str | None = None
    scope: str | None = None
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    code_challenge_method: Literal["S256"] | None = None
    dpop_jkt: str | None = None
    request: str | None = None


class PushedResponse(BaseModel):
    """RFC 9126 §2.2."""

    model_config = ConfigDict(extra="forbid")
    request_uri: str
    expires_in: int


class ClientMetadata(BaseModel):
    """RFC 7591 §2: what of it counts here. A client that changes its registration adds its client_id (RFC 7592 §2.2)."""

    model_config = ConfigDict(extra="allow")
    redirect_uris: list[str]
    client_name: str | None = None
    client_id: str | None = None
    token_endpoint_auth_method: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    id_token_signed_response_alg: str | None = None
    jwks: dict[str, Any] | None = None  # Any: keys of any type


class ClientInformation(ClientMetadata):
    """RFC 7591 §3.2.1, RFC 7592 §3; secrets and tokens where they are new."""

    client_id: str
    client_id_issued_at: int
    registration_client_uri: str
    registration_access_token: str | None = None
    client_secret: str | None = None
    client_secret_expires_at: int | None = None
    pending_approval: bool | None = None


class ReceiptRequest(ClientCredentials):
    """Ours: the access token of the release, beside the client's credentials."""

    access_token: str


class WhyRequest(ClientCredentials):
    """Ours: the reference on a citizen's page."""

    reference: str


class OwnStep(BaseModel):
    """A step of a sign-in on the service's own leg. `code` and `check` are "" where nothing failed."""

    model_config = ConfigDict(extra="forbid")
    time: str
    leg: Literal["service"]
    party: str
    step: str
    code: str
    check: str
    at_most_kib: int
    says: str
    move: str | None = None


class OwnSteps(BaseModel):
    """The recorded steps of the service's own leg; no steps where nothing is, or it is not the service's."""

    model_config = ConfigDict(extra="forbid")
    reference: str | None = None
    move: str
    steps: list[OwnStep]


class TokenResponse(BaseModel):
    """RFC 6749 §5.1, OpenID Connect Core §3.1.3.3."""

    model_config = ConfigDict(extra="forbid")
    access_token: str
    token_type: Literal["Bearer", "DPoP"]
    expires_in: int
    scope: str | None = None
    id_token: str
    refresh_token: str | None = None


class OAuthError(BaseModel):
    """RFC 6749 §5.2."""

    model_config = ConfigDict(extra="forbid")
    error: str
    error_description: str
    error_uri: str | None = None


class ProblemDetails(BaseModel):
    """RFC 9457: an error that is none of OAuth. `code` stands in docs/errors.md, `reference` in the operator's log."""

    model_config = ConfigDict(extra="forbid")
    type: str
    title: str
    status: int
    code: str
    reference: str


class UserInfo(BaseModel):
    """OpenID Connect Core §5.3.2: the attributes that were released, and always `sub`."""

    model_config = ConfigDict(extra="allow")
    sub: str


class ReceiptFile(BaseModel):
    """A signed receipt: docs/read-a-receipt.md."""

    model_config = ConfigDict(extra="allow")


class ProviderMetadata(BaseModel):
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


class OfferedLevel(BaseModel):
    """A level of assurance. `notified`: its scheme is (Regulation (EU) 910/2014 art. 9)."""

    model_config = ConfigDict(extra="forbid")
    level: str
    notified: bool


class OfferedScheme(BaseModel):
    """Ours: one identity provider, or the node of a country. `last_success` is a day, and null where few used it."""

    model_config = ConfigDict(extra="forbid")
    id: str
    title: dict[str, str]
    persons: list[str]
    levels: list[OfferedLevel]
    attributes: list[str]
    reachable: bool
    last_success: str | None


class OfferedCountry(BaseModel):
    """Ours: a country by its code."""

    model_config = ConfigDict(extra="forbid")
    country: str
    schemes: list[OfferedScheme]


class CountryList(BaseModel):
    """Ours: what each connected country offers."""

    model_config = ConfigDict(extra="forbid")
    countries: list[OfferedCountry]


class JsonWebKeySet(BaseModel):
    """RFC 7517 §5."""

    model_config = ConfigDict(extra="forbid")
    keys: list[dict[str, str]]


def described(
    answer: type[BaseModel],
    *refused: int,
    form: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    jwt: str = "",
    status: int = 200,
    proof: bool = False,
) -> dict[str, Any]:  # Any: see the import
    """Describe a route for programs: its answer with its status, the statuses of a refusal, and its form or JSON.

    `proof` says that a header may bring a DPoP proof, and the answer a nonce for the next one (RFC 9449 §4.1 and §8).
    `jwt` is the media type in which a registration may have the same answer, signed or encrypted.
    """
    signed = {"content": {jwt: {"schema": {"type": "string"}}}} if jwt else {}
    nonce = {"headers": {"DPoP-Nonce": {"schema": {"type": "string"}}}} if proof else {}
    responses = {status: {"model": answer, **signed, **nonce}, **{code: {"model": OAuthError, **nonce} for code in refused}}
    extra: dict[str, Any] = {"parameters": [PROOF]} if proof else {}  # Any: see the import
    content = {media: {"schema": one.model_json_schema()} for media, one in ((FORM, form), (JSON, body)) if one}
    if content:
        extra["requestBody"] = {"required": True, "content": content}
    return {"responses": responses, "openapi_extra": extra} if extra else {"responses": responses}


def described_text(
    media_type: str, *problems: int, texts: tuple[int, ...] = (200,), query: str = ""
) -> dict[str, Any]:  # Any: see the import
    """Describe a route that answers text: the statuses of problems and of texts, and the parameter of its query."""
    responses: dict[int, dict[str, Any]] = {  # Any: see the import
        status: {"content": {media_type: {"schema": {"type": "string"}}}} for status in texts
    }
    responses |= {status: {"content": {PROBLEM: {"schema": ProblemDetails.model_json_schema()}}} for status in problems}
    named = [{"name": query, "in": "query", "required": True, "schema": {"type": "string"}}] if query else []
    return {"response_class": Response, "responses": responses, "openapi_extra": {"parameters": named}}


def openapi(app: FastAPI) -> dict[str, Any]:  # Any: see the import
    """The OpenAPI document, without HEAD (the GET without its body) and the names that methods of a route share."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of those names
        found = app.openapi()
    for operations in found["paths"].values():
        operations.pop("head", None)
        for operation in operations.values():
            operation.pop("operationId", None)
            # Of a part of a path, which is any text: nothing is validated there
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        found.get("components", {}).get("schemas", {}).pop(name, None)
    return found
