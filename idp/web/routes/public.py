"""The endpoints that everybody may ask, in every role: the ledger, our metadata and keys, the style sheet, /healthz."""

import re
from collections.abc import Callable
from typing import Any  # of what the framework's keyword arguments are

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from idp.ledger.tiles import Tile
from idp.pages.static import StaticFile
from idp.protocols.oidc.relying_party import JWKS_PATH
from idp.receipts.issue import placed_in
from idp.web.described import described_text
from idp.web.documents import SAML
from idp.web.requests import query
from idp.web.site import Site
from idp.web.threads import threaded
from policies.errors import NotFound, RequestRefused

LEAF, YEAR = re.compile(r"[0-9a-f]{64}"), re.compile(r"[1-9][0-9]{3}")
# A checkpoint comes every ten seconds
RETRY_AFTER = "10"
READ = ["GET", "HEAD"]
OCTETS = "application/octet-stream"
# A tile never changes
FOR_GOOD = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"
JSON = "application/json"
NOT_FIT: dict[int | str, dict[str, Any]] = {503: {"description": "This worker lacks something."}}


def router(site: Site, fit: Callable[[], bool]) -> APIRouter:
    """Endpoints that answer the same to everybody. `fit` is whether this worker lacks nothing, for a proxy in front."""
    routes = APIRouter()

    @routes.api_route("/log/checkpoint", methods=READ, **described_text("text/plain", 404, 429, 503))
    @threaded
    def checkpoint() -> Response:
        newest = site.log.checkpoint(site.tenant)
        if newest is None:
            raise NotFound("no checkpoint yet")
        return PlainTextResponse(newest.cosigned_note, headers={"Cache-Control": "no-cache"})

    @routes.api_route("/log/vkey", methods=READ, **described_text("text/plain", 429, 503))
    @threaded
    def keys() -> Response:
        named = {"Content-Disposition": 'attachment; filename="log.vkey"', "Cache-Control": "no-cache"}
        return PlainTextResponse(site.log_keys.published_list(site.clock()).text, headers=named)

    @routes.api_route(
        "/log/proof", methods=READ, **described_text("text/plain", 400, 429, 503, texts=(200, 404), query="leaf")
    )
    @threaded
    def proof(request: Request) -> Response:
        asked = query(request)
        if set(asked) != {"leaf"} or not LEAF.fullmatch(asked["leaf"]):
            raise RequestRefused("a proof is asked for by the 64 hex digits of a leaf's hash")
        keys = site.log_keys.published(site.clock())
        placed = placed_in(site.log, site.tenant, bytes.fromhex(asked["leaf"]), keys)
        if placed is None:
            # Not sequenced yet, or of no leaf of ours: nobody can tell the two apart
            later = {"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"}
            return PlainTextResponse("No checkpoint covers such a leaf yet.\n", 404, headers=later)
        return PlainTextResponse(placed.text, headers={"Cache-Control": "no-cache"})

    described_year = described_text("text/plain", 404, 429, 503)
    routes.add_api_route("/log/years/{year}", threaded(_final(site)), methods=READ, **described_year)
    described_tile = described_text(OCTETS, 404, 429, 503)
    routes.add_api_route("/log/tile/{tile:path}", threaded(_tile(site)), methods=READ, **described_tile)

    @routes.api_route("/healthz", methods=READ, status_code=204, response_class=Response, responses=NOT_FIT)
    async def healthz() -> Response:
        return Response(status_code=204 if fit() else 503, headers={"Cache-Control": "no-store"})

    for path, metadata in site.metadata.items():
        media = JSON if path == JWKS_PATH else SAML
        routes.add_api_route(
            path, threaded(_metadata(site, metadata, media)), methods=READ, **described_text(media, 429, 503)
        )
    for file in site.pages.files:
        routes.add_api_route(file.path, _static(file), methods=READ)
    return routes


def _final(site: Site) -> Callable[[str], Response]:
    def checkpoint(year: str) -> Response:
        if not YEAR.fullmatch(year):
            raise NotFound("no year")
        note = site.log.final(site.tenant, int(year)).cosigned_note
        return PlainTextResponse(note, headers={"Cache-Control": FOR_AN_HOUR})

    return checkpoint


def _tile(site: Site) -> Callable[[str], Response]:
    def octets(tile: str) -> Response:
        try:
            found = Tile.read(tile)
        except ValueError as error:
            raise NotFound("no tile's address") from error
        if found.level is None:
            raise NotFound("the leaves themselves are for auditors")
        hashes = site.log.tile(site.tenant, found.level, found.index, found.width)
        return Response(hashes, media_type=OCTETS, headers={"Cache-Control": FOR_GOOD})

    return octets


def _metadata(site: Site, made: Callable[[int], bytes], media: str) -> Callable[[], Response]:
    return lambda: Response(made(site.clock()), media_type=media)


def _static(file: StaticFile) -> Callable[[], Response]:
    return lambda: Response(file.content, media_type=file.media_type, headers=file.headers)
