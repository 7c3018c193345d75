"""OpenID Connect over HTTP beside the login: token, userinfo, discovery and keys."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.protocols.oidc.direct import JsonAnswer, explained
from idp.protocols.oidc.metadata import DEVICE_AUTHORIZATION_PATH
from idp.protocols.oidc.wrapping import JWT
from idp.web.city_site import CitySite
from idp.web.described import (
    DeviceAnswer,
    DeviceAuthorizationRequest,
    JsonWebKeySet,
    ProviderMetadata,
    ReceiptFile,
    ReceiptRequest,
    TokenRequest,
    TokenResponse,
    UserInfo,
    described,
)
from idp.web.direct_calls import (
    FORM_REFUSED,
    FROM_A_SERVER,
    answered_by,
    authenticated,
    by_a_client,
    call_of,
    check_page,
    directly,
    in_browser,
)
from idp.web.page_route import ProgramRoute
from idp.web.threads import run_in_threadpool, threaded
from policies.errors import RequestRefused


def router(site: CitySite) -> APIRouter:
    """The endpoints of the OpenID provider."""
    routes = APIRouter(route_class=ProgramRoute)

    @routes.post("/token", **described(TokenResponse, *FORM_REFUSED, 401, 403, 429, 503, form=TokenRequest, proof=True))
    async def token(request: Request) -> Response:
        return await directly(site, request, by_a_client(site, request, site.openid.token))

    @routes.post(
        DEVICE_AUTHORIZATION_PATH,
        **described(DeviceAnswer, *FORM_REFUSED, 401, 403, 429, 503, form=DeviceAuthorizationRequest),
    )
    async def device_authorization(request: Request) -> Response:
        return await directly(site, request, by_a_client(site, request, site.openid.device_authorization))

    described_userinfo = described(UserInfo, *FORM_REFUSED, 401, 403, 429, 503, jwt=JWT, proof=True)

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
    if in_browser(request):
        raise RequestRefused(FROM_A_SERVER, status=403)
    answer = await authenticated(site, request, await call_of(site, request), site.party_receipts.receipt)
    return answer if isinstance(answer, bytes) else explained(answer, site.documentation)


async def _userinfo(site: CitySite, request: Request) -> JsonAnswer:
    posted = request.method == "POST" and "content-type" in request.headers
    call = await call_of(site, request, posted=posted)
    return await run_in_threadpool(site.openid.userinfo, call, site.clock(), partial(check_page, site, request))
