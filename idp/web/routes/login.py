"""The citizen's way through a login, whichever protocol and role: `idp.login.frontend`, `idp.login.role`.

GET, POST, at the path of a frontend   a service asks
GET  /saml/sso/unsolicited             a portal's link, for a service that asked nothing
POST /saml/acs, /eidas/acs, /stork/acs back from the identity provider: its answer is judged, the citizen asked or informed
GET, POST /saml/acs/artifact           the same by an artifact, of which we then fetch the answer
GET  /oidc/callback/{provider}         the same from an OpenID provider, of which we then fetch the answer

Between the two comes `idp.web.routes.picker`, and after them `idp.web.routes.decision`.
"""

import time
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound
from connectors.request_checks import PeerRequestRefused
from idp.citizen import own_page
from idp.login.eligible import TRIAL
from idp.login.frontend import Declined, LoginEntrance
from idp.login.states import Asked
from idp.monitoring.recorder.recorder import RECEIVED, REGISTERS, TRIED
from idp.monitoring.steps import LoginStep
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.web.city_site import CitySite
from idp.web.login_cookies import given_up, new_secret
from idp.web.lost_logins import finds_login
from idp.web.overload import step_aside
from idp.web.page_route import Endpoint, PageRoute
from idp.web.register_away import register_away
from idp.web.requests import (
    MAX_MESSAGE_BODY,
    check_navigation,
    check_no_query,
    check_same_origin,
    client_of,
    form,
    query,
)
from idp.web.routes import citizen, decision, onward, picker, resume, trial, turned_away
from idp.web.routes.decision import judged_page
from idp.web.site import Site
from idp.web.stopped import stopped
from idp.web.threads import run_in_threadpool, threaded
from policies.authentication import ServiceRequest
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    BrokerError,
    Closed,
    PeerUnavailable,
    RegisterAway,
    Replayed,
    RequestRefused,
    Suspended,
    about,
)
from policies.parties import IdentityProvider, ProviderId, ServiceId

# The longest request. Shorter than the 65,535 bytes at which the server's own parser gives up on an address, so that the
# refusal is our page
MAX_REQUEST = 60 * 1024
# A code, a state and an issuer
MAX_CALLBACK = 8 * 1024
OIDC, SAML = "oidc", "saml"


def routes(site: Site) -> list[PageRoute]:
    """The endpoints that a citizen's browser meets."""
    found = [
        PageRoute(frontend.path, _entry(site, frontend), "POST", *(() if frontend.own_page else ("GET",)))
        for frontend in site.frontends.values()
    ]
    posting = [protocol for protocol in site.protocols if protocol != OIDC]
    found += [PageRoute(f"/{protocol}/acs", _callback(site, protocol), "POST") for protocol in posting]
    if SAML in site.protocols:
        found.append(PageRoute("/saml/acs/artifact", _artifact(site), "GET", "POST"))
    if OIDC in site.protocols:
        found.append(PageRoute("/oidc/callback/{provider}", threaded(partial(_fetched, site)), "GET"))
    if isinstance(site, CitySite):
        found += [PageRoute(site.unsolicited.path, _entry(site, site.unsolicited), "GET"), *turned_away.routes(site)]
    return [*found, *decision.routes(site), *onward.routes(site), *picker.routes(site)]


def _entry(site: Site, frontend: LoginEntrance) -> Endpoint:
    """The endpoint at which logins begin in this frontend's protocol."""

    async def entry(request: Request) -> Response:
        check_navigation(request)
        if frontend.own_page:
            check_same_origin(request, site.issuer)
        if frontend.signed:
            # Before anything of it is read: there is no login yet by which what nobody signed could be counted. A page can
            # send its visitors here, so an address has room for more than a few of them
            rates = site.watched.rates
            rates.check_failures(rates.address(client_of(request)), frontend.path, times=ADDRESS_TIMES)
        return await run_in_threadpool(_begin, site, frontend, request, await _asked(request, frontend))

    return entry


def _callback(site: Site, protocol: str) -> Endpoint:
    """The endpoint to which identity providers of this protocol answer."""

    async def callback(request: Request) -> Response:
        check_navigation(request)
        check_no_query(request)
        inbound = Inbound("post", await form(request, MAX_MESSAGE_BODY))
        login = inbound.parameters.get("RelayState", "")
        return await run_in_threadpool(_handle_response, site, request, inbound, protocol, login)

    return callback


def _artifact(site: Site) -> Endpoint:
    """The endpoint to which identity providers send an artifact, by a link or a form."""

    async def artifact(request: Request) -> Response:
        check_navigation(request)
        if request.scope["method"] == "POST":
            check_no_query(request)
            inbound = Inbound("post", await form(request, MAX_CALLBACK))
        else:
            if len(request.scope["query_string"]) > MAX_CALLBACK:
                raise RequestRefused("a query that is too long", status=414, code="too_large")
            inbound = Inbound("redirect", query(request))
        login = inbound.parameters.get("RelayState", "")
        return await run_in_threadpool(_handle_response, site, request, inbound, SAML, login, fetches=True)

    return artifact


def _fetched(site: Site, request: Request) -> Response:
    """The endpoint to which one OpenID provider sends the browser back: `state` begins with the login."""
    check_navigation(request)
    if len(request.scope["query_string"]) > MAX_CALLBACK:
        raise RequestRefused("a query that is too long", status=414, code="too_large")
    inbound = Inbound("redirect", query(request))
    login = inbound.parameters.get("state", "").partition(".")[0]
    only = ProviderId(request.path_params["provider"])
    return _handle_response(site, request, inbound, OIDC, login, only, fetches=True)


async def _asked(request: Request, frontend: LoginEntrance) -> Inbound:
    """A request by either binding. Where a signature covers the query, that stays as it came."""
    raw = request.scope["query_string"]
    if request.scope["method"] == "POST":
        if frontend.signed and raw:
            raise RequestRefused("a request by POST with a query")
        return Inbound("post", await form(request, MAX_MESSAGE_BODY if frontend.signed else MAX_REQUEST))
    if len(raw) > MAX_REQUEST:
        raise RequestRefused("a query that is too long", status=414, code="too_large")
    return Inbound("redirect", {}, raw.decode("latin-1")) if frontend.signed else Inbound("redirect", query(request))


def _begin(site: Site, frontend: LoginEntrance, request: Request, inbound: Inbound) -> Response:
    """Judge the service's request. An accepted one gets a login in this browser, and its first page."""
    now, client, rates = site.clock(), client_of(request), site.watched.rates

    def admit(service: ServiceId) -> None:
        with about(service):
            rates.begin(client, service)

    try:
        received = frontend.receive(inbound, now, admit)
    except PeerRequestRefused as error:
        # That no service has keys is not the doing of whoever asks
        if error.check != "keys":
            rates.failed(rates.address(client), frontend.path, times=ADDRESS_TIMES)
        raise
    if isinstance(received, Declined):
        return _declined(site, request, received, now)
    origin = received.request.origin
    site.about(request, origin)
    try:
        with about(origin.service):
            requested = site.broker.begin(received.request, now)
            site.reference(request, requested.login)
            used = received.deviations
            site.step(request, LoginStep.BEGUN, origin, deviations=used, scopes_ignored=received.ignored, came=inbound)
            page = resume.begin(site, request, requested, now)
        return _declined(site, request, page, now) if isinstance(page, Declined) else page
    except (AssertionRejected, Suspended, AllRevoked, Closed) as error:
        return stopped(site, request, error, origin, now, wished=received.request.languages, asked=received.request)


def _declined(site: Site, request: Request, declined: Declined, now: int) -> Response:
    """The error goes back to where it is verified that it may, but not at once to a service that is switched off."""
    origin, error, language = declined.origin, declined.error, site.language(request)
    if not declined.at_once:
        return stopped(site, request, error, origin, now)
    try:
        with about(origin.service):
            site.role.check_service(origin)
    except Suspended as suspended:
        return stopped(site, request, suspended, origin, now)
    code = error.oauth if isinstance(error, RequestRefused) else error.code
    fields = {"path": request.url.path, "code": code, "peer": error.peer, "detail": error.detail}
    site.watched.refusals.line(fields, anybodys=True)
    return site.send(site.frontends[origin.frontend].refuse(origin, error, now), language, towards=site.screens.towards)


def _live(
    site: Site, request: Request, protocol: str, login: str, only: ProviderId | None, now: int, *, fetches: bool
) -> tuple[Asked, IdentityProvider]:
    """This browser's live question, and whom it is to. Raises `AssertionRejected` where there is none."""
    state = site.live(request, login, now)
    if not isinstance(state, Asked):
        raise Replayed("not_asked", "a response to a login that has asked nobody")
    source = state.expectation.provider_id
    with about(source):
        provider = site.role.provider(source)
        if provider.protocol != protocol or provider.fetched != fetches:
            raise RequestRefused("a response at the address of another protocol or binding than was asked in")
        if only not in (None, source):
            raise AssertionRejected("answer_provider", "an answer at the address of another provider than was asked")
        if fetches and not state.expectation.secret:
            raise Replayed("answer_fetched", "a code or an artifact is used once, and this one was")
    if fetches or site.role.waits(state.request):
        step_aside(request)
    return state, provider


def _record(site: Site, request: Request, asked: ServiceRequest) -> None:
    """Log and count the facts that the steps of a login do not say."""
    if site.role.waits(asked):
        site.record(request, REGISTERS)
    if asked.origin.frontend in (TRIAL, own_page.NAME):
        site.record(request, LoginStep.ANSWERED)


@finds_login
def _handle_response(
    site: Site,
    request: Request,
    inbound: Inbound,
    protocol: str,
    login: str,
    only: ProviderId | None = None,
    *,
    fetches: bool = False,
) -> Response:
    """Only this browser's live question lets a response be read at all, at the address of its protocol.

    `only`: the provider to whose own address it came. `fetches`: whether what came is only a name of the answer.
    """
    now = site.clock()
    state, provider = _live(site, request, protocol, login, only, now, fetches=fetches)
    asked, source = state.request, provider.provider_id
    language, client = site.language(request, asked.languages), client_of(request)
    site.watched.tries.answer(login, client)
    site.record(request, RECEIVED, inbound)
    began = time.perf_counter()
    try:
        with about(asked.origin.service, source, *site.screens.of_the_source):
            decided = site.broker.handle_response(state, inbound, language, now)
    except BrokerError as error:
        if not (error.used_up or isinstance(error, AssertionRejected | PeerUnavailable | Suspended)):
            raise
        spent = isinstance(error, AssertionRejected) and site.watched.tries.wrong(login, client)
        # What was exchanged is not exchanged again, whatever became of it
        left = [site.logins.keep(state.exchanged, now)] if error.used_up else []
        if isinstance(error, RegisterAway):
            return register_away(site, request, error, asked, login, left)
        kept = given_up(state.login) if spent else left
        alive = "" if spent else login
        return stopped(
            site,
            request,
            error,
            asked.origin,
            now,
            wished=asked.languages,
            kept=kept,
            login=alive,
            asked=asked,
            answered=source,
        )
    if not fetches:
        site.watched.verified(time.perf_counter() - began)
    _record(site, request, asked)
    if isinstance(site, CitySite) and asked.origin.frontend == TRIAL:
        site.record(request, TRIED)
        return trial.tried(site, decided, language, now)
    if isinstance(site, CitySite) and asked.origin.frontend == own_page.NAME:
        return citizen.entered(site, decided, provider, language, now)
    step = LoginStep.BLOCKED if decided.decision.blocked else LoginStep.ANSWERED
    site.step(request, step, asked.origin, provider, decided.deviations)
    kept = [site.logins.keep(state.exchanged, now)] if state.expectation.secret else []
    secret, strict = new_secret(decided.login)
    return judged_page(site, request, decided, secret, language, [*kept, strict], now)
