"""The other parser: expat's stream of events, held against what lxml's tree says.

```
<a xmlns="urn:a" b="1">x<c/></a>      ("<", "{urn:a}a", (("b", "1"),))  ("text", "x")  ("<", "{urn:a}c", ())  (">",)  (">",)
```

Prefixes are not compared: canonicalisation drops those that no name uses. expat is given no DTD, entity, processing
instruction or CDATA section, and no more than a message has: our own scan refused them, so meeting one is a disagreement.
"""

from collections.abc import Iterator, Sequence
from xml.parsers import expat

from lxml import etree

from connectors.signatures.parse import MAX_DEPTH, MAX_ELEMENTS, MAX_METADATA, Element, attributes
from connectors.signatures.profile import SIGNATURE
from policies.errors import AssertionRejected

# A piece of a document; a document is a list of them in its order
Event = tuple[str, ...] | tuple[str, str, tuple[tuple[str, str], ...]]


def judge_reading(octets: bytes, root: Element, what: str, *, elements: int = MAX_ELEMENTS) -> None:
    """Hold lxml's tree of some octets against expat's reading of them. Raises `AssertionRejected("second_reading")`."""
    if of_expat(octets, elements) != of_tree(root):
        raise differs(f"expat and lxml differ in what they read in {what}")


def judge_reading_of_signed(octets: bytes, tag: str, root: Element) -> None:
    """Hold lxml's tree of the accepted octets against expat's reading of the message that they were made of.

    `tag` is that of the signed element: the root, or one child of it. Raises `AssertionRejected("second_reading")`.
    """
    if restricted(of_expat(octets), tag) != of_tree(root):
        raise differs("expat reads the signed element of the message in another way than we do")


def differs(detail: str) -> AssertionRejected:
    """The refusal of a reading."""
    return AssertionRejected("second_reading", detail)


def of_tree(root: Element) -> list[Event]:
    """The events of lxml's tree. Nothing but elements, attributes and text is in it."""
    return _merged(_walked(root))


def of_expat(octets: bytes, elements: int = MAX_ELEMENTS) -> list[Event]:
    """The events that expat reads. Raises `AssertionRejected("second_reading")` for none, or more than a message has."""
    if len(octets) > MAX_METADATA:
        raise differs(f"{len(octets)} octets, which expat is not shown")
    stream, parser = _Stream(elements), expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler, parser.EndElementHandler = stream.start, stream.end
    parser.CharacterDataHandler = stream.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ProcessingInstructionHandler = stream.refuse
    parser.StartCdataSectionHandler = parser.SkippedEntityHandler = parser.UnparsedEntityDeclHandler = stream.refuse
    parser.ExternalEntityRefHandler = stream.refuse
    try:
        parser.Parse(octets, True)  # noqa: FBT003 - pyexpat takes it by place alone
    except expat.ExpatError:
        raise differs("expat cannot read what lxml reads") from None
    return _merged(stream.events)


def restricted(events: Sequence[Event], tag: str) -> list[Event]:
    """The events of the root, or of its first child of this tag, without the Signatures that are its own children."""
    found: list[Event] = []
    top = 1 if events and events[0][1:2] == (tag,) else 2
    depth, inside, cutting = 0, False, False
    for event in events:
        if event[0] == "<":
            depth += 1
            inside = inside or (depth == top and event[1] == tag)
            cutting = cutting or (inside and depth == top + 1 and event[1] == SIGNATURE)
        if inside and not cutting:
            found.append(event)
        if event[0] == ">":
            depth -= 1
            cutting = cutting and depth > top
            if inside and depth < top:
                break
    return _merged(found)


class _Stream:
    """Collects what expat says, and refuses what our own scan should have refused."""

    def __init__(self, elements: int) -> None:
        self.events: list[Event] = []
        self._depth, self._left = 0, elements

    def start(self, name: str, found: dict[str, str]) -> None:
        self._depth += 1
        self._left -= 1
        if self._depth > MAX_DEPTH or self._left < 0:
            raise differs("expat reads more elements than a message has")
        self.events.append(("<", _name(name), _pairs((_name(key), value) for key, value in found.items())))

    def end(self, _name: str) -> None:
        self._depth -= 1
        self.events.append((">",))

    def text(self, text: str) -> None:
        self.events.append(("text", text))

    def refuse(self, *_: object) -> int:
        raise differs("expat sees markup that our own scan did not see")


def _name(name: str) -> str:
    """A name as lxml spells it: expat has the namespace, a space, and the local name."""
    namespace, space, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if space else name


def _pairs(found: Iterator[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Attributes have no order."""
    return tuple(sorted(found))


def _walked(root: Element) -> Iterator[Event]:
    for kind, element in etree.iterwalk(root, events=("start", "end")):
        if kind == "start":
            yield ("<", str(element.tag), _pairs(iter(attributes(element).items())))
            text = element.text
        else:
            yield (">",)
            text = element.tail if element is not root else None
        if text:
            yield ("text", text)


def _merged(events: Iterator[Event] | Sequence[Event]) -> list[Event]:
    """Texts that nothing stands between are one text: whole pieces, joined once."""
    found: list[Event] = []
    pieces: list[str] = []
    for event in events:
        if event[0] == "text":
            pieces.append(str(event[1]))
            continue
        if pieces:
            found.append(("text", "".join(pieces)))
            pieces = []
        found.append(event)
    return [*found, ("text", "".join(pieces))] if pieces else found
