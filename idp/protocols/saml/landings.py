"""An answer that nobody asked for: it leads to the sign-in of a service, and nobody is signed in by it (decision 0046).

It carries no request of ours, so an attacker can let a citizen's browser bring an answer about the attacker. Therefore it
is judged in all else, takes its marks, and only one thing of it counts: that this provider sent this browser. The service
asks us then, and we ask the provider, as in every login.
"""

from collections.abc import Mapping
from dataclasses import replace

from connectors.connector import Expectation, Inbound
from connectors.saml_sp.connector import SamlConnector
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.login.finish import SKEW, message_digest
from idp.login.suspension import Suspension
from idp.ports import Commits, Mark, Unit
from idp.protocols.saml.service_provider import decryption_ring
from idp.system.addresses import entity_id, landing_url
from policies.assurance import LevelOfAssurance
from policies.errors import Conflict, NotFound, Replayed, RequestRefused
from policies.load import Configuration
from policies.parties import IdentityProvider, ProviderId, Tenant


class Landings:
    """One city's, for the providers whose registration has landings. Each has an address of its own."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        providers: Mapping[ProviderId, tuple[IdentityProvider, SamlConnector]],
        suspension: Suspension,
        commits: Commits,
    ) -> None:
        self._tenant, self._providers, self._suspension, self._commits = tenant, providers, suspension, commits

    def receive(self, provider_id: ProviderId, inbound: Inbound, now: int) -> str:
        """Judge an answer, and return the address of our own file where it leads.

        Raises `NotFound` for a provider without landings, before anything of the message is read, `SourceSuspended`,
        `AssertionRejected`, `Replayed`, and `RequestRefused` for a RelayState that the file does not have.
        """
        found = self._providers.get(provider_id)
        if found is None:
            raise NotFound("no identity provider whose answers may come unasked")
        provider, connector = found
        self._suspension.check_source(provider)
        url = provider.saml.landings.get(inbound.parameters.get("RelayState", ""))
        if url is None:
            raise RequestRefused("an answer that nobody asked for, with a RelayState that the registration does not have")
        # An answer to any request at all is none of these: "" is the id of none
        unasked = Expectation(provider_id, "", now, LevelOfAssurance.LOW, force_authentication=False)
        found_in_it = connector.receive(inbound, unasked, now)
        end = found_in_it.not_on_or_after + SKEW
        marks = (
            Mark("response", message_digest(found_in_it.issuer, found_in_it.response_id), end),
            Mark("assertion", message_digest(found_in_it.issuer, found_in_it.assertion_id), end),
        )
        try:
            self._commits.commit(Unit(tenant=self._tenant, marks=marks))
        except Conflict as error:
            raise Replayed("decided", f"the mark of the {error.kind} is taken") from error
        return url


def landings_of(
    settings: Settings, configuration: Configuration, keys: BrokerKeys, suspension: Suspension, commits: Commits
) -> Landings:
    """The landings of a configuration. A provider of artifacts posts an answer that nobody asked for all the same."""

    def connector(provider: IdentityProvider) -> SamlConnector:
        ring = decryption_ring(provider, keys)
        return SamlConnector(
            provider=replace(provider, saml=replace(provider.saml, answers="post")),
            entity_id=entity_id(settings.issuer),
            acs_url=landing_url(settings.issuer, provider.provider_id),
            signer=keys.saml,
            unwrappers=() if ring is None else ring,
            # What needs a guard over many answers stays with those that somebody asked for
            suspended=lambda _deviation: True,
        )

    landing = [one for one in configuration.providers.values() if one.saml.landings]
    providers = {one.provider_id: (one, connector(one)) for one in landing}
    return Landings(tenant=settings.tenant, providers=providers, suspension=suspension, commits=commits)
