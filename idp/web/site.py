"""The parts that endpoints work with, and how a page or an error leaves."""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_letters, digits
from typing import Protocol
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from connectors.connector import Inbound, Outbound, Post
from connectors.request_checks import PeerRequestRefused
from idp.ledger.ledger_keys import LogKeys
from idp.login.eligible import TRIAL
from idp.login.flow import Broker
from idp.login.frontend import Frontends
from idp.login.role import Choices, Role
from idp.login.sealing import Sealer
from idp.login.sessions import Sessions
from idp.login.states import Asked, Decided, Requested
from idp.monitoring.recorder.recorder import LoginParties
from idp.monitoring.refusals import Refusals
from idp.monitoring.steps import LoginStep
from idp.monitoring.watched import Watched, unwatched
from idp.pages.headers import raw_headers
from idp.pages.languages import choose_language
from idp.pages.logout_view import LogoutView
from idp.pages.picker_view import OfferedBox
from idp.pages.render import Pages
from idp.pages.views import ErrorView, LeavingView, PageKind, PostView, Stronger, Text, Towards, WithheldItem
from idp.pages.wording import Wording, known_code
from idp.ports import Log
from idp.protocols.eidas.countries import Offer
from idp.web.edge import LOGIN, NO_ROUTE, PARTIES, REFERENCE, UNFORESEEN, place
from idp.web.login_cookies import CHOSEN, Cookie, Logins
from idp.web.problems import problem
from idp.web.requests import cookies, header
from idp.web.shown_again import Shown, seal_page
from policies.assurance import LevelOfAssurance
from policies.authentication import Origin, ServiceRequest
from policies.catalogue import Catalogue
from policies.errors import (
    AssertionRejected,
    BrokerError,
    Closed,
    ErasureRefused,
    NotFound,
    Overloaded,
    PeerUnavailable,
    PersonNotTaken,
    ReleaseDenied,
    Replayed,
    RequestRefused,
    StoreUnavailable,
    Suspended,
    TooManyRequests,
)
from policies.parties import IdentityProvider, ProviderId, Tenant


class Screens(Protocol):
    """One tenant's, for its role."""

    @property
    def towards(self) -> Towards:
        """The kind of party to which the way onward leads."""

    @property
    def has_countries(self) -> bool:
        """Whether the citizen chooses among countries: a list that can be searched, and a way back to it."""

    @property
    def of_the_source(self) -> tuple[type[BrokerError], ...]:
        """Errors of a login that are about the identity provider; all others are about the service."""

    def service(self, origin: Origin, language: str) -> Text:
        """The name of the service."""

    def purpose(self, request: ServiceRequest, language: str) -> Text:
        """The words of the list of providers about what the sign-in is for."""

    def narrowed(self, request: ServiceRequest) -> bool:
        """Whether the service or its purpose names countries."""

    def leaves_out(self, request: ServiceRequest) -> bool:
        """Whether the list leaves some out that are not sure enough, and says so."""

    def needed(self, request: ServiceRequest) -> LevelOfAssurance | None:
        """The level that the service needs; None where levels have no order for whoever asks."""

    def only(self, request: ServiceRequest, choices: Choices) -> ProviderId | None:
        """The provider that is asked without a list."""

    def offers(self, request: ServiceRequest, asked: Sequence[IdentityProvider], language: str) -> tuple[OfferedBox, ...]:
        """The boxes that come before one of these is asked: what nobody ticks, nobody is asked for."""

    def counted(self, origin: Origin, provider: IdentityProvider | None) -> str:
        """The country under which the steps of a login are counted."""

    def question(self, decided: Decided, sealed: str, language: str, left: int) -> str | bytes:
        """The page that the citizen answers within `left` seconds: `sealed` is what its form brings back."""

    def missing(self, decided: Decided, language: str) -> tuple[WithheldItem, ...]:
        """The titles of what the service requires and cannot get."""


REFERENCE_BYTES = 5
RETRY_AFTER = "30"
# Checks that fail only where a seal of ours was opened: of a login that there was
OPENED = frozenset({"login_ended", "not_asked", "decided_shape"})
# A redirect is kept by nobody, and where it leads to learns no address of ours
ONWARD = ((b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"))
# RFC 3986 §2: reserved and unreserved characters, and the sign of what is quoted already
IN_ADDRESSES = (ascii_letters + digits + "-._~:/?#[]@!$&'()*+,;=%").encode("ascii")


@dataclass(frozen=True, slots=True)
class Site:
    """One tenant as the web sees it, whatever its role. `protocols` are those in which it asks identity providers."""

    tenant: Tenant
    issuer: str
    role: Role
    broker: Broker
    frontends: Frontends
    screens: Screens
    logins: Logins
    protocols: tuple[str, ...]
    catalogue: Catalogue
    sealer: Sealer
    pages: Pages
    log: Log
    clock: Callable[[], int]
    # our signed SAML metadata, and our keys for OpenID providers, by path: made for the moment
    metadata: Mapping[str, Callable[[int], bytes]]
    # the keys of the release log, of which auditors are told
    log_keys: LogKeys = field(kw_only=True)
    # where the codes of errors are explained; "" where the operator names no such page
    documentation: str = field(default="", kw_only=True)
    # the address of the discovery service at which citizens choose; "" for our own list
    discovery: str = field(default="", kw_only=True)
    # the sign-ins that services share; None where there are no such services
    sessions: Sessions | None = field(default=None, kw_only=True)
    offers: Callable[[int], Sequence[Offer]] = field(default=lambda _now: (), kw_only=True)
    # what is counted, said of each step, and limited
    watched: Watched = field(default_factory=unwatched, kw_only=True)

    def reference(self, request: Request, login: str) -> str:
        """This request is about this login, whether it is one or not: its reference, which an error's page shows, too."""
        reference = self.watched.steps.reference(login)
        request.scope[REFERENCE], request.scope[LOGIN] = reference, login
        return reference

    def live(self, request: Request, login: str, now: int) -> Requested | Asked:
        """This browser's live login, which the request is about from here on. Raises `Replayed`."""
        self.reference(request, login)
        state = self.logins.state(cookies(request), login, now)
        self.about(request, state.request.origin, state.expectation.provider_id if isinstance(state, Asked) else "")
        return state

    def about(self, request: Request, origin: Origin, provider_id: str = "") -> None:
        """The login of this request is of this service, at this provider where one was chosen."""
        request.scope[PARTIES] = LoginParties(origin.service, provider_id, origin.frontend == TRIAL)

    def step(
        self,
        request: Request,
        step: LoginStep,
        origin: Origin,
        provider: IdentityProvider | None = None,
        deviations: Sequence[str] = (),
        *,
        scopes_ignored: int = 0,
        came: Inbound | None = None,
    ) -> None:
        """Count, log and record a step of the request's login, whose reference is known."""
        country = self.screens.counted(origin, provider)
        self.watched.steps.step(
            step, request.scope[REFERENCE], origin.service, country, deviations, scopes_ignored=scopes_ignored
        )
        self.record(request, step, came)

    def record(self, request: Request, step: str, came: Inbound | None = None) -> None:
        """Record a step in the flight recorder alone, by the message that `came`."""
        parties, recorder = request.scope.get(PARTIES), self.watched.recorder
        if parties is not None and recorder.wants(parties):
            octets = 0 if came is None else len(came.raw) + sum(map(len, came.parameters.values()))
            recorder.step(request.scope[REFERENCE], parties, step, octets)

    def language(self, request: Request, wished: Sequence[str] = ()) -> str:
        """The reader's language: what this login or who sent them here says, what they chose before, the browser's."""
        chosen = cookies(request).get(CHOSEN, "")
        return choose_language((*wished, chosen), header(request, b"accept-language") or "")

    def refused(self, request: Request, error: BrokerError) -> str:
        """Count and log an error. Returns the reference that finds its line, and all others of its login."""
        reference: str = request.scope.get(REFERENCE) or secrets.token_hex(REFERENCE_BYTES)
        code, check = self.watched.steps.refused(error.code, check_of(error))
        reference = log_error(self.watched.refusals, request, error, reference)
        self.watched.recorder.failed(reference, request.scope.get(PARTIES), code, check, error.peer)
        return reference

    def wording(self, language: str) -> Wording:
        """How things are said in this language."""
        return self.pages.wording(language)

    def answer(
        self,
        outbound: Outbound,
        service: Text,
        language: str,
        kept: Iterable[Cookie],
        towards: Towards = Towards.SERVICE,
        *,
        receipt: str = "",
    ) -> Response:
        """The answer to who asked: a page of 200 that goes on by itself and has a link (decision 0000.7).

        `receipt` is our path of the citizen's receipt, "" where they have none.
        """
        if isinstance(outbound, Post):
            view = PostView(language, towards, service, outbound.url, outbound.fields, receipt)
            return page(self.pages.post(view), view.kind, kept)
        leaving = LeavingView(language, service, outbound.url, receipt)
        return page(self.pages.leaving(leaving), leaving.kind, kept)

    def send(
        self,
        outbound: Outbound,
        language: str,
        kept: Iterable[Cookie] = (),
        towards: Towards = Towards.SERVICE,
        *,
        after_form: bool = False,
        service: Text | None = None,
    ) -> Response:
        """Send the browser on: by redirect, or by a page that posts, or that leads on after a form of ours."""
        if isinstance(outbound, Post) or after_form:
            name = service or Text(urlsplit(outbound.url).hostname or "", "en")
            view = PostView(language, towards, name, outbound.url, outbound.fields if isinstance(outbound, Post) else ())
            return page(self.pages.post(view), view.kind, kept)
        response = Response(status_code=303)
        response.raw_headers += [(b"location", _location(outbound.url)), *ONWARD]
        _keep(response, kept)
        return response

    def problem(self, request: Request, error: BrokerError) -> Response:
        """The error of an endpoint for programs, in English: their developers read it, and no citizen."""
        code, reference = known_code(error.code), self.refused(request, error)
        title = self.wording("en").language.say(f"error.{code}.title")
        return _again(problem(status_of(error), code, title, reference, self.documentation), error)

    def error(
        self,
        request: Request,
        error: BrokerError,
        *,
        back: Outbound | None = None,
        service: Text | None = None,
        language: str = "",
        towards: Towards = Towards.SERVICE,
        kept: Iterable[Cookie] = (),
        leave: str = "",
        retry: str = "",
        stronger: Stronger | None = None,
    ) -> Response:
        """One page, whatever happened: whose move it is, a reference that finds the line in the log, a way back if safe."""
        reference = self.refused(request, error)
        target, fields = (back.url, back.fields if isinstance(back, Post) else ()) if back else ("", ())
        tag = language or self.language(request)
        view = ErrorView(tag, known_code(error.code), reference, target, service, fields, towards, leave=leave, retry=retry)
        view = replace(view, stronger=stronger, documentation=self.documentation)
        if isinstance(error, PersonNotTaken) and error.helper is not None:
            title, helper, contact = error.helper
            say = self.wording(tag).text
            view = replace(view, register=say(title), helper=say(helper), contact=contact)
        return _again(self.shown(view, kept, status=status_of(error)), error)

    def shown(self, view: Shown, kept: Iterable[Cookie], *, status: int = 200) -> Response:
        """A page without an address of its own, which holds itself sealed so that it can be had in another language."""
        try:
            again = seal_page(self.sealer, view, self.clock())
        except StoreUnavailable:
            again = ""  # the page matters more than its list of languages
        match view:
            case ErrorView():
                text = self.pages.error(view, again)
            case LogoutView():
                text = self.pages.logout(view, again)
            case _:
                text = self.pages.device(view, again)
        return page(text, view.kind, kept, status=status)


def _again(response: Response, error: BrokerError) -> Response:
    """When to try again, where that helps."""
    if isinstance(error, StoreUnavailable | Overloaded):
        response.headers["Retry-After"] = RETRY_AFTER
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def page(text: str | bytes, kind: PageKind, kept: Iterable[Cookie], *, status: int = 200) -> Response:
    """A page with the headers of its kind and the login's cookies."""
    response = HTMLResponse(text, status)
    response.raw_headers += raw_headers(kind)
    _keep(response, kept)
    return response


def _location(url: str) -> bytes:
    """An address as a header has it: what has no place there is quoted (RFC 3986 §2), and all of ours has its place."""
    octets = url.encode()
    return octets if not octets.translate(None, IN_ADDRESSES) else quote(url, safe=IN_ADDRESSES).encode("ascii")


def _keep(response: Response, kept: Iterable[Cookie]) -> None:
    response.raw_headers += [(b"set-cookie", cookie.header().encode("latin-1")) for cookie in kept]


def status_of(error: BrokerError) -> int:
    """The HTTP status of an error page."""
    match error:
        case RequestRefused():
            return error.status
        case Replayed():
            return 409
        case AssertionRejected() | ReleaseDenied() | ErasureRefused():
            return 403
        case NotFound():
            return 404
        case StoreUnavailable() | PeerUnavailable() | Suspended() | Overloaded():
            return 503
        case TooManyRequests():
            return 429
        case _:
            return 500


def log_error(refusals: Refusals, request: Request, error: BrokerError, reference: str) -> str:
    """One line: tenant, path without query, code, check, whom it is about, and detail, none of which holds a value.

    Returns the reference that finds it.
    """
    # What a switch or a store that is closed refuses was said already, and is anybody's to ask for
    is_ours = status_of(error) >= 500 and not isinstance(error, Suspended | Closed)  # noqa: PLR2004 - RFC 9110 §15.6
    check = check_of(error)
    if check == "unforeseen":
        request.scope[UNFORESEEN] = error.detail
    fields = {
        # An address that there is not is a stranger's text
        "path": place(request.scope["path"]) if "route" in request.scope else NO_ROUTE,
        "code": error.code,
        "check": check,
        "peer": error.peer or None,
        "detail": error.detail,
    }
    # A request may name any login. Whom an error is about is known of one that was opened
    opened = REFERENCE in request.scope and (bool(error.peer) or check in OPENED)
    # One login is enough to be told so again and again
    begun = opened and not isinstance(error, TooManyRequests)
    level = logging.ERROR if status_of(error) >= 500 else logging.WARNING  # noqa: PLR2004 - as above
    return refusals.line(fields, reference, anybodys=not (is_ours or begun), level=level)


def check_of(error: BrokerError) -> str | None:
    """The check that failed, where it was one of a message or a login."""
    return error.check if isinstance(error, AssertionRejected | PeerRequestRefused) else None
