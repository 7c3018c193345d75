"""How a broken answer is told: what it must fail, and how it is made from the identity provider's key."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lxml import etree

from connectors.connector import Expectation, Inbound
from connectors.signatures.parse import Element
from tests.connectors import forge
from tests.connectors.forge import DS, How, Reply, SigningParty, signed_reply


@dataclass(frozen=True, slots=True)
class Case:
    """`make` gives the answer of an identity provider with this key; `check` is what it must fail."""

    check: str
    what: str
    make: Callable[[SigningParty], Inbound]
    expectation: Expectation = field(default_factory=forge.expectation)

    def __str__(self) -> str:
        return f"{self.check}-{self.what}".replace(" ", "-")


def reply(
    check: str, what: str, expectation: Expectation | None = None, which: str = "response", **changes: object
) -> Case:
    """A reply with one part changed, and then signed."""
    broken = replace(Reply(), **changes)  # type: ignore[arg-type] # each row names fields of Reply
    case = Case(check, what, lambda key: forge.post(signed_reply(broken, key, which)))
    return case if expectation is None else replace(case, expectation=expectation)


def signature(check: str, what: str, how: How, which: str = "response") -> Case:
    """A good reply, signed in a way that we do not take."""
    return Case(check, what, lambda key: forge.post(signed_reply(Reply(), key, which, how)))


def raw(check: str, what: str, old: str, new: str, which: str = "response") -> Case:
    """A good signed reply, changed in its bytes afterwards."""

    def make(key: SigningParty) -> Inbound:
        xml = signed_reply(Reply(), key, which)
        assert old.encode() in xml
        return forge.post(xml.replace(old.encode(), new.encode(), 1))

    return Case(check, what, make)


def tree(check: str, what: str, change: Callable[[Element], None], which: str = "response") -> Case:
    """A good signed reply, changed in its tree afterwards."""

    def make(key: SigningParty) -> Inbound:
        root = etree.fromstring(signed_reply(Reply(), key, which))
        change(root)
        return forge.post(etree.tostring(root))

    return Case(check, what, make)


def sent(check: str, what: str, **parameters: str) -> Case:
    """Parameters as they are."""
    return Case(check, what, lambda _key: Inbound("post", parameters))


def bytes_sent(check: str, what: str, xml: bytes) -> Case:
    return Case(check, what, lambda _key: forge.post(xml))


def first(root: Element, local: str) -> Element:
    return next(iter(root.iter(f"{{{DS}}}{local}")))
