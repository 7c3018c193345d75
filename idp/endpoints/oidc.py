"""OpenID Connect over HTTP: authorization, token, userinfo, discovery and keys."""

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from connectors.connector import Inbound
from idp.endpoints.http import check_navigation, cookies, form, query
from idp.endpoints.site import Site, page
from idp.pages.views import CountryChoice, PickerView
from idp.responders.direct import JsonAnswer, oauth_error
from policies.authentication import AuthenticationRequest
from policies.errors import RequestRefused

# The longest authorization request: the responder holds each parameter against limits of its own
MAX_REQUEST = 64 * 1024


def router(site: Site) -> APIRouter:
    """The endpoints of the OpenID provider."""
    routes = APIRouter()

    @routes.get("/authorize")
    def authorize(request: Request) -> Response:
        if len(request.scope["query_string"]) > MAX_REQUEST:
            raise RequestRefused("a query that is too long", status=414)
        return _begin(site, request, Inbound("redirect", query(request)))

    @routes.post("/authorize")
    async def authorize_by_post(request: Request) -> Response:
        inbound = Inbound("post", await form(request, MAX_REQUEST))
        return await run_in_threadpool(_begin, site, request, inbound)

    @routes.post("/token")
    async def token(request: Request) -> Response:
        try:
            fields = await form(request, MAX_REQUEST)
        except RequestRefused as error:
            return _json(request, oauth_error(error))
        authorization = request.headers.get("authorization", "")
        return _json(request, await run_in_threadpool(site.openid.token, fields, authorization, site.clock()))

    @routes.get("/userinfo")
    def userinfo(request: Request) -> Response:
        authorization = request.headers.get("authorization", "")
        return _json(request, site.openid.userinfo(authorization, query(request), {}, site.clock()))

    @routes.post("/userinfo")
    async def userinfo_by_post(request: Request) -> Response:
        fields = await form(request, MAX_REQUEST) if request.headers.get("content-type") else {}
        authorization = request.headers.get("authorization", "")
        call = (authorization, query(request), fields, site.clock())
        return _json(request, await run_in_threadpool(site.openid.userinfo, *call))

    @routes.get("/.well-known/openid-configuration")
    def discovery(request: Request) -> Response:
        return _json(request, site.openid.discovery())

    @routes.get("/jwks")
    def jwks(request: Request) -> Response:
        return _json(request, site.openid.jwks())

    return routes


def _begin(site: Site, request: Request, inbound: Inbound) -> Response:
    """Judge the relying party's request; a verified one gets the country picker and a login in this browser."""
    check_navigation(request)
    asked = site.openid.receive(inbound)
    if not isinstance(asked, AuthenticationRequest):
        return site.send(asked, site.language(request))
    now = site.clock()
    requested = site.broker.begin(asked, now)
    kept = [*site.logins.crowded(cookies(request), now), site.logins.keep(requested, now)]
    language = site.language(request, asked)
    wording = site.wording(language)
    _, purpose = site.broker.registered(asked)
    view = PickerView(
        language=language,
        service=site.service(asked, language),
        purpose=wording.text(purpose.title),
        countries=tuple(
            CountryChoice(f"/login/{requested.login}/at/{one.provider_id}", one.country, wording.text(one.title))
            for one in site.broker.providers()
        ),
        cancel=f"/login/{requested.login}/cancel",
    )
    return page(site.pages.picker(view), view.kind, kept)


def _json(request: Request, answer: JsonAnswer) -> Response:
    if answer.detail:
        structlog.get_logger().warning("refused", path=request.url.path, status=answer.status, detail=answer.detail)
    return JSONResponse(dict(answer.body), answer.status, headers=dict(answer.headers))
