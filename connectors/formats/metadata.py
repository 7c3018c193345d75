"""SAML 2.0 metadata: what we read of a pinned identity provider's, and what we write about ourselves (Metadata 2.0 §2)."""

import base64
import binascii
from dataclasses import dataclass, field

from lxml import etree

from connectors.formats.grammar import written
from connectors.formats.names import MD, PERSISTENT, POST, REDIRECT, SAMLP, TRANSIENT, md
from connectors.signatures.parse import Element, attributes, parse_metadata
from connectors.signatures.profile import DS


@dataclass(frozen=True, slots=True)
class IdentityProviderMetadata:
    """What we use of an IDPSSODescriptor: certificates (DER) that sign, and where to ask, by binding URI."""

    entity_id: str
    certificates: tuple[bytes, ...] = field(repr=False)
    redirect_url: str  # "" where it has no such service
    post_url: str


@dataclass(frozen=True, slots=True)
class ServiceProviderMetadata:
    """What we say about ourselves. `certificate` is DER; `valid_until` is in seconds since the epoch."""

    metadata_id: str
    entity_id: str
    acs_url: str
    certificate: bytes = field(repr=False)
    valid_until: int


def read_identity_provider(octets: bytes, entity_id: str) -> IdentityProviderMetadata:
    """Read an EntityDescriptor of exactly this entityID. ValueError, with words for an operator, for anything else.

    The file was pinned by the operator, so no signature and no validUntil is asked for. What we do not use (Extensions,
    Organization, ContactPerson, other roles) is skipped.
    """
    root = parse_metadata(octets)
    if root.tag != md("EntityDescriptor"):
        raise ValueError("the file holds no EntityDescriptor as its root.")
    if attributes(root).get("entityID") != entity_id:
        raise ValueError("its entityID is not that of the registration.")
    roles = [
        role
        for role in root.iterchildren(md("IDPSSODescriptor"))
        if SAMLP in attributes(role).get("protocolSupportEnumeration", "").split()
    ]
    if len(roles) != 1:
        raise ValueError("it does not have exactly one IDPSSODescriptor for SAML 2.0.")
    certificates = [
        certificate
        for descriptor in roles[0].iterchildren(md("KeyDescriptor"))
        # No `use` means both (Metadata 2.0 §2.4.1.1): reading it as neither would turn verification off.
        if attributes(descriptor).get("use", "signing") == "signing"
        for certificate in _certificates(descriptor)
    ]
    if not certificates:
        raise ValueError("it has no certificate for signing.")
    services = {
        attributes(service).get("Binding", ""): attributes(service).get("Location", "")
        for service in roles[0].iterchildren(md("SingleSignOnService"), reversed=True)
    }
    return IdentityProviderMetadata(
        entity_id=entity_id,
        certificates=tuple(dict.fromkeys(certificates)),
        redirect_url=services.get(REDIRECT, ""),
        post_url=services.get(POST, ""),
    )


def _certificates(descriptor: Element) -> list[bytes]:
    """The DER certificates of one KeyDescriptor."""
    found = []
    for element in descriptor.iterdescendants(f"{{{DS}}}X509Certificate"):
        try:
            found.append(base64.b64decode("".join((element.text or "").split()), validate=True))
        except binascii.Error:
            raise ValueError("a certificate in it is not base64.") from None
    return found


# Signature is the first child of an EntityDescriptor.
SIGNATURE_PLACE = 0


def service_provider_element(metadata: ServiceProviderMetadata) -> Element:
    """Our EntityDescriptor, unsigned. A Signature belongs at `SIGNATURE_PLACE`."""
    root = etree.Element(md("EntityDescriptor"), nsmap={"md": MD, "ds": DS})
    root.set("ID", metadata.metadata_id)
    root.set("entityID", metadata.entity_id)
    root.set("validUntil", written(metadata.valid_until))
    role = etree.SubElement(root, md("SPSSODescriptor"))
    role.set("AuthnRequestsSigned", "true")
    role.set("WantAssertionsSigned", "true")
    role.set("protocolSupportEnumeration", SAMLP)
    descriptor = etree.SubElement(role, md("KeyDescriptor"))
    descriptor.set("use", "signing")
    data = etree.SubElement(etree.SubElement(descriptor, f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
    certificate = base64.b64encode(metadata.certificate).decode()
    etree.SubElement(data, f"{{{DS}}}X509Certificate").text = certificate
    for name_format in (PERSISTENT, TRANSIENT):
        etree.SubElement(role, md("NameIDFormat")).text = name_format
    service = etree.SubElement(role, md("AssertionConsumerService"))
    service.set("Binding", POST)
    service.set("Location", metadata.acs_url)
    service.set("index", "0")
    service.set("isDefault", "true")
    return root
