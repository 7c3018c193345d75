"""Our metadata as a proxy service, signed by the key that peers have pinned."""

import secrets
from collections.abc import Collection

from connectors.formats.eidas.own_metadata import SIGNATURE_PLACE, ProxyMetadata, proxy_element
from connectors.formats.eidas.registry import ATTRIBUTES, known_to, with_additional
from connectors.formats.operator import Operator
from connectors.profiles import EIDAS
from connectors.signatures.xmlsign import sign_enveloped
from idp.keys.folder import NodeKeys
from idp.protocols.eidas.levels import published_levels
from idp.protocols.eidas.person import names_answered
from idp.protocols.eidas.proxy_service import Here
from idp.protocols.eidas.receiving_node import application_identifier
from policies.attribute_register import AttributeRegister
from policies.catalogue import Catalogue
from policies.parties import IdentityProvider

ID_BYTES = 20


def proxy_metadata(
    now: int,
    valid_for: int,
    *,
    here: Here,
    country: str,
    organization: Operator,
    keys: NodeKeys,
    providers: Collection[IdentityProvider],
    registers: Collection[AttributeRegister],
    catalogue: Catalogue,
    versions: tuple[str, ...],
) -> bytes:
    """A new signed copy, valid for `valid_for` seconds. Nobody encrypts to a proxy service, so it has no key for that."""
    metadata = ProxyMetadata(
        metadata_id="_" + secrets.token_hex(ID_BYTES),
        valid_until=now + valid_for,
        entity_id=here.entity_id,
        country=country,
        signing=tuple(key.certificate for key in keys.messages.published(now)),
        encryption=(),
        application_identifier=application_identifier(),
        organization=organization,
        profile=EIDAS,
        redirect_url=here.sso_url,
        post_url=here.sso_url,
        assurance=published_levels(providers),
        attributes=supported_attributes(providers, registers, catalogue, versions[0]),
        versions=versions,
    )
    element = proxy_element(metadata, with_additional(catalogue))
    return sign_enveloped(element, keys.metadata.at(now), place=SIGNATURE_PLACE, profile=EIDAS)


def supported_attributes(
    providers: Collection[IdentityProvider], registers: Collection[AttributeRegister], catalogue: Catalogue, version: str
) -> tuple[str, ...]:
    """The minimum data sets of the kinds for which a provider or mandate register of ours vouches, and what else they give.

    In the registry's order, and none that is newer than this version. Representatives' attributes are named where somebody
    may act for another: nobody asks for them, and a node that cannot take them sees that they may come.
    """
    registry = with_additional(catalogue)
    found: set[str] = set()
    vouching = [(one.persons, {name for name, _ in one.attributes.values()}) for one in providers]
    for kinds, named in (*vouching, *((one.kinds, one.says) for one in registers)):
        for kind in kinds:
            names = names_answered(kind, catalogue).items()
            found |= {uri for uri, name in names if name in named or (registry[uri].mandatory and uri in ATTRIBUTES)}
    return tuple(uri for uri in registry if uri in known_to(version, found))
