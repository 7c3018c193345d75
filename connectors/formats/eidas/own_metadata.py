"""The metadata of our own two roles, unsigned (eIDAS Interoperability Architecture §6).

The order of the extensions and the typed values are those of the EU's own node. A Signature belongs at `SIGNATURE_PLACE`,
by the key that peers have pinned for metadata, which signs nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.formats.eidas.metadata import (
    APPLICATION_IDENTIFIER,
    PROTOCOL_VERSION,
    WANTS_REQUESTER_ID,
)
from connectors.formats.eidas.registry import ATTRIBUTES, EIDAS, NAME_ID_FORMATS, NATURAL, PROTOCOL_VERSIONS, Registry
from connectors.formats.grammar import XSI, XSI_TYPE, written
from connectors.formats.operator import Operator, add_operator
from connectors.profiles import AES128_GCM, AES192_GCM, AES256_GCM, Profile
from connectors.signatures.elements import add_key, child, made
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS
from connectors.wire.names import (
    ATTRNAME_URI,
    CERTIFICATION,
    ENTITY_CATEGORY,
    MD,
    MDATTR,
    POST,
    REDIRECT,
    SAML,
    SAMLP,
    md,
    saml,
)

# Signature is the first child of an EntityDescriptor.
SIGNATURE_PLACE = 0

_ALG = "urn:oasis:names:tc:SAML:metadata:algsupport"
_XS = "http://www.w3.org/2001/XMLSchema"
_NSMAP = {"md": MD, "ds": DS, "saml": SAML, "mdattr": MDATTR, "eidas": EIDAS, "alg": _ALG, "xs": _XS, "xsi": XSI}
# The strongest first: a peer takes the first one that it knows
_CONTENT_ENCRYPTION = (AES256_GCM, AES192_GCM, AES128_GCM)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMetadata:
    """The facts of both roles. Certificates are DER, several in a rollover; `encryption` may be empty for a proxy service.

    `metadata_id` is an xs:ID of this one copy, `valid_until` is in seconds since the epoch.
    """

    metadata_id: str
    valid_until: int
    entity_id: str
    country: str
    signing: tuple[bytes, ...] = field(repr=False)
    encryption: tuple[bytes, ...] = field(repr=False)
    application_identifier: str
    organization: Operator
    profile: Profile
    versions: tuple[str, ...] = PROTOCOL_VERSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyMetadata(NodeMetadata):
    """A sending node's. `assurance`: the highest notified level, and any that is not notified; `attributes`: URIs."""

    redirect_url: str
    post_url: str
    assurance: tuple[str, ...]
    attributes: tuple[str, ...] = tuple(NATURAL)
    wants_requester_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorMetadata(NodeMetadata):
    """A receiving node's. `sp_type` is "" where each request says it, as ours do."""

    acs_url: str
    sp_type: str = ""


def proxy_element(metadata: ProxyMetadata, registry: Registry = ATTRIBUTES) -> Element:
    """Our EntityDescriptor as a proxy service."""
    entity = [
        (PROTOCOL_VERSION, metadata.versions),
        (APPLICATION_IDENTIFIER, (metadata.application_identifier,)),
        (CERTIFICATION, metadata.assurance),
        (ENTITY_CATEGORY, (WANTS_REQUESTER_ID,) if metadata.wants_requester_id else ()),
    ]
    root = _root(metadata, entity)
    role = _role(root, metadata, "IDPSSODescriptor", WantAuthnRequestsSigned="true")
    for binding, url in ((POST, metadata.post_url), (REDIRECT, metadata.redirect_url)):
        child(role, md("SingleSignOnService"), Binding=binding, Location=url)
    for uri in metadata.attributes:
        friendly_name = registry[uri].friendly_name
        child(role, saml("Attribute"), Name=uri, NameFormat=ATTRNAME_URI, FriendlyName=friendly_name)
    add_operator(root, metadata.organization)
    return root


def connector_element(metadata: ConnectorMetadata) -> Element:
    """Our EntityDescriptor as a connector. Assertions come encrypted in a signed response, and need no signature."""
    entity = [(PROTOCOL_VERSION, metadata.versions), (APPLICATION_IDENTIFIER, (metadata.application_identifier,))]
    root = _root(metadata, entity, metadata.sp_type)
    role = _role(root, metadata, "SPSSODescriptor", AuthnRequestsSigned="true", WantAssertionsSigned="false")
    service = {"Binding": POST, "Location": metadata.acs_url, "index": "0", "isDefault": "true"}
    child(role, md("AssertionConsumerService"), **service)
    add_operator(root, metadata.organization)
    return root


def _root(metadata: NodeMetadata, entity: Iterable[tuple[str, tuple[str, ...]]], sp_type: str = "") -> Element:
    """The root with its extensions: EntityAttributes, SPType, DigestMethods, SigningMethods, in this order."""
    named = {"ID": metadata.metadata_id, "entityID": metadata.entity_id, "validUntil": written(metadata.valid_until)}
    root = made(md("EntityDescriptor"), _NSMAP, **named)
    extensions = child(root, md("Extensions"))
    container = child(extensions, f"{{{MDATTR}}}EntityAttributes")
    for name, values in entity:
        if not values:
            continue
        attribute = child(container, saml("Attribute"), Name=name, NameFormat=ATTRNAME_URI)
        for value in values:
            child(attribute, saml("AttributeValue"), value).set(XSI_TYPE, "xs:string")
    if sp_type:
        child(extensions, f"{{{EIDAS}}}SPType", sp_type)
    for digest in sorted(metadata.profile.digests):
        child(extensions, f"{{{_ALG}}}DigestMethod", Algorithm=digest)
    for algorithm in sorted(metadata.profile.signature_algorithms):
        child(extensions, f"{{{_ALG}}}SigningMethod", Algorithm=algorithm)
    return root


def _role(root: Element, metadata: NodeMetadata, name: str, **attributes: str) -> Element:
    """The role with its country, keys and NameID formats."""
    role = child(root, md(name), protocolSupportEnumeration=SAMLP, **attributes)
    child(child(role, md("Extensions")), f"{{{EIDAS}}}NodeCountry", metadata.country)
    for certificate in metadata.signing:
        add_key(role, md("KeyDescriptor"), "signing", certificate)
    for certificate in metadata.encryption:
        descriptor = add_key(role, md("KeyDescriptor"), "encryption", certificate)
        for method in _CONTENT_ENCRYPTION:
            if method in metadata.profile.content_encryption:
                child(descriptor, md("EncryptionMethod"), Algorithm=method)
    for name_id_format in NAME_ID_FORMATS:
        child(role, md("NameIDFormat"), name_id_format)
    return role
