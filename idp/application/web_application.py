"""The web application of a site: its routes, its handler of errors and its middleware."""

from collections.abc import Callable, Collection

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import Scope

from idp.config.setting_types import Organization
from idp.config.settings import Settings
from idp.monitoring.watched import Watched
from idp.pages.render import Pages
from idp.pages.views import PageOwner
from idp.web.city_site import CitySite
from idp.web.early_pages import EarlyPages
from idp.web.edge import PARTIES, Edge
from idp.web.origins import Origins
from idp.web.overload import Overload, Queue
from idp.web.page_route import ByPath
from idp.web.routes import (
    artifact,
    backchannel,
    citizen,
    citizen_copy,
    citizen_erasure,
    countries,
    device,
    discovery,
    ecp,
    front,
    landing,
    language,
    login,
    logout,
    logout_way,
    metadata_query,
    oidc,
    receipt,
    registration,
    saml_logout,
    saml_logout_upstream,
    why,
)
from idp.web.routes import public as records
from idp.web.site import Site
from policies.errors import BrokerError, NotFound, RequestRefused

# The framework must tell no collector about a request: addresses hold codes, and exceptions quote values
UNTOLD: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def web_application(
    site: Callable[[], Site],
    settings: Settings,
    watched: Watched,
    rendered: Pages,
    queue: Queue,
    fit: Callable[[], bool],
) -> FastAPI:
    """Build it for the site that is served now. `site` gives the one that is served at a request."""
    # `redirect_slashes` would send a query or a form on to another address
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, telemetry=UNTOLD)
    first = site()
    app.router.routes = [*app.router.routes, *routes_of(first, fit)]

    async def refused(request: Request, error: Exception) -> Response:
        return _refused(site(), request, error)

    app.add_exception_handler(BrokerError, refused)
    app.add_exception_handler(HTTPException, refused)
    pages = EarlyPages(settings.tenant, rendered, settings.documentation_url)
    # The middleware that is added last runs first
    app.add_middleware(Overload, queue=queue, rates=watched.rates, pages=pages, told=watched.turned_away)
    if isinstance(first, CitySite):
        app.add_middleware(Origins, registered=lambda: registered_origins(site()))

    def defect(scope: Scope, reference: str) -> Response:
        watched.recorder.failed(reference, scope.get(PARTIES), "internal", "unforeseen", "")
        return pages.defect(scope, reference)

    defects = watched.unforeseen
    app.add_middleware(Edge, tenant=settings.tenant, issuer=settings.issuer, page=defect, count=defects)
    return app


def registered_origins(site: Site) -> Collection[str]:
    """The origins of the services whose programs may call a city from a browser."""
    return site.openid.origins if isinstance(site, CitySite) else ()


def routes_of(site: Site, fit: Callable[[], bool]) -> list[BaseRoute]:
    """The routes of a site. `fit` says whether the broker may serve."""
    routes: list[BaseRoute] = [*front.routes(site), *countries.routes(site), *language.routes(site), *login.routes(site)]
    if isinstance(site, CitySite):
        routes += [*landing.routes(site), *discovery.routes(site), *logout_way.routes(site), *ecp.routes(site)]
        # An included router is matched twice
        routes += [*oidc.router(site).routes, *why.router(site).routes]
        routes += [
            *device.routes(site),
            *receipt.routes(site),
            *citizen.routes(site),
            *citizen_copy.routes(site),
            *citizen_erasure.routes(site),
            *logout.routes(site),
            *backchannel.router(site).routes,
        ]
        routes += [*artifact.router(site).routes, *saml_logout.routes(site), *saml_logout_upstream.routes(site)]
    if isinstance(site, CitySite) and site.registrations is not None:
        routes += registration.router(site, site.registrations).routes
    routes += [*countries.router(site).routes, *records.router(site, fit).routes, *metadata_query.router(site).routes]
    for route in routes:
        if isinstance(route, APIRoute):
            # OpenAPI describes the endpoints for programs, not the pages for citizens
            route.include_in_schema = bool(route.responses)
    return [ByPath(routes), *routes]


def _refused(site: Site, request: Request, error: Exception) -> Response:
    """Answer a request that an endpoint or the framework refuses."""
    if isinstance(error, BrokerError):
        # What OpenAPI describes is for programs
        by_program = isinstance(request.scope.get("route"), APIRoute)
        return site.problem(request, error) if by_program else site.error(request, error)
    if isinstance(error, HTTPException) and error.status_code == 404:  # noqa: PLR2004 - RFC 9110 §15.5.5
        return site.error(request, NotFound("no such address"))
    status = error.status_code if isinstance(error, HTTPException) else 400
    answer = site.error(request, RequestRefused("a request that this address does not take", status=status))
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)  # Allow, which RFC 9110 §15.5.6 asks for
    return answer


def owner_of(said: Organization | None) -> PageOwner:
    """The operator at the foot of citizens' pages."""
    if said is None:
        return PageOwner()
    return PageOwner(
        name=said.display_name or said.name,
        address=said.url,
        contact=said.support,
        privacy=said.privacy_url,
        accessibility=said.accessibility_url,
        help=said.help_url,
    )
