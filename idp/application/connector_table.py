"""The connectors of a tenant: the table of the protocols in which we ask identity providers."""

from collections.abc import Mapping
from functools import cache, partial

from connectors.connector import Connector
from connectors.eidas import EidasConnector
from connectors.fetch import Fetcher
from connectors.metadata.federated import FederatedEntities
from connectors.metadata.peers import Peers
from connectors.stork import StorkConnector
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.protocols.oidc.relying_party import openid_connector
from idp.protocols.saml.deviation_guard import DeviationGuard, GuardedConnector
from idp.protocols.saml.member_connectors import MemberConnectors
from idp.protocols.saml.service_provider import saml_connector
from idp.system.addresses import node_acs_url, node_entity_id, stork_acs_url, stork_entity_id
from policies.load import Configuration
from policies.parties import IdentityProvider, ProviderId

Connectors = Mapping[ProviderId, Connector]


def connectors_of(
    configuration: Configuration,
    settings: Settings,
    keys: BrokerKeys,
    peers: Peers,
    entities: FederatedEntities,
    guard: DeviationGuard,
) -> Connectors:
    """Make the connector of each identity provider. Its table has one line for each protocol in which we ask."""

    def saml(provider: IdentityProvider) -> Connector:
        made = saml_connector(provider, settings, keys, guard.suspended(provider.provider_id), fetcher, entities)
        return GuardedConnector(made, provider.provider_id, guard) if provider.deviations else made

    def eidas(provider: IdentityProvider) -> Connector:
        if keys.node is None:
            raise ValueError("load_all took a node without keys")
        return EidasConnector(
            provider=provider,
            entity_id=node_entity_id(settings.issuer),
            acs_url=node_acs_url(settings.issuer),
            signer=keys.node.messages,
            unwrappers=keys.node.encryption,
            peers=peers,
            country=settings.country,
            catalogue=configuration.catalogue,
        )

    def stork(provider: IdentityProvider) -> Connector:
        return StorkConnector(
            provider=provider,
            entity_id=stork_entity_id(settings.issuer),
            acs_url=stork_acs_url(settings.issuer),
            signer=keys.saml,
            unwrappers=keys.saml_encryption or (),
            country=settings.country,
            catalogue=configuration.catalogue,
        )

    def oidc(provider: IdentityProvider) -> Connector:
        return openid_connector(provider, settings, keys, fetcher())

    fetcher = cache(partial(Fetcher, demo=settings.demo))
    table = {"saml": saml, "eidas": eidas, "stork": stork, "oidc": oidc}
    return MemberConnectors(configuration.providers, lambda provider: table[provider.protocol](provider))
