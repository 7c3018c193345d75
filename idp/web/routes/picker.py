"""Which identity provider: the page that lists them, what the citizen types there, and the way to the country.

GET  /login/{login}/countries        the picker again; `q` searches, `remember` says whether the choice is kept, and from
                                     `language` on the login's pages speak that one
GET  /login/{login}/at/{provider}    the chosen country: off to it; `remember=yes` keeps the choice in this browser
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice

from fastapi import Request
from fastapi.responses import Response

from idp.login.role import Choices, Reach
from idp.login.states import Asked, Requested, speaking
from idp.monitoring.steps import LoginStep
from idp.pages.languages import LANGUAGES, Language
from idp.pages.search import matches
from idp.pages.views import CountryChoice, ErrorView, PickerView, Towards
from idp.web.edge import REFERENCE
from idp.web.login_cookies import Cookie
from idp.web.overload import step_aside
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, client_of, cookies, query
from idp.web.site import RETRY_AFTER, Site, page, status_of
from idp.web.stopped import stopped
from idp.web.threads import threaded
from policies.authentication import Origin, ServiceRequest
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    Closed,
    PeerUnavailable,
    RequestRefused,
    SourceSuspended,
    Suspended,
    about,
)
from policies.parties import IdentityProvider, ProviderId

REMEMBERED = "__Host-country"
# The provider whose answer led to the service that asks now (decision 0046). A citizen sees its page, or the question
LANDED, LANDED_SECONDS = "__Host-landed", 120
REMEMBERED_LIFE = 365 * 24 * 3600
# The longest name of a country in CLDR has 60 characters; the page's own field takes as many as this
MAX_SOUGHT = 100
# A list of one needs no search
MIN_TO_SEARCH = 2
MOST_MEMBERS = 50


def routes(site: Site) -> list[PageRoute]:
    """The endpoints of the picker."""
    at = PageRoute("/login/{login}/at/{provider}", threaded(partial(_at, site)), "GET")
    if not site.screens.has_countries:
        return [at]
    return [at, PageRoute("/login/{login}/countries", threaded(partial(_countries, site)), "GET")]


def _countries(site: Site, request: Request) -> Response:
    check_navigation(request)
    now = site.clock()
    login = request.path_params["login"]
    site.reference(request, login)
    asked = _parameters(request, {"q", "remember", "language"})
    state = site.logins.state(cookies(request), login, now)
    origin = state.request.origin
    remember = asked.get("remember", "")
    kept = [Cookie(REMEMBERED, "", 0, "Lax")] if remember == "no" else []
    sought = asked.get("q", "").strip()
    language = asked.get("language")
    spoken = speaking(state, language) if language else state
    try:
        with about(origin.service):
            if spoken != state:
                site.role.check_service(origin)
                # A long state is parked anew each time
                site.watched.rates.go_on(client_of(request), "speak")
                kept.append(site.logins.keep(spoken, now))
            return _picker(site, request, spoken, now, kept, sought=sought, remembering=remember == "yes")
    except Suspended as error:
        return stopped(site, request, error, origin, now, wished=spoken.request.languages)


def _at(site: Site, request: Request) -> Response:
    check_navigation(request)
    now = site.clock()
    login = request.path_params["login"]
    site.reference(request, login)
    remember = _parameters(request, {"remember"}).get("remember") == "yes"
    state = site.logins.state(cookies(request), login, now)
    site.watched.tries.ask(state.login, client_of(request))
    return _off(site, request, state, ProviderId(request.path_params["provider"]), now, remember=remember)


def begin(site: Site, request: Request, requested: Requested, now: int) -> Response:
    """A login's first page: the list of identity providers, or the one that is asked without a list."""
    asked = requested.request
    crowded = site.logins.crowded(cookies(request), now)
    choices = site.role.choices(asked, now)
    landed = cookies(request).get(LANDED, "")
    if landed:
        crowded = [*crowded, Cookie(LANDED, "", 0, "Lax")]
    if only := site.screens.only(asked, choices) or _sent_by(landed, choices):
        return _off(site, request, requested, only, now, crowded=crowded, choices=choices)
    return _picker(site, request, requested, now, [*crowded, site.logins.keep(requested, now)])


def _sent_by(landed: str, choices: Choices) -> ProviderId | None:
    """The provider that sent this browser a moment ago, by an answer of its own that nobody asked for."""
    return next((one.provider_id for one, reach in choices if one.provider_id == landed and reach is Reach.OPEN), None)


def ask_again(site: Site, request: Request, requested: Requested, provider: ProviderId, now: int) -> Response:
    """A login's first step where the browser is signed in by this provider: it is asked, without the list."""
    crowded = site.logins.crowded(cookies(request), now)
    return _off(site, request, requested, provider, now, crowded=crowded)


def _off(
    site: Site,
    request: Request,
    state: Requested | Asked,
    provider: ProviderId,
    now: int,
    *,
    crowded: Sequence[Cookie] = (),
    remember: bool = False,
    choices: Choices | None = None,
) -> Response:
    """Off to the country, or a page that says why not. `crowded` are the removals that make room for the login.

    `choices` are what can be chosen now, where whoever calls has just looked.
    """
    asked_for, origin, wished = state.request, state.request.origin, state.request.languages
    try:
        with about(origin.service, provider, *site.screens.of_the_source, AllRevoked):
            _check_answers(site.role.choices(asked_for, now) if choices is None else choices, provider)
            if site.role.provider(provider).pushes:
                step_aside(request)
            outbound, asked = site.broker.ask(state, provider, now)
    except (PeerUnavailable, SourceSuspended, AllRevoked) as error:
        if not site.screens.has_countries or (isinstance(error, AllRevoked) and not _answerable(site, origin, now)):
            return stopped(site, request, error, origin, now, wished=wished)
        return _away(site, request, state, error, [*crowded, site.logins.keep(state, now)])
    except (AssertionRejected, Suspended, Closed) as error:
        return stopped(site, request, error, origin, now, wished=wished, login=state.login)
    country = site.screens.counted(origin, site.role.provider(provider))
    site.watched.steps.step(LoginStep.ASKED, request.scope[REFERENCE], origin.service, country)
    kept = [*crowded, site.logins.keep(asked, now)]
    if remember:
        kept.append(Cookie(REMEMBERED, provider, REMEMBERED_LIFE, "Lax"))
    return site.send(outbound, site.language(request, wished), kept, Towards.PROVIDER)


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


def _picker(
    site: Site,
    request: Request,
    state: Requested | Asked,
    now: int,
    kept: Sequence[Cookie],
    *,
    sought: str = "",
    remembering: bool = False,
) -> Response:
    language = site.language(request, state.request.languages)
    wording, screens = site.wording(language), site.screens
    choices = site.role.choices(state.request, now)
    found = [
        one
        for one in choices
        if not one[0].members and (not sought or matches(sought, one[0].country, one[0].title.values(), wording.language))
    ]
    found += _members(site, state.request, sought, wording.language, now) if sought else []
    forgetting = any(cookie.name == REMEMBERED for cookie in kept)
    remembered = "" if forgetting else cookies(request).get(REMEMBERED, "")
    query_of_links = "?remember=yes" if remembering else ""
    view = PickerView(
        language=language,
        service=screens.service(state.request.origin, language),
        purpose=screens.purpose(state.request, language),
        countries=tuple(
            CountryChoice(
                url=f"/login/{state.login}/at/{one.provider_id}{query_of_links}",
                country=one.country,
                provider=wording.text(one.title),
                available=reach is Reach.OPEN,
                suspended=reach is Reach.OFF,
                # one that does not answer now has no place of its own
                remembered=reach is Reach.OPEN and one.provider_id == remembered,
            )
            for one, reach in found
        ),
        cancel=f"/login/{state.login}/cancel",
        address=_address(state) if screens.has_countries else "",
        searchable=screens.has_countries and (len(choices) >= MIN_TO_SEARCH or any(one.members for one, _ in choices)),
        sought=sought,
        remembering=remembering,
        narrowed=screens.narrowed(state.request),
    )
    return page(site.pages.picker(view), view.kind, kept)


def _members(
    site: Site, request: ServiceRequest, sought: str, language: Language, now: int
) -> list[tuple[IdentityProvider, Reach]]:
    """The first members of families that somebody looks for."""
    named = (
        member.provider_id
        for member in site.role.members(request)
        if not member.summary.hidden
        and matches(sought, "", [*member.summary.names.values(), *member.summary.domains], language)
    )
    shown = [site.role.provider(provider_id) for provider_id in islice(named, MOST_MEMBERS)]
    return [(one, site.role.reach(one, now)) for one in shown]


def _address(state: Requested | Asked) -> str:
    return f"/login/{state.login}/countries"


def _parameters(request: Request, known: set[str]) -> dict[str, str]:
    """The parameters that our own links and form put into a query. What is typed is never logged.

    Whatever else is there is left out: a page of a later version, which serves beside this one, may link it.
    """
    found = {name: value for name, value in query(request).items() if name in known}
    if found.get("remember", "yes") not in ("yes", "no"):
        raise RequestRefused("a query that no page of ours makes")
    if found.get("language") not in LANGUAGES:
        found.pop("language", None)
    if len(found.get("q", "")) > MAX_SOUGHT:
        raise RequestRefused("a search that is too long", status=414, code="too_large")
    return found
