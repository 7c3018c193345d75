"""A login's first page where services share a sign-in: the question at once, or the same country again, or the list.

The cookie `__Host-session-<group>` is Lax: another site's link brings it along, and its form does not. A request that comes
by a form from there begins as one of somebody who is not signed in.
"""

from dataclasses import replace

from fastapi import Request
from fastapi.responses import Response

from idp.login.finish import Choice
from idp.login.frontend import Declined
from idp.login.sessions import LiveSession
from idp.login.states import Requested
from idp.monitoring.steps import LoginStep
from idp.web.login_cookies import SESSION, new_secret
from idp.web.requests import cookies
from idp.web.routes import picker
from idp.web.routes.decision import asking, ended_by
from idp.web.site import Site
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    BrokerError,
    NotFound,
    PeerUnavailable,
    Replayed,
    RequestRefused,
    SourceSuspended,
    about,
)

# A session that does not do for this request: somebody has to choose a country
UNFIT = (NotFound, Replayed, AssertionRejected, SourceSuspended, PeerUnavailable, AllRevoked)
NOBODY = "Nobody is signed in here, or not so that it would do for this."
ASKS = "The person has to answer a page first."


def begin(site: Site, request: Request, requested: Requested, now: int) -> Response | Declined:
    """A login's first page; where the service takes no page, its answer or the error for it."""
    wanted = requested.request.shared
    if wanted is None or site.sessions is None:
        return picker.begin(site, request, requested, now)
    live = site.sessions.live(wanted.group, cookies(request).get(SESSION + wanted.group, ""), now)
    if live is None:
        return _without(site, request, requested, now)
    shared = replace(wanted, session=live.name)
    return _within(site, request, replace(requested, request=replace(requested.request, shared=shared)), live, now)


def _within(site: Site, request: Request, requested: Requested, live: LiveSession, now: int) -> Response | Declined:
    """By the session alone, else by the same country, which may know the person still; else as everybody."""
    asked, source = requested.request, live.content.signed_in.provider_id
    passive, origin = asked.shared is not None and asked.shared.passive, asked.origin
    language = site.language(request, asked.languages)
    try:
        with about(origin.service, source, *site.screens.of_the_source):
            decided = site.broker.resume(requested, live.content, language, now)
    except RequestRefused as error:
        if passive:
            return _declined(requested, error)
        if asked.force_authentication:
            return picker.begin(site, request, requested, now)
        return picker.ask_again(site, request, requested, source, now)
    except UNFIT:
        return _without(site, request, requested, now)
    if passive and not decided.silent:
        code = "interaction_required" if decided.informs else "consent_required"
        return _declined(requested, RequestRefused(ASKS, oauth=code))
    site.about(request, origin, source)
    site.step(request, LoginStep.ANSWERED, origin, site.role.provider(source), decided.deviations)
    secret, strict = new_secret(decided.login)
    if decided.silent:
        return ended_by(site, request, decided, Choice(site.role.release_word(decided.path)), secret, now)
    kept = [*site.logins.crowded(cookies(request), now), site.logins.keep(requested, now), strict]
    return asking(site, decided, secret, language, kept)


def _without(site: Site, request: Request, requested: Requested, now: int) -> Response | Declined:
    if requested.request.shared is not None and requested.request.shared.passive:
        return _declined(requested, RequestRefused(NOBODY, oauth="login_required"))
    return picker.begin(site, request, requested, now)


def _declined(requested: Requested, error: BrokerError) -> Declined:
    error.peer = requested.request.origin.service
    return Declined(requested.request.origin, error, at_once=True)
