"""The pages of a logout, and the browser's way through the services that hear of it by no other way.

GET  /logout/services    what became of each service, while there is one to go to
POST /logout/onward      to the next of them, or to one again
GET  /logout/back        an OpenID provider, which the citizen wanted to end its sign-in, too, sends them back
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.request_checks import PeerRequestRefused
from connectors.resumed import RememberedSignIn
from idp.login.sessions import UNCLEAR
from idp.pages.headers import framing
from idp.pages.logout_view import EndedService, LogoutView
from idp.pages.views import PostView, Text, Towards
from idp.pages.wording import text_in
from idp.protocols.oidc.logout_request import judged_logout
from idp.protocols.oidc.logouts import OVER, Outcome, SignedOut
from idp.protocols.saml.logout_visits import OPEN, Asker, Visit, Way
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.web.city_site import CitySite
from idp.web.login_cookies import SESSION, Cookie
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, check_no_query, check_same_origin, client_of, cookies, form, query
from idp.web.site import page
from idp.web.threads import run_in_threadpool
from policies.errors import NotFound, PeerUnavailable
from policies.parties import ClientId, ProviderId

WAY = "__Host-logout"
SERVICES, ONWARD, BACK = "/logout/services", "/logout/onward", "/logout/back"
PLACE = "place"
# As its steps are counted, which park something
STEP = "logout"
# That no service has keys is not the doing of whoever asks; and the others a peer of ours has signed
UNCOUNTED = frozenset({"keys", "request_used", UNCLEAR})
# One that was there already is read first: the citizen sees what to do before they leave
_TO_READ = OPEN | {Outcome.UNREACHED, Outcome.WAITING}


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of the way."""

    async def services(request: Request) -> Response:
        check_navigation(request)
        check_no_query(request)
        return await run_in_threadpool(_services, site, request)

    async def onward(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        fields = await form(request)
        return await run_in_threadpool(_onward, site, request, fields.get(PLACE, ""))

    async def back(request: Request) -> Response:
        check_navigation(request)
        return await run_in_threadpool(_back_again, site, request, query(request).get("state", ""))

    return [PageRoute(SERVICES, services, "GET"), PageRoute(ONWARD, onward, "POST"), PageRoute(BACK, back, "GET")]


def ended_page(
    site: CitySite,
    request: Request,
    told: Sequence[SignedOut],
    asker: Asker,
    language: str,
    *,
    rested_on: Iterable[RememberedSignIn] = (),
    straight: bool = False,
) -> Response:
    """A page of what became of each service. It stays where the browser can go on to one, or to what it `rested_on`.

    `straight`: where it cannot, it goes back to whoever sent it without a page.
    """
    now = site.clock()
    way, removed = site.visits.way(told, rested_on, asker, language, now), removals(site, request, now)
    if way.stays:
        return site.send(Redirect(f"{site.issuer}{SERVICES}"), language, [*removed, _cookie(site, way, now)])
    if straight and (back := _back(site, way, now)) is not None:
        return site.send(back, language, removed)
    return _page(site, way, removed, now)


def answered(site: CitySite, request: Request, inbound: Inbound) -> Response:
    """A service's answer came back, and the browser goes on to the next one.

    Without a way of this browser nothing of the answer is read. One that does not hold changes nothing, and the citizen
    goes on all the same: it is the service that has not said what it should.
    """
    now = site.clock()
    if (way := _way(site, request, now)) is None:
        return _page(site, _nothing(site, request, now), (), now)
    try:
        with counted(site, request):
            way = site.visits.answered(way, inbound, f"{site.issuer}{request.scope['path']}", now)
    except PeerRequestRefused as error:
        site.refused(request, error)
    if way.next is not None:
        return _visit(site, way, way.next, now)
    return site.send(Redirect(f"{site.issuer}{SERVICES}"), way.language, [_cookie(site, way, now)])


@contextmanager
def counted(site: CitySite, request: Request) -> Iterator[None]:
    """Judge a message; what nobody that we know has signed counts against the address, for each endpoint by itself."""
    rates, place = site.watched.rates, request.scope["path"]
    address = rates.address(client_of(request))
    rates.check_failures(address, place, times=ADDRESS_TIMES)
    try:
        yield
    except PeerRequestRefused as error:
        if error.check not in UNCOUNTED:
            rates.failed(address, place, times=ADDRESS_TIMES)
        raise


def removals(site: CitySite, request: Request, now: int) -> list[Cookie]:
    """This browser's cookies of sessions that have ended."""
    held = [(name, value) for name, value in cookies(request).items() if name.startswith(SESSION)]
    sessions = site.logouts.sessions
    dead = [name for name, value in held if sessions.live(name.removeprefix(SESSION), value, now) is None]
    return [Cookie(name, "", 0, "Lax") for name in dead]


def _services(site: CitySite, request: Request) -> Response:
    now = site.clock()
    way = _way(site, request, now)
    return _page(site, way or _nothing(site, request, now), (), now, after=way is not None)


def _onward(site: CitySite, request: Request, wanted: str) -> Response:
    now = site.clock()
    if (way := _way(site, request, now)) is None:
        return _page(site, _nothing(site, request, now), (), now)
    place = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < len("1000") else way.next
    return _visit(site, way, way.next if place is None else place, now)


def _back_again(site: CitySite, request: Request, state: str) -> Response:
    now = site.clock()
    if (way := _way(site, request, now)) is None:
        return _page(site, _nothing(site, request, now), (), now)
    way = site.visits.returned(way, state)
    return site.send(Redirect(f"{site.issuer}{SERVICES}"), way.language, [_cookie(site, way, now)])


def _visit(site: CitySite, way: Way, place: int | None, now: int) -> Response:
    if place is None:
        return _page(site, way, (), now, after=True)
    gone, outbound = site.visits.visit(way, place, now)
    if outbound is None:
        return _page(site, gone, [_cookie(site, gone, now)], now, after=True)
    fields = outbound.fields if isinstance(outbound, Post) else ()
    view = PostView(way.language, Towards.LOGOUT, _title(site, way, way.visits[place]), outbound.url, fields)
    return page(site.pages.post(view), view.kind, [_cookie(site, gone, now)])


def _page(site: CitySite, way: Way, kept: Iterable[Cookie], now: int, *, after: bool = False) -> Response:
    """A page of what became of each service. Its way back leads on at once where nothing is left to read or to do."""
    back, asker = _back(site, way, now), way.asker
    to_read = [one for one in way.visits if one.client_id != asker.client_id or one.outcome in _TO_READ]
    over = OVER.issuperset(one.outcome for one in way.visits)
    frames = tuple(one.frame for one in way.visits if one.frame)
    view = LogoutView(
        way.language,
        ended=tuple(_ended_service(site, way, place, one) for place, one in enumerate(way.visits)),
        frames=frames,
        onward=ONWARD if way.next is not None else "",
        service=_name(site, way),
        target=back.url if back is not None else "",
        posted=back.fields if isinstance(back, Post) else (),
        at_once=back is not None and not (to_read if not after else not over),
        done=asker.done or bool(way.visits),
        country=not any(one.source and one.outcome is Outcome.ENDED for one in way.visits),
    )
    response = site.shown(view, kept)
    if frames:
        framing(response.raw_headers, _sources(frames))
    return response


def _ended_service(site: CitySite, way: Way, place: int, one: Visit) -> EndedService:
    again = str(place) if one.outcome in (Outcome.SOURCE, Outcome.UNKNOWN) else ""
    return EndedService(_title(site, way, one), one.outcome, again, ONWARD)


def _back(site: CitySite, way: Way, now: int) -> Outbound | None:
    """The way back to whoever sent the citizen, with the truth of now. Its address is looked up, or judged, again."""
    asker, outcomes = way.asker, way.of_services
    if asker.owed is not None and asker.owed.to:
        return site.upstream_logouts.way_back(asker.owed, outcomes, now)
    if asker.owed is not None:
        return site.service_logouts.way_back(asker.owed, outcomes, now)
    wanted = judged_logout(dict(asker.sent), site.logouts.parties, site.issuer, site.logouts.signers, now)
    return Redirect(wanted.back) if wanted.back else None


def _name(site: CitySite, way: Way) -> Text | None:
    asker = way.asker
    if asker.owed is None or not asker.owed.to:
        party = site.logouts.parties.get(ClientId(asker.client_id))
        return text_in(party.title, way.language) if party is not None else None
    return _source(site, ProviderId(asker.client_id), way.language)


def _source(site: CitySite, provider_id: ProviderId, language: str) -> Text | None:
    try:
        return text_in(site.role.provider(provider_id).title, language)
    except (NotFound, PeerUnavailable):
        return None


def _title(site: CitySite, way: Way, one: Visit) -> Text:
    if one.source:
        return _source(site, one.source, way.language) or Text(one.source, "en")
    party = site.logouts.parties.get(one.client_id)
    return text_in(party.title, way.language) if party is not None else Text(one.client_id, "en")


def _way(site: CitySite, request: Request, now: int) -> Way | None:
    way = site.visits.open(cookies(request).get(WAY, ""), now)
    if way is not None:
        # Each step parks it anew
        site.watched.rates.go_on(client_of(request), STEP)
    return way


def _nothing(site: CitySite, request: Request, now: int) -> Way:
    return Way((), Asker(done=False), site.language(request), now)


def _cookie(site: CitySite, way: Way, now: int) -> Cookie:
    """It comes back by POST from another site, too: so do answers. All that it leads to is this browser's own way."""
    return Cookie(WAY, site.visits.keep(way), way.end - now, "None")


def _sources(frames: Sequence[str]) -> list[str]:
    """The registered addresses of frames, as a policy names them: without a query."""
    parts = [urlsplit(one) for one in frames]
    return sorted({f"{each.scheme}://{each.netloc}{each.path or '/'}" for each in parts})
