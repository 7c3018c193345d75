"""A citizen's browser brings our word to services that hear of a logout by no other way (SAML Profiles 2.0 §4.4.3.3).

The session has ended here before the first visit, so a service that does not answer keeps nobody signed in but at itself.
The rest of a logout is a `Way`: it lies sealed under a handle that this browser alone has, for a quarter of an hour, and
each step makes a new one. No address has anything of it but signed messages. A LogoutResponse counts where a service's key
signed it in answer to the very request that this browser took there, once.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from os import urandom

from connectors.connector import Inbound, Outbound
from connectors.formats.saml_message import NameIdentifier
from connectors.logout_checks import ExpectedLogout, receive_logout_response
from connectors.logout_messages import logout_request, request_by_browser
from connectors.node_request import unverified_issuer
from connectors.profiles import SAML2INT
from connectors.saml_idp.statuses import refused
from connectors.signatures.jws import base64url, from_base64url
from connectors.signatures.signer import Signers
from connectors.wire.names import POST, REDIRECT, TRANSIENT
from idp.login.sealing import KEY_BYTES, Sealer
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.login.states import LOGIN_LIFE
from idp.ports import Commits, Parked, Unit
from idp.protocols.oidc.logouts import Outcome, SignedOut
from idp.protocols.saml.logout_asked import Owed
from idp.protocols.saml.services import Services
from idp.system.addresses import idp_entity_id, idp_logout_url
from policies.errors import AssertionRejected, NotFound
from policies.parties import ClientId, Tenant

KIND = "logout"
# A visit is worth trying in these
OPEN = frozenset({Outcome.VISIT, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Visit:
    """A service of a logout, its name of the session, and what became of that. `asked` is the ID of the request there."""

    client_id: ClientId
    outcome: Outcome
    sid: str = field(repr=False)
    frame: str = field(default="", repr=False)
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """The sender of the citizen, who gets them back at the end.

    A service of OpenID Connect `sent` a request (its parameters, without the hint), whoever speaks SAML is `owed` an
    answer. `done`: there was something to end.
    """

    client_id: str = ""
    sent: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    owed: Owed | None = None
    done: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """The rest of a logout: each service of it, who sent the citizen, in which language they read, and its end."""

    visits: tuple[Visit, ...]
    asker: Asker
    language: str
    end: int

    @property
    def next(self) -> int | None:
        """The first service to which this browser has not been yet."""
        return next((place for place, one in enumerate(self.visits) if one.outcome is Outcome.VISIT), None)

    def _with(self, place: int, outcome: Outcome, asked: str) -> "Way":
        changed = replace(self.visits[place], outcome=outcome, asked=asked)
        return replace(self, visits=(*self.visits[:place], changed, *self.visits[place + 1 :]))

    def visited(self, place: int, asked: str) -> "Way":
        """The browser is sent to a service with a request of this ID."""
        return self._with(place, Outcome.UNKNOWN, asked)

    def heard(self, place: int, *, complete: bool) -> "Way":
        """A service has answered, and is believed once."""
        return self._with(place, Outcome.ENDED if complete else Outcome.UNKNOWN, "")


_WAY = Codec(Way, plain=NEVER_DEFLATED)


class Visits:
    """One tenant's. Every method may raise `StoreUnavailable`. `off` says whether a service is switched off."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        issuer: str,
        services: Services,
        signer: Signers,
        sealer: Sealer,
        commits: Commits,
        parked: Parked,
        off: Callable[[ClientId], bool],
    ) -> None:
        self._tenant, self._services, self._signer, self._off = tenant, services, signer, off
        self._sealer, self._commits, self._parked = sealer, commits, parked
        self._entity_id, self._here = idp_entity_id(issuer), idp_logout_url(issuer)

    def way(self, told: Sequence[SignedOut], asker: Asker, language: str, now: int) -> Way:
        """The way after a logout: what a service has not heard, the browser can bring it, where its metadata says so."""
        visits = tuple(Visit(one.client_id, self._outcome(one), one.sid, one.frame) for one in told)
        return Way(visits, asker, language, now + LOGIN_LIFE)

    def kept(self, content: bytes, end: int) -> str:
        """Keep something until its end for whoever has the handle that is returned."""
        handle = urandom(KEY_BYTES)
        self._commits.commit(Unit(tenant=self._tenant, parked=(self._sealer.park(KIND, handle, content, end),)))
        return base64url(handle)

    def opened(self, handle: str, now: int) -> bytes:
        """What was kept under a handle. Raises `NotFound` for any other text."""
        try:
            found = from_base64url(handle)
        except ValueError as error:
            raise NotFound("a handle of nothing that is kept") from error
        row = self._parked.parked(self._tenant, KIND, hashlib.sha256(found).digest(), now)
        return self._sealer.unpark(KIND, found, row, now)

    def keep(self, way: Way) -> str:
        """The handle of a way."""
        return self.kept(_WAY.dump(way), way.end)

    def open(self, handle: str, now: int) -> Way | None:
        """This browser's way; None where a cookie's text names none that lives."""
        try:
            return _WAY.load(self.opened(handle, now))
        except NotFound:
            return None

    def visit(self, way: Way, place: int, now: int) -> tuple[Way, Outbound] | None:
        """Send the browser to a service with our request; None where there is no such visit, or no way there any more."""
        one = way.visits[place] if place < len(way.visits) else None
        if one is None or one.outcome not in OPEN or (binding := self._binding(one.client_id)) is None:
            return None
        service = self._services.of(one.client_id)
        if service is None:
            return None
        name = NameIdentifier(one.sid, TRANSIENT, "", "")
        asked = logout_request(self._entity_id, service.pinned.facts.logout[binding].url, name, one.sid, now)
        return way.visited(place, asked.request_id), request_by_browser(asked, binding, self._signer.at(now))

    def answered(self, way: Way, inbound: Inbound, now: int) -> Way:
        """A service's LogoutResponse came back in this browser. Raises `ServiceRequestRefused`, and nothing has changed."""
        issuer = unverified_issuer(inbound, "SAMLResponse")
        known = [
            (place, one, service)
            for place, one in enumerate(way.visits)
            if one.asked and (service := self._services.of(one.client_id)) and service.choices.entity_id == issuer
        ]
        # Of two sessions at one service it may be about either
        failed = AssertionRejected("in_response_to", "a LogoutResponse of a service that was not asked, or has answered")
        for place, one, service in known:
            expected = ExpectedLogout(issuer, self._here, one.asked)
            try:
                found, _ = receive_logout_response(inbound, service.pinned.keys, expected, now, SAML2INT)
            except AssertionRejected as error:
                failed = error
            else:
                return way.heard(place, complete=found.complete)
        refusal = refused(failed)
        refusal.peer = known[0][1].client_id if known else ""
        raise refusal from failed

    def _outcome(self, one: SignedOut) -> Outcome:
        reached = one.outcome is Outcome.UNREACHED and self._binding(one.client_id) is not None
        return Outcome.VISIT if reached else one.outcome

    def _binding(self, client_id: ClientId) -> str | None:
        """The binding by which a browser brings a LogoutRequest to a service."""
        service = self._services.of(client_id)
        if service is None or self._off(client_id):
            return None
        return next((one for one in (REDIRECT, POST) if one in service.pinned.facts.logout), None)
