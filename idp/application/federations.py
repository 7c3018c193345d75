"""The federations of one tenant: what is held of them, who fetches it, and the watch over that."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.metadata.federations import Federations
from connectors.metadata.members import Providers
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.protocols.eidas.peer_refresh import Watch
from idp.protocols.saml.federation_sources import FederationSources, seal_of
from idp.protocols.saml.services import Services
from policies.federations import FederationId
from policies.load import Configuration


@dataclass(frozen=True, slots=True)
class TenantFederations:
    """All that a tenant has of its federations."""

    held: Federations
    sources: FederationSources

    def same_as(self, other: "TenantFederations") -> bool:
        """Whether the same federations are registered, beside the same pinned entities."""
        return self.held.registered == other.held.registered and self.held.pinned == other.held.pinned

    def with_members(self, configuration: Configuration) -> Configuration:
        """A configuration whose providers are also the members of its families, as they are when somebody names them."""
        return replace(configuration, providers=Providers(configuration.providers, self.held))

    def services(self, configuration: Configuration, clock: Callable[[], int]) -> Services:
        """The services that speak SAML. Raises `Misconfigured`."""
        return Services(configuration.parties, self.held, clock)

    def watch(self, settings: Settings, clock: Callable[[], int]) -> Watch[FederationId]:
        """A watch that looks as often as that over nodes; the sources know what is due."""
        ids, seconds = list(self.held.registered), settings.probe_seconds
        return Watch(self.sources, ids, tenant=settings.tenant, clock=clock, seconds=seconds)


def federations_of(settings: Settings, configuration: Configuration, keys: BrokerKeys) -> TenantFederations:
    """The federations of a configuration. Nothing is fetched."""
    seal = seal_of(keys.ledger)
    pinned = [one.entity_id for one in configuration.providers.values() if not one.federation]
    pinned += [one.peer.entity_id for one in configuration.nodes.values()]
    held = Federations(
        configuration.federations, folder=settings.copies_folder, seal=seal, pinned=pinned, demo=settings.demo
    )
    return TenantFederations(held, FederationSources(held, seal, demo=settings.demo))
