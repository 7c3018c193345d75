"""Mutations that keep a document a document: most random octets are refused at the first rule, and teach nothing more."""

import random
from collections.abc import Callable, Sequence

from lxml import etree

from connectors.signatures.parse import Element

MAX = 96 * 1024
TEXTS = (
    "", " ", "true", "0", "-1", "2.0", "_a", "https://idp.example/metadata", "http://eidas.europa.eu/LoA/high", "&amp;",
    "2026-11-25T12:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "EE/NL/1",
    "\u0130\u00df\u674e", "A" * 1025,
    "urn:oasis:names:tc:SAML:2.0:status:Success", "#", "xs:string", "\u00a0", "\u202e", "a\nb", "\t",
)  # fmt: skip
NAMES = ("ID", "Id", "id", "Version", "IssueInstant", "Destination", "InResponseTo", "Recipient", "NotBefore",
         "NotOnOrAfter", "Method", "Format", "NameQualifier", "Name", "NameFormat", "Value", "Algorithm", "URI", "Type",
         "use", "entityID", "validUntil", "Location", "Binding", "index", "{http://www.w3.org/2001/XMLSchema-instance}type",
         "{http://www.w3.org/2001/XMLSchema-instance}nil", "{http://www.w3.org/XML/1998/namespace}lang")  # fmt: skip
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def parsed(octets: bytes) -> Element | None:
    """The root, however odd the document is; None where it is none."""
    try:
        return etree.fromstring(octets, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        return None


def mutated(octets: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The document with one to four changes in its tree; as it was where it is none, or would be too long."""
    root = parsed(octets)
    if root is None:
        return octets
    for _ in range(chance.randint(1, 4)):
        elements = [element for element in root.iter() if isinstance(element.tag, str)]
        try:
            chance.choice(CHANGES)(chance.choice(elements), chance, elements, others)
        except (ValueError, TypeError, IndexError, etree.XMLSyntaxError):
            continue
    made = etree.tostring(root, encoding="unicode").encode()
    return made if len(made) <= MAX else octets


Change = Callable[[Element, random.Random, Sequence[Element], Sequence[bytes]], None]


def _copy(element: Element) -> Element:
    return etree.fromstring(etree.tostring(element, with_tail=False))


def _double(element: Element, chance: random.Random, _all: Sequence[Element], _others: Sequence[bytes]) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.insert(chance.randint(0, len(parent)), _copy(element))


def _drop(element: Element, _chance: random.Random, _all: Sequence[Element], _others: Sequence[bytes]) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _move(element: Element, chance: random.Random, elements: Sequence[Element], _others: Sequence[bytes]) -> None:
    target = chance.choice(elements)
    if element.getparent() is not None and element not in target.iterancestors() and target is not element:
        target.insert(chance.randint(0, len(target)), _copy(element))
        _drop(element, chance, elements, ())


def _text(element: Element, chance: random.Random, _all: Sequence[Element], _others: Sequence[bytes]) -> None:
    element.text = chance.choice(TEXTS)


def _tail(element: Element, chance: random.Random, _all: Sequence[Element], _others: Sequence[bytes]) -> None:
    element.tail = chance.choice(TEXTS)


def _attribute(element: Element, chance: random.Random, _all: Sequence[Element], _others: Sequence[bytes]) -> None:
    names = [str(name) for name in element.attrib]
    name = chance.choice([*names, chance.choice(NAMES)])
    if name in names and chance.random() < 0.4:
        del element.attrib[name]
    else:
        element.set(name, chance.choice(TEXTS))


def _swap(element: Element, chance: random.Random, elements: Sequence[Element], _others: Sequence[bytes]) -> None:
    other = chance.choice(elements)
    element.text, other.text = other.text, element.text


def _rename(element: Element, chance: random.Random, elements: Sequence[Element], _others: Sequence[bytes]) -> None:
    element.tag = chance.choice(elements).tag


def _splice(element: Element, chance: random.Random, _all: Sequence[Element], others: Sequence[bytes]) -> None:
    other = parsed(chance.choice(others))
    if other is not None:
        inner = [found for found in other.iter() if isinstance(found.tag, str)]
        element.insert(chance.randint(0, len(element)), _copy(chance.choice(inner)))


def _wrap(element: Element, chance: random.Random, elements: Sequence[Element], _others: Sequence[bytes]) -> None:
    parent = element.getparent()
    if parent is not None:
        around = etree.Element(chance.choice(elements).tag)
        parent.replace(element, around)
        around.append(element)


CHANGES: tuple[Change, ...] = (
    _double,
    _drop,
    _move,
    _text,
    _text,
    _tail,
    _attribute,
    _attribute,
    _swap,
    _rename,
    _splice,
    _wrap,
)
