"""The metadata of the public bodies for which we stand: of all at one address, and of each under it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.web.city_site import CitySite
from idp.web.described import described_text
from idp.web.documents import SAML, UNCHANGED, document
from idp.web.routes.public import READ
from idp.web.threads import threaded
from policies.errors import NotFound

PATH = "/saml/bodies"
DESCRIBED = described_text(SAML, 404, 429, 503)
DESCRIBED["responses"] |= UNCHANGED
_PLACE = {"name": "place", "in": "path", "required": True, "schema": {"type": "string"}}
ONE = {**DESCRIBED, "openapi_extra": {"parameters": [_PLACE]}}


def add_bodies(routes: APIRouter, site: CitySite) -> None:
    """Add both endpoints. Where there are no bodies they answer 404."""

    @routes.api_route(PATH, methods=READ, **DESCRIBED)
    @threaded
    def bodies(request: Request) -> Response:
        if not site.bodies:
            raise NotFound("we stand for no public body")
        return document(request, site.bodies.compressed(site.clock()), compressed=True)

    @routes.api_route(PATH + "/{place:path}", methods=READ, **ONE)
    @threaded
    def body(request: Request) -> Response:
        made = site.bodies.at(request.path_params["place"])
        if made is None:
            raise NotFound("none of the public bodies for which we stand")
        return document(request, made(site.clock()))
