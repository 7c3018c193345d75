"""A list of all nodes as publishers make one: our own text, signed by libxmlsec, which is no code of ours.

Nothing of it is a deployed list's. What those have and schemas do not want stands here too: an address without a node, an
empty address with an empty certificate, a country without anything.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from connectors.signatures.parse import Element
from idp.keys.file import FileSigner
from tests.connectors.metadata.node import DAY, NOW, key, rsa_signer

SER, DS = "http://eidas.europa.eu/metadata/servicelist", "http://www.w3.org/2000/09/xmldsig#"
TYPES = {
    "proxy": "http://eidas.europa.eu/metadata/ept/ProxyService",
    "connector": "http://eidas.europa.eu/metadata/ept/Connector",
}
NAMES = ("publisher", "another")
Edit = Callable[[Element], None]


@dataclass(frozen=True)
class Place:
    """One address of a country: its node, its certificates (DER), and what else its endpoint says."""

    country: str
    role: str = "proxy"
    location: str = ""
    entity_id: str = ""
    certificates: Sequence[bytes] = ()
    said: str = ""

    def text(self) -> str:
        location = self.location or f"https://node.{self.country.lower()}.example/{self.role}"
        found = "".join(
            f"<ds:X509Certificate>\n{base64.encodebytes(der).decode()}</ds:X509Certificate>" for der in self.certificates
        )
        info = f"<ds:KeyInfo><ds:X509Data>{found}</ds:X509Data></ds:KeyInfo>" if self.certificates else ""
        return (
            f'<ser:MetadataLocation Location="{location}">'
            f'<ser:Endpoint EndpointType="{TYPES[self.role]}" EntityID="{self.entity_id or location}"{self.said}/>'
            f"{info}</ser:MetadataLocation>"
        )


def ee(**changes: object) -> Place:
    """A sending node of Estonia, whose metadata the key "metadata" signs."""
    return Place(**{"country": "EE", "certificates": (key("metadata").certificate,), **changes})  # type: ignore[arg-type] # of a test


ODD = (
    '<ser:MetadataLocation Location=""><ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo>'
    "</ser:MetadataLocation>"
    '<ser:MetadataLocation Location="https://none.example/"/>'
)


def text(*places: Place, issued: int = NOW - DAY, until: int | None = NOW + 6 * DAY, odd: str = ODD) -> str:
    """A list, not signed yet. What deployed ones have too stands at its end, under XY."""
    countries: dict[str, str] = {}
    for place in places:
        countries[place.country] = countries.get(place.country, "") + place.text()
    parts = "".join(f'<ser:MetadataList Territory="{one}">{said}</ser:MetadataList>' for one, said in countries.items())
    end = "" if until is None else f' NextUpdate="{_at(until)}"'
    return (
        f'<ser:MetadataServiceList xmlns:ser="{SER}" xmlns:ds="{DS}" Version="1.0" IssueDate="{_at(issued)}"{end}>\n'
        "<ser:SchemeInformation><ser:IssuerName>The publisher</ser:IssuerName>"
        "<ser:SchemeIdentifier>urn:x-list</ser:SchemeIdentifier><ser:SchemeTerritory>EU</ser:SchemeTerritory>"
        f'</ser:SchemeInformation>{parts}<ser:MetadataList Territory="XY">{odd}</ser:MetadataList>'
        "<ser:DistributionPoints><ser:DistributionPoint>https://list.example/</ser:DistributionPoint>"
        "</ser:DistributionPoints></ser:MetadataServiceList>"
    )


def signed(unsigned: str, by: str = "publisher", edit: Edit | None = None) -> bytes:
    """Signed over the whole document as its last child, by RSA PKCS#1 v1.5 with SHA-256; `edit` comes after that."""
    root = etree.fromstring(unsigned)
    signature = xmlsec.template.create(
        root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformRsaSha256, ns="ds"
    )
    root.append(signature)
    reference = xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha256, uri="")
    for transform in (xmlsec.constants.TransformEnveloped, xmlsec.constants.TransformExclC14N):
        xmlsec.template.add_transform(reference, transform)
    context = xmlsec.SignatureContext()
    pem = publisher(by)._private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    if edit is not None:
        edit(root)
    return etree.tostring(root)


def publisher(name: str = "publisher") -> FileSigner:
    """A signer of lists, whose key of 2048 bits is made once for each name; publishers have such keys."""
    return rsa_signer(NAMES.index(name), 2048)


def _at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", ".000Z")
