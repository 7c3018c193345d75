"""Logout tokens of upstream OpenID providers over HTTP (Back-Channel Logout 1.0 §2.5)."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, too_many
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.web.city_site import CitySite
from idp.web.described import LogoutTaken, LogoutTokenRequest, described
from idp.web.direct_calls import FORM_REFUSED, FROM_A_SERVER, call_of, directly, in_browser
from idp.web.requests import client_of
from idp.web.threads import run_in_threadpool
from policies.errors import RequestRefused, TooManyRequests
from policies.parties import ProviderId

# Refused tokens count by address, for all providers together
PLACE = "/oidc/backchannel"


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
            # Anybody may send one. A provider tells of all its people from a few addresses, so there is room
            rates = site.watched.rates
            address = rates.address(client_of(request))
            try:
                rates.check_failures(address, PLACE, times=ADDRESS_TIMES)
            except TooManyRequests as error:
                return too_many(error.seconds)
            receive = site.received_logouts.receive
            answer = await run_in_threadpool(receive, ProviderId(provider), call.form, site.clock())
            if answer.status == 400 and not answer.vouched:  # noqa: PLR2004 # HTTP
                rates.failed(address, PLACE, times=ADDRESS_TIMES)
            return answer

        return await directly(site, request, told())

    return routes
