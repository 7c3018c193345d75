"""The life of tokens over HTTP: introspection (RFC 7662) for resource servers, revocation (RFC 7009) for clients."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.protocols.oidc.direct import JsonAnswer
from idp.protocols.oidc.introspection import SIGNED
from idp.protocols.oidc.metadata import INTROSPECTION_PATH, REVOCATION_PATH
from idp.web.city_site import CitySite
from idp.web.described import Introspected, IntrospectionRequest, RevocationRequest, Revoked, described
from idp.web.direct_calls import FORM_REFUSED, FROM_A_SERVER, authenticated, by_a_client, call_of, directly, in_browser
from idp.web.page_route import ProgramRoute
from policies.errors import RequestRefused


def router(site: CitySite) -> APIRouter:
    """The two endpoints."""
    routes = APIRouter(route_class=ProgramRoute)
    refused = (*FORM_REFUSED, 401, 403, 429, 503)

    @routes.post(INTROSPECTION_PATH, **described(Introspected, *refused, form=IntrospectionRequest, jwt=SIGNED))
    async def introspect(request: Request) -> Response:
        return await directly(site, request, _introspected(site, request))

    @routes.post(REVOCATION_PATH, **described(Revoked, *refused, form=RevocationRequest))
    async def revoke(request: Request) -> Response:
        return await directly(site, request, by_a_client(site, request, site.openid.revoke))

    return routes


async def _introspected(site: CitySite, request: Request) -> JsonAnswer | bytes:
    if in_browser(request):
        raise RequestRefused(FROM_A_SERVER, status=403)
    return await authenticated(site, request, await call_of(site, request), site.openid.introspect)
