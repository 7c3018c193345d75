"""Two readings of octets, as one list of events each: lxml's tree, and what expat says while it reads."""

from xml.parsers import expat

from lxml import etree

from connectors.signatures.parse import Element, attributes

Event = tuple[str, ...]


def by_lxml(octets: bytes) -> list[Event]:
    """Elements with their attributes, and texts; neighbouring texts are one."""
    found: list[Event] = []
    _walk(etree.fromstring(octets), found)
    return found


def _walk(element: Element, found: list[Event]) -> None:
    found.append(("<", str(element.tag), *(f"{name}={value}" for name, value in sorted(attributes(element).items()))))
    if element.text:
        found.append(("text", str(element.text)))
    for child in element:
        _walk(child, found)
        if child.tail:
            found.append(("text", str(child.tail)))
    found.append((">",))


def by_expat(octets: bytes) -> list[Event]:
    """The same by a parser that shares no code with libxml2. ValueError where it does not read them."""
    found: list[Event] = []
    parser = expat.ParserCreate("UTF-8", namespace_separator="\x01")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: found.append(
        ("<", _clark(name), *(f"{key}={value}" for key, value in sorted((_clark(k), v) for k, v in attributes.items())))
    )
    parser.EndElementHandler = lambda _name: found.append((">",))
    parser.CharacterDataHandler = lambda text: _add(found, text)
    try:
        parser.Parse(octets, True)  # noqa: FBT003 - expat takes it by place
    except expat.ExpatError as error:
        raise ValueError("expat does not read it") from error
    return found


def _add(found: list[Event], text: str) -> None:
    """A text, which expat hands out in pieces."""
    if found and found[-1][0] == "text":
        text = found.pop()[1] + text
    found.append(("text", text))


def _clark(name: str) -> str:
    namespace, separator, local = name.rpartition("\x01")
    return f"{{{namespace}}}{local}" if separator else name
