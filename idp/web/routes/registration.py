"""Dynamic registration over HTTP (RFC 7591, RFC 7592): for programs, where the setting `registered_clients` lets any in.

POST /register                          a client registers itself, by an initial access token
GET, PUT, DELETE /register/{client_id}  it reads, changes or ends its registration, by the token that it got
"""

from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, explained, too_many
from idp.protocols.oidc.metadata import REGISTRATION_PATH
from idp.protocols.oidc.registration import MAX_METADATA, Registrations
from idp.web.city_site import CitySite
from idp.web.described import ClientInformation, ClientMetadata, described
from idp.web.direct_calls import FROM_A_SERVER, JSON, directly, in_browser
from idp.web.page_route import ProgramRoute
from idp.web.requests import client_of, header, query
from idp.web.threads import run_in_threadpool
from policies.errors import RequestRefused, TooManyRequests

REFUSED = (400, 401, 403, 409, 413, 415, 429, 503)


def router(site: CitySite, registrations: Registrations) -> APIRouter:
    """The two endpoints."""
    routes = APIRouter(route_class=ProgramRoute)

    @routes.post(REGISTRATION_PATH, **described(ClientInformation, *REFUSED, status=201, body=ClientMetadata))
    async def register(request: Request) -> Response:
        return await directly(
            site, request, _made(site, request, lambda call: registrations.registered(call, site.clock()))
        )

    async def manage(request: Request) -> Response:
        client_id = request.path_params["client_id"]
        return await directly(site, request, _made(site, request, lambda call: registrations.managed(call, client_id)))

    gone = described(ClientInformation, *REFUSED)
    gone["responses"] = {**gone["responses"], 204: {"description": "It is registered no more."}}
    del gone["responses"][200]
    path = REGISTRATION_PATH + "/{client_id}"
    routes.add_api_route(path, manage, methods=["GET"], **described(ClientInformation, *REFUSED))
    routes.add_api_route(path, manage, methods=["PUT"], **described(ClientInformation, *REFUSED, body=ClientMetadata))
    routes.add_api_route(path, manage, methods=["DELETE"], **gone)
    return routes


async def _made(site: CitySite, request: Request, asked: Callable[[DirectRequest], JsonAnswer]) -> JsonAnswer:
    """The answer. A token that is none counts against the address, as a secret that is none at the token endpoint."""
    if in_browser(request):
        raise RequestRefused(FROM_A_SERVER, status=403)
    call = DirectRequest(
        query=query(request),
        authorization=header(request, b"authorization") or "",
        method=request.method,
        path=request.scope["path"],
    )
    if request.method in ("POST", "PUT"):
        call = replace(call, body=await _json(request))
    rates = site.watched.rates
    address = rates.address(client_of(request))
    try:
        rates.check_failures(address, REGISTRATION_PATH)
        if request.method == "PUT":
            # Each writes a row, and makes every worker read
            rates.go_on(client_of(request), REGISTRATION_PATH)
    except TooManyRequests as error:
        return too_many(error.seconds)
    answer = await run_in_threadpool(asked, call)
    if answer.body.get("error") == "invalid_token":
        rates.failed(address, REGISTRATION_PATH)
    return explained(answer, site.documentation)


async def _json(request: Request) -> bytes:
    if (header(request, b"content-type") or "").partition(";")[0].strip().lower() != JSON:
        raise RequestRefused("The body is no JSON.", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_METADATA:
            raise RequestRefused("The metadata is too long.", status=413)
    return bytes(body)
