"""The citizen signs out of the services that share their sign-in.

GET, POST /logout          a service asks for it (RP-Initiated Logout 1.0 §2), or the citizen opens the page
POST /logout/confirm       the citizen's word, where no service proved that it may ask
"""

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Outbound, Post, Redirect
from idp.pages.headers import framing
from idp.pages.logout_view import EndedService, LogoutView
from idp.pages.views import Text
from idp.pages.wording import text_in
from idp.protocols.oidc.logout_request import EndSession, judged_logout
from idp.protocols.oidc.logouts import Outcome, SignedOut
from idp.web.city_site import CitySite
from idp.web.login_cookies import SESSION, Cookie
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, check_same_origin, cookies, form, query
from idp.web.site import page
from idp.web.threads import run_in_threadpool
from policies.errors import RequestRefused
from policies.parties import RelyingParty

LOGOUT_PATH, CONFIRM_PATH = "/logout", "/logout/confirm"
MAX_REQUEST = 60 * 1024


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of a logout."""

    async def asked(request: Request) -> Response:
        check_navigation(request)
        if request.method == "POST":
            return await run_in_threadpool(_asked, site, request, await form(request, MAX_REQUEST))
        if len(request.scope["query_string"]) > MAX_REQUEST:
            raise RequestRefused("a query that is too long", status=414, code="too_large")
        return await run_in_threadpool(_asked, site, request, query(request))

    async def confirmed(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        return await run_in_threadpool(_confirmed, site, request, await form(request, MAX_REQUEST))

    return [PageRoute("/logout", asked, "GET", "POST"), PageRoute("/logout/confirm", confirmed, "POST")]


def _asked(site: CitySite, request: Request, parameters: dict[str, str]) -> Response:
    """With a hint of ours its session ends, where this browser has no other. Else the citizen is asked.

    Any page may link to this one. And whoever reads that they are signed out has no session left here: a service may have
    an old id_token, whose session is over.
    """
    now = site.clock()
    wanted = _judged(site, parameters, now)
    stored, party = site.logouts.sessions.stored, wanted.party
    session = stored.of_participant(party.client_id, wanted.sid, now) if party is not None and wanted.sid else None
    if not wanted.hinted or not {*sessions_here(site, request, now)} <= {session}:
        view = LogoutView(_language(site, request, wanted), fields=wanted.carried, action=CONFIRM_PATH)
        return page(site.pages.logout(view), view.kind, ())
    return _ended(site, request, wanted, () if session is None else (session,), now)


def _confirmed(site: CitySite, request: Request, fields: dict[str, str]) -> Response:
    """Every session of this browser ends. The form is ours; what it carries is judged again all the same."""
    now = site.clock()
    wanted = _judged(site, {name: value for name, value in fields.items() if name != "id_token_hint"}, now)
    return _ended(site, request, wanted, sessions_here(site, request, now), now)


def sessions_here(site: CitySite, request: Request, now: int) -> list[bytes]:
    """The names of this browser's living sessions."""
    sessions = site.logouts.sessions
    held = [(name.removeprefix(SESSION), value) for name, value in cookies(request).items() if name.startswith(SESSION)]
    live = [found for group, value in held if (found := sessions.live(group, value, now)) is not None]
    return [bytes.fromhex(one.name) for one in live]


def ended_here(site: CitySite, request: Request, now: int) -> list[Cookie]:
    """The browser forgets: its sessions end, as if the citizen had signed out. Returns the removals of their cookies."""
    site.logouts.sign_out(sessions_here(site, request, now), None, now)
    return _removals(site, request, now)


def _judged(site: CitySite, parameters: dict[str, str], now: int) -> EndSession:
    found = judged_logout(parameters, site.logouts.parties, site.issuer, site.logouts.signers, now)
    if found.unregistered:
        peer = found.party.client_id if found.party is not None else None
        detail = "post_logout_redirect_uri is not registered exactly so, or nothing says whose it is"
        site.watched.refusals.line({"path": LOGOUT_PATH, "peer": peer, "detail": detail}, anybodys=True)
    return found


def _ended(site: CitySite, request: Request, wanted: EndSession, names: Collection[bytes], now: int) -> Response:
    """End the sessions, and say for each service what became of it."""
    by, language = wanted.party, _language(site, request, wanted)
    told = site.logouts.sign_out(names, by.client_id if by is not None else None, now)
    return ended_page(site, request, told, by, Redirect(wanted.back) if wanted.back else None, language, done=wanted.hinted)


def ended_page(
    site: CitySite,
    request: Request,
    told: Sequence[SignedOut],
    by: RelyingParty | None,
    back: Outbound | None,
    language: str,
    *,
    done: bool,
) -> Response:
    """What became of each service. The way `back` is there, or leads on at once; `done`: something was signed out."""
    now = site.clock()
    others = [one for one in told if by is None or one.client_id != by.client_id or one.outcome is Outcome.UNREACHED]
    frames = tuple(one.frame for one in told if one.frame)
    view = LogoutView(
        language,
        ended=tuple(EndedService(_title(one.party, one.client_id, language), one.outcome) for one in told),
        frames=frames,
        service=text_in(by.title, language) if by is not None else None,
        target=back.url if back is not None else "",
        posted=back.fields if isinstance(back, Post) else (),
        # Who has something to read here reads it; and frames need their time
        at_once=back is not None and not others and not [one for one in told if one.outcome is Outcome.WAITING],
        done=bool(told) or done,
    )
    response = page(site.pages.logout(view), view.kind, _removals(site, request, now))
    if frames:
        framing(response.raw_headers, _sources(told))
    return response


def _removals(site: CitySite, request: Request, now: int) -> list[Cookie]:
    """This browser's cookies of sessions that have ended."""
    held = [(name, value) for name, value in cookies(request).items() if name.startswith(SESSION)]
    sessions = site.logouts.sessions
    dead = [name for name, value in held if sessions.live(name.removeprefix(SESSION), value, now) is None]
    return [Cookie(name, "", 0, "Lax") for name in dead]


def _sources(told: Sequence[SignedOut]) -> list[str]:
    """The registered addresses of frames, as a policy names them: without a query."""
    parts = [urlsplit(one.frame) for one in told if one.frame]
    return sorted({f"{each.scheme}://{each.netloc}{each.path or '/'}" for each in parts})


def _title(party: RelyingParty | None, client_id: str, language: str) -> Text:
    return text_in(party.title, language) if party is not None else Text(client_id, "en")


def _language(site: CitySite, request: Request, wanted: EndSession) -> str:
    return site.language(request, wanted.languages)
