"""Wire attributes to what a person is offered with: by the registration's table, plain values, or not at all."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from itertools import islice

from connectors.formats.saml_message import NameIdentifier, WireAttribute
from connectors.wire.names import ATTRNAME_BASIC, ATTRNAME_UNSPECIFIED, ATTRNAME_URI
from connectors.wire.text import is_plain
from policies.attributes import Address, AttributeName, Value, latin_name

BIRTHDATE = AttributeName("birthdate")
ADDRESS_PARTS = frozenset(part.name for part in fields(Address))

# More values of one attribute nobody has: a person of fifty roles is one of some system
MAX_VALUES = 50
# As many names as a page lists of what nobody reads, and as much of each
MAX_BESIDE, MAX_NAME = 50, 100
_NAME_FORMATS = ("", ATTRNAME_URI, ATTRNAME_BASIC, ATTRNAME_UNSPECIFIED)
_COUNTRY = re.compile(r"[A-Z]{2}")
# YYYY-MM-DD, YYYY-MM or YYYY as eIDAS and OpenID Connect write it, YYYYMMDD as SCHAC does
_BIRTHDATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?|([0-9]{2})([0-9]{2}))?")


def single_value(attributes: Iterable[WireAttribute], name: str) -> str | None:
    """The one plain value of the attribute of this name; None for none, or several: we choose none for the citizen."""
    return _single(_by_name(attributes).get(name, ()))


def name_identifiers(attributes: Iterable[WireAttribute], name: str) -> list[NameIdentifier]:
    """The NameIDs among the values of the attribute of this name."""
    return [
        name_id
        for attribute in attributes
        if attribute.name == name and attribute.name_format in _NAME_FORMATS
        for name_id in attribute.name_ids
    ]


def _by_name(attributes: Iterable[WireAttribute]) -> Mapping[str, Sequence[str]]:
    """All values of each name, of attributes whose name is to be read as one."""
    found: dict[str, list[str]] = {}
    for attribute in attributes:
        if attribute.name_format in _NAME_FORMATS:
            found.setdefault(attribute.name, []).extend(attribute.values)
    return found


def _single(values: Sequence[str]) -> str | None:
    return values[0] if len(values) == 1 and is_plain(values[0]) else None


def several(values: Iterable[str]) -> str | tuple[str, ...] | None:
    """The plain values, each once and in their order; None where one is not plain, or there are very many."""
    found = tuple(dict.fromkeys(values))
    if not 0 < len(found) <= MAX_VALUES or not all(map(is_plain, found)):
        return None
    return found if len(found) > 1 else found[0]


def offered_attributes(
    attributes: Iterable[WireAttribute],
    table: Mapping[str, tuple[AttributeName, str]],
    multiple: Collection[AttributeName] = (),
) -> dict[AttributeName, Value]:
    """The values that the table (wire name -> our attribute, part of an address or "") finds in the assertion.

    Dropped: what the table does not name, an attribute without one plain value (those of `multiple` may have several), a
    birth date that no calendar has, a country that is not ISO 3166-1 alpha-2. Of two wire names for one attribute, the
    table's first with a value holds.
    """
    wire = _by_name(attributes)
    found: dict[AttributeName, Value] = {}
    parts: dict[AttributeName, dict[str, str]] = {}
    for wire_name, (name, part) in table.items():
        if name in multiple:
            values = several(wire.get(wire_name, ()))
            if values is not None:
                found.setdefault(name, values)
            continue
        value = _single(wire.get(wire_name, ()))
        if value is None:
            continue
        if part:
            if part != "country" or _COUNTRY.fullmatch(value):
                parts.setdefault(name, {}).setdefault(part, value)
            continue
        text = birthdate(value) if name == BIRTHDATE else value
        if text is not None:
            found.setdefault(name, text)
    return found | {name: Address(**known) for name, known in parts.items()}


def latin_forms(attributes: Iterable[WireAttribute], table: Mapping[str, AttributeName]) -> dict[AttributeName, Value]:
    """The transliterations that the table (wire name -> our attribute) finds, by their reserved names."""
    if not table:
        return {}
    wire = _by_name(attributes)
    found: dict[AttributeName, Value] = {}
    for wire_name, name in table.items():
        value = _single(wire.get(wire_name, ()))
        if value is not None:
            found.setdefault(latin_name(name), value)
    return found


def beside(names: Iterable[str], table: Mapping[str, AttributeName], read: Collection[AttributeName]) -> tuple[str, ...]:
    """The names of what else came, of which nothing was read: ours where the table (wire name -> our attribute) has one."""
    found = dict.fromkeys(str(table.get(name, name))[:MAX_NAME] for name in sorted(names) if table.get(name) not in read)
    return tuple(islice(filter(is_plain, found), MAX_BESIDE))


def birthdate(text: str) -> str | None:
    """A birth date as `YYYY-MM-DD`, `YYYY-MM` or `YYYY`, from those and `YYYYMMDD`; None for what no calendar has."""
    match = _BIRTHDATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = match[1], match[2] or match[4], match[3] or match[5]
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(part for part in (year, month, day) if part)
