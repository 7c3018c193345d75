"""CurrentAddress: base64 of elements without a root."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.formats.eidas.address import MAX_ENCODED, PARTS, read_address, write_address
from connectors.formats.eidas.registry import NATURAL_PERSON
from connectors.wire.text import MAX_VALUE, is_plain
from policies.attributes import Address

FULL = (
    "<eidas-natural:PoBox>1234</eidas-natural:PoBox>"
    "<eidas-natural:LocatorDesignator>28</eidas-natural:LocatorDesignator>"
    "<eidas-natural:LocatorName>DIGIT building</eidas-natural:LocatorName>"
    "<eidas-natural:CvaddressArea>Etterbeek</eidas-natural:CvaddressArea>"
    "<eidas-natural:Thoroughfare>Rue Belliard</eidas-natural:Thoroughfare>"
    "<eidas-natural:PostName>ETTERBEEK CHASSE</eidas-natural:PostName>"
    "<eidas-natural:AdminunitFirstline>BE</eidas-natural:AdminunitFirstline>"
    "<eidas-natural:AdminunitSecondline>Brussels</eidas-natural:AdminunitSecondline>"
    "<eidas-natural:PostCode>1040</eidas-natural:PostCode>"
)
READ = Address(street="Rue Belliard 28", postal_code="1040", locality="ETTERBEEK CHASSE", region="Brussels", country="BE")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def part(name: str, text: str) -> str:
    return f"<eidas-natural:{name}>{text}</eidas-natural:{name}>"


@pytest.mark.spec("eidas.md §5 address")
def test_an_address_in_all_its_parts() -> None:
    assert read_address(encoded(FULL)) == READ


@pytest.mark.spec("eidas.md §5 address")
@pytest.mark.parametrize(
    "fragment",
    [
        # each with a declaration of its own, by the usual prefix, another, or none
        FULL.replace("<eidas-natural:", "<n:").replace("</eidas-natural:", "</n:"),
        FULL.replace("<eidas-natural:", "<").replace("</eidas-natural:", "</"),
        FULL,
    ],
)
def test_elements_may_declare_their_own_prefix(fragment: str) -> None:
    for name in PARTS:
        fragment = fragment.replace(f"<n:{name}>", f'<n:{name} xmlns:n="{NATURAL_PERSON}">')
        fragment = fragment.replace(f"<{name}>", f'<{name} xmlns="{NATURAL_PERSON}">')
        fragment = fragment.replace(
            f"<eidas-natural:{name}>", f'<eidas-natural:{name} xmlns:eidas-natural="{NATURAL_PERSON}">'
        )
    assert read_address(encoded(fragment)) == READ


@pytest.mark.parametrize(
    ("names", "address"),
    [
        (("Thoroughfare",), Address(street="Thoroughfare")),
        (("LocatorDesignator", "LocatorName"), Address(street="LocatorDesignator")),
        (("PoBox",), Address(street="PoBox")),
        (("CvaddressArea", "PostName"), Address(locality="PostName")),
        (("AdminunitFirstline", "PostCode"), Address(postal_code="PostCode")),
    ],
)
def test_each_part_goes_to_its_place(names: tuple[str, ...], address: Address) -> None:
    assert read_address(encoded("".join(part(name, name) for name in names))) == address


@pytest.mark.spec("security.md §2.0 rule 2")
@pytest.mark.parametrize(
    "fragment",
    [
        "",
        FULL + "and text",
        FULL + part("Planet", "Earth"),
        FULL + part("PostCode", "1040"),
        "<PoBox>1</PoBox>",
        '<PoBox xmlns="http://eidas.europa.eu/attributes/company">1</PoBox>',
        part("PoBox", "<b>1</b>"),
        part("Thoroughfare", "x" * (MAX_VALUE + 1)),
        part("Thoroughfare", "a\nb"),
        part("AdminunitFirstline", "Belgium"),
        '<!DOCTYPE x [<!ENTITY lol "lol">]>' + FULL,
        FULL + "<!-- -->",
        f'</Address><Address xmlns:eidas-natural="{NATURAL_PERSON}">' + FULL,
        "<eidas-natural:PoBox/>" * 6000,
    ],
)
def test_what_is_no_address_is_not_available_and_never_a_crash(fragment: str) -> None:
    assert read_address(encoded(fragment)) is None


def test_a_value_longer_than_any_address_is_not_even_decoded() -> None:
    room = MAX_ENCODED // 4 * 3 - len(FULL)
    assert read_address(encoded(FULL + " " * room)) == READ
    assert read_address(encoded(FULL + " " * (room + 1))) is None


@given(st.text())
def test_no_text_at_all_crashes(text: str) -> None:
    read_address(text)
    read_address(encoded(text))
    read_address(encoded(part("Thoroughfare", text)))


# No text may hold what opens a declaration of a namespace: the scan of every message counts those
PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), max_size=MAX_VALUE).filter(
    lambda text: text == "" or (is_plain(text) and "xmlns" not in text)
)
ADDRESSES = st.builds(
    Address,
    street=PLAIN,
    postal_code=PLAIN,
    locality=PLAIN,
    region=PLAIN,
    country=st.sampled_from(["", "EE", "BE"]),
).filter(lambda address: address != Address())


@pytest.mark.spec("eidas.md §5 address")
@given(ADDRESSES)
def test_what_is_written_is_read_again(address: Address) -> None:
    assert read_address(write_address(address)) == address


@pytest.mark.spec("eidas.md §5 address elements in order")
@given(ADDRESSES)
def test_what_is_written_is_of_the_schema_in_its_order(address: Address) -> None:
    fragment = base64.b64decode(write_address(address)).decode()
    assert "xmlns" not in fragment
    root = etree.fromstring(
        f'<n:Wrapped xmlns:n="{NATURAL_PERSON}" xmlns:eidas-natural="{NATURAL_PERSON}" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{fragment}</n:Wrapped>'
    )
    places = [PARTS.index(str(child.tag).rpartition("}")[2]) for child in root]
    assert places == sorted(set(places))


@pytest.mark.parametrize(
    "address",
    [
        Address(),
        replace(READ, country="Belgium"),
        replace(READ, street="a\nb"),
        replace(READ, region="x" * (MAX_VALUE + 1)),
    ],
)
def test_an_address_that_nobody_could_read_is_not_written(address: Address) -> None:
    with pytest.raises(ValueError, match=r"address|XML") as refusal:
        write_address(address)
    assert "Belliard" not in str(refusal.value)
