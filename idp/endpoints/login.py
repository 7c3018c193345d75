"""The citizen's way through a login: back from a country, the question, the answer. `idp.endpoints.picker` comes before.

POST /saml/acs                       back from the chosen country: the answer is judged, and the question is asked
POST /eidas/acs                      the same, where a country's node was asked
POST /login/{login}/language         the question again, in another language
POST /login/{login}/decision         approve, refuse or cancel
POST /login/{login}/cancel           back to the service before any country answered
"""

import time
from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connectors.connector import Inbound, Outbound, Post
from idp.ending import Choice
from idp.endpoints.city import CitySite
from idp.endpoints.http import MAX_MESSAGE_BODY, check_navigation, check_same_origin, client_of, cookies, form, query
from idp.endpoints.logins import LOGIN_ID, Cookie, after_decision, new_secret, secret_of
from idp.endpoints.question import question
from idp.endpoints.receipt import RECEIPT_PATH, receipt_cookie
from idp.endpoints.site import page
from idp.endpoints.threads import run_in_threadpool
from idp.endpoints.unsent import answered
from idp.login import DECIDED, Asked, Decided, Refused, Released, speaking
from idp.pages.languages import LANGUAGES
from idp.pages.views import Ending, Kind, RefusedView
from idp.responders.oidc import BAD_ANSWER, COUNTRY_AWAY, ENDED, SWITCHED_OFF
from idp.seal import LoginId
from idp.watching.steps import Step
from policies.attributes import AttributeName
from policies.authentication import AuthenticationRequest
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    AssuranceTooLow,
    AuthenticationFailed,
    Closed,
    NotFound,
    OtherPerson,
    PeerUnavailable,
    Replayed,
    RequestRefused,
    SourceSuspended,
    Suspended,
    about,
)

SHARE = "share."
ACCESS_DENIED, UNAVAILABLE = "access_denied", "temporarily_unavailable"
# Errors that are about the identity provider; others of a login are about the relying party
OF_THE_SOURCE = (AssertionRejected, PeerUnavailable, SourceSuspended)
# A login that goes no further, and of which the relying party may be told
Stopped = AssertionRejected | PeerUnavailable | Suspended | AllRevoked | Closed


def router(site: CitySite) -> APIRouter:
    """The endpoints that a citizen's browser meets."""
    routes = APIRouter()

    @routes.post("/saml/acs")
    async def saml(request: Request) -> Response:
        return await run_in_threadpool(_heard, site, request, await _response(request), "saml")

    @routes.post("/eidas/acs")
    async def eidas(request: Request) -> Response:
        return await run_in_threadpool(_heard, site, request, await _response(request), "eidas")

    @routes.post("/login/{login}/language")
    async def language(request: Request, login: str) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        fields = await form(request)
        return await run_in_threadpool(_reworded, site, request, login, fields)

    @routes.post("/login/{login}/decision")
    async def decision(request: Request, login: str) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        fields = await form(request)
        return await run_in_threadpool(_decided, site, request, login, fields)

    @routes.post("/login/{login}/cancel")
    async def cancel(request: Request, login: str) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        await form(request)
        return await run_in_threadpool(_cancelled, site, request, login)

    return routes


async def _response(request: Request) -> Inbound:
    """A response by POST, not read yet."""
    check_navigation(request)
    if query(request):
        raise RequestRefused("a response with a query")
    return Inbound("post", await form(request, MAX_MESSAGE_BODY))


def _heard(site: CitySite, request: Request, inbound: Inbound, protocol: str) -> Response:
    """Only this browser's live question lets a response be read at all (decisions.md 1), at the address of its protocol."""
    now = site.clock()
    login = inbound.parameters.get("RelayState", "")
    reference = site.reference(request, login)
    state = site.logins.state(cookies(request), login, now)
    if not isinstance(state, Asked):
        raise Replayed("not_asked", "a response to a login that has asked nobody")
    with about(state.expectation.provider_id):
        provider = site.broker.provider(state.expectation.provider_id)
        if provider.protocol != protocol:
            raise RequestRefused("a response at the address of another protocol than was asked in")
    language, client = site.language(request, state.request.ui_locales), client_of(request)
    site.watched.tries.answer(login, client)
    began = time.perf_counter()
    try:
        with about(state.request.client_id, state.expectation.provider_id, *OF_THE_SOURCE):
            decided = site.broker.hear(state, inbound, language, now)
    except (AssertionRejected, PeerUnavailable, Suspended) as error:
        spent = isinstance(error, AssertionRejected) and site.watched.tries.wrong(login, client)
        return rejected(site, request, error, state.request, after_decision(state.login, None) if spent else ())
    site.watched.verified(time.perf_counter() - began)
    blocked = decided.decision.blocked
    step = Step.BLOCKED if blocked else Step.ANSWERED
    site.watched.steps.step(step, reference, state.request.client_id, provider.country, decided.deviations)
    if blocked:
        return _blocked(site, decided, language)
    secret, strict = new_secret(decided.login)
    return _asking(site, decided, secret, language, [strict])


def _asking(site: CitySite, decided: Decided, secret: bytes, language: str, kept: list[Cookie]) -> Response:
    """The question in this language, sealed for whoever has the Strict cookie of this secret."""
    sealed = site.sealer.seal("decided", decided.login, decided.end, DECIDED.dump(decided), secret)
    return page(question(site, decided, sealed, language), Kind.FORM, kept)


def _reworded(site: CitySite, request: Request, login: str, fields: dict[str, str]) -> Response:
    """The question in the language that the citizen chose: what is recorded of it is what they see now.

    No response came, so the secret stays (decisions.md 3): the page before is as good as this one, until one is decided.
    """
    now = site.clock()
    site.reference(request, login)
    decided, secret = _opened(site, request, login, fields, now)
    # As for a response that comes again (decisions.md 1): once somebody decided here, nobody sees the values any more
    state = site.logins.state(cookies(request), login, now)
    if not isinstance(state, Asked) or state.expectation.provider_id != decided.provider_id:
        raise Replayed("not_asked", "a question of another country than was asked last")
    language = fields.get("language", "")
    if _unknown(fields, {"language"}) or language not in LANGUAGES:
        raise RequestRefused("a choice of language with fields that the page does not have", code="other_site")
    try:
        with about(decided.request.client_id, decided.provider_id, PeerUnavailable, SourceSuspended):
            worded = site.broker.reword(decided, language, now)
    except (PeerUnavailable, Suspended, AllRevoked) as error:
        return rejected(site, request, error, speaking(decided, language).request)
    return _asking(site, worded, secret, language, [])


def rejected(
    site: CitySite, request: Request, error: Stopped, asked: AuthenticationRequest, kept: Sequence[Cookie] = ()
) -> Response:
    """No country vouched as it has to, or nobody may or can go through now: the page says why, and there is a way back.

    That way tells the service as much as it may know.
    """
    back, language = site.openid.refuse(asked, *_oauth_error(error)), site.language(request, asked.ui_locales)
    return site.error(request, error, back=back, service=site.service(asked, language), language=language, kept=kept)


def _decided(site: CitySite, request: Request, login: str, fields: dict[str, str]) -> Response:
    """The citizen's choice: bound to this browser by the Strict cookie, to what was shown by the seal."""
    now = site.clock()
    reference = site.reference(request, login)
    decided, secret = _opened(site, request, login, fields, now)
    choice = _choice(fields)
    try:
        with about(decided.request.client_id, decided.provider_id, PeerUnavailable, SourceSuspended):
            ended = site.broker.decide(decided, choice, secret, now)
    except (PeerUnavailable, Suspended, AllRevoked) as error:
        return rejected(site, request, error, decided.request)
    language = site.language(request, decided.request.ui_locales)
    kept = after_decision(decided.login, secret)
    step = _step_of(ended, choice)
    country = site.broker.provider(decided.provider_id).country
    site.watched.steps.step(step, reference, decided.request.client_id, country)
    service = site.service(decided.request, language)
    if isinstance(ended, Released):
        kept.append(receipt_cookie(request, ended.receipt))
    ending = Ending.REFUSED if step is Step.REFUSED else Ending.CANCELLED

    def made() -> Response:
        if isinstance(ended, Released):
            return site.answer(site.openid.respond(ended), service, language, kept, receipt=RECEIPT_PATH)
        return _refused(site, ended, ending, language, kept)

    unsent = partial(site.broker.not_sent, ended, decided.login, now)
    return answered(site, request, made, unsent, service=service, language=language, kept=kept)


def _opened(site: CitySite, request: Request, login: str, fields: dict[str, str], now: int) -> tuple[Decided, bytes]:
    """What the question's form brings back, and the secret of the Strict cookie that opens it. Raises `Replayed`."""
    if not LOGIN_ID.fullmatch(login) or fields.get("login") != login:
        raise Replayed("login_id", "a decision about another login than its address says")
    secret = secret_of(cookies(request), login)
    sealed = site.sealer.open("decided", LoginId(login), fields.get("decided", ""), now, secret)
    try:
        return DECIDED.load(sealed), secret
    except NotFound as error:
        raise Replayed("decided_shape", "a decision that another version sealed") from error


def _cancelled(site: CitySite, request: Request, login: str) -> Response:
    """Back to the service from the picker."""
    now = site.clock()
    reference = site.reference(request, login)
    state = site.logins.state(cookies(request), login, now)
    with about(state.request.client_id):
        ended = site.broker.cancel(state, now)
    site.watched.steps.step(Step.CANCELLED, reference, state.request.client_id)
    language = site.language(request, state.request.ui_locales)
    return _refused(site, ended, Ending.CANCELLED, language, after_decision(state.login, None))


def _step_of(ended: Released | Refused, choice: Choice) -> Step:
    if isinstance(ended, Released):
        return Step.RELEASED
    return Step.REFUSED if choice.word == "refuse" else Step.CANCELLED


def _choice(fields: dict[str, str]) -> Choice:
    """What was pressed and ticked. Fields that the page does not have refuse: a browser sends none."""
    if _unknown(fields, {"choice"}):
        raise RequestRefused("a decision with fields that the page does not have", code="other_site")
    ticked = frozenset(AttributeName(name.removeprefix(SHARE)) for name in fields if name.startswith(SHARE))
    # Boxes ticked and then refused: what was ticked is nothing
    return Choice(fields.get("choice", ""), ticked if fields.get("choice") == "approve" else frozenset())


def _unknown(fields: dict[str, str], pressed: set[str]) -> bool:
    """Whether there is a field that the question's form does not send with what was `pressed`."""
    boxes = {name for name, value in fields.items() if name.startswith(SHARE) and value == "yes"}
    return not ({"login", "decided"} | pressed | boxes).issuperset(fields)


def _blocked(site: CitySite, decided: Decided, language: str) -> Response:
    """What the service cannot do without cannot go: nothing goes, and the page says so before the service hears of it."""
    answer = _target(site.openid.refuse(decided.request, ACCESS_DENIED))
    missing = site.wording(language).missing(decided.decision, site.catalogue)
    view = RefusedView(language, Ending.BLOCKED, site.service(decided.request, language), *answer, missing)
    return page(site.pages.refused(view), view.kind, ())


def _refused(site: CitySite, ended: Refused, ending: Ending, language: str, kept: list[Cookie]) -> Response:
    answer = _target(site.openid.refuse(ended.request, ACCESS_DENIED))
    view = RefusedView(language, ending, site.service(ended.request, language), *answer)
    return page(site.pages.refused(view), view.kind, kept)


def _target(outbound: Outbound) -> tuple[str, tuple[tuple[str, str], ...]]:
    return (outbound.url, outbound.fields) if isinstance(outbound, Post) else (outbound.url, ())


def _oauth_error(error: Stopped) -> tuple[str, str]:
    """What the relying party is told where the citizen goes back to it from the error page: code, and whose move it is.

    "" is the sentence of the code. That of a citizen who stopped at the country is the same as of one who refused here.
    """
    match error:
        case AssuranceTooLow():
            return "unmet_authentication_requirements", ""
        case OtherPerson():
            return "login_required", ""
        case AuthenticationFailed():
            return ACCESS_DENIED, ""
        case Replayed():
            return ACCESS_DENIED, ENDED
        case PeerUnavailable():
            return UNAVAILABLE, COUNTRY_AWAY
        case Suspended():
            return UNAVAILABLE, SWITCHED_OFF
        case AllRevoked() | Closed():
            return UNAVAILABLE, ""
        case _:
            return ACCESS_DENIED, BAD_ANSWER
