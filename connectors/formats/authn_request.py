"""The AuthnRequest that we send (SAML Core 2.0 §3.4.1), as saml2int has it: answered by POST, any NameID format."""

from dataclasses import dataclass

from lxml import etree

from connectors.formats.grammar import written
from connectors.formats.names import POST, SAML, SAMLP, saml, samlp
from connectors.signatures.parse import Element


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """One question. One of the AuthnContextClassRefs in `contexts` must be reached, compared as `comparison` says."""

    request_id: str
    issue_instant: int
    destination: str
    issuer: str
    acs_url: str
    force_authentication: bool
    comparison: str  # "exact" or "minimum"
    contexts: tuple[str, ...]


# The children of an AuthnRequest stand in this order: Issuer, Signature, ...
SIGNATURE_PLACE = 1


def authn_request_element(request: AuthnRequest) -> Element:
    """The element, unsigned. A Signature belongs at `SIGNATURE_PLACE`."""
    root = etree.Element(samlp("AuthnRequest"), nsmap={"samlp": SAMLP, "saml": SAML})
    root.set("ID", request.request_id)
    root.set("Version", "2.0")
    root.set("IssueInstant", written(request.issue_instant))
    root.set("Destination", request.destination)
    root.set("AssertionConsumerServiceURL", request.acs_url)
    root.set("ProtocolBinding", POST)
    if request.force_authentication:
        root.set("ForceAuthn", "true")
    etree.SubElement(root, saml("Issuer")).text = request.issuer
    # saml2int SDP-SP04: no Format, since the subject may be identified by an attribute
    etree.SubElement(root, samlp("NameIDPolicy")).set("AllowCreate", "true")
    context = etree.SubElement(root, samlp("RequestedAuthnContext"))
    context.set("Comparison", request.comparison)
    for name in request.contexts:
        etree.SubElement(context, saml("AuthnContextClassRef")).text = name
    return root


def authn_request_octets(request: AuthnRequest) -> bytes:
    """The unsigned XML in UTF-8: what the Redirect binding deflates."""
    return etree.tostring(authn_request_element(request), encoding="unicode").encode()
