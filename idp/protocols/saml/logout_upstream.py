"""An identity provider that speaks SAML says that a session of its ended: ours that rest on it end, too.

Who says it is the Issuer, if the keys of its registration made the signature. By the browser it is answered where its
metadata says, over SOAP on the same connection. A request has one use.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from connectors.addresses import FetchError, judged_url
from connectors.connector import Connector, Inbound
from connectors.formats.logout import LogoutRequest
from connectors.logout_messages import response_by_redirect, response_over_soap
from connectors.node_request import unverified_issuer
from connectors.saml_idp.statuses import ServiceRequestRefused, refused
from connectors.saml_sp.logout import HeardLogout, HearsLogout, session_name
from connectors.signatures.signer import Signers
from connectors.wire.names import REDIRECT
from idp.ports import Commits
from idp.protocols.oidc.logouts import Logouts
from idp.protocols.saml.logout_asked import status_of, use_of, use_once, used
from idp.system.addresses import entity_id, logout_soap_url, logout_url
from policies.errors import AssertionRejected
from policies.parties import IdentityProvider, ProviderId, Tenant


@dataclass(frozen=True, slots=True)
class AnsweredLogout:
    """What became of it: the address of the browser's way back ("" for none), or the envelope for a server (b"")."""

    back: str = field(repr=False)
    envelope: bytes = field(repr=False)


class UpstreamLogouts:
    """One tenant's."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        issuer: str,
        providers: Mapping[ProviderId, IdentityProvider],
        connectors: Mapping[ProviderId, Connector],
        signer: Signers,
        logouts: Logouts,
        commits: Commits,
    ) -> None:
        self._tenant, self._signer, self._logouts, self._commits = tenant, signer, logouts, commits
        self._entity_id = entity_id(issuer)
        self._here = {"redirect": logout_url(issuer), "post": logout_url(issuer), "soap": logout_soap_url(issuer)}
        self._named: dict[str, tuple[IdentityProvider, HearsLogout]] = {}
        for name, one in providers.items():
            connector = connectors.get(name)
            if one.protocol == "saml" and isinstance(connector, HearsLogout):
                self._named[one.entity_id] = (one, connector)

    def receive(self, inbound: Inbound, now: int) -> AnsweredLogout:
        """Judge a request, end what it names, and answer.

        Raises `ServiceRequestRefused`, `PeerUnavailable` where nobody knows a federation's keys now, `StoreUnavailable`.
        """
        try:
            provider, connector = self._of(unverified_issuer(inbound))
            heard = connector.logged_out(inbound, self._here[inbound.binding], now)
            request = heard.request
            # It lies in the browser's history: who brings it again ends no later sign-in
            if self._logouts.sessions.stored.taken(use_of(request)):
                raise used(provider.provider_id)
            # First of all, for a sign-in whose question is open: it finds this, or is found
            for name in self._sessions_of(request) or ("",):
                self._logouts.sessions.note_upstream(provider, request.name.value, name, request.issue_instant)
            named = self._ending(provider, request)
        except AssertionRejected as error:
            raise refused(error) from error
        told = self._logouts.sign_out(named, None, now)
        use_once(self._commits, self._tenant, request, provider.provider_id)
        if request.asynchronous:
            return AnsweredLogout("", b"")
        # Nothing of it is here any more, whether there was something or not
        status = status_of(told)
        if inbound.binding == "soap":
            envelope = response_over_soap(self._entity_id, request.request_id, status, self._signer.at(now), now)
            return AnsweredLogout("", envelope)
        back = _answers_at(heard)
        if back:
            signer = self._signer.at(now)
            answered = request.request_id, status, heard.relay_state, signer, now
            back = response_by_redirect(self._entity_id, back, *answered)
        return AnsweredLogout(back, b"")

    def _of(self, issuer: str) -> tuple[IdentityProvider, HearsLogout]:
        found = self._named.get(issuer)
        if found is None:
            raise ServiceRequestRefused("issuer", "a LogoutRequest of nobody who is registered as an identity provider")
        return found

    def _sessions_of(self, request: LogoutRequest) -> tuple[str, ...]:
        return tuple(session_name(request.name, index) for index in request.session_indexes)

    def _ending(self, provider: IdentityProvider, request: LogoutRequest) -> Collection[bytes]:
        """The sessions that end: of one session there, or of a person. Raises `AssertionRejected` where nobody can say."""
        sessions = self._logouts.sessions
        names = [sessions.upstream(one) for one in self._sessions_of(request)]
        found = {each for name in names for each in sessions.stored.of_upstream(provider.provider_id, name)}
        if found or (names and provider.subject_attribute):
            return found
        if provider.subject_attribute:
            raise AssertionRejected("logout_session", "a logout of a NameID alone, by which our registration knows nobody")
        person = sessions.person(provider.namespace, request.name.value)
        return sessions.stored.of_person(person, provider.provider_id, unnamed=bool(names))


def _answers_at(heard: HeardLogout) -> str:
    at = heard.answers.get(REDIRECT)
    try:
        if at is not None:
            judged_url(at.answers, demo=True)
    except FetchError:
        return ""
    return at.answers if at is not None else ""
