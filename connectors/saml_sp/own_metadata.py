"""Our own metadata as a service provider, signed."""

import secrets
from collections.abc import Collection, Iterable, Mapping

from connectors.formats.metadata import SIGNATURE_PLACE, service_provider_element
from connectors.formats.operator import Operator, describe, in_english
from connectors.profiles import SAML2INT
from connectors.signatures.elements import child
from connectors.signatures.parse import Element
from connectors.signatures.signer import Signers
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import ATTRNAME_URI, md


def service_provider_metadata(
    *,
    entity_id: str,
    acs_url: str,
    signer: Signers,
    now: int,
    valid_for: int,
    encryption: bytes = b"",
    cbc: bool = False,
    artifact_url: str = "",
    landing_urls: Iterable[str] = (),
    logout: Mapping[str, str] | None = None,
    operator: Operator | None = None,
    wanted: Collection[str] = (),
    discovery_url: str = "",
) -> bytes:
    """Our signed EntityDescriptor, valid for `valid_for` seconds from `now` (saml2int MD03: validUntil is always there).

    `encryption` is the certificate (DER) of the key to encrypt to, empty where there is none; `cbc` offers AES-CBC.
    `artifact_url` is where artifacts come, "" where none do, `landing_urls` where answers come
    that nobody asked for, `logout` where words of logout do by binding, `discovery_url` where a browser comes back from a
    discovery service, "" if it is sent to none. `operator` is who runs us, if that is to be said, and `wanted` has the
    names of all attributes that mean something here.
    """
    element = service_provider_element(
        metadata_id="_" + secrets.token_hex(16),
        entity_id=entity_id,
        acs_url=acs_url,
        certificates=tuple(key.certificate for key in signer.published(now)),
        valid_until=now + valid_for,
        encryption=encryption,
        cbc=cbc,
        artifact_url=artifact_url,
        landing_urls=landing_urls,
        logout=logout,
        discovery_url=discovery_url,
    )
    if wanted:
        _add_wanted(element[0], operator.shown if operator is not None else entity_id, wanted)
    if operator is not None:
        describe(element, operator)
    return sign_enveloped(element, signer.at(now), place=SIGNATURE_PLACE, profile=SAML2INT)


def _add_wanted(role: Element, name: str, wanted: Iterable[str]) -> None:
    """One AttributeConsumingService (Metadata 2.0 §2.4.4.1). Nothing in it is required: the purpose says what is."""
    service = child(role, md("AttributeConsumingService"), index="0", isDefault="true")
    in_english(service, md("ServiceName"), name)
    for attribute in wanted:
        child(service, md("RequestedAttribute"), Name=attribute, NameFormat=ATTRNAME_URI)
