"""Services that speak SAML sign a citizen out (SAML Profiles 2.0 §4.4).

GET  /saml/idp/logout            the browser brings a signed LogoutRequest; one that nobody signed leads to a question
POST /saml/idp/logout/confirm    the citizen's word, where the browser has other sessions than the request names
POST /saml/idp/logout/soap       a service's server says it
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound
from connectors.formats.artifact import fault_envelope
from connectors.request_checks import PeerRequestRefused
from idp.pages.logout_view import LogoutView
from idp.protocols.oidc.direct import NO_STORE
from idp.protocols.saml.logout_asked import AskedLogout
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.web.city_site import CitySite
from idp.web.direct_calls import FROM_A_SERVER, in_browser
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, check_same_origin, client_of, form
from idp.web.routes.artifact import SOAP, envelope
from idp.web.routes.logout import CONFIRM_PATH, MAX_REQUEST, ended_page, sessions_here
from idp.web.site import page, status_of
from idp.web.threads import run_in_threadpool
from policies.errors import BrokerError, RequestRefused

PATH, SOAP_PATH = "/saml/idp/logout", "/saml/idp/logout/soap"
AGAIN = f"{PATH}/confirm"
CONFIRM_FIELD = "query"


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of these logouts."""

    async def asked(request: Request) -> Response:
        check_navigation(request)
        raw = request.scope["query_string"]
        if len(raw) > MAX_REQUEST:
            raise RequestRefused("a query that is too long", status=414, code="too_large")
        return await run_in_threadpool(_asked, site, request, raw.decode("latin-1"))

    async def confirmed(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        fields = await form(request)
        return await run_in_threadpool(_confirmed, site, request, fields.get(CONFIRM_FIELD, ""))

    async def told(request: Request) -> Response:
        try:
            if in_browser(request):
                raise RequestRefused(FROM_A_SERVER, status=403)
            return await run_in_threadpool(_over_soap, site, request, await envelope(request))
        except BrokerError as error:
            return fault(site, request, error)

    return [PageRoute(PATH, asked, "GET"), PageRoute(AGAIN, confirmed, "POST"), PageRoute(SOAP_PATH, told, "POST")]


def _asked(site: CitySite, request: Request, raw: str) -> Response:
    """A session that the request names ends, where this browser has no other. Else the citizen is asked.

    By a used request the citizen signs out as by none: nobody is answered.
    """
    if "Signature" not in names(raw):
        return question(site, request, "")
    now = site.clock()
    found = _judged(site, request, Inbound("redirect", {}, raw), now)
    if not {*sessions_here(site, request, now)} <= {found.session}:
        return question(site, request, "" if found.used else raw)
    return _ended(site, request, found, (), now)


def _confirmed(site: CitySite, request: Request, raw: str) -> Response:
    """Every session of this browser ends, and the named one. The form is ours, and the request in it is judged again."""
    now = site.clock()
    found = _judged(site, request, Inbound("redirect", {}, raw), now)
    return _ended(site, request, found, sessions_here(site, request, now), now)


def _ended(site: CitySite, request: Request, asked: AskedLogout, others: Collection[bytes], now: int) -> Response:
    by, language = asked.service.party, site.language(request)
    told, first = site.service_logouts.end(asked, others, now)
    # A second click, or the page again: all of it has ended, and the answer went with the first
    back = site.service_logouts.way_back(asked, told, now) if first else None
    return ended_page(site, request, told, by, back, language, done=asked.session is not None or not first)


def question(site: CitySite, request: Request, raw: str) -> Response:
    """Without a request that holds, the answer is that of a citizen who comes by themselves."""
    fields, action = (((CONFIRM_FIELD, raw),), AGAIN) if raw else ((), CONFIRM_PATH)
    view = LogoutView(site.language(request), fields=fields, action=action)
    return page(site.pages.logout(view), view.kind, ())


def names(query: str) -> set[str]:
    """The names of the parameters of a query, as they are spelled."""
    return {piece.partition("=")[0] for piece in query.split("&")}


def soap(octets: bytes) -> Inbound:
    """An envelope as it came. Raises `RequestRefused`."""
    try:
        return Inbound("soap", {}, octets.decode())
    except UnicodeDecodeError as error:
        raise RequestRefused("a message that is not UTF-8") from error


@contextmanager
def counted(site: CitySite, request: Request) -> Iterator[None]:
    """Judge a request; what nobody that we know has signed counts against the address."""
    rates = site.watched.rates
    address = rates.address(client_of(request))
    rates.check_failures(address, PATH, times=ADDRESS_TIMES)
    try:
        yield
    except PeerRequestRefused as error:
        # That no service has keys is not the doing of whoever asks
        if error.check != "keys":
            rates.failed(address, PATH, times=ADDRESS_TIMES)
        raise


def _judged(site: CitySite, request: Request, inbound: Inbound, now: int) -> AskedLogout:
    with counted(site, request):
        return site.service_logouts.judged(inbound, now)


def _over_soap(site: CitySite, request: Request, octets: bytes) -> Response:
    now = site.clock()
    asked = _judged(site, request, soap(octets), now)
    answer = site.service_logouts.over_soap(asked, now)
    return Response(answer, media_type=SOAP, headers=NO_STORE)


def fault(site: CitySite, request: Request, error: BrokerError) -> Response:
    """What went wrong, for a program. A check's name tells its developers more than a page would."""
    site.refused(request, error)
    why = error.check if isinstance(error, PeerRequestRefused) else error.code
    fault = fault_envelope(f"The LogoutRequest was not taken: {why}.")
    return Response(fault, status_of(error), media_type=SOAP, headers=NO_STORE)
