"""Our own node at the border: what it needs of settings and keys, whom it knows, and what it says of itself as a receiver.

The sending role says other things of itself: `idp.protocols.eidas.proxy_service`.
"""

import importlib.metadata
import secrets
from collections.abc import Iterator, Mapping

from connectors.formats.eidas.own_metadata import SIGNATURE_PLACE, ConnectorMetadata, connector_element
from connectors.formats.eidas.registry import up_to
from connectors.formats.operator import Operator
from connectors.profiles import EIDAS
from connectors.signatures.xmlsign import sign_enveloped
from idp.config.setting_types import Organization
from idp.config.settings import Settings
from idp.keys.folder import NODE_FILES, BrokerKeys, NodeKeys
from idp.keys.hourly_keys import HOUR
from idp.keys.kinds import NODE_LIFE
from idp.keys.shared_factors import shared_factor_problems
from idp.protocols.cached_metadata import Published
from idp.protocols.oidc.relying_party import relying_party_problems
from idp.protocols.saml.bodies import own_name_problems
from idp.protocols.saml.service_provider import own_key_problems
from idp.system.addresses import node_acs_url, node_entity_id
from policies.errors import Problem
from policies.load import Configuration
from policies.load.roles import problems_of_role
from policies.parties import ALSO_TEST, EntityId, Peer

# What the EU's own node says
METADATA_LIFE = NODE_LIFE


def known_peers(configuration: Configuration) -> Mapping[EntityId, Peer]:
    """The nodes that we know by their metadata: those we ask, or those that may ask us."""
    asked = [provider.peer for provider in configuration.providers.values()]
    asking = [node.peer for node in configuration.nodes.values()]
    return {peer.entity_id: peer for peer in [*asked, *asking] if isinstance(peer, Peer)}


def crossing_problems(settings: Settings, configuration: Configuration, keys: BrokerKeys) -> list[Problem]:
    """Every problem that keeps this configuration from its role, or from taking part between countries."""
    known = settings.organization is not None
    problems = list(problems_of_role(configuration, settings.role, settings.country, organization=known))
    if keys.node is None and (settings.role == "node" or known_peers(configuration)):
        what = f"the keys of a node are missing: {', '.join(NODE_FILES)}."
        fix = "`ciconia init` makes them: take them from a new folder, or restore them from their backup."
        problems.append(Problem(str(settings.key_folder), 0, "keys", what, fix))
    problems += _test_problems(settings, configuration)
    problems += own_key_problems(settings, configuration, keys)
    problems += own_name_problems(settings.issuer, configuration)
    problems += relying_party_problems(configuration, keys)
    problems += shared_factor_problems(configuration, keys)
    ours = node_entity_id(settings.issuer)
    for peer in known_peers(configuration).values():
        if peer.entity_id == ours:
            what, fix = "it is our own node.", "name the entity id of the other country's node."
            problems.append(Problem(peer.source.file, peer.source.line, "entity_id", what, fix))
    return problems


def _test_problems(settings: Settings, configuration: Configuration) -> Iterator[Problem]:
    """Made-up persons sign in to nothing real: the demo alone offers them to everybody, and no node to another."""
    for one in configuration.providers.values():
        if one.test and settings.role == "node":
            yield Problem(one.source.file, one.source.line, "test", "is for a city.", "leave it out.")
        elif one.test == ALSO_TEST and not settings.demo:
            what = "offers made-up persons to everybody, outside of the demo."
            yield Problem(one.source.file, one.source.line, "test", what, 'write test = "only", for test logins alone.')


def receiving_metadata(settings: Settings, keys: BrokerKeys) -> Mapping[str, Published]:
    """The metadata of our receiving node, by its path; none where it is no node."""
    if not settings.country or settings.organization is None or keys.node is None:
        return {}
    organization, node = settings.organization, keys.node

    def make(now: int, valid_for: int) -> bytes:
        return _signed(settings, organization, node, now, now + valid_for)

    return {"/eidas/metadata": Published(make, METADATA_LIFE, node.messages, node.metadata, node.encryption)}


def _signed(settings: Settings, organization: Organization, node: NodeKeys, now: int, valid_until: int) -> bytes:
    element = connector_element(
        ConnectorMetadata(
            metadata_id="_" + secrets.token_hex(16),
            valid_until=valid_until,
            entity_id=node_entity_id(settings.issuer),
            country=settings.country,
            signing=tuple(key.certificate for key in node.messages.published(now)),
            encryption=tuple(key.certificate for key in node.encryption.lasting(now, METADATA_LIFE + HOUR)),
            application_identifier=application_identifier(),
            organization=about(organization),
            profile=EIDAS,
            acs_url=node_acs_url(settings.issuer),
            versions=up_to(settings.protocol_version),
        )
    )
    return sign_enveloped(element, node.metadata.at(now), place=SIGNATURE_PLACE, profile=EIDAS)


def about(organization: Organization) -> Operator:
    """The organisation that runs our node, as its metadata names it."""
    return Operator(
        name=organization.name,
        display_name=organization.display_name,
        url=organization.url,
        support=organization.support,
        technical=organization.technical,
    )


def application_identifier() -> str:
    """Our product and its version, for metadata (eIDAS Interoperability Architecture §6)."""
    return f"ciconia:{importlib.metadata.version('ciconia')}"
