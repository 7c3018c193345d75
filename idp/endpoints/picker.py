"""Which country's eID: the page that lists them, what the citizen types there, and the way to the country.

GET  /login/{login}/countries        the picker again; `q` searches, `remember` says whether the choice is kept, and from
                                     `language` on the login's pages speak that one
GET  /login/{login}/at/{provider}    the chosen country: off to it; `remember=yes` keeps the choice in this browser
"""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from idp.endpoints.city import CitySite
from idp.endpoints.edge import REFERENCE
from idp.endpoints.http import check_navigation, client_of, cookies, query
from idp.endpoints.login import OF_THE_SOURCE, rejected
from idp.endpoints.logins import Cookie
from idp.endpoints.site import RETRY_AFTER, page, status_of
from idp.endpoints.threads import threaded
from idp.login import Asked, Requested, speaking
from idp.pages.languages import LANGUAGES
from idp.pages.search import matches
from idp.pages.views import CountryChoice, ErrorView, PickerView, Towards
from idp.watching.steps import Step
from policies.authentication import AuthenticationRequest
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
REMEMBERED_LIFE = 365 * 24 * 3600
# The longest name of a country in CLDR has 60 characters; the page's own field takes as many as this
MAX_SOUGHT = 100
# A list of one needs no search
MIN_TO_SEARCH = 2

# An identity provider that this login may be about, and whether it can be reached now
Choices = Sequence[tuple[IdentityProvider, bool]]


def router(site: CitySite) -> APIRouter:
    """The endpoints of the picker."""
    routes = APIRouter()

    @routes.get("/login/{login}/countries")
    @threaded
    def countries(request: Request, login: str) -> Response:
        check_navigation(request)
        now = site.clock()
        site.reference(request, login)
        asked = _parameters(request, {"q", "remember", "language"})
        state = site.logins.state(cookies(request), login, now)
        remember = asked.get("remember", "")
        kept = [Cookie(REMEMBERED, "", 0, "Lax")] if remember == "no" else []
        sought = asked.get("q", "").strip()
        language = asked.get("language")
        spoken = speaking(state, language) if language else state
        try:
            with about(state.request.client_id):
                if spoken != state:
                    site.broker.check_party(state.request.client_id)
                    # A long state is parked anew each time
                    site.watched.rates.speak(client_of(request))
                    kept.append(site.logins.keep(spoken, now))
                return _picker(site, request, spoken, now, kept, sought=sought, remembering=remember == "yes")
        except Suspended as error:
            return rejected(site, request, error, spoken.request)

    @routes.get("/login/{login}/at/{provider}")
    @threaded
    def at(request: Request, login: str, provider: str) -> Response:
        check_navigation(request)
        now = site.clock()
        site.reference(request, login)
        remember = _parameters(request, {"remember"}).get("remember") == "yes"
        state = site.logins.state(cookies(request), login, now)
        site.watched.tries.ask(state.login, client_of(request))
        return _off(site, request, state, ProviderId(provider), now, remember=remember)

    return routes


def begin(site: CitySite, request: Request, requested: Requested, now: int) -> Response:
    """A login's first page: the picker, or the one country that the service or its purpose names.

    Nothing else skips the picker, and no hint does: a country is never chosen for somebody by what is said of them.
    """
    asked = requested.request
    crowded = site.logins.crowded(cookies(request), now)
    choices = site.broker.providers(asked, now)
    if _narrowed(site, asked) and len(choices) == 1 and choices[0][1]:
        return _off(site, request, requested, choices[0][0].provider_id, now, crowded=crowded, choices=choices)
    return _picker(site, request, requested, now, [*crowded, site.logins.keep(requested, now)])


def _off(
    site: CitySite,
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
    try:
        with about(state.request.client_id, provider, *OF_THE_SOURCE, AllRevoked):
            _check_answers(site, site.broker.providers(state.request, now) if choices is None else choices, provider)
            outbound, asked = site.broker.ask(state, provider, now)
    except (PeerUnavailable, SourceSuspended, AllRevoked) as error:
        if isinstance(error, AllRevoked) and not _signed_for(site, state.request, now):
            return rejected(site, request, error, state.request)
        return _away(site, request, state, error, [*crowded, site.logins.keep(state, now)])
    except (AssertionRejected, Suspended, Closed) as error:
        return rejected(site, request, error, state.request)
    country = site.broker.provider(provider).country
    site.watched.steps.step(Step.ASKED, request.scope[REFERENCE], state.request.client_id, country)
    kept = [*crowded, site.logins.keep(asked, now)]
    if remember:
        kept.append(Cookie(REMEMBERED, provider, REMEMBERED_LIFE, "Lax"))
    return site.send(outbound, site.language(request, state.request.ui_locales), kept, Towards.PROVIDER)


def _signed_for(site: CitySite, asked: AuthenticationRequest, now: int) -> bool:
    """Whether a key is left for the id_tokens of whoever asks: where none is, no other country helps."""
    try:
        site.broker.check_signer(site.broker.registered(asked)[0], now)
    except AllRevoked:
        return False
    return True


def _check_answers(site: CitySite, choices: Choices, provider: ProviderId) -> None:
    """A list from before may still link a country that has stopped answering: the browser's own error page knows no way on.

    Raises `PeerUnavailable`; of what is switched off, whoever asks it says so.
    """
    for one, available in choices:
        if one.provider_id == provider and not available and not site.broker.suspended(one):
            raise PeerUnavailable("the chosen country's node did not answer when it was last asked for its metadata")


def _away(
    site: CitySite,
    request: Request,
    state: Requested | Asked,
    error: PeerUnavailable | SourceSuspended | AllRevoked,
    kept: Sequence[Cookie],
) -> Response:
    """The country cannot be asked now, by its fault or for want of our keys. The login lives on, with a way to others."""
    reference = site.refused(request, error)
    language = site.language(request, state.request.ui_locales)
    view = ErrorView(language, error.code, reference, again=_address(state), documentation=site.documentation)
    response = page(site.pages.error(view), view.kind, kept, status=status_of(error))
    if isinstance(error, AllRevoked):
        response.headers["Retry-After"] = RETRY_AFTER
    return response


def _picker(
    site: CitySite,
    request: Request,
    state: Requested | Asked,
    now: int,
    kept: Sequence[Cookie],
    *,
    sought: str = "",
    remembering: bool = False,
) -> Response:
    language = site.language(request, state.request.ui_locales)
    wording = site.wording(language)
    choices = site.broker.providers(state.request, now)
    found = [
        one for one in choices if not sought or matches(sought, one[0].country, one[0].title.values(), wording.language)
    ]
    forgetting = any(cookie.name == REMEMBERED for cookie in kept)
    remembered = "" if forgetting else cookies(request).get(REMEMBERED, "")
    query_of_links = "?remember=yes" if remembering else ""
    view = PickerView(
        language=language,
        service=site.service(state.request, language),
        purpose=wording.text(site.broker.registered(state.request)[1].title),
        countries=tuple(
            CountryChoice(
                url=f"/login/{state.login}/at/{one.provider_id}{query_of_links}",
                country=one.country,
                provider=wording.text(one.title),
                available=available,
                suspended=site.broker.suspended(one),
                # one that does not answer now has no place of its own
                remembered=available and one.provider_id == remembered,
            )
            for one, available in found
        ),
        cancel=f"/login/{state.login}/cancel",
        address=_address(state),
        searchable=len(choices) >= MIN_TO_SEARCH,
        sought=sought,
        remembering=remembering,
        narrowed=_narrowed(site, state.request),
    )
    return page(site.pages.picker(view), view.kind, kept)


def _narrowed(site: CitySite, asked: AuthenticationRequest) -> bool:
    """Whether the service or its purpose names countries."""
    return bool(asked.country or site.broker.registered(asked)[1].countries)


def _address(state: Requested | Asked) -> str:
    return f"/login/{state.login}/countries"


def _parameters(request: Request, known: set[str]) -> dict[str, str]:
    """What our own links and form put into a query. What is typed is never logged.

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
