"""A service that speaks SAML signs a citizen out (SAML Profiles 2.0 §4.4): by the browser, or from a server of its.

A request counts once its signature has held, and it has one use. It names the session as we named it to this service, by
SessionIndex and NameID; whatever it names else is unknown here. The answer goes where the pinned metadata says.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from connectors.connector import Inbound, Outbound
from connectors.formats.eidas.registry import REQUESTER
from connectors.formats.entity_facts import LogoutService
from connectors.formats.logout import PARTIAL_LOGOUT, LogoutRequest
from connectors.logout_checks import ExpectedLogout, receive_logout_request
from connectors.logout_messages import LogoutStatus, response_by_browser, response_over_soap
from connectors.node_request import unverified_issuer
from connectors.profiles import SAML2INT
from connectors.saml_idp.statuses import UNKNOWN_PRINCIPAL, ServiceRequestRefused, refused
from connectors.signatures.signer import Signers
from connectors.wire.names import POST, REDIRECT, SUCCESS, TRANSIENT
from idp.ledger.ledger_keys import framed
from idp.ports import Commits, Mark, Unit
from idp.protocols.oidc.logouts import OVER, Logouts, Outcome, SignedOut
from idp.protocols.saml.services import KnownService, Services
from idp.system.addresses import idp_entity_id, idp_logout_soap_url, idp_logout_url
from policies.errors import AssertionRejected, Conflict
from policies.parties import EntityId, Tenant

# So long a request could come again
_USED_SECONDS = SAML2INT.max_age + 2 * SAML2INT.skew


@dataclass(frozen=True, slots=True)
class Owed:
    """The answer that a browser brings at the end of a logout: to whom (our name of them), to which request of theirs.

    `known`: the request named a living session. `to` is the verified address of an identity provider, "" of a service.
    """

    peer: str
    request_id: str
    relay_state: str = field(repr=False)
    known: bool = True
    to: str = field(default="", repr=False)
    # the public body that the provider wrote to; "" where it wrote to us
    speaks_as: str = ""


@dataclass(frozen=True, slots=True)
class AskedLogout:
    """A request that holds: of which service, and the living session that it names, None where it names none.

    One that was used names none.
    """

    service: KnownService
    request: LogoutRequest
    relay_state: str = field(repr=False)
    session: bytes | None
    used: bool

    @property
    def owed(self) -> Owed | None:
        """The answer that its service waits for; None where it waits for none."""
        if self.request.asynchronous:
            return None
        known = self.session is not None
        return Owed(self.service.party.client_id, self.request.request_id, self.relay_state, known=known)


class ServiceLogouts:
    """One tenant's."""

    def __init__(
        self, *, tenant: Tenant, issuer: str, services: Services, signer: Signers, logouts: Logouts, commits: Commits
    ) -> None:
        self._tenant, self._services, self._signer = tenant, services, signer
        self._logouts, self._commits = logouts, commits
        self._entity_id = idp_entity_id(issuer)
        here = idp_logout_url(issuer)
        self._here = {"redirect": here, "post": here, "soap": idp_logout_soap_url(issuer)}

    def judged(self, inbound: Inbound, now: int) -> AskedLogout:
        """Judge a request; nothing ends yet. Raises `ServiceRequestRefused`, and `StoreUnavailable`."""
        issuer = EntityId(unverified_issuer(inbound))
        try:
            expected = ExpectedLogout(issuer, self._here[inbound.binding])
            request, relay_state = receive_logout_request(inbound, self._services.tried(issuer), expected, now, SAML2INT)
        except AssertionRejected as error:
            raise refused(error) from error
        if issuer not in self._services.keys:
            raise ServiceRequestRefused("issuer", "a LogoutRequest of a service that is not registered")
        service = self._services.named(issuer)
        # It lies in the browser's history: who brings it again ends nothing by it
        used = self._logouts.sessions.stored.taken(use_of(request))
        session = None if used else self._session(service, request, now)
        return AskedLogout(service, request, relay_state, session, used)

    def end(self, asked: AskedLogout, others: Collection[bytes], now: int) -> tuple[tuple[SignedOut, ...], bool]:
        """End the session that is named and others. What became of each service, and whether the request was used first."""
        by = asked.service.party.client_id
        told = self._logouts.sign_out(() if asked.session is None else (asked.session,), by, now)
        # Of these the service has said nothing: it hears of them as the rest do
        told += self._logouts.sign_out(others, None, now)
        # After the end: what dies between the two is done by the next try
        try:
            use_once(self._commits, self._tenant, asked.request, by)
        except ServiceRequestRefused:
            return told, False
        return told, True

    def way_back(self, owed: Owed, outcomes: Iterable[Outcome], now: int) -> Outbound | None:
        """The browser's way back, with our answer: by Redirect, else by POST. None where it takes it by neither."""
        service = self._services.of(owed.peer)
        takes: Mapping[str, LogoutService] = service.pinned.facts.logout if service is not None else {}
        answered = owed.request_id, _status(owed.known, outcomes), owed.relay_state, self._signer.at(now), now
        for binding in (REDIRECT, POST):
            if (at := takes.get(binding)) is not None:
                return response_by_browser(self._entity_id, at.answers, binding, *answered)
        return None

    def over_soap(self, asked: AskedLogout, now: int) -> bytes:
        """Do what a service's server asks for. The envelope of our answer, b"" where nobody waits for one.

        Raises `ServiceRequestRefused` for a second use.
        """
        told, first = self.end(asked, (), now)
        if not first:
            raise used(asked.service.party.client_id)
        if asked.request.asynchronous:
            return b""
        status = _status(asked.session is not None, (one.outcome for one in told))
        return response_over_soap(self._entity_id, asked.request.request_id, status, self._signer.at(now), now)

    def _session(self, service: KnownService, request: LogoutRequest, now: int) -> bytes | None:
        """The session by the name that this service got, which is the NameID and the SessionIndex in one."""
        name = request.name
        ours = name.name_qualifier in ("", self._entity_id) and name.sp_name_qualifier in ("", service.choices.entity_id)
        if not ours or name.name_format != TRANSIENT or request.session_indexes not in ((), (name.value,)):
            return None
        return self._logouts.sessions.stored.of_participant(service.party.client_id, name.value, now)


def _status(known: bool, outcomes: Iterable[Outcome]) -> LogoutStatus:  # noqa: FBT001 - of the two that there are
    return status_of(outcomes) if known else LogoutStatus(REQUESTER, UNKNOWN_PRINCIPAL)


def status_of(outcomes: Iterable[Outcome]) -> LogoutStatus:
    """The truth of a logout: all ended, or some did not (yet) say so."""
    return LogoutStatus(SUCCESS, "" if OVER.issuperset(outcomes) else PARTIAL_LOGOUT)


def use_once(commits: Commits, tenant: Tenant, request: LogoutRequest, peer: str) -> None:
    """Raises `ServiceRequestRefused` for a request that was used, and `StoreUnavailable`."""
    try:
        commits.commit(Unit(tenant=tenant, marks=(use_of(request),)))
    except Conflict as error:
        raise used(peer) from error


def use_of(request: LogoutRequest) -> Mark:
    """The mark of its one use."""
    named = framed(b"saml logout", request.issuer.encode(), request.request_id.encode())
    return Mark("jti", hashlib.sha256(named).digest(), request.issue_instant + _USED_SECONDS)


def used(peer: str) -> ServiceRequestRefused:
    """The refusal of a second use."""
    refusal = ServiceRequestRefused("request_used", "a LogoutRequest that was used already")
    refusal.peer = peer
    return refusal
