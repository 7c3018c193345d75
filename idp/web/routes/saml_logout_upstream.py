"""Identity providers that speak SAML say that a session of theirs ended (SAML Profiles 2.0 §4.4).

GET, POST /saml/logout     the browser brings a signed LogoutRequest, and goes back with our answer
POST /saml/logout/soap     the provider's server says it
"""

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound, Redirect
from idp.protocols.oidc.direct import NO_STORE
from idp.web.city_site import CitySite
from idp.web.direct_calls import FROM_A_SERVER, in_browser
from idp.web.page_route import PageRoute
from idp.web.requests import MAX_MESSAGE_BODY, check_navigation, form
from idp.web.routes.artifact import SOAP, envelope
from idp.web.routes.logout import MAX_REQUEST, ended_page
from idp.web.routes.saml_logout import counted, fault, names, question, soap
from idp.web.threads import run_in_threadpool
from policies.errors import BrokerError, RequestRefused

PATH, SOAP_PATH = "/saml/logout", "/saml/logout/soap"


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of these logouts."""

    async def said(request: Request) -> Response:
        check_navigation(request)
        raw = request.scope["query_string"]
        if len(raw) > MAX_REQUEST:
            raise RequestRefused("a query that is too long", status=414, code="too_large")
        if request.method == "GET":
            return await run_in_threadpool(_said, site, request, Inbound("redirect", {}, raw.decode("latin-1")))
        if raw:
            raise RequestRefused("a request by POST with a query")
        return await run_in_threadpool(_said, site, request, Inbound("post", await form(request, MAX_MESSAGE_BODY)))

    async def told(request: Request) -> Response:
        try:
            if in_browser(request):
                raise RequestRefused(FROM_A_SERVER, status=403)
            return await run_in_threadpool(_told, site, request, soap(await envelope(request)))
        except BrokerError as error:
            return fault(site, request, error)

    return [PageRoute(PATH, said, "GET", "POST"), PageRoute(SOAP_PATH, told, "POST")]


def _said(site: CitySite, request: Request, inbound: Inbound) -> Response:
    """Where nobody signed the query, a citizen may still be asked."""
    if inbound.binding == "redirect" and "Signature" not in names(inbound.raw):
        return question(site, request, "")
    with counted(site, request):
        done = site.upstream_logouts.receive(inbound, site.clock())
    language = site.language(request)
    if done.back:
        return site.send(Redirect(done.back), language)
    return ended_page(site, request, (), None, None, language, done=True)


def _told(site: CitySite, request: Request, inbound: Inbound) -> Response:
    with counted(site, request):
        done = site.upstream_logouts.receive(inbound, site.clock())
    return Response(done.envelope, media_type=SOAP, headers=NO_STORE)
