"""POST /why: a service reads its own leg of a recorded sign-in (`idp.web.own_leg`)."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.web.city_site import CitySite
from idp.web.described import OwnSteps, WhyRequest, described
from idp.web.direct_calls import FORM_REFUSED, by_a_server, directly
from idp.web.own_leg import PATH
from idp.web.page_route import ProgramRoute


def router(site: CitySite) -> APIRouter:
    """The one endpoint."""
    routes = APIRouter(route_class=ProgramRoute)

    @routes.post(PATH, **described(OwnSteps, *FORM_REFUSED, 401, 403, 429, 503, form=WhyRequest))
    async def why(request: Request) -> Response:
        return await directly(site, request, by_a_server(site, request, site.own_leg.why))

    return routes
