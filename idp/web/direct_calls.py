"""Programs past the browser, over HTTP: what they sent, the limits of who fails to prove itself, and our answer to them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from fastapi import Request
from fastapi.responses import Response
from msgspec.json import Encoder

from idp.protocols.oidc.direct import NO_STORE, DirectRequest, JsonAnswer, explained, oauth_error, too_many, unavailable
from idp.web.city_site import CitySite
from idp.web.origins import READABLE, origin_of
from idp.web.requests import client_of, form, header, headers, query
from idp.web.threads import run_in_threadpool
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
_ENCODER = Encoder()
# What is made of a request and the moment
Asked = Callable[[DirectRequest, int], JsonAnswer | bytes]


async def by_a_client(site: CitySite, request: Request, asked: Asked) -> JsonAnswer | bytes:
    """Answer a client that proves itself, or a public one: from a server, a device, or a page of its own origin."""
    origin, openid = origin_of(request.scope), site.openid
    if in_browser(request) and origin not in openid.origins:
        raise RequestRefused(FROM_A_SERVER, status=403)
    call = await call_of(site, request)
    client_id = call.form.get("client_id", "")
    if origin is None or not openid.is_public(client_id):
        request.scope[READABLE] = False
        if in_browser(request):
            raise RequestRefused(FROM_A_SERVER, status=403)
        return await authenticated(site, request, call, asked)
    check_page(site, request, client_id)
    # It proves nothing that could be guessed, so nothing counts against whose browser it is
    return await run_in_threadpool(asked, call, site.clock())


async def by_a_server(site: CitySite, request: Request, asked: Asked) -> JsonAnswer | bytes:
    """Answer a client that has to authenticate, and no page."""
    if in_browser(request):
        raise RequestRefused(FROM_A_SERVER, status=403)
    return await authenticated(site, request, await call_of(site, request), asked)


async def call_of(site: CitySite, request: Request, *, posted: bool = True) -> DirectRequest:
    """The request of a program, with its form where one is `posted`."""
    return DirectRequest(
        form=await form(request, MAX_REQUEST) if posted else {},
        query=query(request),
        authorization=header(request, b"authorization") or "",
        method=request.method,
        path=request.scope["path"],
        proofs=headers(request, b"dpop"),
        certificate=site.certificates.certificate(request),
        accept=frozenset(one.partition(";")[0].strip().lower() for one in (header(request, b"accept") or "").split(",")),
    )


def in_browser(request: Request) -> bool:
    """Whether a page's script or form asks, as its browser says (Fetch Metadata Request Headers, §3)."""
    return header(request, b"sec-fetch-site") is not None


def check_page(site: CitySite, request: Request, client_id: str) -> None:
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


async def authenticated(site: CitySite, request: Request, call: DirectRequest, asked: Asked) -> JsonAnswer | bytes:
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


async def directly(site: CitySite, request: Request, answer: Awaitable[JsonAnswer | bytes]) -> Response:
    """The answer to a program: what is wrong is JSON to it too, never a page."""
    try:
        found = await answer
        # A receipt is its octets: spelt anew it would not hold
        if isinstance(found, bytes):
            return Response(found, media_type=JSON, headers=NO_STORE)
        return answered_by(site, request, found)
    except RequestRefused as error:
        return answered_by(site, request, explained(oauth_error(error), site.documentation))
    except StoreUnavailable as error:
        return answered_by(site, request, explained(unavailable(error.detail), site.documentation))


def answered_by(site: CitySite, request: Request, answer: JsonAnswer) -> Response:
    """The answer over HTTP; what was refused has its line in the log."""
    if answer.detail:
        peer = answer.peer or None
        fields = {"path": request.scope["path"], "status": answer.status, "peer": peer, "detail": answer.detail}
        site.watched.refusals.line(fields, answer.reference, anybodys=not answer.reference)
        if answer.reference and answer.peer:
            site.watched.recorder.refused_program(answer.reference, answer.peer, str(answer.body.get("error", "")))
    if answer.status == 204:  # noqa: PLR2004 # HTTP
        return Response(status_code=204, headers=dict(answer.headers))
    if answer.jwt:
        return Response(answer.jwt, answer.status, headers=dict(answer.headers), media_type=answer.media_type)
    return Response(_ENCODER.encode(answer.body), answer.status, headers=dict(answer.headers), media_type=JSON)
