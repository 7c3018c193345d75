"""The values of persons' attributes, typed and in two scripts (eIDAS SAML Attribute Profile §2), both ways.

```xml
<saml:Attribute FriendlyName="FamilyName" Name="…/naturalperson/CurrentFamilyName" NameFormat="…:uri">
  <saml:AttributeValue xsi:type="eidas-natural:CurrentFamilyNameType">Onasis</saml:AttributeValue>
  <saml:AttributeValue xsi:type="…" eidas-natural:LatinScript="false">Ωνάσης</saml:AttributeValue>
```

The values of an attribute stand in no order. LatinScript is read without its namespace too, as STORK had it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.formats.eidas.registry import (
    LEGAL_PERSON,
    NATURAL_PERSON,
    REPRESENTATIVES,
    SINGLE,
    EidasAttribute,
    Registry,
    incomplete,
    set_of,
)
from connectors.formats.grammar import XSI, XSI_NIL, XSI_TYPE, Reader, boolean
from connectors.formats.saml import is_nil
from connectors.signatures.elements import child
from connectors.signatures.parse import MAX_OCTETS, Element, attributes
from connectors.wire.names import ATTRNAME_URI, saml
from policies.errors import AssertionRejected
from policies.latin import is_latin
from policies.visible import is_visible

_LATIN_SCRIPT = "LatinScript"


@dataclass(frozen=True, slots=True)
class EidasValue:
    """One value as text; `latin` is False where it is in an original script, and a Latin value stands beside it."""

    text: str = field(repr=False)
    latin: bool = True


Said = Sequence[tuple[str, Sequence[EidasValue]]]


def declared(said: Said, registry: Registry) -> dict[str, str]:
    """The namespaces that must be declared above the attributes, by prefix."""
    used = {registry[uri].prefix: registry[uri].namespace for uri, _ in said if uri in registry}
    return {"xsi": XSI, **used}


def write_attributes(statement: Element, said: Said, registry: Registry) -> None:
    """Write Attributes into an AttributeStatement above which `declared` stands.

    ValueError, without the value, for what a peer would have to refuse.
    """
    uris = [uri for uri, _ in said]
    if len(set(uris)) != len(uris) or not set(uris) <= set(registry):
        raise ValueError("an attribute that is unknown, or stands twice")
    sets = set(map(set_of, uris)) - {""}
    if sets <= set(REPRESENTATIVES) or incomplete(sets, uris):
        raise ValueError("an incomplete minimum data set")
    for uri, values in said:
        known = registry[uri]
        if not values or not all(known.is_value(value.text) for value in values):
            raise ValueError(f"no value, or none of its type, for {known.friendly_name}")
        if not _has_latin(values) or not (known.transliterated or all(value.latin for value in values)):
            raise ValueError(f"an original script in {known.friendly_name} without its transliteration")
        if known.transliterated and not all(is_latin(value.text) for value in values if value.latin):
            raise ValueError(f"a value of {known.friendly_name} that is not in Latin script and does not say so")
        _write_attribute(statement, known, values)


def _write_attribute(statement: Element, known: EidasAttribute, values: Sequence[EidasValue]) -> None:
    named = {"FriendlyName": known.friendly_name, "Name": known.uri, "NameFormat": ATTRNAME_URI}
    element = child(statement, saml("Attribute"), **named)
    for value in values:
        script = {} if value.latin else {f"{{{known.namespace}}}{_LATIN_SCRIPT}": "false"}
        typed = {XSI_TYPE: f"{known.prefix}:{known.xsi_type}", **script}
        child(element, saml("AttributeValue"), value.text, **typed)


def read_attributes(elements: Sequence[Element], registry: Registry) -> dict[str, tuple[EidasValue, ...]]:
    """The attributes of persons that have a value, by URI; unknown ones are dropped.

    The minimum data set of each kind that stands there is complete, a plain one is among them, and each has one identifier
    and one birth date. Raises `AssertionRejected`.
    """
    found: dict[str, tuple[EidasValue, ...]] = {}
    names = [attributes(element).get("Name", "") for element in elements]
    for name, element in zip(names, elements, strict=True):
        known = registry.get(name)
        if known is None:
            continue
        if names.count(name) > 1:
            raise AssertionRejected("duplicate_attribute", f"{known.friendly_name} stands twice")
        if values := _read_attribute(element, known):
            found[name] = values
    _check_sets(names, found)
    # With several, we would have to choose one for the citizen
    if any(len(values) > 1 for uri, values in found.items() if uri in SINGLE):
        raise AssertionRejected("attribute_value", "a person of several identifiers or birth dates")
    return found


def _check_sets(names: Sequence[str], found: Mapping[str, Sequence[EidasValue]]) -> None:
    """Each set of which an attribute stands there is whole; somebody is represented where there is a representative."""
    sets = {set_of(name) for name in names} - {""}
    plain = [kind for kind in (NATURAL_PERSON, LEGAL_PERSON) if kind in sets]
    if missing := incomplete((kind for kind in REPRESENTATIVES if kind in sets), found):
        raise AssertionRejected("representative_minimum", f"a representative without {', '.join(missing)}")
    if missing := incomplete(plain or (NATURAL_PERSON,), found):
        raise AssertionRejected("minimum_data_set", f"an assertion without {', '.join(missing)}")


def _read_attribute(element: Element, known: EidasAttribute) -> tuple[EidasValue, ...]:
    """The values of one attribute that we know; what is nil, shows nothing, or is malformed and optional, is no value."""
    reader = Reader(element, known.friendly_name)
    found = reader.only(("Name", "NameFormat"), ("FriendlyName",))
    children = reader.many(saml("AttributeValue"))
    reader.end()
    if found["NameFormat"] != ATTRNAME_URI:
        raise AssertionRejected("name_format", f"{known.friendly_name} under a name that is no URI")
    read = [_read_value(child, known) for child in children]
    values = tuple(value for value in read if value is not None and is_visible(value.text))
    if not all(known.is_value(value.text) for value in values):
        if known.mandatory or known.additional:
            raise AssertionRejected("attribute_value", f"{known.friendly_name} of another type than its own")
        return ()
    if values and not _has_latin(values):
        raise AssertionRejected("latin_script", f"{known.friendly_name} in an original script alone")
    return values


def _read_value(element: Element, known: EidasAttribute) -> EidasValue | None:
    reader = Reader(element, known.friendly_name)
    script = (f"{{{known.namespace}}}{_LATIN_SCRIPT}", _LATIN_SCRIPT) if known.transliterated else ()
    found = reader.only((), (XSI_TYPE, XSI_NIL, *script))
    if XSI_TYPE in found and not _is_type(found[XSI_TYPE], element, known):
        raise AssertionRejected("attribute_type", f"{known.friendly_name} that says to be of another type")
    if is_nil(reader, found):
        return None
    said = [boolean(found[name], known.friendly_name) for name in script if name in found]
    if len(said) > 1:
        raise AssertionRejected("latin_script", f"{known.friendly_name} that says its script twice")
    return EidasValue(text=reader.text(limit=MAX_OCTETS), latin=said[0] if said else True)


def _is_type(name: str, element: Element, known: EidasAttribute) -> bool:
    """Whether a QName is the attribute's type; by its local name, where exclusive C14N dropped the prefix."""
    prefix, _, local = name.strip().rpartition(":")
    return local == known.xsi_type and element.nsmap.get(prefix or None, known.namespace) == known.namespace


def _has_latin(values: Sequence[EidasValue]) -> bool:
    return any(value.latin for value in values)
