"""How a test spoils an encrypted assertion before it is signed: each function gives an edit of the EncryptedAssertion."""

import copy
from collections.abc import Callable

from lxml import etree

from connectors.signatures.parse import Element
from tests.connectors.crossing import XENC, XENC11
from tests.connectors.forge import DS, SAML

Edit = Callable[[Element], None]
DSIG11 = "http://www.w3.org/2009/xmldsig11#"


def part(holder: Element, name: str, number: int = 0) -> Element:
    return list(holder.iter(f"{{*}}{name}"))[number]


def rename(name: str, number: int, attribute: str, value: str | None) -> Edit:
    def edit(holder: Element) -> None:
        found = part(holder, name, number)
        if value is None:
            del found.attrib[attribute]
        else:
            found.set(attribute, value)

    return edit


def into(name: str, xml: str, number: int = 0, place: int = 99) -> Edit:
    def edit(holder: Element) -> None:
        spaces = f'xmlns:xenc="{XENC}" xmlns:ds="{DS}" xmlns:xenc11="{XENC11}" xmlns:saml="{SAML}" xmlns:dsig11="{DSIG11}"'
        part(holder, name, number).insert(place, etree.fromstring(f"<r {spaces}>{xml}</r>")[0])

    return edit


def twice(name: str, number: int = 0) -> Edit:
    """A second one beside it, with an Id of its own."""

    def edit(holder: Element) -> None:
        found = part(holder, name, number)
        second = copy.deepcopy(found)
        for element in second.iter():
            if element.get("Id"):
                element.set("Id", f"{element.get('Id')}2")
        found.addnext(second)

    return edit


def text(name: str, number: int, value: str) -> Edit:
    def edit(holder: Element) -> None:
        part(holder, name, number).text = value

    return edit


def after(name: str, number: int, value: str) -> Edit:
    """Text behind an element."""

    def edit(holder: Element) -> None:
        part(holder, name, number).tail = value

    return edit


def without(name: str, number: int = 0) -> Edit:
    def edit(holder: Element) -> None:
        found = part(holder, name, number)
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)

    return edit
