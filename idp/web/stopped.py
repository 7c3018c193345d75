"""A login that goes no further: a page that says why, with a way back that tells the service as much as it may know."""

from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Outbound
from idp.login.role import Reach
from idp.pages.views import Stronger
from idp.web.login_cookies import Cookie
from idp.web.site import Site
from policies.authentication import Origin, ServiceRequest
from policies.errors import AssuranceTooLow, BrokerError, PeerUnavailable, ReleaseDenied, StoreUnavailable


def stopped(
    site: Site,
    request: Request,
    error: BrokerError,
    origin: Origin,
    now: int,
    *,
    wished: Sequence[str] = (),
    kept: Sequence[Cookie] = (),
    login: str | None = None,
    retry: str = "",
    asked: ServiceRequest | None = None,
) -> Response:
    """The page of an error of a login. `wished` are the languages that the service passed on.

    `login` is the id of a login in which a country was chosen; "" where its cookie is gone. If its service is enforced, a
    level that is too low is told as a refusal, which comes after a form of ours, too: the browser's headers are the same.
    With `asked` the page of a level that is too low says which one is needed, and who offers it.
    """
    language, screens = site.language(request, wished), site.screens
    denied = isinstance(error, AssuranceTooLow) and login is not None and site.role.enforces(origin)
    leave = f"/login/{login}/cancel" if denied and login else ""
    back = None if leave else way_back(site, origin, ReleaseDenied() if denied else error, now)
    service, towards = screens.service(origin, language), screens.towards
    enough = _stronger(site, error, asked, login, language, now) if isinstance(error, AssuranceTooLow) and asked else None
    return site.error(
        request,
        error,
        back=back,
        service=service,
        language=language,
        towards=towards,
        kept=kept,
        leave=leave,
        retry=retry,
        stronger=enough,
    )


def _stronger(
    site: Site, error: AssuranceTooLow, asked: ServiceRequest, login: str | None, language: str, now: int
) -> Stronger | None:
    """The level that was reached, if anybody knows it, the one that is needed, and who offers it in this login."""
    needed = site.screens.needed(asked)
    if needed is None:
        return None
    wording = site.wording(language)
    means = tuple(
        (one.country, wording.text(one.title), f"/login/{login}/at/{one.provider_id}")
        for one, reach in (site.role.choices(asked, now) if login else ())
        if reach is Reach.OPEN and not one.members
    )
    return Stronger(error.reached, needed.label, means)


def way_back(site: Site, origin: Origin, error: BrokerError, now: int) -> Outbound | None:
    """The answer to the service; None where none can be made now."""
    if isinstance(error, PeerUnavailable) and PeerUnavailable not in site.screens.of_the_source:
        return None  # it is the service itself that may not be answered
    try:
        return site.frontends[origin.frontend].refuse(origin, error, now)
    except (PeerUnavailable, StoreUnavailable):
        return None
