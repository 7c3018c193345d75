"""From wire attributes to what is offered: one plain value each, or not at all."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.saml_message import WireAttribute
from connectors.mapping import birthdate, offered_attributes, single_value
from connectors.wire.text import is_plain
from policies.attributes import Address, AttributeName, Value
from tests.connectors.forge import TABLE, URI_FORMAT

FAMILY_NAME = "urn:oid:2.5.4.4"
BORN = "urn:oid:1.3.6.1.4.1.25178.1.2.3"


def wire(name: str, *values: str, name_format: str = URI_FORMAT) -> WireAttribute:
    return WireAttribute(name=name, name_format=name_format, values=values)


def test_what_the_table_does_not_name_is_dropped() -> None:
    assert (
        offered_attributes([wire("urn:oid:0.0"), wire("family_name", "Kask"), wire("urn:oid:2.5.4.4.1", "x")], TABLE) == {}
    )


@pytest.mark.parametrize(
    "values",
    [(), ("",), ("\u200b",), ("a\nb",), ("x" * 257,), ("a", "b")],
)
def test_an_attribute_without_one_plain_value_is_not_available(values: tuple[str, ...]) -> None:
    assert offered_attributes([wire(FAMILY_NAME, *values)], TABLE) == {}


ROLE, ROLES = AttributeName("role"), {"urn:role": (AttributeName("role"), "")}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (("staff",), "staff"),
        (("staff", "alum", "staff"), ("staff", "alum")),
        (("staff", "staff"), "staff"),
        (("staff", "a\nb"), None),
        (tuple(map(str, range(51))), None),
        ((), None),
    ],
)
def test_what_may_have_several_values_has_each_once(values: tuple[str, ...], found: Value | None) -> None:
    offered = offered_attributes([wire("urn:role", *values)], ROLES, {ROLE})
    assert offered == ({} if found is None else {ROLE: found})


def test_an_attribute_of_an_unknown_name_format_is_another_attribute() -> None:
    assert offered_attributes([wire(FAMILY_NAME, "Kask", name_format="urn:x")], TABLE) == {}
    for known in ("", URI_FORMAT, "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"):
        found = offered_attributes([wire(FAMILY_NAME, "Kask", name_format=known)], TABLE)
        assert found == {AttributeName("family_name"): "Kask"}


def test_values_are_taken_as_they_are() -> None:
    for value in (" Kask ", "Ōšima", "李小龍", "O'Neil-\u200dx", "e\u0301"):
        assert offered_attributes([wire(FAMILY_NAME, value)], TABLE) == {AttributeName("family_name"): value}


def test_the_parts_of_an_address_come_together_and_what_is_no_country_is_dropped() -> None:
    parts = [wire("urn:oid:2.5.4.9", "Pikk 1"), wire("urn:oid:2.5.4.7", "Tallinn"), wire("urn:oid:2.5.4.6", "EE")]
    assert offered_attributes(parts, TABLE) == {
        AttributeName("address"): Address(street="Pikk 1", locality="Tallinn", country="EE")
    }
    for country in ("Estonia", "ee", "EST", "E"):
        found = offered_attributes([*parts[:2], wire("urn:oid:2.5.4.6", country)], TABLE)
        assert found == {AttributeName("address"): Address(street="Pikk 1", locality="Tallinn")}
    assert offered_attributes([wire("urn:oid:2.5.4.6", "Estonia")], TABLE) == {}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1887-04-12", "1887-04-12"),
        ("18870412", "1887-04-12"),
        ("1887-04", "1887-04"),
        ("1887", "1887"),
        ("1900-02-29", None),
        ("18871304", None),
        ("188704", None),
        ("0000", None),
    ],
)
def test_a_birth_date_is_written_in_one_way(text: str, written: str | None) -> None:
    assert birthdate(text) == written
    found = offered_attributes([wire(BORN, text)], TABLE)
    assert found == ({} if written is None else {AttributeName("birthdate"): written})


@given(st.dates())
def test_every_day_is_read_in_both_spellings(day: date) -> None:
    text = day.isoformat()
    assert birthdate(text) == birthdate(text.replace("-", "")) == text


@given(st.text())
def test_a_plain_text_is_short_and_printable(text: str) -> None:
    if is_plain(text):
        assert 0 < len(text) <= 256
        assert text.strip()
        assert not set(text) & {"\n", "\r", "\t", "\x00", "\u2028"}
        assert single_value([wire("a", text)], "a") == text
