"""An identity provider that speaks SAML says that a session of its ended: ours that rest on it end, too.

Who says it is the Issuer, if the keys of its registration made the signature. By the browser it is answered where its
metadata says, over SOAP on the same connection. A request has one use.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from connectors.addresses import FetchError, judged_url
from connectors.connector import Connector, Inbound, Outbound
from connectors.logout_messages import response_by_browser, response_over_soap
from connectors.metadata.members import known_as
from connectors.node_request import unverified_issuer
from connectors.saml_idp.statuses import ServiceRequestRefused, refused
from connectors.saml_sp.logout import HeardLogout, HearsLogout, session_name
from connectors.signatures.signer import Signers
from connectors.wire.names import REDIRECT
from idp.ports import Commits
from idp.protocols.oidc.logouts import Logouts, Outcome, SignedOut
from idp.protocols.saml.logout_asked import Owed, status_of, use_of, use_once, used
from idp.system.addresses import body_logout_url, entity_id, logout_soap_url, logout_url
from policies.errors import AssertionRejected, NotFound, PeerUnavailable
from policies.parties import IdentityProvider, ProviderId, Tenant


class UpstreamLogouts:
    """One tenant's. `bodies` has the entity id of each public body by its place."""

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
        bodies: Mapping[str, str],
    ) -> None:
        self._issuer, self._bodies = issuer, bodies
        self._tenant, self._signer, self._logouts, self._commits = tenant, signer, logouts, commits
        self._entity_id = entity_id(issuer)
        self._here = {"redirect": logout_url(issuer), "post": logout_url(issuer), "soap": logout_soap_url(issuer)}
        self._providers, self._connectors = providers, connectors

    def end(self, inbound: Inbound, now: int, place: str = "") -> tuple[tuple[SignedOut, ...], Owed | None]:
        """Judge a request, and end what it names. What became of each service, and the answer that its sender waits for.

        `place` is that of the public body to which the browser brought it. Raises `NotFound` for a body that is none,
        `ServiceRequestRefused`, `PeerUnavailable` where nobody knows a federation's keys now, `StoreUnavailable`.
        """
        if place and place not in self._bodies:
            raise NotFound("none of the public bodies for which we stand")
        here = body_logout_url(self._issuer, place) if place else self._here[inbound.binding]
        try:
            provider, heard = self._heard(inbound, here, now)
            request = heard.request
            # It lies in the browser's history: who brings it again ends no later sign-in
            if self._logouts.sessions.stored.taken(use_of(request)):
                raise used(provider.provider_id)
            names = tuple(session_name(request.name, index) for index in request.session_indexes)
            found = self._logouts.sessions.ended_upstream(provider, request.name.value, names, request.issue_instant)
        except AssertionRejected as error:
            raise refused(error) from error
        told = self._logouts.sign_out(found, None, now)
        use_once(self._commits, self._tenant, request, provider.provider_id)
        if request.asynchronous:
            return told, None
        owed = Owed(provider.provider_id, request.request_id, heard.relay_state, to=_answers_at(heard))
        return told, replace(owed, speaks_as=self._bodies.get(place, ""))

    def way_back(self, owed: Owed, outcomes: Iterable[Outcome], now: int) -> Outbound:
        """The browser's way back, with our answer to an address (`Owed.to`).

        Nothing of the session is here any more, whether there was something or not.
        """
        answered = owed.request_id, status_of(outcomes), owed.relay_state, self._signer.at(now), now
        return response_by_browser(owed.speaks_as or self._entity_id, owed.to, REDIRECT, *answered)

    def over_soap(self, inbound: Inbound, now: int) -> bytes:
        """Do what a provider's server asks for. The envelope of our answer, b"" where nobody waits for one."""
        told, owed = self.end(inbound, now)
        if owed is None:
            return b""
        status = status_of(one.outcome for one in told)
        return response_over_soap(self._entity_id, owed.request_id, status, self._signer.at(now), now)

    def _heard(self, inbound: Inbound, here: str, now: int) -> tuple[IdentityProvider, HeardLogout]:
        """The request, and whoever it is of: of two federations that know the entity, the first by whose keys it holds."""
        refusal: AssertionRejected | PeerUnavailable | None = None
        for provider in known_as(self._providers, unverified_issuer(inbound)):
            connector = self._connectors.get(provider.provider_id)
            if provider.protocol == "saml" and isinstance(connector, HearsLogout):
                try:
                    return provider, connector.logged_out(inbound, here, now)
                except (AssertionRejected, PeerUnavailable) as error:
                    refusal = refusal or error
        raise refusal or ServiceRequestRefused(
            "issuer", "a LogoutRequest of nobody who is registered as an identity provider"
        )


def _answers_at(heard: HeardLogout) -> str:
    at = heard.answers.get(REDIRECT)
    try:
        if at is not None:
            judged_url(at.answers, demo=True)
    except FetchError:
        return ""
    return at.answers if at is not None else ""
