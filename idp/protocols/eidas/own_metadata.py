"""Our own node's metadata, in either role, and how another node reads it."""

from functools import partial

from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.formats.eidas.registry import up_to
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import UnsignedMessage
from connectors.signatures.xmldsig import verify
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.protocols.cached_metadata import Published
from idp.protocols.eidas.metadata import proxy_metadata
from idp.protocols.eidas.proxy_service import proxy_here
from idp.protocols.eidas.receiving_node import METADATA_LIFE, about, receiving_metadata
from policies.errors import SignatureInvalid
from policies.load import Configuration


def own_metadata(settings: Settings, configuration: Configuration, keys: BrokerKeys) -> Published | None:
    """Our signed metadata as a node; None where we are none (no country, no organization, no keys)."""
    if settings.role == "city":
        return next(iter(receiving_metadata(settings, keys).values()), None)
    if settings.organization is None or keys.node is None:
        return None
    make = partial(
        proxy_metadata,
        here=proxy_here(settings.issuer),
        country=settings.country,
        organization=about(settings.organization),
        keys=keys.node,
        providers=tuple(configuration.providers.values()),
        registers=tuple(configuration.registers.values()),
        catalogue=configuration.catalogue,
        versions=up_to(settings.protocol_version),
    )
    return Published(make, METADATA_LIFE, keys.node.messages, keys.node.metadata)


def own_facts(settings: Settings, configuration: Configuration, keys: BrokerKeys, now: int) -> PeerFacts | None:
    """Our metadata as another node reads it. Its digest is the one that the other node's operator sees."""
    served = own_metadata(settings, configuration, keys)
    if served is None or keys.node is None:
        return None
    message = verify(served(now), [prepared(keys.node.metadata.at(now).public_key, EIDAS)], METADATA, EIDAS)
    if isinstance(message, UnsignedMessage):
        raise SignatureInvalid("signature_missing", "our own metadata is not signed")
    return read_peer(message.signed, "proxy" if settings.role == "node" else "connector")
