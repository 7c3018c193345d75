"""The citizen's way through a login, whichever protocol and role: `idp.login.frontend`, `idp.login.role`.

GET, POST, at the path of a frontend   a service asks
POST /saml/acs, /eidas/acs             back from the identity provider: its answer is judged, the citizen asked or informed
POST /login/{login}/language           the question again, in another language, or whole in place of one line
POST /login/{login}/decision           release, refuse or cancel
POST /login/{login}/cancel             back to the service before any identity provider answered

Between the first two comes `idp.web.routes.picker`.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound, Outbound, Post
from connectors.request_checks import PeerRequestRefused
from idp.ledger.record_contents import DecidedBy
from idp.login.finish import Choice
from idp.login.frontend import Declined, Frontend
from idp.login.sealing import LoginId
from idp.login.states import DECIDED, Asked, Decided, Refused, Released, speaking
from idp.monitoring.steps import LoginStep
from idp.pages.languages import LANGUAGES
from idp.pages.views import Ending, PageKind, RefusedView
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.web.login_cookies import LOGIN_ID, Cookie, after_decision, new_secret, secret_of
from idp.web.page_route import Endpoint, PageRoute
from idp.web.requests import (
    MAX_MESSAGE_BODY,
    check_navigation,
    check_no_query,
    check_same_origin,
    client_of,
    cookies,
    form,
    query,
)
from idp.web.routes import picker
from idp.web.routes.receipt import RECEIPT_PATH, receipt_cookie
from idp.web.site import Site, page
from idp.web.stopped import stopped
from idp.web.threads import run_in_threadpool
from idp.web.unsent import answered
from policies.attributes import AttributeName
from policies.authentication import Origin
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    Closed,
    NotFound,
    PeerUnavailable,
    ReleaseDenied,
    Replayed,
    RequestRefused,
    SourceSuspended,
    Suspended,
    about,
)
from policies.parties import IdentityProvider, ProviderId, ServiceId

SHARE, REMEMBER = "share.", "remember"
# The buttons that bring the whole question in place of one line
WHOLE, EVERY_TIME = "whole", "every_time"
PAGES = ("", WHOLE, EVERY_TIME)
# The words of the buttons that release: the role says which of them a page has
RELEASING = ("approve", "continue")
# The longest request. Shorter than the 65,535 bytes at which the server's own parser gives up on an address, so that the
# refusal is our page
MAX_REQUEST = 60 * 1024


def routes(site: Site) -> list[PageRoute]:
    """The endpoints that a citizen's browser meets."""
    found = [PageRoute(frontend.path, _entry(site, frontend), "GET", "POST") for frontend in site.frontends.values()]
    found += [PageRoute(f"/{protocol}/acs", _callback(site, protocol), "POST") for protocol in site.protocols]
    found += [
        PageRoute("/login/{login}/decision", _posted(site, _decided), "POST"),
        PageRoute("/login/{login}/cancel", _posted(site, _cancelled), "POST"),
    ]
    if site.screens.has_countries:
        found.append(PageRoute("/login/{login}/language", _posted(site, _reworded), "POST"))
    return [*found, *picker.routes(site)]


def _posted(site: Site, step: Callable[[Site, Request, str, dict[str, str]], Response]) -> Endpoint:
    """The endpoint to which a form of our own page is posted."""

    async def posted(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        fields = await form(request)
        return await run_in_threadpool(step, site, request, request.path_params["login"], fields)

    return posted


def _entry(site: Site, frontend: Frontend) -> Endpoint:
    """The endpoint at which services ask in this frontend's protocol."""

    async def entry(request: Request) -> Response:
        check_navigation(request)
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
        return await run_in_threadpool(_handle_response, site, request, inbound, protocol)

    return callback


async def _asked(request: Request, frontend: Frontend) -> Inbound:
    """A request by either binding. Where a signature covers the query, that stays as it came."""
    raw = request.scope["query_string"]
    if request.scope["method"] == "POST":
        if frontend.signed and raw:
            raise RequestRefused("a request by POST with a query")
        return Inbound("post", await form(request, MAX_MESSAGE_BODY if frontend.signed else MAX_REQUEST))
    if len(raw) > MAX_REQUEST:
        raise RequestRefused("a query that is too long", status=414, code="too_large")
    return Inbound("redirect", {}, raw.decode("latin-1")) if frontend.signed else Inbound("redirect", query(request))


def _begin(site: Site, frontend: Frontend, request: Request, inbound: Inbound) -> Response:
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
    try:
        with about(origin.service):
            requested = site.broker.begin(received.request, now)
            reference, country = site.reference(request, requested.login), site.screens.counted(origin, None)
            site.watched.steps.step(LoginStep.BEGUN, reference, origin.service, country, scopes_ignored=received.ignored)
            return picker.begin(site, request, requested, now)
    except (AssertionRejected, Suspended, AllRevoked, Closed) as error:
        return stopped(site, request, error, origin, now, wished=received.request.languages)


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


def _handle_response(site: Site, request: Request, inbound: Inbound, protocol: str) -> Response:
    """Only this browser's live question lets a response be read at all, at the address of its protocol."""
    now = site.clock()
    login = inbound.parameters.get("RelayState", "")
    reference = site.reference(request, login)
    state = site.logins.state(cookies(request), login, now)
    if not isinstance(state, Asked):
        raise Replayed("not_asked", "a response to a login that has asked nobody")
    asked, source = state.request, state.expectation.provider_id
    with about(source):
        provider = site.role.provider(source)
        if provider.protocol != protocol:
            raise RequestRefused("a response at the address of another protocol than was asked in")
    language, client = site.language(request, asked.languages), client_of(request)
    site.watched.tries.answer(login, client)
    began = time.perf_counter()
    try:
        with about(asked.origin.service, source, *site.screens.of_the_source):
            decided = site.broker.handle_response(state, inbound, language, now)
    except (AssertionRejected, PeerUnavailable, Suspended) as error:
        spent = isinstance(error, AssertionRejected) and site.watched.tries.wrong(login, client)
        kept = after_decision(state.login, None) if spent else ()
        alive = "" if spent else login
        return stopped(site, request, error, asked.origin, now, wished=asked.languages, kept=kept, login=alive)
    site.watched.verified(time.perf_counter() - began)
    blocked, country = decided.decision.blocked, site.screens.counted(asked.origin, provider)
    step = LoginStep.BLOCKED if blocked else LoginStep.ANSWERED
    site.watched.steps.step(step, reference, asked.origin.service, country, decided.deviations)
    if blocked and not site.role.short_of(decided):
        # The page says so before the service hears of it
        return _refused(site, decided.request.origin, Ending.BLOCKED, language, (), now, decided=decided)
    secret, strict = new_secret(decided.login)
    if decided.path is DecidedBy.UNASKED:
        return _ended(site, request, decided, Choice(site.role.release_word(decided.path)), secret, now)
    return _asking(site, decided, secret, language, [strict])


def _asking(site: Site, decided: Decided, secret: bytes, language: str, kept: list[Cookie]) -> Response:
    """The question in this language, sealed for whoever has the Strict cookie of this secret."""
    sealed = site.sealer.seal("decided", decided.login, decided.end, DECIDED.dump(decided), secret)
    return page(site.screens.question(decided, sealed, language), PageKind.FORM, kept)


def _reworded(site: Site, request: Request, login: str, fields: dict[str, str]) -> Response:
    """The question in the language that the citizen chose, or whole: what is recorded of it is what they see now.

    No response came, so the secret stays: the page before is as good as this one, until one is decided.
    """
    now = site.clock()
    site.reference(request, login)
    decided, secret = _opened(site, request, login, fields, now)
    # As for a response that comes again: once somebody decided here, nobody sees the values any more
    state = site.logins.state(cookies(request), login, now)
    if not isinstance(state, Asked) or state.expectation.provider_id != decided.provider_id:
        raise Replayed("not_asked", "a question of another country than was asked last")
    origin, pressed = decided.request.origin, fields.get("page", "")
    language = site.language(request, decided.request.languages) if pressed else fields.get("language", "")
    if _unknown(fields, {"page" if pressed else "language"}) or language not in LANGUAGES or pressed not in PAGES:
        raise RequestRefused("a choice of language with fields that the page does not have", code="other_site")
    try:
        with about(origin.service, decided.provider_id, PeerUnavailable, SourceSuspended):
            if pressed == EVERY_TIME:
                worded = site.broker.forget(decided, language, now)
            else:
                worded = site.broker.reword(decided, language, now, whole=bool(pressed))
    except (PeerUnavailable, Suspended, AllRevoked) as error:
        return stopped(site, request, error, origin, now, wished=speaking(decided, language).request.languages)
    return _asking(site, worded, secret, language, [])


def _decided(site: Site, request: Request, login: str, fields: dict[str, str]) -> Response:
    """The citizen's choice: bound to this browser by the Strict cookie, to what was shown by the seal."""
    now = site.clock()
    site.reference(request, login)
    decided, secret = _opened(site, request, login, fields, now)
    return _ended(site, request, decided, _choice(fields), secret, now)


def _ended(site: Site, request: Request, decided: Decided, choice: Choice, secret: bytes, now: int) -> Response:
    """The choice, as one unit, and the way onward."""
    reference = site.reference(request, decided.login)
    origin, wished = decided.request.origin, decided.request.languages
    provider = _source(site, decided.provider_id)
    try:
        with about(origin.service, decided.provider_id, *site.screens.of_the_source):
            ended = site.broker.decide(decided, choice, secret, now)
    except (PeerUnavailable, Suspended, AllRevoked) as error:
        return stopped(site, request, error, origin, now, wished=wished)
    language, kept = site.language(request, wished), after_decision(decided.login, secret)
    ending = Ending.REFUSED if choice.word == "refuse" else Ending.CANCELLED
    step = LoginStep.RELEASED if isinstance(ended, Released) else LoginStep(ending)
    site.watched.steps.step(step, reference, origin.service, site.screens.counted(origin, provider))
    if ended.record:
        site.watched.decided(decided)
    service, receipt = site.screens.service(origin, language), ""
    if isinstance(ended, Released) and ended.receipt:
        kept.append(receipt_cookie(request, ended.receipt))
        receipt = RECEIPT_PATH

    def made() -> Response:
        if isinstance(ended, Refused):
            return _refused(site, origin, ending, language, kept, now, answer_key=ended.answer_key)
        answer = site.frontends[origin.frontend].answer(ended, now)
        return site.answer(answer, service, language, kept, site.screens.towards, receipt=receipt)

    unsent = partial(site.broker.not_sent, ended, decided.login, now)
    towards = site.screens.towards
    return answered(site, request, made, unsent, service=service, language=language, kept=kept, towards=towards)


def _source(site: Site, provider_id: ProviderId) -> IdentityProvider | None:
    """The provider that answered; None if it is registered no more: the citizen may still leave."""
    try:
        return site.role.provider(provider_id)
    except NotFound:
        return None


def _opened(site: Site, request: Request, login: str, fields: dict[str, str], now: int) -> tuple[Decided, bytes]:
    """Open what the question's form brings back by the secret of the Strict cookie, and return both. Raises `Replayed`."""
    if not LOGIN_ID.fullmatch(login) or fields.get("login") != login:
        raise Replayed("login_id", "a decision about another login than its address says")
    secret = secret_of(cookies(request), login)
    sealed = site.sealer.open("decided", LoginId(login), fields.get("decided", ""), now, secret)
    try:
        return DECIDED.load(sealed), secret
    except NotFound as error:
        raise Replayed("decided_shape", "a decision that another version sealed") from error


def _cancelled(site: Site, request: Request, login: str, _fields: dict[str, str]) -> Response:
    """Back to the service from the picker."""
    now = site.clock()
    reference = site.reference(request, login)
    state = site.logins.state(cookies(request), login, now)
    origin = state.request.origin
    with about(origin.service):
        ended = site.broker.cancel(state, now)
    site.watched.steps.step(LoginStep.CANCELLED, reference, origin.service, site.screens.counted(origin, None))
    language = site.language(request, state.request.languages)
    kept = after_decision(state.login, None)
    return _refused(site, origin, Ending.CANCELLED, language, kept, now, answer_key=ended.answer_key)


def _choice(fields: dict[str, str]) -> Choice:
    """The choice and the ticked boxes of a form. A field that the page does not have refuses it: no browser sends one."""
    if _unknown(fields, {"choice"}):
        raise RequestRefused("a decision with fields that the page does not have", code="other_site")
    ticked = frozenset(AttributeName(name.removeprefix(SHARE)) for name in fields if name.startswith(SHARE))
    # Boxes ticked and then refused: what was ticked is nothing
    if fields.get("choice") not in RELEASING:
        return Choice(fields.get("choice", ""))
    return Choice(fields["choice"], ticked, remember=REMEMBER in fields)


def _unknown(fields: dict[str, str], pressed: set[str]) -> bool:
    """Whether there is a field that the question's form does not send with what was `pressed`."""
    boxes = {name for name, value in fields.items() if (name.startswith(SHARE) or name == REMEMBER) and value == "yes"}
    return not ({"login", "decided"} | pressed | boxes).issuperset(fields)


def _refused(
    site: Site,
    origin: Origin,
    ending: Ending,
    language: str,
    kept: Sequence[Cookie],
    now: int,
    *,
    answer_key: bytes = b"",
    decided: Decided | None = None,
) -> Response:
    """The login ended by the citizen's choice, or by the policy before they had one."""
    denied = ReleaseDenied(ending)
    answer = site.frontends[origin.frontend].refuse(origin, denied, now, answer_key)
    missing = site.screens.missing(decided, language) if decided is not None else ()
    service, towards = site.screens.service(origin, language), site.screens.towards
    view = RefusedView(language, ending, service, *_target(answer), missing, towards=towards)
    return page(site.pages.refused(view), view.kind, kept)


def _target(outbound: Outbound) -> tuple[str, tuple[tuple[str, str], ...]]:
    return (outbound.url, outbound.fields) if isinstance(outbound, Post) else (outbound.url, ())
