"""Attributes with their status and their typed values (STORK D5.8), both ways.

```xml
<saml:Attribute Name="http://www.stork.gov.eu/1.0/surname" NameFormat="…:uri" stork:AttributeStatus="Available">
  <saml:AttributeValue xsi:type="xs:string">Onasis</saml:AttributeValue>
  <saml:AttributeValue xsi:type="xs:anyType" LatinScript="false">Ωνάσης</saml:AttributeValue>
<saml:Attribute … stork:AttributeStatus="Available">
  <saml:AttributeValue><stork:countryCodeAddress>EE</stork:countryCodeAddress><stork:town>…</saml:AttributeValue>
<saml:Attribute … stork:AttributeStatus="NotAvailable"/>
```
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.formats.grammar import XSI_TYPE, Reader, boolean, texted
from connectors.formats.stork.registry import (
    ALIASES,
    ATTRIBUTES,
    AVAILABLE,
    IDENTIFIER_FORM,
    IS_AGE_OVER,
    NOT_AVAILABLE,
    STATUSES,
    Part,
    StorkAttribute,
    has_form,
    stork,
)
from connectors.signatures.elements import child
from connectors.signatures.parse import MAX_OCTETS, Element, attributes
from connectors.wire.names import ATTRNAME_URI, saml
from policies.errors import AssertionRejected
from policies.latin import is_latin

_STATUS = stork("AttributeStatus")
_LATIN_SCRIPT = "LatinScript"
_LINE_ENDS = {ord(sign): None for sign in "\r\n"}
# In characters, however an age is spelled
MAX_AGE = 32
# The types that engines name: they say nothing beyond the attribute's own
_TYPES = frozenset(("string", "anyType"))


@dataclass(frozen=True, slots=True)
class StorkComplex:
    """A complex value: its elements by their published names, in order; each a text, or complex again."""

    parts: tuple[tuple[str, "str | StorkComplex"], ...] = field(repr=False)

    def text(self, name: str) -> str:
        """The text of the first element of this name; "" where there is none."""
        return next((part for known, part in self.parts if known == name and isinstance(part, str)), "")

    def complexes(self, name: str) -> tuple["StorkComplex", ...]:
        """The complex elements of this name."""
        return tuple(part for known, part in self.parts if known == name and isinstance(part, StorkComplex))


@dataclass(frozen=True, slots=True)
class StorkText:
    """A simple value; `latin` is False where it is in an original script, and a Latin value stands beside it."""

    text: str = field(repr=False)
    latin: bool = True


StorkValue = StorkText | StorkComplex


@dataclass(frozen=True, slots=True)
class StorkSaid:
    """The answer to one attribute: values where it is available, else none."""

    status: str
    values: tuple[StorkValue, ...] = field(default=(), repr=False)


# -- what we say -------------------------------------------------------------------------------------------------------


def write_attribute(statement: Element, uri: str, said: StorkSaid) -> None:
    """Write an Attribute above which `stork`, `xs` and `xsi` are declared.

    ValueError, without the value, for one that a peer would have to refuse.
    """
    known = ATTRIBUTES.get(uri)
    if known is None or said.status not in STATUSES or (said.status == AVAILABLE) != bool(said.values):
        raise ValueError("an attribute that STORK does not have, or whose status contradicts its values")
    for fault in _faults(known, said.values):
        raise ValueError(f"{fault} in {known.name}")
    named = {"Name": uri, "NameFormat": ATTRNAME_URI, "FriendlyName": known.name, _STATUS: said.status}
    element = child(statement, saml("Attribute"), **named)
    for value in said.values:
        match value:
            case StorkText():
                # A plain string has no attributes in the schema
                script = {XSI_TYPE: "xs:string"} if value.latin else {XSI_TYPE: "xs:anyType", _LATIN_SCRIPT: "false"}
                child(element, saml("AttributeValue"), value.text, **script)
            case StorkComplex():
                write_parts(child(element, saml("AttributeValue"), **{XSI_TYPE: "xs:anyType"}), value)


def write_parts(holder: Element, value: StorkComplex) -> None:
    """Write the elements of a complex value."""
    for name, part in value.parts:
        if isinstance(part, str):
            child(holder, stork(name), part)
        else:
            write_parts(child(holder, stork(name)), part)


def _faults(known: StorkAttribute, values: Sequence[StorkValue]) -> list[str]:
    """The fault of the values of one attribute, in our words; nothing where they are of its type."""
    texts = [value for value in values if isinstance(value, StorkText)]
    faults = [] if len(texts) == (0 if known.parts else len(values)) else ["a value of another type"]
    if not all(known.is_value(value.text) for value in texts):
        faults.append("a value of another type")
    if known.form and not all(value.latin for value in texts):
        faults.append("a script of a code")
    if texts and not any(value.latin for value in texts):
        faults.append("an original script alone")
    if any(value.latin and not is_latin(value.text) for value in texts if not all(one.latin for one in texts)):
        faults.append("a value that is not in Latin script and says that it is")
    if sum(not isinstance(value, StorkText) or value.latin for value in values) > 1 and not known.many:
        faults.append("more values than one")
    return faults


# -- what we hear ------------------------------------------------------------------------------------------------------


def read_attributes(elements: Sequence[Element]) -> tuple[dict[str, StorkSaid], tuple[str, ...]]:
    """The attributes that STORK has, by URI, and the names of all others, which are not read.

    Each stands once, its status and its values agree, and each value is of its type. Raises `AssertionRejected`.
    """
    found: dict[str, StorkSaid] = {}
    others: list[str] = []
    for element in elements:
        name = attributes(element).get("Name", "")
        uri = ALIASES.get(name, name)
        known = ATTRIBUTES.get(uri)
        if known is None:
            others.append(name)
            continue
        if uri in found:
            raise AssertionRejected("duplicate_attribute", f"{known.name} stands twice")
        found[uri] = _read_attribute(element, known)
    return found, tuple(others)


def _read_attribute(element: Element, known: StorkAttribute) -> StorkSaid:
    reader = Reader(element, known.name)
    found = reader.only(("Name", "NameFormat"), ("FriendlyName", _STATUS))
    children = reader.many(saml("AttributeValue"))
    reader.end()
    if found["NameFormat"] != ATTRNAME_URI:
        raise AssertionRejected("name_format", f"{known.name} under a name that is no URI")
    # Cl@ve of Spain writes no status, and no values where there are none
    status = found.get(_STATUS, AVAILABLE if children else NOT_AVAILABLE)
    if status not in STATUSES:
        raise AssertionRejected("attribute_status", f"{known.name} of a status that STORK does not have")
    if known.uri == IS_AGE_OVER and status == AVAILABLE and not any(child.text or len(child) for child in children):
        # Engines write a no so. It tells nothing that NotAvailable would not
        return StorkSaid(NOT_AVAILABLE)
    if (status == AVAILABLE) != bool(children):
        raise AssertionRejected("attribute_status", f"the status of {known.name} contradicts its values")
    values = tuple(_read_value(child, known) for child in children)
    if faults := _faults(known, values):
        check = "latin_script" if "script" in faults[0] else "attribute_value"
        raise AssertionRejected(check, f"{faults[0]} in {known.name}")
    return StorkSaid(status, values)


def _read_value(element: Element, known: StorkAttribute) -> StorkValue:
    reader = Reader(element, known.name)
    # A code has no script. One that says so would stand beside the one value, and not be counted
    coded = known.parts or known.form
    found = reader.only((), (XSI_TYPE,) if coded else (XSI_TYPE, _LATIN_SCRIPT))
    _check_type(found, known.name)
    if known.parts:
        return _read_parts(reader, known.parts, known.name)
    latin = boolean(found[_LATIN_SCRIPT], known.name) if _LATIN_SCRIPT in found else True
    return StorkText(_unbroken(reader.text(limit=MAX_OCTETS), known.form), latin=latin)


def _unbroken(text: str, form: str) -> str:
    """An identifier on one line: engines that write it in base64 break it, and one person would be two."""
    return text.translate(_LINE_ENDS) if form == IDENTIFIER_FORM else text


def _check_type(found: Mapping[str, str], what: str) -> None:
    """The published engines name a type at each value that they write, also inside of complex ones and in requests."""
    if found.get(XSI_TYPE, "xs:string").rpartition(":")[2] not in {*_TYPES, f"{what}Type"}:
        raise AssertionRejected("attribute_type", f"{what} that says to be of another type")


def _read_parts(reader: Reader, parts: Sequence[Part], what: str) -> StorkComplex:
    """The elements of a complex value, either spelling; what is required is there.

    They are given in the schema's order. The EU's engine kept them in a hash map, and wrote them as they lay there.
    """
    found: list[tuple[str, str | StorkComplex]] = []
    children = reader.many(*(stork(name) for part in parts for name in part.names))
    for part in parts:
        elements = [one for one in children if one.tag in map(stork, part.names)]
        if (part.required and not elements) or (len(elements) > 1 and not part.many):
            raise AssertionRejected("attribute_value", f"{what} without {part.names[0]}, or with it twice")
        found += [(part.names[0], _read_part(element, part)) for element in elements]
    reader.end()
    if not found:
        raise AssertionRejected("attribute_value", f"{what} that says nothing")
    return StorkComplex(tuple(found))


def _read_part(element: Element, part: Part) -> "str | StorkComplex":
    if part.parts:
        reader = Reader(element, part.names[0])
        _check_type(reader.only((), (XSI_TYPE,)), part.names[0])
        return _read_parts(reader, part.parts, part.names[0])
    found, text = texted(element, part.names[0], (XSI_TYPE,), MAX_OCTETS)
    _check_type(found, part.names[0])
    text = _unbroken(text, part.form)
    if not has_form(text, part.form):
        raise AssertionRejected("attribute_value", f"a {part.names[0]} of another type than its own")
    return text


def read_requested_age(element: Element) -> str:
    """The age that a request names for isAgeOver. Raises `AssertionRejected`."""
    found, text = texted(element, "AttributeValue", (XSI_TYPE,), MAX_AGE)
    _check_type(found, "isAgeOver")
    if not ATTRIBUTES[IS_AGE_OVER].is_value(text):
        raise AssertionRejected("requested_value", "an isAgeOver whose value is no age")
    return text


def texts_of(said: Mapping[str, StorkSaid], uri: str) -> tuple[str, ...]:
    """The simple Latin values of an attribute."""
    values = said[uri].values if uri in said else ()
    return tuple(value.text for value in values if isinstance(value, StorkText) and value.latin)


def complex_of(said: Mapping[str, StorkSaid], uri: str) -> tuple[StorkComplex, ...]:
    """The complex values of an attribute."""
    values = said[uri].values if uri in said else ()
    return tuple(value for value in values if isinstance(value, StorkComplex))
