"""Metadata of one entity as text, and signed. Each edit finds what it changes, or the case would attack nothing.

```xml
<md:EntityDescriptor ID="…" entityID="…" validUntil="…"> `Signature` <md:Extensions/> `role` </md:EntityDescriptor>
```
`node` describes a country's sending node (eIDAS), `provider` an identity provider (SAML 2.0).
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from connectors.attacks.case import Entrance, Kind, Place
from connectors.attacks.keys import Holder
from connectors.attacks.responses.parties import key_descriptors
from connectors.attacks.signing import Edit, How, same, sign
from connectors.formats.eidas.metadata import ASSURANCE_CERTIFICATION, MDATTR, PROTOCOL_VERSION
from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import NAME_ID_FORMATS, PROTOCOL_VERSIONS
from connectors.formats.grammar import written
from connectors.signatures.profile import DS
from connectors.wire.names import ATTRNAME_URI, MD, PERSISTENT, POST, REDIRECT, SAML, SAMLP

NODE = "https://ee.selftest.example/eidas/metadata"
IDP = "https://idp.selftest.example/metadata"
DAY = 24 * 3600
NEAR = 7 * DAY


@dataclass(frozen=True, slots=True)
class Bench(Place):
    """Where metadata of one kind is judged. `text` makes a good one, `holder` signs it, `strange` is nobody's key.

    `another` is a key of the same entity, that signs no metadata.
    """

    kind = Kind.MESSAGE
    text: Callable[[], str]
    holder: Holder
    how: How
    strange: Holder
    another: Holder
    now: int
    of: str

    def signed(self, edit: Edit = same, *, how: How | None = None, by: Holder | None = None, late: Edit = same) -> bytes:
        """Metadata that is edited, signed, and edited again."""
        text = edit(self.text())
        return late(sign(text.encode(), id_of(text), by or self.holder, how or self.how).decode()).encode()

    def at(self, entrance: Entrance) -> "Bench":
        """The same metadata at another entrance."""
        return replace(self, where=entrance.name, entrance=entrance)


def node(signing: Sequence[Holder], encryption: Sequence[Holder], valid_until: int, use: str = ' use="signing"') -> str:
    """A sending node of Estonia."""
    said = {PROTOCOL_VERSION: PROTOCOL_VERSIONS, ASSURANCE_CERTIFICATION: ("http://eidas.europa.eu/LoA/high",)}
    attributes = "".join(
        f'<saml:Attribute Name="{name}" NameFormat="{ATTRNAME_URI}">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in said.items()
    )
    keys = key_descriptors(use, *signing) + key_descriptors(' use="encryption"', *encryption)
    formats = "".join(f"<md:NameIDFormat>{name}</md:NameIDFormat>" for name in NAME_ID_FORMATS)
    role = (
        f"<md:Extensions><eidas:NodeCountry>EE</eidas:NodeCountry></md:Extensions>{keys}{formats}"
        f'<md:SingleSignOnService Binding="{POST}" Location="https://ee.selftest.example/post"/>'
        f'<md:SingleSignOnService Binding="{REDIRECT}" Location="https://ee.selftest.example/redirect"/>'
    )
    held = f'<mdattr:EntityAttributes xmlns:mdattr="{MDATTR}">{attributes}</mdattr:EntityAttributes>'
    extensions = f"<md:Extensions>{held}</md:Extensions>"
    return _entity(NODE, valid_until, f"{extensions}{_role('IDPSSODescriptor', role)}")


def provider(signing: Sequence[Holder], valid_until: int | None) -> str:
    """An identity provider that is a service provider too. Pinned metadata may have no end."""
    keys = key_descriptors(' use="signing"', *signing)
    asked = (
        f"{keys}<md:NameIDFormat>{PERSISTENT}</md:NameIDFormat>"
        f'<md:SingleSignOnService Binding="{REDIRECT}" Location="https://idp.selftest.example/sso"/>'
    )
    answered = (
        f"{keys}<md:NameIDFormat>{PERSISTENT}</md:NameIDFormat>"
        f'<md:AssertionConsumerService Binding="{POST}" Location="https://idp.selftest.example/acs" index="0"/>'
    )
    return _entity(IDP, valid_until, _role("IDPSSODescriptor", asked) + _role("SPSSODescriptor", answered))


def key_descriptor(holder: Holder, use: str = ' use="signing"') -> str:
    """A KeyDescriptor with the certificate of a holder."""
    return key_descriptors(use, holder)


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
