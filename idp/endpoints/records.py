"""What the public may see of the ledger, our SAML metadata, and the style sheet: the same for every role."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from idp.endpoints.site import Site
from idp.pages.static import STATIC_FILES, StaticFile
from policies.errors import NotFound


def router(site: Site) -> APIRouter:
    """Endpoints that answer the same to everybody."""
    routes = APIRouter()

    @routes.get("/log/checkpoint")
    def checkpoint() -> Response:
        newest = site.log.checkpoint(site.tenant)
        if newest is None:
            raise NotFound("no checkpoint yet")
        return PlainTextResponse(newest.note, headers={"Cache-Control": "no-cache"})

    for path, metadata in site.metadata.items():
        routes.add_api_route(path, _metadata(site, metadata))
    for file in STATIC_FILES:
        routes.add_api_route(file.path, _static(file))
    return routes


def _metadata(site: Site, made: Callable[[int], bytes]) -> Callable[[], Response]:
    return lambda: Response(made(site.clock()), media_type="application/samlmetadata+xml")


def _static(file: StaticFile) -> Callable[[], Response]:
    return lambda: Response(file.content, media_type=file.media_type, headers=file.headers)
