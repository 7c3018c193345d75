"""Logout tokens of upstream OpenID providers over HTTP (Back-Channel Logout 1.0 §2.5)."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.protocols.oidc.direct import DirectRequest, JsonAnswer
from idp.web.city_site import CitySite
from idp.web.described import LogoutTaken, LogoutTokenRequest, described
from idp.web.direct_calls import FORM_REFUSED, FROM_A_SERVER, call_of, directly, in_browser
from idp.web.threads import run_in_threadpool
from policies.errors import RequestRefused
from policies.parties import ProviderId


def router(site: CitySite) -> APIRouter:
    """The address of each provider."""
    routes = APIRouter()

    @routes.post(
        "/oidc/backchannel/{provider}", **described(LogoutTaken, *FORM_REFUSED, 403, 429, 503, form=LogoutTokenRequest)
    )
    async def ended_upstream(request: Request, provider: str) -> Response:
        async def told() -> JsonAnswer:
            if in_browser(request):
                raise RequestRefused(FROM_A_SERVER, status=403)
            call: DirectRequest = await call_of(site, request)
            return await run_in_threadpool(site.received_logouts.receive, ProviderId(provider), call.form, site.clock())

        return await directly(site, request, told())

    return routes
