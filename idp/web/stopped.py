"""A login that goes no further: a page that says why, with a way back that tells the service as much as it may know."""

from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Outbound
from idp.login.role import Reach
from idp.pages.views import Stronger, Text
from idp.web.choosing import offered
from idp.web.login_cookies import Cookie
from idp.web.site import Site
from policies.assurance import level_named
from policies.authentication import Origin, ServiceRequest
from policies.errors import AssuranceTooLow, BrokerError, PeerUnavailable, ReleaseDenied, StoreUnavailable

# Country, title and our path of each
Means = tuple[tuple[str, Text, str], ...]


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
    answered: str = "",
) -> Response:
    """The page of an error of a login. `wished` are the languages that the service passed on.

    `login` is the id of a login in which a country was chosen; "" where its cookie is gone. If its service is enforced, a
    level that is too low is told as a refusal, which comes after a form of ours, too: the browser's headers are the same.
    With `asked` the page of a level that is too low says which one is needed, and who offers it: also the provider that
    `answered`, if its registration has such a level. There the citizen signs in anew, since what it remembers was too low.
    """
    language, screens = site.language(request, wished), site.screens
    denied = isinstance(error, AssuranceTooLow) and login is not None and site.role.enforces(origin)
    leave = f"/login/{login}/cancel" if denied and login else ""
    back = None if leave else way_back(site, origin, ReleaseDenied() if denied else error, now)
    service, towards = screens.service(origin, language), screens.towards
    too_low = error if isinstance(error, AssuranceTooLow) and asked is not None else None
    means = _means(site, asked, login or "", answered, language, now) if too_low and asked else ()
    enough = _stronger(site, too_low, asked, means) if too_low and asked else None
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


def _stronger(site: Site, error: AssuranceTooLow, asked: ServiceRequest, means: Means) -> Stronger | None:
    """The level that was reached, if anybody knows it and it is too low, and the one that is needed, if it is one."""
    needed = site.screens.needed(asked)
    if needed is None:
        return Stronger("", "", means) if means else None
    reached = level_named(error.reached)
    return Stronger(error.reached if reached is not None and reached < needed else "", needed.label, means)


def _means(site: Site, asked: ServiceRequest, login: str, answered: str, language: str, now: int) -> Means:
    """The providers that reach what is needed in this login, each with a link of ours: a family leads to the list."""
    if not login:
        return ()
    wording, choices = site.wording(language), site.role.choices(asked, now)
    member = offered(site, answered, now, choices) if answered else None
    found = []
    for one, reach in (*choices, *((member,) if member is not None and member[0].family else ())):
        if reach is Reach.OPEN:
            again = "?again=yes" if one.provider_id == answered else ""
            at = f"/login/{login}/at/{one.provider_id}{again}"
            path = f"/login/{login}/countries" if one.members and not one.saml.discovery else at
            found.append((one.country, wording.text(one.title), path))
    return tuple(found)


def way_back(site: Site, origin: Origin, error: BrokerError, now: int) -> Outbound | None:
    """The answer to the service; None where none can be made now."""
    if isinstance(error, PeerUnavailable) and PeerUnavailable not in site.screens.of_the_source:
        return None  # it is the service itself that may not be answered
    try:
        return site.frontends[origin.frontend].refuse(origin, error, now)
    except (PeerUnavailable, StoreUnavailable):
        return None
