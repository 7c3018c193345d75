"""The operator of this broker in its metadata: who it is, whom to write to, and what it claims (Metadata 2.0 §2.3.2).

```xml
<md:EntityDescriptor> [<ds:Signature>]
  [<md:Extensions> <mdattr:EntityAttributes>: its assurance certifications]
  <md:…SSODescriptor> [<md:Extensions> <mdui:UIInfo>: name, page and privacy statement]
  <md:Organization> <md:ContactPerson>: support, technical, and of security incidents
```
"""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element
from connectors.wire.names import ATTRNAME_URI, CERTIFICATION, MD, MDATTR, MDUI, SAML, XML_LANG, md, saml

# The contact of an incident response team (REFEDS Security Contact Metadata Extension Schema 1.0)
REMD = "http://refeds.org/metadata"
SECURITY_CONTACT = f"{REMD}/contactType/security"


@dataclass(frozen=True, slots=True)
class Operator:
    """Names in English, a web address, and mail addresses; "" leaves a part out. `certified` has URIs of certifications."""

    name: str
    display_name: str
    url: str
    support: str
    technical: str
    security: str = ""
    privacy_url: str = ""
    certified: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.display_name or self.name


def add_operator(root: Element, operator: Operator) -> None:
    """Organization and ContactPersons: behind the roles of an EntityDescriptor."""
    element = child(root, md("Organization"))
    in_english(element, md("OrganizationName"), operator.name)
    in_english(element, md("OrganizationDisplayName"), operator.shown)
    in_english(element, md("OrganizationURL"), operator.url)
    for kind, address in (("support", operator.support), ("technical", operator.technical)):
        _add_contact(root, operator.name, address, kind)
    if operator.security:
        _add_contact(root, operator.name, operator.security, "other").set(f"{{{REMD}}}contactType", SECURITY_CONTACT)


def _add_contact(root: Element, company: str, address: str, kind: str) -> Element:
    contact = child(root, md("ContactPerson"), contactType=kind)
    child(contact, md("Company"), company)
    # Metadata 2.0 §2.3.2.2: a mailto: URI
    child(contact, md("EmailAddress"), f"mailto:{address}")
    return contact


def describe(root: Element, operator: Operator) -> None:
    """Say all of it in an unsigned EntityDescriptor of one role, whose own Extensions stay."""
    role = root[0]
    extensions = role[0] if len(role) and role[0].tag == md("Extensions") else made(md("Extensions"), {"md": MD})
    role.insert(0, extensions)
    _add_display(extensions, operator)
    if operator.certified:
        root.insert(0, _claims(operator.certified))
    add_operator(root, operator)


def _add_display(extensions: Element, operator: Operator) -> None:
    """Login and Discovery User Interface 1.0 §2.1."""
    shown = made(f"{{{MDUI}}}UIInfo", {"mdui": MDUI})
    extensions.append(shown)
    in_english(shown, f"{{{MDUI}}}DisplayName", operator.shown)
    in_english(shown, f"{{{MDUI}}}InformationURL", operator.url)
    if operator.privacy_url:
        in_english(shown, f"{{{MDUI}}}PrivacyStatementURL", operator.privacy_url)


def _claims(certified: Iterable[str]) -> Element:
    """Assurance certifications (SAML V2.0 Identity Assurance Profiles 1.0 §3)."""
    extensions = made(md("Extensions"), {"md": MD, "mdattr": MDATTR, "saml": SAML})
    named = {"Name": CERTIFICATION, "NameFormat": ATTRNAME_URI}
    attribute = child(child(extensions, f"{{{MDATTR}}}EntityAttributes"), saml("Attribute"), **named)
    for uri in certified:
        child(attribute, saml("AttributeValue"), uri)
    return extensions


def in_english(parent: Element, tag: str, text: str) -> None:
    """A text that says its language."""
    child(parent, tag, text).set(XML_LANG, "en")
