"""The last page of a login, and the way on from it (decision 0074).

GET /login/{login}/stay     the page: it goes on by itself the first time that it is shown, and not again
GET /login/{login}/onward   on to the service: the answer is made here

A decision leads there by a redirect: Reload shows it again until the citizen goes on, and no decision is sent twice.
Neither another site's link nor a browser that fetches ahead goes on for the citizen: the login's cookie is Strict, and the
browser says where it comes from.
"""

from collections.abc import Sequence
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Redirect
from connectors.signatures.jws import base64url
from idp.login.flow import CANCEL
from idp.login.sealing import LoginId
from idp.login.states import ONWARD_LIFE, Onward, Released, WaitingAnswer
from idp.monitoring.recorder.recorder import DENIED, SENT
from idp.pages.last_view import SECONDS, LastView
from idp.pages.views import Ending
from idp.web.login_cookies import LOGIN_ID, STATE, UNSEEN, Cookie, after_decision, chosen_language, secret_of
from idp.web.lost_logins import finds_login
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, check_own_link, cookies, query
from idp.web.routes.receipt import FILE_PATH, PHONE_PATH, RECEIPT_PATH
from idp.web.site import Site, page
from idp.web.stopped import stopped
from idp.web.threads import threaded
from idp.web.unsent import answered
from policies.errors import AllRevoked, PeerUnavailable, ReleaseDenied, Replayed, Suspended, about


def routes(site: Site) -> list[PageRoute]:
    """The endpoints of the last page."""

    @threaded
    def stays(request: Request) -> Response:
        check_navigation(request)
        return _stays(site, request)

    @threaded
    def goes_on(request: Request) -> Response:
        check_navigation(request)
        check_own_link(request)
        return _goes_on(site, request)

    return [
        PageRoute("/login/{login}/stay", stays, "GET"),
        PageRoute("/login/{login}/onward", goes_on, "GET"),
    ]


def last_page(site: Site, waiting: WaitingAnswer, language: str, kept: Sequence[Cookie]) -> Response:
    """Off to the page after a decision that is recorded."""
    cookies_kept = [*kept, *after_decision(waiting.login, waiting.secret, ONWARD_LIFE, letter=UNSEEN)]
    return site.send(Redirect(f"{site.issuer}/login/{waiting.login}/stay"), language, cookies_kept)


def ending_of(word: str) -> Ending:
    """The end of a login that releases nothing, by the word of the button."""
    return Ending.CANCELLED if word == CANCEL else Ending.REFUSED


def _kept(site: Site, request: Request) -> tuple[LoginId, bytes, Onward]:
    """The login that this browser decided, by its Strict cookie. Raises `Replayed`."""
    login = request.path_params["login"]
    if not LOGIN_ID.fullmatch(login):
        raise Replayed("login_id", "no id of a login")
    site.reference(request, login)
    secret = secret_of(cookies(request), login)
    return LoginId(login), secret, site.broker.answers.kept(LoginId(login), secret, site.clock())


@finds_login
def _stays(site: Site, request: Request) -> Response:
    login, secret, onward = _kept(site, request)
    stays = cookies(request).get(STATE + login) != UNSEEN
    if stays:
        site.broker.answers.check_waits(login, site.clock())
    chosen = query(request).get("language", "")
    language = site.language(request, (chosen, *onward.asked.languages))
    view = _view(site, login, onward, secret, language, stays=stays)
    kept = [chosen_language(chosen)] if chosen == language else []
    response = page(site.pages.last(view), view.kind, kept if stays else [*kept, *after_decision(login, None)])
    if not stays:
        response.raw_headers.append((b"refresh", f"{SECONDS}; url={view.onward}".encode("ascii")))
    return response


@finds_login
def _goes_on(site: Site, request: Request) -> Response:
    login, secret, onward = _kept(site, request)
    now, asked = site.clock(), onward.asked
    origin = asked.origin
    source = onward.decided.provider_id if onward.decided is not None else ""
    site.about(request, origin, source)
    try:
        with about(origin.service, source, *site.screens.of_the_source):
            ended = site.broker.answers.go_on(login, onward, secret, now)
    except (PeerUnavailable, Suspended, AllRevoked) as error:
        return stopped(site, request, error, origin, now, wished=asked.languages)
    language, kept = site.language(request, asked.languages), after_decision(login, secret)
    service, towards = site.screens.service(origin, language), site.screens.towards

    def made() -> Response:
        if isinstance(ended, Released):
            answer = site.frontends[origin.frontend].answer(ended, now)
        else:
            denied = ReleaseDenied(ending_of(onward.word))
            answer = site.frontends[origin.frontend].refuse(origin, denied, now, ended.answer_key)
        site.record(request, SENT if isinstance(ended, Released) else DENIED)
        return site.send(answer, language, kept, towards, service=service)

    unsent = partial(site.broker.answers.not_sent, ended, login, now)
    return answered(site, request, made, unsent, service=service, language=language, kept=kept, towards=towards)


def _view(site: Site, login: LoginId, onward: Onward, secret: bytes, language: str, *, stays: bool) -> LastView:
    decided, going = onward.decided, onward.decided.decision.released if onward.decided is not None else ()
    phone = ""
    if decided is not None and stays:
        phone = f"{site.issuer}{PHONE_PATH}?link={base64url(site.broker.answers.phone(login, onward, secret))}"
    names = [(str(one.name), str(one.form)) for one in going]
    return LastView(
        language=language,
        service=site.screens.service(onward.asked.origin, language),
        towards=site.screens.towards,
        onward=f"/login/{login}/onward",
        stay="" if stays else f"/login/{login}/stay",
        ending=ending_of(onward.word) if decided is None else None,
        acting_for=decided.judged.acting_for if decided is not None else "",
        went=site.wording(language).sent(names, site.catalogue),
        receipt=RECEIPT_PATH if decided is not None else "",
        file=FILE_PATH if decided is not None else "",
        phone=phone,
    )
