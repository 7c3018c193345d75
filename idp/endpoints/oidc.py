"""OpenID Connect over HTTP: authorization, token, userinfo, discovery and keys."""

from collections.abc import Awaitable

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from connectors.connector import Inbound
from idp.endpoints import picker
from idp.endpoints.city import CitySite
from idp.endpoints.http import check_navigation, form, query
from idp.responders.direct import NO_STORE, JsonAnswer, explained, oauth_error, unavailable
from idp.responders.oidc import Declined
from policies.errors import RequestRefused, StoreUnavailable, about

# The longest request: the responder holds each parameter against limits of its own. Shorter than the 65,535 bytes at which
# the server's own parser gives up on an address, so that the refusal is our page.
MAX_REQUEST = 60 * 1024
JSON = "application/json"


def router(site: CitySite) -> APIRouter:
    """The endpoints of the OpenID provider."""
    routes = APIRouter()
    routes.include_router(picker.router(site))

    @routes.api_route("/authorize", methods=["GET", "POST"])
    async def authorize(request: Request) -> Response:
        return await run_in_threadpool(_begin, site, request, await _asked(request))

    @routes.post("/token")
    async def token(request: Request) -> Response:
        return await _direct(site, request, _token(site, request))

    @routes.api_route("/userinfo", methods=["GET", "POST"])
    async def userinfo(request: Request) -> Response:
        return await _direct(site, request, _userinfo(site, request))

    @routes.post("/userinfo/receipt")
    async def receipt(request: Request) -> Response:
        return await _direct(site, request, _receipt(site, request))

    @routes.get("/.well-known/openid-configuration")
    def discovery(request: Request) -> Response:
        return _json(request, site.openid.discovery())

    @routes.get("/jwks")
    def jwks(request: Request) -> Response:
        return _json(request, site.openid.jwks())

    return routes


async def _asked(request: Request) -> Inbound:
    """An authentication request by GET or by POST (OpenID Connect Core §3.1.2.1)."""
    if request.method == "POST":
        return Inbound("post", await form(request, MAX_REQUEST))
    if len(request.scope["query_string"]) > MAX_REQUEST:
        raise RequestRefused("a query that is too long", status=414, code="too_large")
    return Inbound("redirect", query(request))


def _begin(site: CitySite, request: Request, inbound: Inbound) -> Response:
    """Judge the relying party's request; a verified one gets a login in this browser, and its first page."""
    check_navigation(request)
    asked = site.openid.receive(inbound)
    if isinstance(asked, Declined):
        error = asked.error
        log = structlog.get_logger()
        log.warning("refused", path=request.url.path, code=error.oauth, peer=error.peer, detail=error.detail)
        return site.send(asked.answer, site.language(request))
    now = site.clock()
    with about(asked.client_id):
        return picker.begin(site, request, site.broker.begin(asked, now), now)


async def _token(site: CitySite, request: Request) -> JsonAnswer:
    fields = await form(request, MAX_REQUEST)
    authorization = request.headers.get("authorization", "")
    return await run_in_threadpool(site.openid.token, fields, authorization, site.clock())


async def _userinfo(site: CitySite, request: Request) -> JsonAnswer:
    posted = request.method == "POST" and "content-type" in request.headers
    fields = await form(request, MAX_REQUEST) if posted else {}
    authorization = request.headers.get("authorization", "")
    return await run_in_threadpool(site.openid.userinfo, authorization, query(request), fields, site.clock())


async def _receipt(site: CitySite, request: Request) -> JsonAnswer | bytes:
    fields = await form(request, MAX_REQUEST)
    authorization = request.headers.get("authorization", "")
    given = site.party_receipts.receipt
    answer = await run_in_threadpool(given, authorization, query(request), fields, site.clock())
    return answer if isinstance(answer, bytes) else explained(answer, site.documentation)


async def _direct(site: CitySite, request: Request, answer: Awaitable[JsonAnswer | bytes]) -> Response:
    """The answer to a program: what is wrong is JSON to it too, never a page."""
    try:
        found = await answer
        # A receipt is its octets: spelt anew it would not hold
        if isinstance(found, bytes):
            return Response(found, media_type=JSON, headers=NO_STORE)
        return _json(request, found)
    except RequestRefused as error:
        return _json(request, explained(oauth_error(error), site.documentation))
    except StoreUnavailable as error:
        return _json(request, explained(unavailable(error.detail), site.documentation))


def _json(request: Request, answer: JsonAnswer) -> Response:
    if answer.detail:
        log = structlog.get_logger()
        peer = answer.peer or None
        log.warning("refused", path=request.url.path, status=answer.status, peer=peer, detail=answer.detail)
    return JSONResponse(dict(answer.body), answer.status, headers=dict(answer.headers))
