"""A question to a SAML attribute authority (SAML Core 2.0 §3.3.2.3), and where its metadata says that it is asked.

```xml
<samlp:AttributeQuery ID Version="2.0" IssueInstant Destination>
  <saml:Issuer> <ds:Signature> <saml:Subject> <saml:NameID [Format]> <saml:Attribute Name NameFormat>…
```
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.formats.grammar import written
from connectors.formats.metadata import entity_of, roles_of, signing_certificates
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element, attributes
from connectors.wire.names import ATTRNAME_BASIC, ATTRNAME_URI, SAML, SAMLP, SOAP, md, saml, samlp


@dataclass(frozen=True, slots=True)
class AttributeAuthorityMetadata:
    """The used part of an AttributeAuthorityDescriptor: certificates (DER) that sign, and where it is asked."""

    certificates: tuple[bytes, ...] = field(repr=False)
    url: str


def read_attribute_authority(octets: bytes, entity_id: str) -> AttributeAuthorityMetadata:
    """Read an EntityDescriptor of exactly this entityID. ValueError, with words for an operator, for anything else."""
    root = entity_of(octets)
    if attributes(root).get("entityID") != entity_id:
        raise ValueError("its entityID is not that of the registration.")
    roles = roles_of(root, "AttributeAuthorityDescriptor")
    if len(roles) != 1:
        raise ValueError("it does not have exactly one AttributeAuthorityDescriptor for SAML 2.0.")
    services = [attributes(service) for service in roles[0].iterchildren(md("AttributeService"))]
    urls = [service.get("Location", "") for service in services if service.get("Binding") == SOAP]
    if not urls:
        raise ValueError("it has no AttributeService over SOAP.")
    return AttributeAuthorityMetadata(signing_certificates(roles), urls[0])


@dataclass(frozen=True, slots=True)
class AttributeQuery:
    """One question. `name_id_format` is "" where the NameID says none; `names` are those of the attributes."""

    query_id: str
    issue_instant: int
    destination: str
    issuer: str
    name_id: str = field(repr=False)
    name_id_format: str
    names: Sequence[str]


def query_element(query: AttributeQuery) -> Element:
    """The AttributeQuery, unsigned. ValueError, without the value, for a NameID that XML cannot hold."""
    issued = {"Version": "2.0", "IssueInstant": written(query.issue_instant), "Destination": query.destination}
    root = made(samlp("AttributeQuery"), {"samlp": SAMLP, "saml": SAML}, ID=query.query_id, **issued)
    child(root, saml("Issuer"), query.issuer)
    formats = {"Format": query.name_id_format} if query.name_id_format else {}
    child(child(root, saml("Subject")), saml("NameID"), query.name_id, **formats)
    for name in query.names:
        # A URI has a scheme; every other name is a basic one (§8.2)
        child(root, saml("Attribute"), Name=name, NameFormat=ATTRNAME_URI if ":" in name else ATTRNAME_BASIC)
    return root
