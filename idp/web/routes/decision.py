"""The citizen's choice about a login that was judged, and the way onward.

POST /login/{login}/language           the question again, in another language, or whole in place of one line
POST /login/{login}/decision           release, refuse or cancel
POST /login/{login}/cancel             back to the service before any identity provider answered
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Outbound, Post
from idp.ledger.record_contents import DecidedBy
from idp.login.eligible import TRIAL
from idp.login.finish import Choice
from idp.login.sealing import LoginId
from idp.login.states import DECIDED, Asked, Decided, Released, WaitingAnswer, speaking
from idp.monitoring.recorder.recorder import SENT
from idp.monitoring.steps import LoginStep
from idp.pages.languages import spoken
from idp.pages.views import BlockedView, Ending, PageKind
from idp.web.choosing import SHARE, ticked_in
from idp.web.login_cookies import (
    LOGIN_ID,
    SESSION,
    STRICT,
    Cookie,
    after_decision,
    chosen_language,
    secret_of,
    session_cookie,
    strict_cookie,
)
from idp.web.lost_logins import finds_login
from idp.web.page_route import PageRoute, posted
from idp.web.requests import cookies
from idp.web.routes import onward
from idp.web.routes.receipt import RECEIPT_PATH, receipt_cookie
from idp.web.site import Site, page
from idp.web.stopped import stopped
from idp.web.unsent import answered
from policies.errors import (
    AllRevoked,
    NotFound,
    PeerUnavailable,
    ReleaseDenied,
    Replayed,
    RequestRefused,
    SourceSuspended,
    StoreUnavailable,
    Suspended,
    about,
)
from policies.federations import family_of
from policies.parties import IdentityProvider, ProviderId

REMEMBER = "remember"
# The place of the one for whom the citizen acts
ACTING, _PLACE = "acting", re.compile(r"[0-9]{1,3}")
# The buttons that bring the whole question in place of one line
WHOLE, EVERY_TIME = "whole", "every_time"
# The one that gives more time, once
LONGER = "longer"
PAGES = ("", WHOLE, EVERY_TIME, LONGER, ACTING)
# The words of the buttons that release: the role says which of them a page has
RELEASING = ("approve", "continue")


def routes(site: Site) -> list[PageRoute]:
    """The endpoints to which the pages of a login post."""
    return [
        PageRoute("/login/{login}/decision", posted(site.issuer, partial(_decided, site)), "POST"),
        PageRoute("/login/{login}/cancel", posted(site.issuer, partial(_cancelled, site)), "POST"),
        PageRoute("/login/{login}/language", posted(site.issuer, partial(_reworded, site)), "POST"),
    ]


def judged_page(
    site: Site, request: Request, decided: Decided, secret: bytes, language: str, kept: list[Cookie], now: int
) -> Response:
    """The page of a login that was judged: the question, or why there is none; or none where an approval counts again."""
    if not decided.judged.instead:
        if decided.decision.blocked and not site.role.short_of(decided):
            # The page says so before the service hears of it. Nothing is left that a Strict cookie would open
            return blocked_page(site, decided, language, [one for one in kept if not one.name.startswith(STRICT)], now)
        if decided.path is DecidedBy.UNASKED:
            return ended_by(site, request, decided, Choice(site.role.release_word(decided.path)), secret, now)
    return asking(site, decided, secret, language, kept)


def asking(site: Site, decided: Decided, secret: bytes, language: str, kept: list[Cookie]) -> Response:
    """The question in this language, sealed for whoever has the Strict cookie of this secret.

    It keeps its language: what is recorded is the page that was read, whatever is chosen on another one meanwhile.
    """
    decided = speaking(decided, language)
    sealed = site.sealer.seal("decided", decided.login, decided.end, DECIDED.dump(decided), secret)
    left = decided.end - site.clock()
    return page(site.screens.question(decided, sealed, language, left), PageKind.FORM, kept)


@finds_login
def _reworded(site: Site, request: Request, fields: dict[str, str]) -> Response:
    """The question in the language that the citizen chose, or whole: what is recorded of it is what they see now.

    No response came, so the secret stays: the page before is as good as this one, until one is decided.
    """
    now = site.clock()
    decided, secret = _opened(site, request, fields, now)
    # As for a response that comes again: once somebody decided here, nobody sees the values any more
    state = site.live(request, decided.login, now)
    again = state.expectation.provider_id if isinstance(state, Asked) else decided.provider_id if decided.resumed else ""
    if again != decided.provider_id:
        raise Replayed("not_asked", "a question of another country than was asked last")
    if decided.shared is None:
        # A box that was unticked stays so, and what has no box is none
        ticked = tuple(sorted(ticked_in(fields) & set(decided.decision.optional)))
        decided = replace(decided, request=replace(decided.request, ticked=ticked))
    origin, pressed = decided.request.origin, fields.get("page", "")
    language = site.language(request, decided.request.languages) if pressed else fields.get("language", "")
    if _unknown(fields, {"page" if pressed else "language"}) or language not in spoken().languages or pressed not in PAGES:
        raise RequestRefused("a choice of language with fields that the page does not have", code="other_site")
    try:
        with about(origin.service, decided.provider_id, PeerUnavailable, SourceSuspended):
            if pressed == LONGER:
                worded = site.broker.reword(decided if decided.more else decided.longer(now), language, now)
            elif pressed == ACTING:
                worded = site.broker.acting(decided, int(fields.get(ACTING, "-1")), language, now)
            elif pressed == EVERY_TIME:
                worded = site.broker.forget(decided, language, now)
            else:
                worded = site.broker.reword(decided, language, now, whole=bool(pressed))
    except (PeerUnavailable, Suspended, AllRevoked) as error:
        return stopped(site, request, error, origin, now, wished=speaking(decided, language).request.languages)
    kept = [strict_cookie(worded.login, secret)] if pressed == LONGER else [] if pressed else [chosen_language(language)]
    return judged_page(site, request, worded, secret, language, kept, now)


@finds_login
def _decided(site: Site, request: Request, fields: dict[str, str]) -> Response:
    """The citizen's choice: bound to this browser by the Strict cookie, to what was shown by the seal."""
    now = site.clock()
    decided, secret = _opened(site, request, fields, now)
    return ended_by(site, request, decided, _choice(fields), secret, now)


def ended_by(site: Site, request: Request, decided: Decided, choice: Choice, secret: bytes, now: int) -> Response:
    """The choice, as one unit, and the last page, or the way onward at once."""
    site.reference(request, decided.login)
    origin, wished = decided.request.origin, decided.request.languages
    provider = _source(site, decided.provider_id)
    decided = _in_session(site, request, decided, now)
    try:
        with about(origin.service, decided.provider_id, *site.screens.of_the_source):
            ended = site.broker.decide(decided, choice, secret, now)
    except (PeerUnavailable, Suspended, AllRevoked) as error:
        return stopped(site, request, error, origin, now, wished=wished)
    is_release = isinstance(ended, Released) or ended.onward.decided is not None
    step = LoginStep.RELEASED if is_release else LoginStep(onward.ending_of(choice.word))
    site.step(request, step, origin, provider)
    if ended.first:
        site.watched.decided(decided)
        if is_release and not decided.resumed and origin.frontend != TRIAL:
            # A node is known by the countries that ask it, and a city by those whom it asks
            named = family_of(decided.provider_id) if site.screens.has_countries else origin.service
            site.watched.successes.signed_in(named)
    kept = []
    if ended.receipt:
        kept.append(receipt_cookie(request, ended.receipt))
    if ended.session is not None:
        kept.append(session_cookie(ended.session, now))
        if site.sessions is not None and ended.session.left:
            with suppress(StoreUnavailable):  # no browser has it any more, and it ends by itself
                site.sessions.end((ended.session.left,), now)
    language = site.language(request, wished)
    if isinstance(ended, WaitingAnswer):
        return onward.last_page(site, ended, language, kept)
    kept += after_decision(decided.login, secret)
    service, towards = site.screens.service(origin, language), site.screens.towards
    receipt = RECEIPT_PATH if ended.receipt else ""

    def made() -> Response:
        answer = site.frontends[origin.frontend].answer(ended, now)
        site.record(request, SENT)
        return site.answer(answer, service, language, kept, towards, receipt=receipt)

    unsent = partial(site.broker.answers.not_sent, ended, decided.login, now)
    return answered(site, request, made, unsent, service=service, language=language, kept=kept, towards=towards)


def _in_session(site: Site, request: Request, decided: Decided, now: int) -> Decided:
    """The same login in the session that this browser has by now: it may have signed in in another tab since it began."""
    shared = decided.request.shared
    if site.sessions is None or shared is None or decided.resumed:
        return decided
    live = site.sessions.live(shared.group, cookies(request).get(SESSION + shared.group, ""), now)
    if live is None:
        return decided
    return replace(decided, request=replace(decided.request, shared=replace(shared, session=live.name)))


def _source(site: Site, provider_id: ProviderId) -> IdentityProvider | None:
    """The provider that answered; None if it is registered no more: the citizen may still leave."""
    try:
        return site.role.provider(provider_id)
    except NotFound:
        return None


def _opened(site: Site, request: Request, fields: dict[str, str], now: int) -> tuple[Decided, bytes]:
    """Open what the question's form brings back by the secret of the Strict cookie, and return both. Raises `Replayed`."""
    login = request.path_params["login"]
    site.reference(request, login)
    if not LOGIN_ID.fullmatch(login) or fields.get("login") != login:
        raise Replayed("login_id", "a decision about another login than its address says")
    secret = secret_of(cookies(request), login)
    sealed = site.sealer.open("decided", LoginId(login), fields.get("decided", ""), now, secret)
    try:
        decided = DECIDED.load(sealed)
    except NotFound as error:
        raise Replayed("decided_shape", "a decision that another version sealed") from error
    site.about(request, decided.request.origin, decided.provider_id)
    return decided, secret


@finds_login
def _cancelled(site: Site, request: Request, _fields: dict[str, str]) -> Response:
    """Back to the service from the picker."""
    now = site.clock()
    state = site.live(request, request.path_params["login"], now)
    origin = state.request.origin
    with about(origin.service):
        ended = site.broker.cancel(state, now)
    site.step(request, LoginStep.CANCELLED, origin)
    return onward.last_page(site, ended, site.language(request, state.request.languages), [])


def _choice(fields: dict[str, str]) -> Choice:
    """The choice and the ticked boxes of a form. A field that the page does not have refuses it: no browser sends one."""
    if _unknown(fields, {"choice"}) or (ACTING in fields and fields.get("choice") in RELEASING):
        raise RequestRefused("a decision with fields that the page does not have", code="other_site")
    # Boxes ticked and then refused: what was ticked is nothing
    if fields.get("choice") not in RELEASING:
        return Choice(fields.get("choice", ""))
    return Choice(fields["choice"], ticked_in(fields), remember=REMEMBER in fields)


def _unknown(fields: dict[str, str], pressed: set[str]) -> bool:
    """Whether there is a field that the question's form does not send with what was `pressed`."""
    boxes = {name for name, value in fields.items() if (name.startswith(SHARE) or name == REMEMBER) and value == "yes"}
    if _PLACE.fullmatch(fields.get(ACTING, "")):
        boxes.add(ACTING)
    return not ({"login", "decided"} | pressed | boxes).issuperset(fields)


def blocked_page(site: Site, decided: Decided, language: str, kept: Sequence[Cookie], now: int) -> Response:
    """The login ended by the policy, before the citizen had a choice."""
    origin = decided.request.origin
    answer = site.frontends[origin.frontend].refuse(origin, ReleaseDenied(Ending.BLOCKED), now)
    service, missing = site.screens.service(origin, language), site.screens.missing(decided, language)
    view = BlockedView(language, service, *_target(answer), missing, towards=site.screens.towards)
    return page(site.pages.blocked(view), view.kind, kept)


def _target(outbound: Outbound) -> tuple[str, tuple[tuple[str, str], ...]]:
    return (outbound.url, outbound.fields) if isinstance(outbound, Post) else (outbound.url, ())
