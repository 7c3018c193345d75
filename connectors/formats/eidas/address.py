"""Addresses of persons: base64 of XML elements that stand side by side (eIDAS SAML Attribute Profile §2.2.3).

```xml
<eidas-natural:Thoroughfare>Pikk 1</eidas-natural:Thoroughfare>
<eidas-natural:PostName>Tallinn</eidas-natural:PostName>…
```

There is no root, and no declaration of the prefix: nodes rely on the one of the message, and so do we when we write. Some
declare it at each element. The EU's node writes a representative's address under the prefix of the plain set.

| ours | read from | written to |
|---|---|---|
| street | Thoroughfare LocatorDesignator; else LocatorName; else PoBox | Thoroughfare |
| locality | PostName, else CvaddressArea | PostName |
| country | AdminunitFirstline, where it is two capital letters | AdminunitFirstline |
| region | AdminunitSecondline | AdminunitSecondline |
| postal_code | PostCode | PostCode |
"""

import base64
import re
from collections.abc import Mapping

from lxml import etree

from connectors.formats.eidas.registry import NATURAL_PERSON, PREFIXES
from connectors.formats.grammar import Reader, plain
from connectors.signatures.parse import parse_message, strict_base64
from connectors.wire.text import MAX_VALUE, is_plain
from policies.attributes import Address
from policies.errors import AssertionRejected

# The schema's order
PARTS = (
    *("PoBox", "LocatorDesignator", "LocatorName", "CvaddressArea", "Thoroughfare", "PostName"),
    *("AdminunitFirstline", "AdminunitSecondline", "PostCode"),
)
# Nine parts of 256 characters, and their tags
MAX_ENCODED = 16 * 1024

_TAGS = tuple(f"{{{namespace}}}{part}" for namespace in PREFIXES for part in PARTS)
_COUNTRY = re.compile(r"[A-Z]{2}")
_DECLARED = " ".join(f'xmlns:{prefix}="{namespace}"' for namespace, prefix in PREFIXES.items())
_OPENING, _CLOSING = f"<Address {_DECLARED}>".encode(), b"</Address>"


def read_address(text: str) -> Address | None:
    """The address in a value; None for one that cannot be read, which must not spoil a login that does not need it.

    The parts may stand in any order, each once, and nothing beside them.
    """
    try:
        parts = _read_parts(text)
    except (AssertionRejected, ValueError):
        return None
    country = parts.get("AdminunitFirstline", "")
    streets = (
        " ".join(parts[part] for part in ("Thoroughfare", "LocatorDesignator") if part in parts),
        parts.get("LocatorName", ""),
        parts.get("PoBox", ""),
    )
    address = Address(
        street=next((street for street in streets if street), ""),
        postal_code=parts.get("PostCode", ""),
        locality=parts.get("PostName", "") or parts.get("CvaddressArea", ""),
        region=parts.get("AdminunitSecondline", ""),
        country=country if _COUNTRY.fullmatch(country) else "",
    )
    return None if address == Address() else address


def _read_parts(text: str) -> dict[str, str]:
    """The parts that are not empty, by name."""
    if len(text) > MAX_ENCODED:
        raise ValueError("longer than any address")
    # Base64 of MIME has line breaks; nothing else passes
    fragment = strict_base64(text.replace("\r", "").replace("\n", ""))
    # The fragment cannot close our wrapper and open another: that would be a second root
    root = parse_message(_OPENING + fragment + _CLOSING)
    reader = Reader(root, "an address")
    reader.only(())
    children = reader.many(*_TAGS)
    reader.end()
    found = [(child.tag.rpartition("}")[2], plain(child, "an address", MAX_VALUE)) for child in children]
    if len({name for name, _ in found}) != len(found):
        raise ValueError("a part that stands twice")
    if not all(is_plain(value) for _, value in found if value):
        raise ValueError("a part with control characters")
    return {name: value for name, value in found if value}


def write_address(address: Address, namespace: str = NATURAL_PERSON) -> str:
    """The value of an address of a person of one set: its parts in the schema's order, empty ones left out.

    ValueError, without the value, for an address that `read_address` would not give back.
    """
    written = _written_parts(address)
    fragment = b""
    for part in PARTS:
        if value := written.get(part, ""):
            element = etree.Element(f"{{{namespace}}}{part}", nsmap={PREFIXES[namespace]: namespace})
            element.text = value
            # As nodes write it, with the prefix of the message around it
            declaration = f' xmlns:{PREFIXES[namespace]}="{namespace}"'
            fragment += etree.tostring(element, encoding="unicode").replace(declaration, "", 1).encode()
    encoded = base64.b64encode(fragment).decode()
    if read_address(encoded) != address:
        raise ValueError("an address that says nothing, or that nobody could read")
    return encoded


def _written_parts(address: Address) -> Mapping[str, str]:
    return {
        "Thoroughfare": address.street,
        "PostName": address.locality,
        "AdminunitFirstline": address.country,
        "AdminunitSecondline": address.region,
        "PostCode": address.postal_code,
    }
