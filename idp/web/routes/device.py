"""The pages of a citizen who signs in for a kiosk, on a device of their own (RFC 8628 §3.3).

GET  /device          the form for the code; `language=et` speaks that one
POST /device          the code: who asks, where and when, and a warning (RFC 10027)
POST /device/login    the citizen goes on: an ordinary login begins (`idp.web.routes.login`)
GET  /device/done     approved: back to the kiosk
POST /device/ended    refused, or stopped: the kiosk hears of it

No address fills the code in: whoever sends somebody a link has nothing of theirs in the form.
"""

from functools import partial

from fastapi import Request
from fastapi.responses import Response

from idp.pages.device_view import DeviceStep, DeviceView
from idp.protocols.oidc.device import DONE_PATH, ENDED_PATH, ENTRY_PATH
from idp.protocols.oidc.device_authorization import VERIFICATION_PATH
from idp.web.city_site import CitySite
from idp.web.page_route import PageRoute, posted
from idp.web.requests import check_navigation, check_same_origin, client_of, form
from idp.web.threads import run_in_threadpool, threaded
from policies.errors import NotFound, about


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints beside the login itself."""

    @threaded
    def asked(request: Request) -> Response:
        check_navigation(request)
        return _page(site, site.language(request), DeviceStep.CODE)

    @threaded
    def done(request: Request) -> Response:
        check_navigation(request)
        return _page(site, site.language(request), DeviceStep.DONE)

    async def ended(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        fields = await form(request)
        await run_in_threadpool(site.kiosks.ended, fields.get("request", ""))
        return _page(site, site.language(request), DeviceStep.ENDED)

    return [
        PageRoute(VERIFICATION_PATH, asked, "GET"),
        PageRoute(VERIFICATION_PATH, posted(site.issuer, partial(_typed, site)), "POST"),
        PageRoute(DONE_PATH, done, "GET"),
        PageRoute(ENDED_PATH, ended, "POST"),
    ]


def _typed(site: CitySite, request: Request, fields: dict[str, str]) -> Response:
    """The page that says who asks; a code that is none counts against the address, as a secret that is none."""
    now, rates, language = site.clock(), site.watched.rates, site.language(request)
    address = rates.address(client_of(request))
    rates.check_failures(address, VERIFICATION_PATH)
    try:
        handle, waiting = site.kiosks.looked_up(fields.get("user_code", ""), now)
    except NotFound:
        rates.failed(address, VERIFICATION_PATH)
        return _page(site, language, DeviceStep.CODE, status=400)
    asked, wording = waiting.request, site.wording(language)
    with about(asked.origin.service):
        kiosk = site.kiosks.kiosk(waiting)
        site.role.check_service(asked.origin)
    view = DeviceView(
        language,
        DeviceStep.CONFIRM,
        action=ENTRY_PATH,
        request=handle,
        service=wording.text(kiosk.title),
        purpose=site.screens.purpose(asked, language),
        place=wording.text(kiosk.openid.place),
        when=wording.moment(waiting.issued),
    )
    return site.shown(view, ())


def _page(site: CitySite, language: str, step: DeviceStep, *, status: int = 200) -> Response:
    action = VERIFICATION_PATH if step is DeviceStep.CODE else ""
    view = DeviceView(language, step, action, wrong=status != 200)  # noqa: PLR2004 # HTTP
    return site.shown(view, (), status=status)
