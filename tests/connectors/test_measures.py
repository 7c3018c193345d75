"""The quick ways of `parse`, `grammar` and `mapping` against slow and obvious ones."""

import base64
import binascii
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.grammar import instant
from connectors.formats.saml_message import WireAttribute
from connectors.mapping import single_value
from connectors.signatures.parse import (
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    Element,
    ids,
    parse_canonical,
    parse_message,
    strict_base64,
)
from connectors.wire.text import is_plain
from policies.errors import AssertionRejected
from policies.visible import is_visible

NAMES = ["a", "b", "p:a", "ID"]
ATTRIBUTES = [
    "ID",
    "Id",
    "id",
    "iD",
    "a",
    "p:a",
    "p:ID",
    "p:Id",
    "p:id",
    "p:base",
    "xml:lang",
    "xml:id",
    "xml:base",
    "ID.x",
]


@st.composite
def documents(draw: st.DrawFn, depth: int = 4) -> str:
    """Elements in elements, with attributes that may be identifiers; every namespace is declared."""
    name = draw(st.sampled_from(NAMES))
    attributes = draw(
        st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(["1", "2", "urn:ID", ":id"]), max_size=4)
    )
    inside = draw(st.lists(documents(depth=depth - 1) if depth else st.sampled_from(["x", ":ID"]), max_size=3))
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<{name} xmlns:p="urn:p"{said}>{"".join(inside)}</{name}>'


def slow_ids(root: Element) -> list[str]:
    return [str(value) for element in root.iter() for name, value in element.items() if name in ("ID", "Id", "id")]


def slow_check(root: Element) -> str:
    """The check that a well-formed document without markup fails, by going through it."""
    if any(len(list(element.iterancestors())) >= MAX_DEPTH for element in root.iter()):
        return "depth"
    if len(list(root.iter())) > MAX_ELEMENTS:
        return "elements"
    if any(len(element.keys()) > MAX_ATTRIBUTES for element in root.iter()):
        return "attributes"
    names = [str(name) for element in root.iter() for name in element.keys()]  # noqa: SIM118 # keys of an element
    if any(re.fullmatch(r"\{.*\}(ID|Id|id|base)", name) for name in names):
        return "namespace"
    return ""


def quick_check(text: str) -> str:
    try:
        parse_message(text.encode())
    except AssertionRejected as error:
        return error.check
    return ""


@given(documents())
def test_identifiers_and_measures_are_those_that_a_walk_finds(text: str) -> None:
    root = parse_canonical(text.encode())
    assert sorted(ids(root)) == sorted(slow_ids(root))
    assert quick_check(text) == slow_check(root)


@given(st.text(alphabet="xmlns:=\"'urn a\n\t<>/", max_size=60))
def test_every_declaration_of_a_namespace_is_looked_at(text: str) -> None:
    """Where the letters stand behind white space they begin a declaration of an absolute URI: the slow way sees each."""
    declaration = re.compile(
        r"""xmlns(?::[^\s=<>&"'/:]{1,64})?[ \t\r\n]*=[ \t\r\n]*"""
        r"""(?:"[A-Za-z][A-Za-z0-9+.-]{0,31}:[^"<&\s]{1,255}"|'[A-Za-z][A-Za-z0-9+.-]{0,31}:[^'<&\s]{1,255}')"""
    )
    document = f'<a xmlns="urn:a" {text}/>'
    try:
        parse_canonical(document.encode())
    except AssertionRejected:
        return
    # In a text or a value the letters may stand; white space before them is what makes a declaration
    begun = [found.end() - 5 for found in re.finditer(r"[ \t\r\n]xmlns(?=[:= \t\r\n])", document)]
    well_spelled = all(declaration.match(document, place) for place in begun)
    everywhere = document.count("xmlns") == len(declaration.findall(document))
    expected = "" if well_spelled or everywhere else "namespace"
    assert quick_check(document) == expected


def slow_base64(text: str) -> bytes | None:
    """One spelling: what encoding the octets again gives."""
    try:
        octets = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return octets if octets and base64.b64encode(octets).decode() == text else None


@given(
    st.text(alphabet="AQgw=/+-_ \n\xe4", max_size=10) | st.binary(max_size=9).map(lambda o: base64.b64encode(o).decode())
)
def test_base64_is_strict_as_if_it_were_encoded_again(text: str) -> None:
    try:
        found: bytes | None = strict_base64(text)
    except ValueError:
        found = None
    assert found == slow_base64(text)


def slow_instant(text: str) -> int | None:
    """By the calendar of Python, field by field."""
    match = re.fullmatch(
        r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,18})?(?:(Z)|([+-])([0-9]{2}):([0-9]{2}))",
        text,
    )
    if match is None:
        return None
    try:
        if match[7]:
            zone = UTC
        else:
            hours, minutes = int(match[9]), int(match[10])
            offset = timedelta(hours=hours, minutes=minutes)
            if minutes > 59 or offset > timedelta(hours=14):
                return None
            zone = timezone(offset if match[8] == "+" else -offset)
        return int(datetime(*(int(part) for part in match.groups()[:6]), tzinfo=zone).timestamp())  # type: ignore[arg-type,misc] # six numbers
    except (ValueError, OverflowError):
        return None


def quick_instant(text: str) -> int | None:
    try:
        return instant(text, "a test")
    except AssertionRejected as error:
        return None if error.check == "time" else -1


@given(
    st.datetimes().map(lambda moment: moment.isoformat(timespec="auto")),
    st.sampled_from(["Z", "", "z", ".0Z", ".123456789012345678Z", "+02:00", "-14:00", "+14:01", "+00:60", " Z"]),
)
def test_a_time_is_what_the_calendar_says(moment: str, end: str) -> None:
    assert quick_instant(moment + end) == slow_instant(moment + end)


@given(st.text(alphabet="0123456789-T:.Z+", max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert quick_instant(text) == slow_instant(text)


@given(st.text(max_size=12) | st.text(alphabet="a \x00\u2028\u0378\u00ad\ue000\U000e0001\xa0", max_size=4))
def test_a_plain_text_shows_something_and_has_no_mark_that_controls(text: str) -> None:
    controls = ("Cc", "Cs", "Cn", "Zl", "Zp")
    slow = is_visible(text) and all(unicodedata.category(mark) not in controls for mark in text)
    assert is_plain(text) is slow


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x"]), st.lists(st.sampled_from(["1", ""]), max_size=2)))
)
def test_an_attribute_has_one_value_or_none(said: list[tuple[str, str, list[str]]]) -> None:
    wire = [WireAttribute(name, name_format, tuple(values)) for name, name_format, values in said]
    for name in "abc":
        values = [value for one, name_format, found in said if one == name and not name_format for value in found]
        assert single_value(wire, name) == (values[0] if len(values) == 1 and values[0] else None)
