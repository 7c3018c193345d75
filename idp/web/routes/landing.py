"""POST /saml/landing/{provider}: an answer that nobody asked for leads to the sign-in of a service (decision 0046)."""

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound, Redirect
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.web.city_site import CitySite
from idp.web.login_cookies import Cookie
from idp.web.page_route import PageRoute
from idp.web.requests import MAX_MESSAGE_BODY, check_navigation, check_no_query, client_of, form
from idp.web.routes.picker import LANDED, LANDED_SECONDS
from idp.web.threads import run_in_threadpool
from policies.errors import AssertionRejected, Replayed, about
from policies.parties import ProviderId

# Refused answers count by address, for all providers together: there is no login by which they could
PLACE = "/saml/landing"


def routes(site: CitySite) -> list[PageRoute]:
    """The address of each provider whose registration has landings."""

    async def landing(request: Request) -> Response:
        check_navigation(request)
        check_no_query(request)
        rates = site.watched.rates
        rates.check_failures(rates.address(client_of(request)), PLACE, times=ADDRESS_TIMES)
        inbound = Inbound("post", await form(request, MAX_MESSAGE_BODY))
        return await run_in_threadpool(_landed, site, request, inbound)

    return [PageRoute("/saml/landing/{provider}", landing, "POST")]


def _landed(site: CitySite, request: Request, inbound: Inbound) -> Response:
    provider = ProviderId(request.path_params["provider"])
    try:
        with about("", provider, AssertionRejected, Replayed):
            url = site.landings.receive(provider, inbound, site.clock())
    except AssertionRejected:
        rates = site.watched.rates
        rates.failed(rates.address(client_of(request)), PLACE, times=ADDRESS_TIMES)
        raise
    kept = [Cookie(LANDED, provider, LANDED_SECONDS, "Lax")]
    return site.send(Redirect(url), site.language(request), kept)
