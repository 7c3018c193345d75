"""A citizen's browser brings our word to services that hear of a logout by no other way (SAML Profiles 2.0 §4.4.3.3).

So it does to the identity provider that the session rested on, where its registration and the citizen say so.

The session has ended here before the first visit, so a service that does not answer keeps nobody signed in but at itself.
The rest of a logout is a `Way`: it lies sealed under a handle that this browser alone has, for a quarter of an hour, and
each step makes a new one. No address has anything of it but signed messages. A LogoutResponse counts where a service's key
signed it in answer to the very request that this browser took there, once.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import urandom

from connectors.connector import Connector, Inbound, Outbound
from connectors.formats.saml_message import NameIdentifier
from connectors.logout_checks import ExpectedLogout, receive_logout_response
from connectors.logout_messages import logout_request, request_by_browser
from connectors.node_request import unverified_issuer
from connectors.oidc.connector import OidcConnector
from connectors.profiles import SAML2INT
from connectors.resumed import RememberedSignIn
from connectors.saml_idp.statuses import refused
from connectors.saml_sp.logout import HearsLogout
from connectors.signatures.jws import base64url, from_base64url
from connectors.signatures.signer import Signers
from connectors.wire.names import POST, REDIRECT, TRANSIENT
from idp.login.sealing import KEY_BYTES, Sealer
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.login.states import LOGIN_LIFE
from idp.login.suspension import Suspension
from idp.ports import Commits, Parked, Unit
from idp.protocols.oidc.logouts import Outcome, SignedOut
from idp.protocols.saml.logout_asked import Owed
from idp.protocols.saml.services import Services
from idp.system.addresses import idp_entity_id, idp_logout_url, logout_back_url
from policies.authentication import SourceSession
from policies.errors import AssertionRejected, NotFound
from policies.parties import ClientId, EntityId, IdentityProvider, ProviderId, Tenant

KIND = "logout"
NO_PROVIDER = ProviderId("")
# A visit is worth trying in these
OPEN = frozenset({Outcome.VISIT, Outcome.SOURCE, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Visit:
    """A service of a logout, its name of the session, and what became of that. `asked` is the ID of the request there.

    Of an identity provider that the session rested on, `source` is its id, and `session` what it calls its own.
    """

    client_id: ClientId
    outcome: Outcome
    sid: str = field(default="", repr=False)
    frame: str = field(default="", repr=False)
    asked: str = ""
    source: ProviderId = NO_PROVIDER
    session: SourceSession | None = field(default=None, repr=False)


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
    """The rest of a logout: each place of it, who sent the citizen, in which language they read, and its end."""

    visits: tuple[Visit, ...]
    asker: Asker
    language: str
    end: int

    @property
    def next(self) -> int | None:
        """The first service to which this browser has not been yet."""
        return next((place for place, one in enumerate(self.visits) if one.outcome is Outcome.VISIT), None)

    @property
    def stays(self) -> bool:
        """Whether there is a place to go to. To an identity provider only the citizen's own choice leads."""
        return any(one.outcome in (Outcome.VISIT, Outcome.SOURCE) for one in self.visits)

    @property
    def of_services(self) -> tuple[Outcome, ...]:
        """The outcomes that the asking service is answered with. The session of an identity provider is none of ours."""
        return tuple(one.outcome for one in self.visits if not one.source)

    def at(self, place: int, outcome: Outcome, asked: str = "") -> "Way":
        """The way with the outcome of one place. With `asked` the browser is sent there with it; else it is believed."""
        changed = replace(self.visits[place], outcome=outcome, asked=asked)
        return replace(self, visits=(*self.visits[:place], changed, *self.visits[place + 1 :]))


_WAY = Codec(Way, plain=NEVER_DEFLATED)


class Visits:
    """One tenant's. Every method may raise `StoreUnavailable`."""

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
        suspension: Suspension,
        sources: Mapping[ProviderId, tuple[IdentityProvider, Connector]],
    ) -> None:
        self._tenant, self._services, self._signer, self._suspension = tenant, services, signer, suspension
        self._sealer, self._commits, self._parked, self._sources = sealer, commits, parked, sources
        self._issuer, self._entity_id = issuer, idp_entity_id(issuer)

    def way(
        self,
        told: Sequence[SignedOut],
        rested_on: Iterable[RememberedSignIn],
        asker: Asker,
        language: str,
        now: int,
    ) -> Way:
        """The way after a logout: what a service has not heard, the browser can bring it, where its metadata says so.

        So it can the providers that the sessions of this browser `rested_on`, where their registration says so.
        """
        visits = [Visit(one.client_id, self._outcome(one), one.sid, one.frame) for one in told]
        for name, session in dict.fromkeys((one.provider_id, one.at_source) for one in rested_on):
            provider, connector = self._sources.get(name, (None, None))
            if provider is None or not provider.logout_upstream or self._suspension.source_off(provider):
                continue
            if session is not None or isinstance(connector, OidcConnector):
                visits.append(Visit(ClientId(""), Outcome.SOURCE, source=name, session=session))
        return Way(tuple(visits), asker, language, now + LOGIN_LIFE)

    def kept(self, content: bytes, end: int) -> str:
        """Keep something until its end for whoever has the handle that is returned."""
        handle = urandom(KEY_BYTES)
        self._commits.commit(Unit(tenant=self._tenant, parked=(self._sealer.park(KIND, handle, content, end),)))
        return base64url(handle)

    def opened(self, handle: str, now: int) -> bytes:
        """The octets that were kept under a handle. Raises `NotFound` for any other text."""
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

    def visit(self, way: Way, place: int, now: int) -> tuple[Way, Outbound | None]:
        """Send the browser on with our request; None where there is no such visit, or no way there any more.

        Raises `PeerUnavailable` where a federation's metadata is not there now.
        """
        one = way.visits[place] if place < len(way.visits) else None
        if one is None or one.outcome not in OPEN:
            return way, None
        found = self._to_source(one, now) if one.source else self._to_service(one, now)
        if found is None:
            return way.at(place, Outcome.UNREACHED), None
        return way.at(place, Outcome.UNKNOWN, found[1]), found[0]

    def answered(self, way: Way, inbound: Inbound, here: str, now: int) -> Way:
        """A LogoutResponse came to our address `here`. Raises `ServiceRequestRefused`, and nothing has changed then.

        That of a federation's provider raises `PeerUnavailable` where nobody knows its keys now.
        """
        issuer = EntityId(unverified_issuer(inbound, "SAMLResponse"))
        known = [place for place, one in enumerate(way.visits) if issuer and one.asked and self._entity(one) == issuer]
        # Of two sessions at one service it may be about either
        failed = AssertionRejected("in_response_to", "a LogoutResponse of somebody who was not asked, or has answered")
        for place in known:
            try:
                complete = self._complete(way.visits[place], inbound, here, now)
            except AssertionRejected as error:
                failed = error
            else:
                return way.at(place, Outcome.ENDED if complete else Outcome.UNKNOWN)
        refusal = refused(failed)
        refusal.peer = way.visits[known[0]].client_id or way.visits[known[0]].source if known else ""
        raise refusal from failed

    def returned(self, way: Way, state: str) -> Way:
        """An OpenID provider sent the browser back with this `state`, which says that it was asked, and no more."""
        for place, one in enumerate(way.visits):
            # Only this browser has the way, so there is no secret that a comparison could tell
            if one.source and one.asked and one.session is None and one.asked == state:
                return way.at(place, Outcome.ASKED)
        return way

    def _to_service(self, one: Visit, now: int) -> tuple[Outbound, str] | None:
        service, binding = self._services.of(one.client_id), self._binding(one.client_id)
        if service is None or binding is None:
            return None
        url, name = service.pinned.facts.logout[binding].url, NameIdentifier(one.sid, TRANSIENT, "", "")
        asked = logout_request(self._entity_id, url, name, one.sid, now)
        return request_by_browser(asked, binding, self._signer.at(now)), asked.request_id

    def _to_source(self, one: Visit, now: int) -> tuple[Outbound, str] | None:
        provider, connector = self._sources.get(one.source, (None, None))
        if provider is None or self._suspension.source_off(provider):
            return None
        if isinstance(connector, OidcConnector):
            return connector.end_session(logout_back_url(self._issuer))
        if one.session is None or not isinstance(connector, HearsLogout):
            return None
        return connector.log_out(one.session, now)

    def _entity(self, one: Visit) -> str:
        """The entity id of who was asked; "" where they are registered no more."""
        if one.source:
            provider, _ = self._sources.get(one.source, (None, None))
            return provider.entity_id if provider is not None else ""
        service = self._services.of(one.client_id)
        return service.choices.entity_id if service is not None else ""

    def _complete(self, one: Visit, inbound: Inbound, here: str, now: int) -> bool:
        """Whether an answer that holds says that all has ended there. Raises `AssertionRejected`, `PeerUnavailable`."""
        if bool(one.source) == (here == idp_logout_url(self._issuer)):
            raise AssertionRejected("destination", "a service's answer where providers answer, or the other way round")
        if one.source:
            _, connector = self._sources[one.source]
            if one.session is None or not isinstance(connector, HearsLogout):
                raise AssertionRejected("issuer", "a LogoutResponse of a provider that does not speak SAML")
            return connector.logout_answered(inbound, here, one.asked, now)
        service = self._services.of(one.client_id)
        keys = service.pinned.keys if service is not None else ()
        expected = ExpectedLogout(self._entity(one), here, one.asked)
        return receive_logout_response(inbound, keys, expected, now, SAML2INT)[0].complete

    def _outcome(self, one: SignedOut) -> Outcome:
        reached = one.outcome is Outcome.UNREACHED and self._binding(one.client_id) is not None
        return Outcome.VISIT if reached else one.outcome

    def _binding(self, client_id: ClientId) -> str | None:
        """The binding by which a browser brings a LogoutRequest to a service."""
        service = self._services.of(client_id)
        if service is None or self._suspension.party_off(client_id):
            return None
        return next((one for one in (REDIRECT, POST) if one in service.pinned.facts.logout), None)
