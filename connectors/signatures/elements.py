"""XML that we write, element by element."""

import base64

from lxml import etree

from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, KEY_INFO


def made(tag: str, namespaces: dict[str, str], **attributes: str) -> Element:
    """A root with its prefixes and attributes."""
    return etree.Element(tag, attributes, nsmap=namespaces)


def child(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """A new last child with its text and attributes."""
    element = etree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def add_certificate(holder: Element, certificate: bytes) -> None:
    """Put a certificate (DER) into a KeyInfo, or what has the form of one."""
    data = child(holder, f"{{{DS}}}X509Data")
    child(data, f"{{{DS}}}X509Certificate", base64.b64encode(certificate).decode())


def add_key(role: Element, descriptor: str, use: str, certificate: bytes) -> Element:
    """A KeyDescriptor of metadata (tag `descriptor`) with the certificate (DER) for this use."""
    key = child(role, descriptor, use=use)
    add_certificate(child(key, KEY_INFO), certificate)
    return key
