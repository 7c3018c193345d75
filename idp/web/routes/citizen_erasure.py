"""The citizen has their records erased (decision 0060), after a sign-in for their page.

GET  /me/erase             the question, or until when it can be stopped; before a sign-in the button that begins one
POST /me/erase             it is asked for
POST /me/erase/stop        it is withdrawn

An EUDI wallet opens the same address for a request of deletion: it is the `supportURI` of the wallet-relying party's
registration (TS7 1.0 §3.2 (I2), DATA_DLT_02 a). The sign-in authenticates who asks (DATA_DLT_07).
"""

from collections.abc import Mapping
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Redirect
from idp.citizen.erasures import SignIn
from idp.citizen.own_page import ERASE_PATH, PATH, SIGN_IN
from idp.citizen.visits import VISIT_LIFE
from idp.pages.citizen_view import CitizenDoorView, CitizenErasureView
from idp.web.city_site import CitySite, opened
from idp.web.page_route import PageRoute, posted
from idp.web.routes.citizen import visiting
from idp.web.site import page
from policies.errors import NotFound

STOP_PATH = f"{ERASE_PATH}/stop"


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of an erasure."""
    shown, asked = opened(site, _page), posted(site.issuer, partial(_asked, site))

    async def erase(request: Request) -> Response:
        return await (asked if request.method == "POST" else shown)(request)

    return [
        PageRoute(ERASE_PATH, erase, "GET", "POST"),
        PageRoute(STOP_PATH, posted(site.issuer, partial(_stopped, site)), "POST"),
    ]


def _page(site: CitySite, request: Request) -> Response:
    now, language = site.clock(), site.language(request)
    try:
        visit = visiting(site, request, now)
    except NotFound:
        door = CitizenDoorView(language, SIGN_IN, address=ERASE_PATH)
        return page(site.pages.citizen(door), door.kind, ())
    pending = site.citizen.erasures.pending(visit.subject)
    due = site.wording(language).moment(pending.due) if pending else ""
    view = CitizenErasureView(language, STOP_PATH if pending else ERASE_PATH, PATH, due, ERASE_PATH)
    return page(site.pages.citizen_erasure(view), view.kind, ())


def _asked(site: CitySite, request: Request, _fields: Mapping[str, str]) -> Response:
    """Raises `ErasureRefused` below the highest level on record."""
    now = site.clock()
    site.citizen.erasures.ask(_sign_in(site, request, now), now)
    return site.send(Redirect(site.issuer + ERASE_PATH), site.language(request))


def _stopped(site: CitySite, request: Request, _fields: Mapping[str, str]) -> Response:
    """Raises `ErasureRefused` where none waits, and below the highest level on record."""
    now = site.clock()
    site.citizen.erasures.stop(_sign_in(site, request, now), now)
    return site.send(Redirect(site.issuer + ERASE_PATH), site.language(request))


def _sign_in(site: CitySite, request: Request, now: int) -> SignIn:
    visit = visiting(site, request, now)
    return SignIn(visit.subject, visit.loa, visit.end - VISIT_LIFE)
