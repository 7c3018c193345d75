"""Services that speak SAML sign a citizen out (SAML Profiles 2.0 §4.4).

GET, POST /saml/idp/logout       the browser brings a signed LogoutRequest, or the answer to one of ours; a request by
                                 Redirect that nobody signed leads to a question
POST /saml/idp/logout/confirm    the citizen's word, where the browser has other sessions than the request names
POST /saml/idp/logout/soap       a service's server says it
"""

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound, Redirect
from connectors.formats.artifact import fault_envelope
from connectors.request_checks import PeerRequestRefused
from connectors.resumed import RememberedSignIn
from idp.login.state_codec import Codec
from idp.pages.logout_view import LogoutView
from idp.protocols.oidc.direct import NO_STORE
from idp.protocols.saml.logout_asked import AskedLogout
from idp.protocols.saml.logout_visits import Asker
from idp.web.city_site import CitySite
from idp.web.direct_calls import FROM_A_SERVER, in_browser
from idp.web.login_cookies import Cookie
from idp.web.page_route import PageRoute, posted
from idp.web.requests import MAX_MESSAGE_BODY, check_navigation, client_of, cookies, form
from idp.web.routes.artifact import SOAP, envelope
from idp.web.routes.logout import CONFIRM_PATH, MAX_REQUEST, sessions_here
from idp.web.routes.logout_way import STEP, answered, counted, ended_page
from idp.web.site import status_of
from idp.web.threads import run_in_threadpool
from policies.errors import BrokerError, NotFound, RequestRefused

PATH, SOAP_PATH = "/saml/idp/logout", "/saml/idp/logout/soap"
AGAIN = f"{PATH}/confirm"
CONFIRM_FIELD = "query"
# A request by POST, until the browser comes again
POSTED, POSTED_SECONDS = "__Host-logout-asked", 60
_POSTED: Codec[dict[str, str]] = Codec(dict[str, str])


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of these logouts."""

    async def came(request: Request) -> Response:
        inbound = await by_browser(request)
        if is_answer(inbound):
            return await run_in_threadpool(answered, site, request, inbound)
        step = _asked if inbound.binding == "redirect" else _posted
        return await run_in_threadpool(step, site, request, inbound)

    confirmed = posted(site.issuer, partial(_confirmed, site))

    async def told(request: Request) -> Response:
        try:
            if in_browser(request):
                raise RequestRefused(FROM_A_SERVER, status=403)
            return await run_in_threadpool(_over_soap, site, request, await envelope(request))
        except BrokerError as error:
            return fault(site, request, error)

    return [PageRoute(PATH, came, "GET", "POST"), PageRoute(AGAIN, confirmed, "POST"), PageRoute(SOAP_PATH, told, "POST")]


async def by_browser(request: Request) -> Inbound:
    """A message that a browser brings, by Redirect or by POST. Raises `RequestRefused`."""
    check_navigation(request)
    raw = request.scope["query_string"]
    if len(raw) > MAX_REQUEST:
        raise RequestRefused("a query that is too long", status=414, code="too_large")
    if request.method == "GET":
        return Inbound("redirect", {}, raw.decode("latin-1"))
    if raw:
        raise RequestRefused("a message by POST with a query")
    return Inbound("post", await form(request, MAX_MESSAGE_BODY))


def is_answer(inbound: Inbound) -> bool:
    """Whether it is an answer to a request of ours."""
    return "SAMLResponse" in (names(inbound.raw) if inbound.binding == "redirect" else inbound.parameters)


def _posted(site: CitySite, request: Request, inbound: Inbound) -> Response:
    """A request by POST comes without the cookies of sessions, so it lies sealed, and the browser comes again by GET."""
    now = site.clock()
    _judged(site, request, inbound, now)
    # One that holds may come again and again until its end
    site.watched.rates.go_on(client_of(request), STEP)
    handle = site.visits.kept(_POSTED.dump(dict(inbound.parameters)), now + POSTED_SECONDS)
    kept = [Cookie(POSTED, handle, POSTED_SECONDS, "Lax")]
    return site.send(Redirect(f"{site.issuer}{PATH}"), site.language(request), kept)


def _asked(site: CitySite, request: Request, inbound: Inbound) -> Response:
    """A session that the request names ends, where this browser has no other. Else the citizen is asked.

    By a used request the citizen signs out as by none: nobody is answered.
    """
    now = site.clock()
    if not inbound.raw:
        inbound = _kept(site, request, now)
    elif "Signature" not in names(inbound.raw):
        return question(site, request, ())
    if inbound.binding == "redirect" and not inbound.raw:
        return question(site, request, ())
    found = _judged(site, request, inbound, now)
    here = sessions_here(site, request, now)
    if not {*here} <= {found.session}:
        carried = inbound.parameters.items() if inbound.binding == "post" else ((CONFIRM_FIELD, inbound.raw),)
        return question(site, request, () if found.used else carried)
    return _ended(site, request, found, (), here, now)


def _kept(site: CitySite, request: Request, now: int) -> Inbound:
    """The request that came by POST before, in this browser; an empty one where none did."""
    try:
        fields = _POSTED.load(site.visits.opened(cookies(request).get(POSTED, ""), now))
    except NotFound:
        return Inbound("redirect", {}, "")
    return Inbound("post", fields)


def _confirmed(site: CitySite, request: Request, fields: dict[str, str]) -> Response:
    """Every session of this browser ends, and the named one. The form is ours, and the request in it is judged again."""
    now = site.clock()
    raw = fields.get(CONFIRM_FIELD, "")
    found = _judged(site, request, Inbound("redirect", {}, raw) if raw else Inbound("post", fields), now)
    here = sessions_here(site, request, now)
    return _ended(site, request, found, here, here, now)


def _ended(
    site: CitySite,
    request: Request,
    asked: AskedLogout,
    others: Collection[bytes],
    here: Mapping[bytes, RememberedSignIn],
    now: int,
) -> Response:
    told, first = site.service_logouts.end(asked, others, now)
    # A second click, or the page again: all of it has ended, and the answer went with the first
    owed, done = asked.owed if first else None, asked.session is not None or not first
    asker = Asker(asked.service.party.client_id, owed=owed, done=done)
    return ended_page(site, request, told, asker, site.language(request), rested_on=here.values())


def question(site: CitySite, request: Request, carried: Iterable[tuple[str, str]]) -> Response:
    """Without a request that holds, the answer is that of a citizen who comes by themselves."""
    fields = tuple(carried)
    view = LogoutView(site.language(request), fields=fields, action=AGAIN if fields else CONFIRM_PATH)
    return site.shown(view, ())


def names(query: str) -> set[str]:
    """The names of the parameters of a query, as they are spelled."""
    return {piece.partition("=")[0] for piece in query.split("&")}


def soap(octets: bytes) -> Inbound:
    """An envelope as it came. Raises `RequestRefused`."""
    try:
        return Inbound("soap", {}, octets.decode())
    except UnicodeDecodeError as error:
        raise RequestRefused("a message that is not UTF-8") from error


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
