"""A closed grammar over one element: what is not asked for refuses.

A reader names the attributes and takes the children in the schema's order; whatever is left over is an error. Errors name
the element that was being read, in our words, and nothing that stood in the message.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from connectors.signatures.parse import Element, attributes, children_of
from policies.errors import AssertionRejected

XSI = "http://www.w3.org/2001/XMLSchema-instance"
XSI_TYPE = f"{{{XSI}}}type"
XSI_NIL = f"{{{XSI}}}nil"

# SAML Core 2.0 §8.3 bounds identifiers at 1024 characters; saml2int SDP-G04 an entityID at 256
MAX_TEXT = 1024
MAX_ID = 256

_NCNAME = re.compile(r"[^\W\d][\w.\-]*")
# Up to the seconds, a fraction that is cut off, then UTC or an offset
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,18})?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH, _SECOND = datetime(1970, 1, 1), timedelta(seconds=1)  # noqa: DTZ001 # both sides of a difference are UTC
_MAX_OFFSET = timedelta(hours=14)  # XML Schema Part 2 §3.2.7.3


class Reader:
    """Reads one element of a closed grammar: attributes first, then children in order, then `end()`."""

    __slots__ = ("_children", "_element", "_next", "_what")

    def __init__(self, element: Element, what: str) -> None:
        self._element = element
        self._what = what
        self._children = children = children_of(element)
        self._next = 0
        if children:
            if element.text is not None:
                no_text(element.text, what)
            for child in children:
                if child.tail is not None:
                    no_text(child.tail, what)

    def only(self, required: Collection[str], optional: Collection[str] = (), *, but: str = "") -> dict[str, str]:
        """The attributes: all of `required`, any of `optional`, no other.

        Where the schema has `anyAttribute namespace="##other"`, `but` is its own namespace: those of all others pass.
        """
        return _only(attributes(self._element), self._what, required, optional, but)

    def optional(self, tag: str) -> Element | None:
        """The next child where it has this tag."""
        children, place = self._children, self._next
        if place < len(children):
            child = children[place]
            if child.tag == tag:
                self._next = place + 1
                return child
        return None

    def one(self, tag: str, name: str) -> Element:
        """The next child, which must have this tag."""
        children, place = self._children, self._next
        if place == len(children) or children[place].tag != tag:
            raise AssertionRejected("missing_element", f"{self._what} without {name} in its place")
        self._next = place + 1
        return children[place]

    def many(self, *tags: str) -> list[Element]:
        """All next children that have one of these tags."""
        found: list[Element] = []
        for child in self._children[self._next :]:
            if child.tag not in tags:
                break
            found.append(child)
        self._next += len(found)
        return found

    def refuse(self, tag: str, check: str) -> None:
        """Refuse, by its own name, a next child that the schema has and we do not take."""
        if self._next < len(self._children) and self._children[self._next].tag == tag:
            raise AssertionRejected(check, f"{check} in {self._what}")

    def end(self) -> None:
        """No child is left, and no text stands where elements are."""
        if self._next < len(self._children):
            raise AssertionRejected("unknown_element", f"an unknown, misplaced or repeated element in {self._what}")
        if not self._children and self._element.text:
            no_text(self._element.text, self._what)

    def text(self, limit: int = MAX_TEXT) -> str:
        """The text of an element without children: a single text node, untrimmed."""
        if self._children:
            raise AssertionRejected("text", f"elements in the text of {self._what}")
        return _bounded(self._element, self._what, limit)


def no_text(text: str | None, what: str) -> None:
    """Nothing but white space stands between the children of an element, or in place of them."""
    if text and not text.isspace():
        raise AssertionRejected("text", f"text between or in place of the children of {what}")


def _bounded(element: Element, what: str, limit: int) -> str:
    text = element.text or ""
    if len(text) > limit:
        raise AssertionRejected("text", f"{what} of more than {limit} characters")
    return text


def _only(
    found: dict[str, str], what: str, required: Collection[str], optional: Collection[str], but: str
) -> dict[str, str]:
    for name in required:
        if name not in found:
            missing = ", ".join(sorted(name for name in required if name not in found))
            raise AssertionRejected("missing_attribute", f"{what} without {missing}")
    if len(found) == len(required):
        return found
    for name in found:
        if name in required or name in optional:
            continue
        if not but or not name.startswith("{") or name.startswith(f"{{{but}}}"):
            raise AssertionRejected("unknown_attribute", f"an unknown attribute of {what}")
    return found


def empty(element: Element, what: str, required: Collection[str], optional: Collection[str] = ()) -> dict[str, str]:
    """The attributes of an element that has neither children nor text; as `Reader.only`."""
    if len(element):
        raise AssertionRejected("unknown_element", f"an unknown, misplaced or repeated element in {what}")
    no_text(element.text, what)
    return _only(attributes(element), what, required, optional, "")


def texted(element: Element, what: str, optional: Collection[str], limit: int = MAX_TEXT) -> tuple[dict[str, str], str]:
    """The attributes, any of `optional`, and the text of an element that has no children."""
    if len(element):
        reader = Reader(element, what)
        return reader.only((), optional), reader.text(limit)
    return _only(attributes(element), what, (), optional, ""), _bounded(element, what, limit)


def plain(element: Element, what: str, limit: int = MAX_TEXT) -> str:
    """The text of an element that has no attributes and no children."""
    if not len(element) and not element.keys():
        return _bounded(element, what, limit)
    reader = Reader(element, what)
    reader.only(())
    return reader.text(limit)


def stated(found: Mapping[str, str], name: str, check: str) -> str:
    """The value of an optional attribute, "" where it is absent. An empty one is refused: it is not absent."""
    value = found.get(name)
    if value == "":
        raise AssertionRejected(check, f"{name} is there and empty")
    return value or ""


def identifier(text: str, what: str) -> str:
    """An xs:ID."""
    if len(text) > MAX_ID or not _NCNAME.fullmatch(text):
        raise AssertionRejected("id", f"an ID of {what} that is none")
    return text


def boolean(text: str, what: str) -> bool:
    """An xs:boolean."""
    if text not in ("true", "1", "false", "0"):
        raise AssertionRejected("boolean", f"a truth value of {what} that is none")
    return text in ("true", "1")


def version_2(text: str, what: str) -> None:
    """SAML Core 2.0 §4.1: the version is 2.0."""
    if text != "2.0":
        raise AssertionRejected("version", f"{what} of a version other than 2.0")


def instant(text: str, what: str) -> int:
    """An xs:dateTime with its time zone as seconds since the epoch, fractions cut off (SAML Core 2.0 §1.3.3)."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise AssertionRejected("time", f"a time of {what} that is none, or has no time zone")
    try:
        moment = datetime.fromisoformat(match[1])
        # In UTC, too, the year must be one that can be written: a subtraction out of range is an OverflowError
        in_utc = moment - _offset(match[2], int(match[3]), int(match[4])) if match[2] else moment
    except (ValueError, OverflowError):
        raise AssertionRejected("time", f"a time of {what} that no calendar has") from None
    return (in_utc - _EPOCH) // _SECOND


def written(seconds: int) -> str:
    """Seconds since the epoch as xs:dateTime in UTC."""
    return f"{(_EPOCH + seconds * _SECOND).isoformat()}Z"


def _offset(sign: str, hours: int, minutes: int) -> timedelta:
    offset = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or offset > _MAX_OFFSET:  # noqa: PLR2004 - minutes of an hour
        raise ValueError("no time zone")
    return offset if sign == "+" else -offset
