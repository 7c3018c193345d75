"""The citizen signs out of the services that share their sign-in.

GET, POST /logout          a service asks for it (RP-Initiated Logout 1.0 §2), or the citizen opens the page
POST /logout/confirm       the citizen's word, where no service proved that it may ask
"""

from collections.abc import Collection, Mapping

from fastapi import Request
from fastapi.responses import Response

from connectors.resumed import RememberedSignIn
from idp.pages.logout_view import LogoutView
from idp.protocols.oidc.logout_request import EndSession, judged_logout
from idp.protocols.saml.logout_visits import Asker
from idp.web.city_site import CitySite
from idp.web.login_cookies import SESSION, Cookie
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, check_same_origin, cookies, form, query
from idp.web.routes.logout_way import ended_page, removals
from idp.web.threads import run_in_threadpool
from policies.errors import RequestRefused

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
    here = sessions_here(site, request, now)
    if not wanted.hinted or not {*here} <= {session}:
        view = LogoutView(_language(site, request, wanted), fields=wanted.carried, action=CONFIRM_PATH)
        return site.shown(view, ())
    return _ended(site, request, wanted, () if session is None else (session,), here, now)


def _confirmed(site: CitySite, request: Request, fields: dict[str, str]) -> Response:
    """Every session of this browser ends. The form is ours; what it carries is judged again all the same."""
    now = site.clock()
    wanted = _judged(site, {name: value for name, value in fields.items() if name != "id_token_hint"}, now)
    here = sessions_here(site, request, now)
    return _ended(site, request, wanted, here, here, now)


def sessions_here(site: CitySite, request: Request, now: int) -> dict[bytes, RememberedSignIn]:
    """This browser's living sessions by their names, and what each rests on."""
    sessions = site.logouts.sessions
    held = [(name.removeprefix(SESSION), value) for name, value in cookies(request).items() if name.startswith(SESSION)]
    live = [found for group, value in held if (found := sessions.live(group, value, now)) is not None]
    return {bytes.fromhex(one.name): one.content.signed_in for one in live}


def ended_here(site: CitySite, request: Request, now: int) -> list[Cookie]:
    """The browser forgets: its sessions end, as if the citizen had signed out. Returns the removals of their cookies."""
    site.logouts.sign_out(sessions_here(site, request, now), None, now)
    return removals(site, request, now)


def _judged(site: CitySite, parameters: dict[str, str], now: int) -> EndSession:
    found = judged_logout(parameters, site.logouts.parties, site.issuer, site.logouts.signers, now)
    if found.unregistered:
        peer = found.party.client_id if found.party is not None else None
        detail = "post_logout_redirect_uri is not registered exactly so, or nothing says whose it is"
        site.watched.refusals.line({"path": LOGOUT_PATH, "peer": peer, "detail": detail}, anybodys=True)
    return found


def _ended(
    site: CitySite,
    request: Request,
    wanted: EndSession,
    names: Collection[bytes],
    here: Mapping[bytes, RememberedSignIn],
    now: int,
) -> Response:
    """End the sessions, among them all that are `here`, and say for each service what became of it."""
    by = wanted.party.client_id if wanted.party is not None else None
    told = site.logouts.sign_out(names, by, now)
    asker = Asker(by or "", wanted.carried, done=wanted.hinted)
    language = _language(site, request, wanted)
    return ended_page(site, request, told, asker, language, rested_on=here.values())


def _language(site: CitySite, request: Request, wanted: EndSession) -> str:
    return site.language(request, wanted.languages)
