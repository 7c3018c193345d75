"""The closed grammar of XML encryption, piece by piece. Everything else raises `AssertionRejected`, by name."""

from collections.abc import Set as AbstractSet
from functools import cache

from connectors.signatures.parse import Element, attributes, strict_base64
from connectors.signatures.xmlenc.algorithms import XENC
from policies.errors import AssertionRejected

NOTHING: frozenset[str] = frozenset()
ID = frozenset({"Id"})


def children(element: Element, check: str, taken: frozenset[str], *names: tuple[str, str]) -> list[Element]:
    """Exactly these children (namespace, name), attributes of `taken` alone, and only white space between."""
    found = list(element)
    if [child.tag for child in found] != _tags(names):
        raise AssertionRejected(check, f"a {check} of another form")
    if not taken.issuperset(attributes(element)):
        raise AssertionRejected(check, f"a {check} with other attributes")
    if any([text and text.strip() for text in (element.text, *[child.tail for child in found])]):  # noqa: C419 # quicker
        raise AssertionRejected(check, f"a {check} with text in it")
    return found


@cache
def _tags(names: tuple[tuple[str, str], ...]) -> list[str]:
    """In lxml's spelling. There are as many as the forms that ask for them."""
    return [f"{{{namespace}}}{name}" for namespace, name in names]


def algorithm(method: Element, check: str, taken: AbstractSet[str]) -> str:
    """The Algorithm of a method, one of those `taken`; nothing else is in it but what the caller reads."""
    if list(attributes(method)) != ["Algorithm"] or (method.text or "").strip():
        raise AssertionRejected(check, "a method with other attributes than Algorithm, or with text")
    uri = attributes(method)["Algorithm"]
    if uri not in taken:
        raise AssertionRejected(check, "an algorithm that we do not take")
    return uri


def cipher_value(cipher: Element) -> bytes:
    """The octets of a CipherData."""
    (value,) = children(cipher, "cipher_value", NOTHING, (XENC, "CipherValue"))
    return octets(value, "cipher_value")


def octets(element: Element, check: str) -> bytes:
    """One text of base64, white space as writers wrap it, and nothing else."""
    if len(element) or element.items():
        raise AssertionRejected(check, "base64 with elements or attributes")
    try:
        return strict_base64("".join((element.text or "").split()))
    except ValueError:
        raise AssertionRejected(check, "a text that is not base64") from None
