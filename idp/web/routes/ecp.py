"""Programs that sign in at a service of SAML (decision 0053).

GET  /saml/ecp/begin   the citizen begins in a browser: an ordinary login (`idp.web.routes.login`)
POST /saml/ecp/code    approved: the page that shows the code
POST /saml/ecp         the program brings the service's AuthnRequest over SOAP, and the code by HTTP Basic
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.routing import BaseRoute

from connectors.formats.artifact import fault_envelope
from connectors.request_checks import PeerRequestRefused
from idp.pages.device_view import DeviceStep, DeviceView
from idp.protocols.oidc.direct import NO_STORE
from idp.protocols.saml.programs import CODE_PATH, is_code
from idp.web.city_site import CitySite
from idp.web.described import described_text
from idp.web.page_route import PageRoute, ProgramRoute
from idp.web.requests import check_navigation, check_no_query, check_same_origin, client_of, form, header
from idp.web.routes.artifact import FAULT, SOAP, envelope
from idp.web.threads import run_in_threadpool
from policies.errors import AssertionRejected, NotFound

PATH = "/saml/ecp"
UNKNOWN = 401


def routes(site: CitySite) -> list[BaseRoute]:
    """The two endpoints beside the login itself."""
    program = APIRouter(route_class=ProgramRoute)

    @program.post(PATH, **described_text(SOAP, 413, 415, 429, 503, texts=(200, UNKNOWN, FAULT)))
    async def asked(request: Request) -> Response:
        octets = await envelope(request)
        return await run_in_threadpool(_answered, site, request, octets)

    async def code(request: Request) -> Response:
        check_navigation(request)
        check_no_query(request)
        check_same_origin(request, site.issuer)
        given = (await form(request)).get("code", "")
        step = DeviceStep.PROGRAM if is_code(given) else DeviceStep.UNSENT
        view = DeviceView(site.language(request), step, request=given if step is DeviceStep.PROGRAM else "")
        return site.shown(view, ())

    return [PageRoute(CODE_PATH, code, "POST"), *program.routes]


def _answered(site: CitySite, request: Request, octets: bytes) -> Response:
    rates = site.watched.rates
    address = rates.address(client_of(request))
    rates.check_failures(address, PATH)
    given = header(request, b"authorization") or ""
    try:
        found = site.programs.answered(octets, given, site.clock())
    except NotFound as error:
        if given:
            rates.failed(address, PATH)
        # RFC 7617 §2. Programs show the realm beside the field for the password
        realm = f"a code from {site.issuer}{site.programs.path}?providerId=..."
        asks = {**NO_STORE, "WWW-Authenticate": f'Basic realm="{realm}", charset="UTF-8"'}
        return Response(fault_envelope(error.detail), UNKNOWN, media_type=SOAP, headers=asks)
    except (AssertionRejected, PeerRequestRefused) as error:
        rates.failed(address, PATH)
        fields = {"path": PATH, "check": error.check, "peer": None, "detail": error.detail}
        site.watched.refusals.line(fields, "", anybodys=True)
        return Response(fault_envelope(f"{error.check}: {error.detail}"), FAULT, media_type=SOAP, headers=NO_STORE)
    return Response(found, media_type=SOAP, headers=NO_STORE)
