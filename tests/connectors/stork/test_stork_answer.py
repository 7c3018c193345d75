"""STORK's assertion: statuses that agree with their values, each value of its type, and the level among them."""

from collections.abc import Iterator, Sequence

import pytest
from lxml import etree

from connectors.checks import ALL_CHECKS, EIDAS_CHECKS, STORK_CHECKS
from connectors.formats.stork.registry import ATTRIBUTES as ATTRIBUTE_TYPES
from connectors.formats.stork.registry import AVAILABLE, BASE, NOT_AVAILABLE, WITHHELD, Part
from connectors.formats.stork.response import assertion_element, read_assertion
from connectors.formats.stork.values import StorkComplex, StorkSaid, StorkText
from connectors.wire.names import ATTRNAME_URI as URI
from policies.errors import AssertionRejected
from tests.connectors.stork import judge
from tests.connectors.stork.made import ADDRESS, ASSERTION, ATTRIBUTES, edited, saying, signed

UNLATIN = '<saml:AttributeValue xsi:type="xs:anyType" LatinScript="false">{}</saml:AttributeValue>'


@pytest.mark.spec("eidas.md §21 assertion; eidas.md §21 attribute status; eidas.md §21 complex values")
def test_what_we_say_is_valid_and_is_read_again_as_it_was() -> None:
    element = assertion_element(ASSERTION)
    judge.assert_valid(element)
    message = read_assertion(signed(element).tree())
    assert dict(message.attributes) == ATTRIBUTES
    assert message.frame.authentications[0].context_class == "3"
    assert etree.tostring(element).count(b"AuthnContextClassRef") == 0


@pytest.mark.spec("eidas.md §21 typed values; eidas.md §21 level")
@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ('Status="NotAvailable"', 'Status="Available"', "attribute_status"),
        ('Status="Available"', 'Status="Withheld"', "attribute_status"),
        ('Status="Available"', 'Status="Perhaps"', "attribute_status"),
        (">KH/ST/0001<", ">KH-ST-0001<", "attribute_value"),
        # Signs that nobody sees, or that look like others
        *((">KH/ST/0001<", f">KH/ST/{sign}0001<", "attribute_value") for sign in "\u200b\u00ad\uff11\u0660"),
        # A code in another script would be a second value beside the one
        ('xsi:type="xs:string">KH/ST/0001<', 'xsi:type="xs:anyType" LatinScript="false">KH/ST/0001<', "unknown_attribute"),
        *(
            (f">{code}</saml:AttributeValue>", f">{code}</saml:AttributeValue>{other}", "unknown_attribute")
            for code, other in (("KH/ST/0001", UNLATIN.format("KH/ST/0002")), ("3", UNLATIN.format("4")))
        ),
        (">18870412<", ">18871312<", "attribute_value"),
        (">18870412<", ">1887-04-12<", "attribute_value"),
        (
            '<saml:AttributeValue xsi:type="xs:string">KH</saml:AttributeValue>',
            '<saml:AttributeValue xsi:type="xs:string">kh</saml:AttributeValue>',
            "attribute_value",
        ),
        ("<stork:town>Tallinn</stork:town>", "", "attribute_value"),
        ("1</stork:streetNumber>", "1</stork:streetNumber><stork:city/>", "unknown_element"),
        (">2026-01-01<", ">2026-02-30<", "attribute_value"),
        (">EUR<", ">euro<", "attribute_value"),
        ("<stork:isJoined>false", "<stork:isJoined>no", "attribute_value"),
        (' LatinScript="false"', "", "attribute_value"),
        ('<saml:AttributeValue xsi:type="xs:string">Onasis</saml:AttributeValue>', "", "latin_script"),
        ('xsi:type="xs:string">3<', 'xsi:type="xs:date">3<', "attribute_type"),
        (">3</saml:AttributeValue>", ">5</saml:AttributeValue>", "attribute_value"),
        (f"{BASE}citizenQAALevel", "urn:example:level", "citizen_qaa"),
        (f"{BASE}givenName", f"{BASE}surname", "duplicate_attribute"),
        ("<saml:AuthnContextDecl/>", "<saml:AuthnContextDecl>4</saml:AuthnContextDecl>", "unknown_element"),
        ("<saml:AuthnContextDecl/>", "<saml:AuthnContextClassRef>4</saml:AuthnContextClassRef>", "unknown_element"),
    ],
)
def test_what_contradicts_itself_or_is_of_another_type_is_refused_by_name(old: str, new: str, check: str) -> None:
    with pytest.raises(AssertionRejected) as refused:
        read_assertion(edited(assertion_element(ASSERTION), old, new).tree())
    assert refused.value.check == check
    assert check in {*ALL_CHECKS, *EIDAS_CHECKS, *STORK_CHECKS}
    assert "Onasis" not in refused.value.detail
    assert "0001" not in refused.value.detail


def typed(parts: Sequence[Part]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The way to each part of a complex value that has a type, and the type."""
    for part in parts:
        yield from (((part.names[0], *inner), form) for inner, form in typed(part.parts))
        if part.form:
            yield (part.names[0],), part.form


LEAST = {"amount": "1", "currency": "EUR", "level": "1", "yearObtained": "2020", "countryCodeAddress": "KH"}


def whole(parts: Sequence[Part], way: tuple[str, ...], text: str) -> str:
    """The XML of a complex value with the part at the end of the way, which has this text, and whatever is required."""
    found = ""
    for part in parts:
        name, ahead = part.names[0], way[:1] == (part.names[0],)
        if ahead or part.required:
            inner = (
                whole(part.parts, way[1:] if ahead else (), text) if part.parts else text if ahead else LEAST.get(name, "x")
            )
            found += f"<stork:{name}>{inner}</stork:{name}>"
    free = next(part.names[0] for part in parts if not (part.form or part.parts)) if not found else ""
    return found or f"<stork:{free}>x</stork:{free}>"


WRONG: list[tuple[str, tuple[str, ...], str]] = [(uri, (), known.form) for uri, known in ATTRIBUTE_TYPES.items()]
WRONG += [(uri, way, form) for uri, known in ATTRIBUTE_TYPES.items() for way, form in typed(known.parts)]


@pytest.mark.spec("eidas.md §21 typed values; issue 33 bad input")
@pytest.mark.parametrize(
    ("uri", "way", "form"), WRONG, ids=[".".join((uri.rpartition("/")[2], *way)) for uri, way, _ in WRONG]
)
def test_a_value_of_another_type_is_refused_in_each_attribute_and_part(uri: str, way: tuple[str, ...], form: str) -> None:
    known = ATTRIBUTE_TYPES[uri]
    # Of free text, one that shows nothing; of a complex value, a text
    wrong = "?!" if form or known.parts else "\N{ZERO WIDTH SPACE}"
    value = whole(known.parts, way, wrong) if way else wrong
    inner = f"<saml:AttributeValue>{value}</saml:AttributeValue>"
    other = f'<saml:Attribute Name="{uri}" NameFormat="{URI}">{inner}</saml:Attribute>'
    element = assertion_element(saying(**{known.name: None}) if known.name != "citizenQAALevel" else ASSERTION)
    if known.name == "citizenQAALevel":
        spoiled = edited(element, '"xs:string">3<', f'"xs:string">{wrong}<')
    else:
        spoiled = edited(element, "</saml:AttributeStatement>", f"{other}</saml:AttributeStatement>")
    with pytest.raises(AssertionRejected) as refused:
        read_assertion(spoiled.tree())
    bare = known.parts and not way and not any(part.required for part in known.parts)
    assert refused.value.check == ("text" if bare else "attribute_value")
    if way:
        assert refused.value.detail == f"a {way[-1]} of another type than its own"


@pytest.mark.parametrize(
    "said",
    [
        {"eMail": StorkSaid(AVAILABLE)},
        {"eMail": StorkSaid(NOT_AVAILABLE, (StorkText("mari@example.org"),))},
        {"dateOfBirth": StorkSaid(AVAILABLE, (StorkText("18870230"),))},
        {"surname": StorkSaid(AVAILABLE, (StorkText("Ωνάσης", latin=False),))},
        {"surname": StorkSaid(AVAILABLE, (ADDRESS,))},
        {"surname": StorkSaid(AVAILABLE, (StorkText("Onasis"), StorkText("Kennedy")))},
        {"citizenQAALevel": None},
        {"citizenQAALevel": StorkSaid(AVAILABLE, (StorkText("3"), StorkText("4", latin=False)))},
        {"isStudent2": StorkSaid(WITHHELD)},
    ],
)
def test_we_never_say_what_a_peer_would_have_to_refuse(said: dict[str, StorkSaid | None]) -> None:
    with pytest.raises(ValueError, match=r"attribute|value|script|level"):
        assertion_element(saying(**said))


@pytest.mark.spec("eidas.md §21 both spellings")
def test_either_spelling_of_a_mandate_is_read_under_the_published_one() -> None:
    text = etree.tostring(assertion_element(ASSERTION), encoding="unicode")
    for old, new in (("typePower", "typeOfPower"), ("isJoined", "isJoint"), ("representative>", "representing>")):
        text = text.replace(old, new)
    attributes = read_assertion(signed(etree.fromstring(text)).tree()).attributes
    mandate = attributes[f"{BASE}mandate"].values[0]
    assert isinstance(mandate, StorkComplex)
    assert mandate == ATTRIBUTES[f"{BASE}mandate"].values[0]
