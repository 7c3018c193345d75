"""How the nodes of this folder know whoever they talk to: by metadata that they fetch at the Issuer, and one pinned key."""

import base64
import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from tests.real import wire
from tests.real.wire import MD, SAML, Element, Refused

EIDAS = "http://eidas.europa.eu/saml-extensions"


@dataclass(frozen=True)
class Other:
    """One role of another node, from its metadata. Certificates are DER, b"" where it has none."""

    entity_id: str
    url: str  # where it is answered by POST
    signing: bytes
    encryption: bytes
    sp_type: str


def other(octets: bytes, role: str, trusted: bytes) -> Other:
    """The sender of a message: its metadata, fetched where its Issuer says, and signed by `trusted`. Raises `Refused`."""
    issuer = etree.fromstring(octets).findtext(f"{{{SAML}}}Issuer") or ""
    return known(issuer, role, trusted)


def known(entity_id: str, role: str, trusted: bytes) -> Other:
    """A node by its entity id, which is where its metadata lies."""
    root = wire.verified(fetched(entity_id), trusted)
    descriptor = root.find(f"{{{MD}}}{role}")
    if root.get("entityID") != entity_id or descriptor is None:
        raise Refused("metadata of another entity or role")
    services = descriptor.findall(f"{{{MD}}}AssertionConsumerService") or descriptor.findall(f"{{{MD}}}SingleSignOnService")
    urls = [service.get("Location", "") for service in services if service.get("Binding") == wire.POST]
    keys = dict.fromkeys(("signing", "encryption"), b"")
    for key in reversed(descriptor.findall(f"{{{MD}}}KeyDescriptor")):
        text = key.findtext(f".//{{{wire.DS}}}X509Certificate") or ""
        keys[key.get("use", "signing")] = base64.b64decode("".join(text.split()))
    sp_type = root.findtext(f"{{{MD}}}Extensions/{{{EIDAS}}}SPType") or ""
    return Other(entity_id, urls[0] if urls else "", keys["signing"], keys["encryption"], sp_type)


def fetched(url: str) -> bytes:
    """A document at a name under .localhost."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    try:
        connection.request("GET", parts.path, headers={"host": parts.netloc})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise Refused(f"{url} answers {response.status}")
    return body


def values_of(assertion: Element, said: Other, audience: str, recipient: str, request_id: str) -> dict[str, str]:
    """The Latin values of an assertion that is for us, by the name of their attribute. Raises `Refused`."""
    _check(assertion, said, audience, recipient, request_id)
    found: dict[str, str] = {}
    for attribute in assertion.iter(f"{{{SAML}}}Attribute"):
        if attribute.get("NameFormat") != wire.URI:
            raise Refused("an attribute without the NameFormat uri")
        for value in attribute:
            if not any(str(name).endswith("LatinScript") and text == "false" for name, text in value.items()):
                found[attribute.get("Name", "")] = value.text or ""
    return found


def _check(assertion: Element, said: Other, audience: str, recipient: str, request_id: str) -> None:
    if assertion.findtext(f"{{{SAML}}}Issuer") != said.entity_id:
        raise Refused("an assertion of another issuer")
    (data,) = assertion.iter(f"{{{SAML}}}SubjectConfirmationData")
    if (data.get("Recipient"), data.get("InResponseTo")) != (recipient, request_id):
        raise Refused("an assertion for another address or request")
    (conditions,) = assertion.iter(f"{{{SAML}}}Conditions")
    if not conditions.get("NotBefore") or not conditions.get("NotOnOrAfter"):
        raise Refused("Conditions without times")
    if [one.text for one in conditions.iter(f"{{{SAML}}}Audience")] != [audience]:
        raise Refused("an assertion for another audience")
    if len(assertion.findall(f"{{{SAML}}}AuthnStatement")) != 1:
        raise Refused("not exactly one AuthnStatement")
    if assertion.findtext(f"{{{SAML}}}Subject/{{{SAML}}}NameID") is None:
        raise Refused("no NameID")
