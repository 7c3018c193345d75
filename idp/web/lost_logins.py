"""A login that this browser does not have, or not any more: a page that says why, as far as anybody can know.

| the request has | code |
|---|---|
| the cookie of the login, which says that it was decided | `conflict` |
| the cookie of the login, after its time | `login_ended`; the way leads back to its service |
| the cookie that says that this browser keeps cookies | `replayed`: the login is over, or began in another browser |
| neither, and comes from a page of ours | `cookies_blocked`; if that page is the service's request, the way leads back |
| neither, and comes from elsewhere | `started_elsewhere`: another browser, or one that keeps no cookies |
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Inbound
from idp.login.frontend import Declined
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.web.edge import LOGIN
from idp.web.login_cookies import DECIDED, KEEPS, STATE, UNSEEN
from idp.web.requests import client_of, cookies, header, parameters
from idp.web.site import Site
from idp.web.stopped import stopped
from policies.authentication import Origin
from policies.errors import BrokerError, Replayed

LOST = frozenset({"login_cookie", "strict_cookie", "login_ended", "decided"})
P = ParamSpec("P")
S = TypeVar("S", bound=Site)


def finds_login(step: Callable[Concatenate[S, Request, P], Response]) -> Callable[Concatenate[S, Request, P], Response]:
    """Wrap a step of a login: where the login is not there, a page of this module answers."""

    def stepped(site: S, request: Request, /, *rest: P.args, **named: P.kwargs) -> Response:
        try:
            return step(site, request, *rest, **named)
        except Replayed as error:
            if error.check not in LOST:
                raise
            return _lost(site, request, error)

    return stepped


def _lost(site: Site, request: Request, error: Replayed) -> Response:
    held, now, login = cookies(request), site.clock(), request.scope.get(LOGIN, "")
    if held.get(STATE + login) in (DECIDED, UNSEEN):
        error.code = "conflict"
    elif error.check == "login_ended":
        late = site.logins.late(held, login)
        with suppress(BrokerError):  # the service may be registered no more
            if late is not None:
                return stopped(site, request, error, late.request.origin, now, wished=late.request.languages)
    elif KEEPS not in held and STATE + login not in held:
        from_us = header(request, b"sec-fetch-site") == "same-origin"
        error.code = "cookies_blocked" if from_us else "started_elsewhere"
        if from_us and (begun := _begun(site, request, now)) is not None:
            origin, retry = begun
            return stopped(site, request, error, origin, now, retry=retry)
    return site.error(request, error)


def _begun(site: Site, request: Request, now: int) -> tuple[Origin, str] | None:
    """The service, and the address at which its login began, if the page before had it: the request is judged anew."""
    try:
        parts = urlsplit(header(request, b"referer") or "")
    except ValueError:
        return None
    frontend = next((one for one in site.frontends.values() if one.path == parts.path and not one.own_page), None)
    if frontend is None or not parts.query or f"{parts.scheme}://{parts.netloc}" != site.issuer:
        return None
    client, rates = client_of(request), site.watched.rates
    try:
        if frontend.signed:
            rates.check_failures(rates.address(client), frontend.path, times=ADDRESS_TIMES)
            inbound = Inbound("redirect", {}, parts.query)
        else:
            inbound = Inbound("redirect", parameters(parts.query.encode("latin-1")))
        found = frontend.receive(inbound, now, lambda service: rates.begin(client, service))
    except (BrokerError, UnicodeEncodeError):
        if frontend.signed:
            rates.failed(rates.address(client), frontend.path, times=ADDRESS_TIMES)
        return None
    origin = found.origin if isinstance(found, Declined) else found.request.origin
    return origin, f"{parts.path}?{parts.query}"
