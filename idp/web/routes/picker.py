"""Which identity provider: the page that lists them, what the citizen types there, and the way to the country.

GET  /login/{login}/countries        the picker again; `remember` says whether the choice is kept, and from
                                     `language` on the login's pages speak that one
POST /login/{login}/countries        what is typed there finds some of them: `q`
GET  /login/{login}/at/{provider}    the chosen country: off to it; `remember=yes` keeps the choice in this browser, with
                                     `again=yes` the citizen signs in anew there
POST /login/{login}/at/{provider}    the same with the boxes of what is optional: `share.NAME=yes` (decision 0073)

Nobody is sent to a country before they saw what is optional there: whoever comes by a way without the list gets the boxes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Redirect
from connectors.discovery import asked_discovery
from idp.login.eligible import TRIAL
from idp.login.role import Choices, Reach
from idp.login.states import Asked, Requested, speaking
from idp.monitoring.steps import LoginStep
from idp.pages.languages import ENGLISH
from idp.pages.views import ErrorView, Towards
from idp.system.addresses import discovered_url, entity_id
from idp.web.choosing import REMEMBERED, kept_choice, offered, picker, typed_in, with_boxes
from idp.web.login_cookies import Cookie, chosen_language
from idp.web.lost_logins import finds_login
from idp.web.overload import step_aside
from idp.web.page_route import Endpoint, PageRoute
from idp.web.requests import client_of, cookies
from idp.web.site import RETRY_AFTER, Site, page, status_of
from idp.web.stopped import stopped
from idp.web.threads import run_in_threadpool
from policies.authentication import Origin
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    AssuranceTooLow,
    Closed,
    PeerUnavailable,
    SourceSuspended,
    Suspended,
    about,
)
from policies.parties import IdentityProvider, ProviderId

# The provider whose answer led to the service that asks now (decision 0046). A citizen sees its page, or the question
LANDED, LANDED_SECONDS = "__Host-landed", 120


def routes(site: Site) -> list[PageRoute]:
    """The endpoints of the picker."""
    path = "/login/{login}/at/{provider}"
    if not site.screens.has_countries:
        return [PageRoute(path, _typed(site, _at), "GET")]
    return [
        PageRoute(path, _typed(site, _at), "GET", "POST"),
        PageRoute("/login/{login}/countries", _typed(site, _listed), "GET", "POST"),
    ]


def _typed(site: Site, step: Callable[[Site, Request, Mapping[str, str]], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(step, site, request, await typed_in(request, site.issuer))

    return endpoint


@finds_login
def _listed(site: Site, request: Request, typed: Mapping[str, str]) -> Response:
    now = site.clock()
    login = request.path_params["login"]
    state = site.live(request, login, now)
    origin = state.request.origin
    kept = [kept_choice("")] if typed.get("remember") == "no" else []
    if language := typed.get("language"):
        kept.append(chosen_language(language))
    spoken = speaking(state, language) if language else state
    try:
        with about(origin.service):
            if spoken != state:
                site.role.check_service(origin)
                # A long state is parked anew each time
                site.watched.rates.go_on(client_of(request), "speak")
                kept.append(site.logins.keep(spoken, now))
            return show(site, request, spoken, now, kept, typed)
    except Suspended as error:
        return stopped(site, request, error, origin, now, wished=spoken.request.languages)


@finds_login
def _at(site: Site, request: Request, typed: Mapping[str, str]) -> Response:
    now = site.clock()
    login = request.path_params["login"]
    state = site.live(request, login, now)
    site.watched.tries.ask(state.login, client_of(request))
    pressed, remember = request.scope["method"] == "POST", typed.get("remember") == "yes"
    if pressed:
        state = replace(state, request=with_boxes(state.request, typed))
    if typed.get("again") == "yes":
        state = replace(state, request=replace(state.request, force_authentication=True))
    provider = ProviderId(request.path_params["provider"])
    return off(site, request, state, provider, now, remember=remember, after_form=pressed)


def begin(site: Site, request: Request, requested: Requested, now: int) -> Response:
    """A login's first page: the list of identity providers, or the one that is asked without a list."""
    asked = requested.request
    crowded = site.logins.crowded(cookies(request), now)
    choices = site.role.choices(asked, now)
    landed = cookies(request).get(LANDED, "")
    if landed:
        crowded = [*crowded, Cookie(LANDED, "", 0, "Lax")]
    if only := site.screens.only(asked, choices) or _sent_by(site, landed, now, choices):
        return off(site, request, requested, only, now, crowded=crowded, choices=choices)
    kept = [*crowded, site.logins.keep(requested, now)]
    if site.discovery and choices and asked.origin.frontend != TRIAL:
        return _choosing_at(site, request, requested, site.discovery, kept)
    return show(site, request, requested, now, kept)


def _choosing_at(site: Site, request: Request, state: Requested | Asked, service: str, kept: Sequence[Cookie]) -> Response:
    """Off to a discovery service, which sends the browser back to this login."""
    back = f"{discovered_url(site.issuer)}?login={state.login}"
    url = asked_discovery(service, entity_id(site.issuer), back)
    return site.send(Redirect(url), site.language(request), kept)


def _sent_by(site: Site, landed: str, now: int, choices: Choices) -> ProviderId | None:
    """The provider that sent this browser a moment ago by an answer that nobody asked for, or that the citizen chose."""
    found = offered(site, landed, now, choices) if landed else None
    return found[0].provider_id if found is not None and found[1] is Reach.OPEN else None


def ask_again(site: Site, request: Request, requested: Requested, provider: ProviderId, now: int) -> Response:
    """A login's first step where the browser is signed in by this provider: it is asked, without the list."""
    choices = site.role.choices(requested.request, now)
    if offered(site, provider, now, choices) is None:
        # It does not reach what this service needs
        return begin(site, request, requested, now)
    crowded = site.logins.crowded(cookies(request), now)
    return off(site, request, requested, provider, now, crowded=crowded, choices=choices)


def off(
    site: Site,
    request: Request,
    state: Requested | Asked,
    provider: ProviderId,
    now: int,
    *,
    crowded: Sequence[Cookie] = (),
    remember: bool = False,
    choices: Choices | None = None,
    after_form: bool = False,
) -> Response:
    """Off to the country, or the boxes that come before, or a page that says why not.

    `crowded` are the removals that make room for the login.

    `choices` are what can be chosen now, where whoever calls has just looked.
    """
    asked_for, origin, wished = state.request, state.request.origin, state.request.languages
    site.about(request, origin, provider)
    try:
        with about(origin.service, provider, *site.screens.of_the_source, AllRevoked):
            choices = site.role.choices(asked_for, now) if choices is None else choices
            for family, reach in choices:
                listed = family.members and family.saml.discovery and reach is Reach.OPEN
                if listed and family.provider_id == provider:
                    return _choosing_at(site, request, state, family.saml.discovery, crowded)
            _check_answers(choices, provider)
            chosen = offered(site, provider, now, choices)
            boxes = site.screens.offers(asked_for, [chosen[0]], ENGLISH) if chosen else ()
            if chosen and (boxes if asked_for.ticked is None else any(box.lacks for box in boxes)):
                return show(site, request, state, now, [*crowded, site.logins.keep(state, now)], alone=chosen[0])
            if site.role.provider(provider).pushes:
                step_aside(request)
            outbound, asked = site.broker.ask(state, provider, now)
    except (PeerUnavailable, SourceSuspended, AllRevoked) as error:
        if not site.screens.has_countries or (isinstance(error, AllRevoked) and not _answerable(site, origin, now)):
            return stopped(site, request, error, origin, now, wished=wished)
        return _away(site, request, state, error, [*crowded, site.logins.keep(state, now)])
    except (AssertionRejected, Suspended, Closed) as error:
        # The list of those who can leads on in this login
        kept = [*crowded, site.logins.keep(state, now)] if isinstance(error, AssuranceTooLow) else []
        return stopped(site, request, error, origin, now, wished=wished, kept=kept, login=state.login, asked=state.request)
    site.step(request, LoginStep.ASKED, origin, site.role.provider(provider))
    kept = [*crowded, site.logins.keep(asked, now)]
    if remember:
        kept.append(kept_choice(provider))
    return site.send(outbound, site.language(request, wished), kept, Towards.PROVIDER, after_form=after_form)


def _answerable(site: Site, origin: Origin, now: int) -> bool:
    """Whether a key is left for the answer to whoever asks: where none is, no other country helps."""
    try:
        site.frontends[origin.frontend].check_answerable(origin, now, release=True)
    except AllRevoked:
        return False
    return True


def _check_answers(choices: Choices, provider: ProviderId) -> None:
    """A list from before may still link a country that has stopped answering: the browser's own error page knows no way on.

    Raises `PeerUnavailable`. What is switched off, the broker itself says, and why a federation's member is not asked.
    """
    for one, reach in choices:
        if one.provider_id == provider and reach is Reach.AWAY and not one.federation:
            raise PeerUnavailable("the chosen country's node did not answer when it was last asked for its metadata")


def _away(
    site: Site,
    request: Request,
    state: Requested | Asked,
    error: PeerUnavailable | SourceSuspended | AllRevoked,
    kept: Sequence[Cookie],
) -> Response:
    """The country cannot be asked now, by its fault or for want of our keys. The login lives on, with a way to others."""
    reference = site.refused(request, error)
    language = site.language(request, state.request.languages)
    view = ErrorView(language, error.code, reference, again=_address(state), documentation=site.documentation)
    response = page(site.pages.error(view), view.kind, kept, status=status_of(error))
    if isinstance(error, AllRevoked):
        response.headers["Retry-After"] = RETRY_AFTER
    return response


def show(
    site: Site,
    request: Request,
    state: Requested | Asked,
    now: int,
    kept: Sequence[Cookie],
    typed: Mapping[str, str] = MappingProxyType({}),
    *,
    unoffered: bool = False,
    alone: IdentityProvider | None = None,
) -> Response:
    """The list. `unoffered`: somebody was chosen elsewhere whom it does not have. `alone`: what is left are the boxes."""
    cancel, language = f"/login/{state.login}/cancel", site.language(request, state.request.languages)
    forgetting = any(cookie.name == REMEMBERED for cookie in kept)
    asked = [alone] if alone else [one for one, reach in site.role.choices(state.request, now) if reach is Reach.OPEN]
    # A form has all its boxes; a link has none, and what was ticked before stands in the login
    boxed = with_boxes(state.request, typed) if request.scope["method"] == "POST" else state.request
    optional = site.screens.offers(boxed, asked, language)
    more = "?remember=yes" if typed.get("remember") == "yes" and not optional else ""
    view = picker(
        site,
        state.request,
        language,
        now,
        typed=typed,
        remembered="" if forgetting else cookies(request).get(REMEMBERED, ""),
        address=_address(state) if site.screens.has_countries else "",
        to=lambda provider: f"/login/{state.login}/at/{provider}{more}",
        elsewhere=True,
        alone=alone,
    )
    view = replace(view, cancel=cancel, unoffered=unoffered, optional=optional, alone=alone is not None)
    return page(site.pages.picker(view), view.kind, kept)


def _address(state: Requested | Asked) -> str:
    return f"/login/{state.login}/countries"
