"""Our own metadata by the Metadata Query Protocol (draft-young-md-query, its profile for SAML): one entity at a time.

Each of our entity ids is the address of its metadata, too. Here a peer finds it that asks every entity of one service.
"""

from collections.abc import Callable, Mapping
from hashlib import sha1, sha256

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from idp.system.addresses import entity_id, idp_entity_id, node_entity_id
from idp.web.described import described_text
from idp.web.routes.public import READ, SAML
from idp.web.site import Site
from idp.web.threads import threaded
from policies.errors import NotFound

PATH = "/mdq/entities/{entity:path}"
NOT_MODIFIED, NOT_ACCEPTABLE = 304, 406
DESCRIBED = described_text(SAML, 404, 429, 503)
DESCRIBED["responses"][NOT_ACCEPTABLE] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
DESCRIBED["responses"][NOT_MODIFIED] = {"description": "It is what If-None-Match says."}
_ENTITY = {"name": "entity", "in": "path", "required": True, "schema": {"type": "string"}}
DESCRIBED["openapi_extra"] = {"parameters": [_ENTITY]}
_TAKEN = (SAML, "application/*", "*/*")


def router(site: Site) -> APIRouter:
    """The one endpoint. There is no `/entities` of all: who asks names whom they mean."""
    routes, known = APIRouter(), _known(site)

    @routes.api_route(PATH, methods=READ, **DESCRIBED)
    @threaded
    def entity(request: Request) -> Response:
        made = known.get(request.path_params["entity"])
        if made is None:
            raise NotFound("none of our entities")
        accepted = [one.partition(";")[0].strip() for one in request.headers.get("accept", "*/*").split(",")]
        if not set(accepted) & set(_TAKEN):
            return PlainTextResponse(f"We have {SAML}.\n", NOT_ACCEPTABLE, headers={"Cache-Control": "no-store"})
        octets = made(site.clock())
        headers = {"ETag": f'"{sha256(octets).hexdigest()}"', "Cache-Control": "no-cache"}
        if headers["ETag"] in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=NOT_MODIFIED, headers=headers)
        return Response(octets, media_type=SAML, headers=headers)

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
