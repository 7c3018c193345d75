"""A service has the citizen choose here before it asks for a sign-in (the SAML discovery protocol, decision 0048).

GET, POST /saml/discovery                the list; what is typed there comes by POST
GET       /saml/discovery/at/{provider}  the choice: back to the service; `remember=yes` keeps it in this browser
GET       /saml/discovery/none           back without one
GET       /saml/discovered               the other way: a login of ours, back from the discovery service to which we sent it

Of the first three there is no login yet. Each has the service's whole request in its query, and judges it anew.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Redirect
from connectors.discovery import PARAMETERS, chosen_entity
from connectors.metadata.members import known_as
from idp.login.role import Reach
from idp.pages.views import PageKind
from idp.protocols.saml.discovery import Discovery, discovery
from idp.system.addresses import idp_entity_id
from idp.web.choosing import REMEMBERED, kept_choice, known, offered, picker, typed_in
from idp.web.city_site import CitySite
from idp.web.login_cookies import Cookie
from idp.web.lost_logins import finds_login
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, client_of, cookies, header, query
from idp.web.routes.picker import LANDED, LANDED_SECONDS, off, show
from idp.web.site import page
from idp.web.stopped import stopped
from idp.web.threads import run_in_threadpool, threaded
from policies.errors import NotFound, RequestRefused, Suspended, about
from policies.parties import IdentityProvider

PATH = "/saml/discovery"
# An entity id and a return address, both quoted
MAX_QUERY = 8 * 1024
# What stands beside the service's request in our own links
OURS = {"remember", "language"}


def routes(site: CitySite) -> list[PageRoute]:
    """The addresses of the list and of what is chosen there."""

    async def listed(request: Request) -> Response:
        typed = await typed_in(request, site.issuer)
        return await run_in_threadpool(_listed, site, request, typed)

    return [
        PageRoute(PATH, listed, "GET", "POST"),
        PageRoute(f"{PATH}/at/{{provider}}", threaded(partial(_chosen, site)), "GET"),
        PageRoute(f"{PATH}/none", threaded(partial(_nobody, site)), "GET"),
        PageRoute("/saml/discovered", threaded(partial(_discovered, site)), "GET"),
    ]


def _listed(site: CitySite, request: Request, typed: Mapping[str, str]) -> Response:
    parameters, found = _asked(site, request)
    if found.request.passive:
        return _back(site, request, found, _remembered(site, request, found))
    now, asked = site.clock(), {name: value for name, value in parameters.items() if name in PARAMETERS}
    ours = {**known(parameters, OURS), **typed}
    spoken = {"language": ours["language"]} if "language" in ours else {}
    forgets = ours.get("remember") == "no"
    keeps = {"remember": "yes"} if ours.get("remember") == "yes" else {}
    with about(found.asked.origin.service):
        view = picker(
            site,
            found.asked,
            site.language(request, tuple(spoken.values())),
            now,
            typed=ours,
            remembered="" if forgets else cookies(request).get(REMEMBERED, ""),
            address=_address(PATH, {**asked, **spoken}),
            leave=_address(f"{PATH}/none", asked),
            to=lambda provider: _address(f"{PATH}/at/{provider}", {**asked, **keeps}),
        )
    return page(site.pages.picker(view), PageKind.FORM, [kept_choice("")] if forgets else [])


def _chosen(site: CitySite, request: Request) -> Response:
    check_navigation(request)
    parameters, found = _asked(site, request)
    provider = _offered(site, found, request.path_params["provider"])
    if provider is None:
        raise NotFound("an identity provider that is not offered to this service now")
    kept: list[Cookie] = []
    # A page of another site may send its visitor here. Then nobody chose, and this browser keeps nothing of it
    if header(request, b"sec-fetch-site") == "same-origin":
        if not found.told:
            kept.append(Cookie(LANDED, provider.provider_id, LANDED_SECONDS, "Lax"))
        if parameters.get("remember") == "yes":
            kept.append(kept_choice(provider.provider_id))
    return _back(site, request, found, provider, kept)


def _nobody(site: CitySite, request: Request) -> Response:
    check_navigation(request)
    return _back(site, request, _asked(site, request)[1], None)


@finds_login
def _discovered(site: CitySite, request: Request) -> Response:
    """Only this browser's own login goes on, and only to one that it offers: whoever else was chosen, the list says so."""
    check_navigation(request)
    _check_length(request)
    parameters, now = query(request), site.clock()
    login, entity = parameters.get("login", ""), chosen_entity(parameters)
    state = site.live(request, login, now)
    site.watched.tries.ask(state.login, client_of(request))
    origin = state.request.origin
    try:
        with about(origin.service):
            choices = site.role.choices(state.request, now)
            for one in known_as(site.role.configuration.providers, entity):
                if offered(site, one.provider_id, now, choices):
                    return off(site, request, state, one.provider_id, now, choices=choices)
            return show(site, request, state, now, [], unoffered=bool(entity))
    except Suspended as error:
        return stopped(site, request, error, origin, now, wished=state.request.languages)


def _check_length(request: Request) -> None:
    if len(request.scope["query_string"]) > MAX_QUERY:
        raise RequestRefused("a query that is too long", status=414, code="too_large")


def _asked(site: CitySite, request: Request) -> tuple[Mapping[str, str], Discovery]:
    """The whole query, and the service's request in it. Raises `RequestRefused`."""
    _check_length(request)
    parameters = query(request)
    return parameters, discovery(site.saml.services, parameters)


def _offered(site: CitySite, found: Discovery, provider_id: str) -> IdentityProvider | None:
    """A provider that can be chosen now. Raises `Suspended` where the service is switched off."""
    now = site.clock()
    with about(found.asked.origin.service):
        chosen = offered(site, provider_id, now, site.role.choices(found.asked, now))
    return chosen[0] if chosen is not None and chosen[1] is Reach.OPEN else None


def _remembered(site: CitySite, request: Request, found: Discovery) -> IdentityProvider | None:
    """The one that the citizen asked this browser to keep, where it is offered."""
    kept = cookies(request).get(REMEMBERED, "")
    return _offered(site, found, kept) if kept else None


def _back(
    site: CitySite, request: Request, found: Discovery, provider: IdentityProvider | None, kept: Sequence[Cookie] = ()
) -> Response:
    url = found.answer(idp_entity_id(site.issuer), provider)
    return site.send(Redirect(url), site.language(request), kept)


def _address(path: str, parameters: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(parameters, quote_via=quote, safe='')}"
