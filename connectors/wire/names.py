"""Namespaces and constant URIs of SAML 2.0, as OASIS spells them (Core 2.0 §1.1 and §8, Bindings, Metadata §1.1)."""

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
# Entity attributes of metadata, two of their names, and what it says for a page (mdui)
MDATTR = "urn:oasis:names:tc:SAML:metadata:attribute"
CERTIFICATION = "urn:oasis:names:tc:SAML:attribute:assurance-certification"
ENTITY_CATEGORY = "http://macedir.org/entity-category"
MDUI = "urn:oasis:names:tc:SAML:metadata:ui"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# SAML V2.0 Protocol Extension for Requesting Attributes per Request
REQ_ATTR = "urn:oasis:names:tc:SAML:protocol:ext:req-attr"
# eIDAS: the list of all nodes, eidas-metadata-servicelist-1.0
LISTED = "http://eidas.europa.eu/metadata/servicelist"
X500 = "urn:oasis:names:tc:SAML:2.0:profiles:attribute:X500"

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
SIMPLE_SIGN = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST-SimpleSign"
ARTIFACT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"

# Identity Provider Discovery Service Protocol §2: its namespace and its binding
DISCOVERY = "urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol"
DISCOVERY_RESPONSE = f"{{{DISCOVERY}}}DiscoveryResponse"
ATTRNAME_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
ATTRNAME_BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
ATTRNAME_UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"

SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
# Core 2.0 §3.2.2.2: no other code stands at the top of a Status
TOP_STATUSES = frozenset(
    f"urn:oasis:names:tc:SAML:2.0:status:{name}" for name in ("Success", "Requester", "Responder", "VersionMismatch")
)
# Core 2.0 §8.4
CONSENTS = frozenset(
    f"urn:oasis:names:tc:SAML:2.0:consent:{name}"
    for name in ("obtained", "prior", "current-implicit", "current-explicit", "unspecified", "unavailable", "inapplicable")
)


def listed(local: str) -> str:
    """An element of the list of all nodes, in lxml's spelling."""
    return f"{{{LISTED}}}{local}"


def saml(local: str) -> str:
    """An element of the assertion namespace, in lxml's spelling."""
    return f"{{{SAML}}}{local}"


def samlp(local: str) -> str:
    """An element of the protocol namespace, in lxml's spelling."""
    return f"{{{SAMLP}}}{local}"


def md(local: str) -> str:
    """An element of the metadata namespace, in lxml's spelling."""
    return f"{{{MD}}}{local}"
