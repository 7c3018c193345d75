"""OpenID Connect over HTTP beside the login: token, userinfo, discovery and keys."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from idp.protocols.oidc.direct import NO_STORE, DirectRequest, JsonAnswer, explained, oauth_error, too_many, unavailable
from idp.web.city_site import CitySite
from idp.web.described import (
    JsonWebKeySet,
    ProviderMetadata,
    ReceiptFile,
    ReceiptRequest,
    TokenRequest,
    TokenResponse,
    UserInfo,
    described,
)
from idp.web.origins import READABLE, origin_of
from idp.web.requests import client_of, form, header, query
from idp.web.threads import run_in_threadpool, threaded
from policies.errors import RequestRefused, StoreUnavailable, TooManyRequests, about

# The longest form: the responder holds each parameter against limits of its own
MAX_REQUEST = 60 * 1024
JSON = "application/json"
# A form that is none, is too long, or comes as something else
FORM_REFUSED = (400, 413, 415)
TOKEN = "/token"
# RFC 6749 §5.2: who calls is not who it says
STRANGER = "invalid_client"
FROM_A_SERVER = (
    "Clients authenticate from a server of theirs, and no page does. An app in a browser is registered as public, with the "
    "origin of its pages."
)
# What is made of a request and the moment
Asked = Callable[[DirectRequest, int], JsonAnswer | bytes]


def router(site: CitySite) -> APIRouter:
    """The endpoints of the OpenID provider."""
    routes = APIRouter()

    @routes.post("/token", **described(TokenResponse, *FORM_REFUSED, 401, 403, 429, 503, form=TokenRequest))
    async def token(request: Request) -> Response:
        return await _direct(site, request, _redeemed(site, request))

    @routes.api_route("/userinfo", methods=["GET", "POST"], **described(UserInfo, *FORM_REFUSED, 401, 403, 429, 503))
    async def userinfo(request: Request) -> Response:
        return await _direct(site, request, _userinfo(site, request))

    @routes.post("/userinfo/receipt", **described(ReceiptFile, *FORM_REFUSED, 401, 403, 409, 429, 503, form=ReceiptRequest))
    async def receipt(request: Request) -> Response:
        return await _direct(site, request, _receipt(site, request))

    @routes.api_route("/.well-known/openid-configuration", methods=["GET", "HEAD"], **described(ProviderMetadata, 429, 503))
    @threaded
    def discovery(request: Request) -> Response:
        return _json(site, request, site.openid.discovery())

    @routes.api_route("/jwks", methods=["GET", "HEAD"], **described(JsonWebKeySet, 429, 503))
    @threaded
    def jwks(request: Request) -> Response:
        return _json(site, request, site.openid.jwks(site.clock()))

    return routes


async def _receipt(site: CitySite, request: Request) -> JsonAnswer | bytes:
    if _in_browser(request):
        raise RequestRefused(FROM_A_SERVER, status=403)
    answer = await _authenticated(site, request, await _call(request), site.party_receipts.receipt)
    return answer if isinstance(answer, bytes) else explained(answer, site.documentation)


async def _redeemed(site: CitySite, request: Request) -> JsonAnswer | bytes:
    """A code is redeemed by a server, by an app on a device, or by a page of a public client's own origin."""
    origin, openid = origin_of(request.scope), site.openid
    if _in_browser(request) and origin not in openid.origins:
        raise RequestRefused(FROM_A_SERVER, status=403)
    call = await _call(request)
    client_id = call.form.get("client_id", "")
    if origin is None or not openid.is_public(client_id):
        request.scope[READABLE] = False
        if _in_browser(request):
            raise RequestRefused(FROM_A_SERVER, status=403)
        return await _authenticated(site, request, call, openid.token)
    _check_page(site, request, client_id)
    # It proves nothing that could be guessed, so nothing counts against whose browser it is
    return await run_in_threadpool(openid.token, call, site.clock())


async def _call(request: Request, *, posted: bool = True) -> DirectRequest:
    """The request of a program, with its form where one is `posted`."""
    return DirectRequest(
        form=await form(request, MAX_REQUEST) if posted else {},
        query=query(request),
        authorization=header(request, b"authorization") or "",
        method=request.method,
        path=request.url.path,
    )


def _in_browser(request: Request) -> bool:
    """Whether a page's script or form asks, as its browser says (Fetch Metadata Request Headers, §3)."""
    return header(request, b"sec-fetch-site") is not None


def _check_page(site: CitySite, request: Request, client_id: str) -> None:
    """A page that asks is of an origin of this client. Raises `RequestRefused`, which the page cannot read.

    Else a page of one service could redeem or read what another service's citizen was asked for.
    """
    origin = origin_of(request.scope)
    if origin is None:
        return
    request.scope[READABLE] = site.openid.has_origin(client_id, origin)
    if not request.scope[READABLE]:
        with about(client_id):
            raise RequestRefused("The page that asks is of an origin that is not registered for this client.", status=403)


async def _authenticated(site: CitySite, request: Request, call: DirectRequest, asked: Asked) -> JsonAnswer | bytes:
    """Answer a client that has to authenticate. Its failures at all such endpoints count together.

    They count by address and client, and by address alone, where there is room for more: whoever guesses may name another
    client each time. Whom they shut out is who fails too: a client_id is no secret, and neighbours of its line may fail in
    its name. But from an address that itself failed too often for this client nothing is looked at: it may be guessing.

    What counts is that it was not who it said. A code that is none does not: anybody may hand a service one to redeem, and
    codes are not guessed. Nor does an access token that has ended, or a browser: any page could make its reader's count for
    the services beside it.
    """
    address = site.watched.rates.address(client_of(request))
    try:
        return await run_in_threadpool(_proven, site, address, call, asked)
    except TooManyRequests as error:
        return too_many(error.seconds)


def _proven(site: CitySite, address: str, call: DirectRequest, asked: Asked) -> JsonAnswer | bytes:
    """The limits first, and all that is read or verified in this thread: an assertion is anybody's text.

    Raises `TooManyRequests`.
    """
    rates, client = site.watched.rates, site.openid.clients.named(call.form, call.authorization)
    rates.check_failures(address, TOKEN, client, own=True)
    answer = asked(call, site.clock())
    if isinstance(answer, JsonAnswer) and answer.body.get("error") == STRANGER:
        rates.check_failures(address, TOKEN, client)
        rates.failed(address, TOKEN, client)
    # Whom it is about, by whichever method it says so: a refusal that never came to a registration knows no name
    return replace(answer, peer=client) if isinstance(answer, JsonAnswer) and answer.detail and not answer.peer else answer


async def _userinfo(site: CitySite, request: Request) -> JsonAnswer:
    posted = request.method == "POST" and "content-type" in request.headers
    call = await _call(request, posted=posted)
    return await run_in_threadpool(site.openid.userinfo, call, site.clock(), partial(_check_page, site, request))


async def _direct(site: CitySite, request: Request, answer: Awaitable[JsonAnswer | bytes]) -> Response:
    """The answer to a program: what is wrong is JSON to it too, never a page."""
    try:
        found = await answer
        # A receipt is its octets: spelt anew it would not hold
        if isinstance(found, bytes):
            return Response(found, media_type=JSON, headers=NO_STORE)
        return _json(site, request, found)
    except RequestRefused as error:
        return _json(site, request, explained(oauth_error(error), site.documentation))
    except StoreUnavailable as error:
        return _json(site, request, explained(unavailable(error.detail), site.documentation))


def _json(site: CitySite, request: Request, answer: JsonAnswer) -> Response:
    if answer.detail:
        peer = answer.peer or None
        fields = {"path": request.url.path, "status": answer.status, "peer": peer, "detail": answer.detail}
        site.watched.refusals.line(fields, answer.reference, anybodys=not answer.reference)
    return JSONResponse(dict(answer.body), answer.status, headers=dict(answer.headers))
