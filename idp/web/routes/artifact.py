"""POST /saml/artifact: a service that speaks SAML fetches the answer of an artifact, over SOAP.

Whoever cannot prove to be one counts against its address, as at the endpoints of OpenID Connect.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connectors.formats.artifact import fault_envelope
from idp.protocols.oidc.direct import NO_STORE
from idp.web.city_site import CitySite
from idp.web.described import described_text
from idp.web.page_route import ProgramRoute
from idp.web.requests import client_of, header
from idp.web.threads import run_in_threadpool
from policies.errors import AssertionRejected, RequestRefused

PATH = "/saml/artifact"
SOAP = "text/xml"
# The second is that of SOAP 1.2: pysaml2 sends 1.1 under it. No form of a page posts either
SOAPS = (SOAP, "application/soap+xml")
# An ArtifactResolve has three kilobytes
MAX_ENVELOPE = 32 * 1024
FAULT = 500  # SOAP 1.1 §6.2


def router(site: CitySite) -> APIRouter:
    """The one endpoint."""
    routes = APIRouter(route_class=ProgramRoute)

    @routes.post(PATH, **described_text(SOAP, 413, 415, 429, 503, texts=(200, FAULT)))
    async def resolve(request: Request) -> Response:
        octets = await envelope(request)
        return await run_in_threadpool(_resolved, site, request, octets)

    return routes


def _resolved(site: CitySite, request: Request, octets: bytes) -> Response:
    rates = site.watched.rates
    address = rates.address(client_of(request))
    rates.check_failures(address, PATH)
    try:
        found = site.saml.artifacts.resolved(octets, site.certificates.certificate(request), site.clock())
    except AssertionRejected as error:
        rates.failed(address, PATH)
        fields = {"path": PATH, "check": error.check, "peer": None, "detail": error.detail}
        site.watched.refusals.line(fields, "", anybodys=True)
        return Response(fault_envelope(f"{error.check}: {error.detail}"), FAULT, media_type=SOAP, headers=NO_STORE)
    return Response(found, media_type=SOAP, headers=NO_STORE)


async def envelope(request: Request) -> bytes:
    """The body, which is SOAP and short."""
    if (header(request, b"content-type") or "").partition(";")[0].strip().lower() not in SOAPS:
        raise RequestRefused("The body is no SOAP.", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_ENVELOPE:
            raise RequestRefused("The envelope is too long.", status=413, code="too_large")
    return bytes(body)
