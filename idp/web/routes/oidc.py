"""OpenID Connect over HTTP beside the login: tokens, pushed requests (RFC 9126), userinfo, discovery and keys."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, explained, too_many
from idp.protocols.oidc.introspection import SIGNED
from idp.protocols.oidc.metadata import DEVICE_AUTHORIZATION_PATH, INTROSPECTION_PATH, REVOCATION_PATH
from idp.protocols.oidc.wrapping import JWT
from idp.web.city_site import CitySite
from idp.web.described import (
    DeviceAnswer,
    DeviceAuthorizationRequest,
    Introspected,
    IntrospectionRequest,
    JsonWebKeySet,
    ProviderMetadata,
    PushedRequest,
    PushedResponse,
    ReceiptFile,
    ReceiptRequest,
    RevocationRequest,
    Revoked,
    TokenRequest,
    TokenResponse,
    UserInfo,
    described,
)
from idp.web.direct_calls import (
    FORM_REFUSED,
    answered_by,
    by_a_client,
    by_a_server,
    call_of,
    check_page,
    directly,
)
from idp.web.page_route import ProgramRoute
from idp.web.requests import client_of
from idp.web.threads import run_in_threadpool, threaded
from policies.errors import TooManyRequests


def router(site: CitySite) -> APIRouter:
    """The endpoints of the OpenID provider."""
    routes, refused = APIRouter(route_class=ProgramRoute), (*FORM_REFUSED, 401, 403, 429, 503)

    @routes.post("/token", **described(TokenResponse, *refused, form=TokenRequest, proof=True))
    async def token(request: Request) -> Response:
        return await directly(site, request, by_a_client(site, request, site.openid.token))

    @routes.post(DEVICE_AUTHORIZATION_PATH, **described(DeviceAnswer, *refused, form=DeviceAuthorizationRequest))
    async def device_authorization(request: Request) -> Response:
        return await directly(site, request, by_a_client(site, request, site.openid.device_authorization))

    @routes.post("/par", **described(PushedResponse, *refused, form=PushedRequest, status=201, proof=True), status_code=201)
    async def push(request: Request) -> Response:
        return await directly(site, request, by_a_client(site, request, partial(_pushed, site, request)))

    @routes.post(INTROSPECTION_PATH, **described(Introspected, *refused, form=IntrospectionRequest, jwt=SIGNED))
    async def introspect(request: Request) -> Response:
        return await directly(site, request, by_a_server(site, request, site.openid.introspect))

    @routes.post(REVOCATION_PATH, **described(Revoked, *refused, form=RevocationRequest))
    async def revoke(request: Request) -> Response:
        return await directly(site, request, by_a_client(site, request, site.openid.revoke))

    described_userinfo = described(UserInfo, *refused, jwt=JWT, proof=True)

    @routes.api_route("/userinfo", methods=["GET", "POST"], **described_userinfo)
    async def userinfo(request: Request) -> Response:
        return await directly(site, request, _userinfo(site, request))

    @routes.post(
        "/userinfo/receipt",
        **described(ReceiptFile, *FORM_REFUSED, 401, 403, 409, 429, 503, form=ReceiptRequest, proof=True),
    )
    async def receipt(request: Request) -> Response:
        return await directly(site, request, _receipt(site, request))

    @routes.api_route("/.well-known/openid-configuration", methods=["GET", "HEAD"], **described(ProviderMetadata, 429, 503))
    @threaded
    def discovery(request: Request) -> Response:
        return answered_by(site, request, site.openid.discovery())

    @routes.api_route("/jwks", methods=["GET", "HEAD"], **described(JsonWebKeySet, 429, 503))
    @threaded
    def jwks(request: Request) -> Response:
        return answered_by(site, request, site.openid.jwks(site.clock()))

    return routes


async def _receipt(site: CitySite, request: Request) -> JsonAnswer | bytes:
    answer = await by_a_server(site, request, site.party_receipts.receipt)
    return answer if isinstance(answer, bytes) else explained(answer, site.documentation)


def _pushed(site: CitySite, request: Request, call: DirectRequest, now: int) -> JsonAnswer:
    if site.openid.is_public(call.form.get("client_id", "")):
        # Anybody may name a public client, and each request lies in the database for a while
        try:
            site.watched.rates.go_on(client_of(request), "push")
        except TooManyRequests as error:
            return too_many(error.seconds)
    return site.openid.push(call, now)


async def _userinfo(site: CitySite, request: Request) -> JsonAnswer:
    posted = request.method == "POST" and "content-type" in request.headers
    call = await call_of(site, request, posted=posted)
    return await run_in_threadpool(site.openid.userinfo, call, site.clock(), partial(check_page, site, request))
