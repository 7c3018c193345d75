"""Our own metadata by the Metadata Query Protocol (draft-young-md-query, its profile for SAML): one entity at a time.

Each of our entity ids is the address of its metadata, too. Here a peer finds it that asks every entity of one service.
"""

from collections.abc import Callable, Mapping
from hashlib import sha1

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from idp.system.addresses import entity_id, idp_entity_id, node_entity_id
from idp.web.city_site import CitySite
from idp.web.described import described_text
from idp.web.documents import SAML, UNCHANGED, document
from idp.web.routes.bodies import add_bodies
from idp.web.routes.public import READ
from idp.web.site import Site
from idp.web.threads import threaded
from policies.errors import NotFound

PATH = "/mdq/entities/{entity:path}"
NOT_ACCEPTABLE = 406
DESCRIBED = described_text(SAML, 404, 429, 503)
DESCRIBED["responses"][NOT_ACCEPTABLE] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
DESCRIBED["responses"] |= UNCHANGED
_ENTITY = {"name": "entity", "in": "path", "required": True, "schema": {"type": "string"}}
DESCRIBED["openapi_extra"] = {"parameters": [_ENTITY]}
_TAKEN = (SAML, "application/*", "*/*")


def router(site: Site) -> APIRouter:
    """The endpoint, beside those of public bodies. There is no `/entities` of all: who asks names whom they mean."""
    routes, known = APIRouter(), _known(site)

    @routes.api_route(PATH, methods=READ, **DESCRIBED)
    @threaded
    def entity(request: Request) -> Response:
        name = request.path_params["entity"]
        made = known.get(name) or (site.bodies.named(name) if isinstance(site, CitySite) else None)
        if made is None:
            raise NotFound("none of our entities")
        accepted = [one.partition(";")[0].strip() for one in request.headers.get("accept", "*/*").split(",")]
        if not set(accepted) & set(_TAKEN):
            return PlainTextResponse(f"We have {SAML}.\n", NOT_ACCEPTABLE, headers={"Cache-Control": "no-store"})
        return document(request, made(site.clock()))

    if isinstance(site, CitySite):
        add_bodies(routes, site)
    return routes


def _known(site: Site) -> Mapping[str, Callable[[int], bytes]]:
    """Our entities by both of their identifiers."""
    found: dict[str, Callable[[int], bytes]] = {}
    for name in (entity_id(site.issuer), idp_entity_id(site.issuer), node_entity_id(site.issuer)):
        made = site.metadata.get(name.removeprefix(site.issuer))
        if made is not None:
            digest = sha1(name.encode(), usedforsecurity=False).hexdigest()
            found |= {name: made, f"{{sha1}}{digest}": made}
    return found
