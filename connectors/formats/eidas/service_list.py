"""The list of all nodes and of whose keys sign their metadata (eidas-metadata-servicelist-1.0), as read from signed octets.

```xml
<ser:MetadataServiceList Version="1.0" IssueDate="…" NextUpdate="…">
  <ser:SchemeInformation><ser:IssuerName/><ser:SchemeIdentifier/><ser:SchemeTerritory/></ser:SchemeInformation>
  <ser:MetadataList Territory="EE">
    <ser:MetadataLocation Location="https://…">
      <ser:Endpoint EndpointType="http://eidas.europa.eu/metadata/ept/ProxyService" EntityID="https://…"/>
      <ds:KeyInfo><ds:X509Data><ds:X509Certificate>…</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
    </ser:MetadataLocation>
  </ser:MetadataList>
  <ser:DistributionPoints/> <ds:Signature/>
</ser:MetadataServiceList>
```

Deployed lists have empty addresses, certificates and territories. These, and territories that are no country's code, are
left out, and `left_out` counts them. A list that names a thing twice is refused: readers would differ in which one counts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.formats.eidas.metadata import Role
from connectors.formats.grammar import MAX_TEXT, instant
from connectors.signatures.parse import Element, attributes, parse_canonical, strict_base64
from connectors.signatures.profile import DS
from connectors.signatures.verification_result import Signed
from connectors.wire.names import listed

ROLES: Mapping[str, Role] = {
    "http://eidas.europa.eu/metadata/ept/ProxyService": "proxy",
    "http://eidas.europa.eu/metadata/ept/Connector": "connector",
}
# Certificates of one address. A chain has four
MAX_CERTIFICATES = 16
_TERRITORY = re.compile(r"[A-Z]{2}")
_VERSION = re.compile(r"1\.[0-9]{1,3}")
_VISIBLE = re.compile(r"[\x21-\x7e]{1,2048}")
_TRUE = ("true", "1")


@dataclass(frozen=True, slots=True)
class ListedNode:
    """One node: its country, its entity id, the address of its metadata, and the certificates (DER) of who signs that.

    `suspended` and `hidden` are attributes of Sweden's lists: not to be used now, and not to be shown to citizens.
    """

    country: str
    role: Role
    entity_id: str
    location: str
    certificates: tuple[bytes, ...] = field(repr=False)
    suspended: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class ServiceList:
    """A list, in the order in which it names its nodes. Times are in seconds; `next_update` is 0 where it says none."""

    version: tuple[int, ...]
    issuer: str
    territory: str
    issued: int
    next_update: int
    countries: tuple[str, ...]
    nodes: tuple[ListedNode, ...]
    left_out: int


def read_service_list(signed: Signed) -> ServiceList:
    """Read a list. ValueError, with words for an operator; `AssertionRejected` for a time that is none."""
    root = parse_canonical(signed.octets)
    head = attributes(root)
    if not _VERSION.fullmatch(head.get("Version", "")):
        raise ValueError("its Version is not 1.")
    if "IssueDate" not in head:
        raise ValueError("it has no IssueDate.")
    scheme = root.find(listed("SchemeInformation"))
    countries: list[str] = []
    nodes: list[ListedNode] = []
    locations: list[str] = []
    left_out = 0
    for part in root.iterchildren(listed("MetadataList")):
        country = attributes(part).get("Territory", "")
        if not _TERRITORY.fullmatch(country):
            left_out += 1
            continue
        countries.append(country)
        for place in part.iterchildren(listed("MetadataLocation")):
            found = tuple(_nodes(place, country))
            locations += [attributes(place).get("Location", "")] if found else []
            left_out += not found
            nodes += found
    _check_once(countries, "a territory")
    _check_once(locations, "a Location")
    _check_once([f"{node.role} {node.entity_id}" for node in nodes], "a node")
    return ServiceList(
        version=tuple(map(int, head["Version"].split("."))),
        issuer=_text(scheme, "IssuerName"),
        territory=_text(scheme, "SchemeTerritory"),
        issued=instant(head["IssueDate"], "the list"),
        next_update=instant(head["NextUpdate"], "the list") if "NextUpdate" in head else 0,
        countries=tuple(countries),
        nodes=tuple(nodes),
        left_out=left_out,
    )


def _nodes(place: Element, country: str) -> Iterator[ListedNode]:
    """The nodes of an address, of kinds that there are; none where it is no address."""
    location = attributes(place).get("Location", "")
    if not _VISIBLE.fullmatch(location):
        return
    certificates = tuple(_certificates(place))
    for endpoint in place.iterchildren(listed("Endpoint")):
        said = attributes(endpoint)
        role, entity_id = ROLES.get(said.get("EndpointType", "")), said.get("EntityID", "")
        if role is not None and _VISIBLE.fullmatch(entity_id):
            suspended, hidden = _is_true(said.get("Suspend")), _is_true(said.get("HideFromDiscovery"))
            yield ListedNode(country, role, entity_id, location, certificates, suspended, hidden)


def _is_true(text: str | None) -> bool:
    """An xs:boolean, whose white space is collapsed."""
    return (text or "").strip(" \t\r\n") in _TRUE


def _certificates(place: Element) -> Iterator[bytes]:
    """DER of each certificate once, in their order; what is in none is in no place of the schema."""
    path = "/".join(f"{{{DS}}}{name}" for name in ("KeyInfo", "X509Data", "X509Certificate"))
    texts = ["".join((one.text or "").split()) for one in place.iterfind(path)]
    if len(texts) > MAX_CERTIFICATES:
        raise ValueError(f"an address in it has more than {MAX_CERTIFICATES} certificates.")
    for text in dict.fromkeys(filter(None, texts)):
        try:
            yield strict_base64(text)
        except ValueError:
            yield b""  # which no reader takes for a certificate: it is told with its node


def _check_once(names: list[str], what: str) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"it names {what} twice.")


def _text(scheme: Element | None, name: str) -> str:
    """The text of an element about itself, on one line; "" for none. Nothing is decided by it."""
    found = "" if scheme is None else scheme.findtext(listed(name)) or ""
    text = " ".join(found.split())
    return text if text.isprintable() and len(text) <= MAX_TEXT else ""
