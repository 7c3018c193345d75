"""Pushed authorization requests over HTTP (RFC 9126)."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, too_many
from idp.web.city_site import CitySite
from idp.web.described import PushedRequest, PushedResponse, described
from idp.web.direct_calls import FORM_REFUSED, by_a_client, directly
from idp.web.page_route import ProgramRoute
from idp.web.requests import client_of
from policies.errors import TooManyRequests


def router(site: CitySite) -> APIRouter:
    """The endpoint to which clients push their requests."""
    routes = APIRouter(route_class=ProgramRoute)
    told = described(PushedResponse, *FORM_REFUSED, 401, 403, 429, 503, form=PushedRequest, status=201, proof=True)

    @routes.post("/par", status_code=201, **told)
    async def push(request: Request) -> Response:
        def pushed(call: DirectRequest, now: int) -> JsonAnswer:
            if site.openid.is_public(call.form.get("client_id", "")):
                # Anybody may name a public client, and each request lies in the database for a while
                try:
                    site.watched.rates.go_on(client_of(request), "push")
                except TooManyRequests as error:
                    return too_many(error.seconds)
            return site.openid.push(call, now)

        return await directly(site, request, by_a_client(site, request, pushed))

    return routes
