"""The assertions that we hear of other nodes, and the values in them."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.checks import ALL_CHECKS, EIDAS_CHECKS
from connectors.formats.eidas.registry import (
    CURRENT_FAMILY_NAME,
    MINIMUM,
)
from connectors.formats.eidas.request import read_request, request_element
from connectors.formats.eidas.response import EidasAssertionMessage, assertion_element, read_assertion
from connectors.formats.eidas.values import EidasValue
from connectors.signatures.parse import Element
from connectors.wire.names import ENTITY, PERSISTENT, SAML, TRANSIENT, UNSPECIFIED
from policies.errors import AssertionRejected
from tests.connectors.eidas import judge, made
from tests.connectors.eidas.made import (
    CONDITIONS,
    OPTIONAL,
    OWN_HIGH,
    assertion,
    attribute,
    name_id,
    natural,
    said,
    signed,
    signed_text,
    statement,
    value,
)


def heard(text: str) -> EidasAssertionMessage:
    return read_assertion(signed_text(text))


def refused(check: str, text: str) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        heard(text)
    assert refusal.value.check == check
    assert check in {*ALL_CHECKS, *EIDAS_CHECKS}
    return str(refusal.value)


@pytest.mark.spec("eidas.md §4 OneTimeUse")
@pytest.mark.spec("eidas.md §4 Address")
def test_another_nodes_spelling_is_read_and_is_valid_to_the_schemas() -> None:
    text = assertion()
    judge.assert_valid(etree.fromstring(text))
    message = heard(text)
    assert {uri: [each.text for each in values] for uri, values in message.attributes.items()} == {
        natural(name): list(texts) for name, texts in made.GOOD.items()
    }
    assert message.authentications[0].context_class == OWN_HIGH


PAIR = (
    value("CurrentFamilyName", "Onasis"),
    value("CurrentFamilyName", "Ωνάσης", 'n:LatinScript="false"'),
)


@pytest.mark.spec("eidas.md §5 value order is not significant")
@pytest.mark.spec("eidas.md §5 LatinScript with and without namespace")
@pytest.mark.parametrize(
    "values",
    [
        PAIR,
        PAIR[::-1],
        (PAIR[0], PAIR[1].replace('"false"', '"0"')),
        (PAIR[1], PAIR[0].replace("<a:AttributeValue", '<a:AttributeValue LatinScript="1"')),
    ],
)
def test_a_name_in_two_scripts_is_read_in_every_spelling(values: tuple[str, ...]) -> None:
    message = heard(assertion(said=statement(CurrentFamilyName=attribute("CurrentFamilyName", *values))))
    assert set(message.attributes[CURRENT_FAMILY_NAME]) == {EidasValue("Onasis"), EidasValue("Ωνάσης", latin=False)}


@pytest.mark.spec("eidas.md §5 a Latin value accompanies the original")
@pytest.mark.parametrize(
    ("check", "values"),
    [
        ("latin_script", PAIR[1:]),
        ("latin_script", PAIR[1:] * 2),
        ("latin_script", (PAIR[1], value("CurrentFamilyName", ""))),
        ("latin_script", (PAIR[0], PAIR[1].replace("n:Latin", 'LatinScript="true" n:Latin'))),
        ("boolean", (PAIR[0], PAIR[1].replace('"false"', '"no"'))),
    ],
)
def test_an_original_script_alone_or_of_two_minds_is_refused(check: str, values: tuple[str, ...]) -> None:
    text = assertion(said=statement(CurrentFamilyName=attribute("CurrentFamilyName", *values)))
    assert "Ωνάσης" not in refused(check, text)


@pytest.mark.spec("eidas.md §5 transliteration applies to T")
def test_an_attribute_that_is_never_transliterated_has_no_script() -> None:
    place = attribute("PlaceOfBirth", value("PlaceOfBirth", "Tallinn", 'n:LatinScript="true"'))
    refused("unknown_attribute", assertion(said=statement(PlaceOfBirth=place)))


@pytest.mark.spec("eidas.md §5 typed values")
@pytest.mark.parametrize(
    "xsi_type",
    [
        "n:CurrentGivenNameType",
        "CurrentFamilyNameType:n",
        "xs:string",
    ],
)
def test_a_value_of_another_type_is_refused(xsi_type: str) -> None:
    family = attribute("CurrentFamilyName", value("CurrentFamilyName", "Onasis", xsi_type=xsi_type))
    # the prefixes stay bound because LatinScript and the like use them
    more = attribute("BirthName", value("BirthName", "Onasis", 'n:LatinScript="true"'))
    refused("attribute_type", assertion(said=statement(CurrentFamilyName=family, BirthName=more)))


@pytest.mark.parametrize("xsi_type", ["", "n:CurrentFamilyNameType", "CurrentFamilyNameType", " n:CurrentFamilyNameType "])
def test_a_value_may_leave_its_type_out_or_say_the_right_one(xsi_type: str) -> None:
    family = attribute("CurrentFamilyName", value("CurrentFamilyName", "Onasis", xsi_type=xsi_type))
    assert heard(assertion(said=statement(CurrentFamilyName=family))).attributes[CURRENT_FAMILY_NAME]


@pytest.mark.spec("eidas.md §4 minimum data set")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "absent") for name in sorted(made.GOOD)),
        *(("CurrentFamilyName", kind) for kind in ("no value", "empty", "white space", "invisible", "nil", "unknown name")),
    ],
)
def test_an_incomplete_minimum_data_set_is_refused(name: str, kind: str) -> None:
    spelled = {
        "absent": None,
        "no value": attribute(name),
        "empty": attribute(name, value(name, "")),
        "white space": attribute(name, value(name, " \n ")),
        "invisible": attribute(name, value(name, "\u200b\u2060 \u034f")),
        "nil": attribute(name, value(name, "", 'x:nil="true"')),
        "unknown name": attribute(name, value(name, made.GOOD[name][0]), uri=natural(name).upper()),
    }[kind]
    refused("minimum_data_set", assertion(said=statement(**{name: spelled})))


@pytest.mark.spec("eidas.md §5 value forms")
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("DateOfBirth", ["1887"]),
        ("DateOfBirth", ["1887-02-30"]),
        ("PersonIdentifier", ["0001"]),
        ("PersonIdentifier", ["KH/ST/0001", "KH/ST/0002"]),
    ],
)
def test_who_somebody_is_cannot_be_malformed_or_manifold(name: str, texts: list[str]) -> None:
    text = assertion(said=statement(**{name: attribute(name, *(value(name, each) for each in texts))}))
    shown = refused("attribute_value", text)
    assert not any(each in shown for each in texts)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Gender", "F"),
        ("Nationality", "EST"),
        ("Gender", ""),
    ],
)
def test_an_optional_value_that_is_none_is_not_available(name: str, text: str) -> None:
    message = heard(assertion(said=statement(**{name: attribute(name, value(name, text))})))
    assert set(message.attributes) == set(MINIMUM)
    several = attribute("Nationality", value("Nationality", "EE"), value("Nationality", "LV"))
    assert len(heard(assertion(said=statement(Nationality=several))).attributes[natural("Nationality")]) == 2


@pytest.mark.spec("eidas.md §4 natural and legal persons")
def test_unknown_attributes_are_left_out() -> None:
    others = {
        f"Other{at}": attribute("", "<a:AttributeValue><n:Deep/>text</a:AttributeValue>", uri=uri)
        for at, uri in enumerate(["urn:sector:licence", natural("Height")])
    }
    assert set(heard(assertion(said=statement(**others))).attributes) == set(MINIMUM)


@pytest.mark.spec("eidas.md §4 NameID length")
def test_a_name_id_has_1_to_256_characters() -> None:
    assert heard(assertion(name=name_id("x" * 256))).subject.value == "x" * 256
    for name in (name_id("x" * 257), name_id(""), ""):
        refused("name_id", assertion(name=name))


@pytest.mark.spec("eidas.md §4 NameID Format")
@pytest.mark.parametrize(
    ("more", "name_format"),
    [
        (f'Format="{PERSISTENT}"', PERSISTENT),
        (f'Format="{TRANSIENT}" NameQualifier="q" SPNameQualifier="s"', TRANSIENT),
        ("", UNSPECIFIED),
    ],
)
def test_a_name_id_is_of_a_format_of_the_profile(more: str, name_format: str) -> None:
    assert heard(assertion(name=name_id(more=more))).subject.name_format == name_format
    refused("name_id_format", assertion(name=name_id(more=f'Format="{ENTITY}"')))


FAMILY = "CurrentFamilyName"
BROKEN = [
    ("version", assertion(version="1.1")),
    ("missing_element", assertion(conditions="")),
    ("missing_attribute", assertion(conditions=CONDITIONS.replace(' NotBefore="2026-09-21T14:13:20Z"', ""))),
    ("advice", assertion(conditions=CONDITIONS + "<a:Advice/>")),
    ("proxy_restriction", assertion(conditions=CONDITIONS.replace("a:OneTimeUse", "a:ProxyRestriction"))),
    ("authn_statement", assertion(authn="")),
    ("attribute_statement", assertion(said="")),
    ("encrypted_attribute", assertion(said=statement(Other="<a:EncryptedAttribute/>"))),
    ("unknown_element", assertion(said=statement(Other="<a:Evil/>"))),
    ("unknown_element", assertion(after="<a:AuthzDecisionStatement/>")),
    ("encrypted_id", assertion(name="<a:EncryptedID/>")),
    ("unknown_attribute", assertion(name=name_id(more='Evil="x"'))),
    ("duplicate_attribute", assertion(said=statement(Other=attribute(FAMILY, value(FAMILY, "Evil"))))),
    ("name_format", assertion(said=statement(**{FAMILY: attribute(FAMILY, more='NameFormat="urn:basic"')}))),
    (
        "text",
        assertion(said=statement(**{FAMILY: attribute(FAMILY, value(FAMILY, "", 'x:nil="true"').replace("></", ">E</"))})),
    ),
    ("root", made.authn_request()),
]


@pytest.mark.spec("eidas.md §4 closed grammar")
@pytest.mark.parametrize(("check", "text"), BROKEN, ids=[f"{at}-{check}" for at, (check, _) in enumerate(BROKEN)])
def test_an_assertion_that_the_grammar_does_not_have_is_refused_by_name(check: str, text: str) -> None:
    assert "Onasis" not in refused(check, text)


def _torn(root: Element, place: int, how: int) -> Element:
    """The message with one of its elements cut out, doubled, emptied, renamed, or moved to the end of the root."""
    elements = [element for element in root.iter("*") if element is not root]
    chosen = elements[place % len(elements)]
    parent = chosen.getparent()
    assert parent is not None
    match how:
        case 0:
            parent.remove(chosen)
        case 1:
            chosen.addnext(deepcopy(chosen))
        case 2:
            chosen.clear()
        case 3:
            chosen.tag = f"{{{SAML}}}Evil"
        case _:
            root.append(chosen)
    return root


@pytest.mark.spec("eidas.md §4 closed grammar")
@given(place=st.integers(0, 200), how=st.integers(0, 4))
def test_a_torn_message_is_read_or_refused_by_name_and_never_a_crash(place: int, how: int) -> None:
    readers = (
        (assertion_element(said(**OPTIONAL)), read_assertion),
        (etree.fromstring(assertion()), read_assertion),
        (etree.fromstring(made.authn_request()), read_request),
        (request_element(made.REQUEST), read_request),
    )
    for element, read in readers:
        torn = signed(_torn(element, place, how))
        try:
            read(torn)
        except AssertionRejected as refusal:
            assert refusal.check in {*ALL_CHECKS, *EIDAS_CHECKS}  # noqa: PT017 - either outcome is right
