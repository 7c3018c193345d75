"""Identity providers that speak SAML say that a session of theirs ended (SAML Profiles 2.0 §4.4).

GET, POST /saml/logout     the browser brings a signed LogoutRequest, and goes back with our answer; or the answer to ours
POST /saml/logout/soap     the provider's server says it
GET, POST /saml/logout/bodies/{place}     the first, of a session that began in the name of a public body
"""

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound
from idp.protocols.oidc.direct import NO_STORE
from idp.protocols.saml.logout_visits import Asker
from idp.web.city_site import CitySite
from idp.web.direct_calls import FROM_A_SERVER, in_browser
from idp.web.page_route import PageRoute
from idp.web.routes.artifact import SOAP, envelope
from idp.web.routes.logout_way import answered, counted, ended_page
from idp.web.routes.saml_logout import by_browser, fault, is_answer, names, question, soap
from idp.web.threads import run_in_threadpool
from policies.errors import BrokerError, RequestRefused

PATH, SOAP_PATH = "/saml/logout", "/saml/logout/soap"


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of these logouts."""

    async def said(request: Request) -> Response:
        inbound = await by_browser(request)
        return await run_in_threadpool(answered if is_answer(inbound) else _said, site, request, inbound)

    async def told(request: Request) -> Response:
        try:
            if in_browser(request):
                raise RequestRefused(FROM_A_SERVER, status=403)
            return await run_in_threadpool(_told, site, request, soap(await envelope(request)))
        except BrokerError as error:
            return fault(site, request, error)

    browsers = [PageRoute(path, said, "GET", "POST") for path in (PATH, PATH + "/bodies/{place:path}")]
    return [*browsers, PageRoute(SOAP_PATH, told, "POST")]


def _said(site: CitySite, request: Request, inbound: Inbound) -> Response:
    """Where nobody signed the query, a citizen may still be asked."""
    if inbound.binding == "redirect" and "Signature" not in names(inbound.raw):
        return question(site, request, ())
    with counted(site, request):
        told, owed = site.upstream_logouts.end(inbound, site.clock(), request.path_params.get("place", ""))
    # By no address that a browser takes an answer to, the sender has nobody back. A service may have its provider's id
    asker = Asker(owed.peer, owed=owed) if owed is not None and owed.to else Asker()
    return ended_page(site, request, told, asker, site.language(request), straight=True)


def _told(site: CitySite, request: Request, inbound: Inbound) -> Response:
    with counted(site, request):
        envelope = site.upstream_logouts.over_soap(inbound, site.clock())
    return Response(envelope, media_type=SOAP, headers=NO_STORE)
