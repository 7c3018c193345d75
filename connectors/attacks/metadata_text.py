"""Metadata of one entity as text, and signed. Each edit finds what it changes, or the case would attack nothing.

```xml
<md:EntityDescriptor ID="…" entityID="…" validUntil="…"> `Signature` <md:Extensions/> `role` </md:EntityDescriptor>
```
`node` describes a country's sending node (eIDAS), `provider` an identity provider (SAML 2.0).
"""

import base64
import secrets
from collections.abc import Sequence

from connectors.attacks.key_holders import KeyHolder
from connectors.formats.eidas.metadata import PROTOCOL_VERSION
from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import NAME_ID_FORMATS, PROTOCOL_VERSIONS
from connectors.formats.grammar import written
from connectors.signatures.profile import DS
from connectors.wire.names import ATTRNAME_URI, CERTIFICATION, MD, MDATTR, PERSISTENT, POST, REDIRECT, SAML, SAMLP
from policies.assurance import LevelOfAssurance

NODE = "https://ee.selftest.example/eidas/metadata"
IDP = "https://idp.selftest.example/metadata"
DAY = 24 * 3600
NEAR = 7 * DAY


# The attribute of a KeyDescriptor
SIGNING, ENCRYPTION = ' use="signing"', ' use="encryption"'


def node(
    signing: Sequence[KeyHolder],
    encryption: Sequence[KeyHolder] = (),
    valid_until: int | None = None,
    *,
    published: LevelOfAssurance = LevelOfAssurance.HIGH,
    versions: Sequence[str] = PROTOCOL_VERSIONS,
) -> str:
    """A sending node of Estonia, which publishes a level and versions of the protocol."""
    said = {PROTOCOL_VERSION: versions, CERTIFICATION: (published.uri,)}
    attributes = "".join(
        f'<saml:Attribute Name="{name}" NameFormat="{ATTRNAME_URI}">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in said.items()
    )
    keys = key_descriptors(SIGNING, *signing) + key_descriptors(ENCRYPTION, *encryption)
    formats = "".join(f"<md:NameIDFormat>{name}</md:NameIDFormat>" for name in NAME_ID_FORMATS)
    role = (
        f"<md:Extensions><eidas:NodeCountry>EE</eidas:NodeCountry></md:Extensions>{keys}{formats}"
        f'<md:SingleSignOnService Binding="{POST}" Location="https://ee.selftest.example/post"/>'
        f'<md:SingleSignOnService Binding="{REDIRECT}" Location="https://ee.selftest.example/redirect"/>'
    )
    held = f'<mdattr:EntityAttributes xmlns:mdattr="{MDATTR}">{attributes}</mdattr:EntityAttributes>'
    extensions = f"<md:Extensions>{held}</md:Extensions>"
    return _entity(NODE, valid_until, f"{extensions}{_role('IDPSSODescriptor', role)}")


def provider(
    signing: Sequence[KeyHolder],
    valid_until: int | None = None,
    *,
    encryption: Sequence[KeyHolder] = (),
    use: str = SIGNING,
) -> str:
    """An identity provider that is a service provider too. `use` is the attribute of the keys that sign."""
    keys = key_descriptors(use, *signing) + key_descriptors(ENCRYPTION, *encryption)
    asked = (
        f"{keys}<md:NameIDFormat>{PERSISTENT}</md:NameIDFormat>"
        f'<md:SingleSignOnService Binding="{REDIRECT}" Location="https://idp.selftest.example/sso"/>'
    )
    answered = (
        f"{keys}<md:NameIDFormat>{PERSISTENT}</md:NameIDFormat>"
        f'<md:AssertionConsumerService Binding="{POST}" Location="https://idp.selftest.example/acs" index="0"/>'
    )
    return _entity(IDP, valid_until, _role("IDPSSODescriptor", asked) + _role("SPSSODescriptor", answered))


def key_descriptors(use: str, *holders: KeyHolder) -> str:
    """KeyDescriptors with the certificates of these. `use` is that attribute, with a blank before it, or nothing."""
    return "".join(
        f"<md:KeyDescriptor{use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        f"{base64.b64encode(holder.certificate).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for holder in holders
    )


def id_of(text: str) -> str:
    """The ID of an entity in a text."""
    return text.partition(' ID="')[2].partition('"')[0]


def _role(name: str, inside: str) -> str:
    return f'<md:{name} protocolSupportEnumeration="{SAMLP}">{inside}</md:{name}>'


def _entity(entity_id: str, valid_until: int | None, inside: str) -> str:
    end = f' validUntil="{written(valid_until)}"' if valid_until is not None else ""
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" xmlns:saml="{SAML}" xmlns:eidas="{EIDAS_NAMESPACE}"'
        f' ID="_{secrets.token_hex(20)}" entityID="{entity_id}"{end}>{inside}</md:EntityDescriptor>'
    )
