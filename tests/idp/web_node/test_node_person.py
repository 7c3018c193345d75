"""A national answer goes to another country whole, typed and in Latin script, or not at all."""

from collections.abc import Sequence

import pytest

from connectors.formats.eidas.address import read_address
from connectors.formats.eidas.request import asked_attributes
from connectors.formats.eidas.values import EidasValue
from connectors.formats.saml_message import WireAttribute
from connectors.mapping import latin_forms
from idp.protocols.eidas.person import PERSON_IDENTIFIER_NAME, data_sets, names_asked, wire_values
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Value, latin_name
from policies.authentication import AskedAttribute, Assertion, Offered
from policies.catalogue import STANDARD
from policies.errors import AssertionRejected
from policies.parties import EntityId, ProviderId, SubjectNamespace
from policies.persons import PersonKind
from tests.idp.web_node.peer import ATTRIBUTE, and_also

IDENTIFIER = "EE/NL/abc"
PERSON = {"family_name": "Maasikas", "given_name": "Mari", "birthdate": "1990-02-28"}
ASKED = tuple(AskedAttribute(names_asked(STANDARD)[each.name], EXACT) for each in asked_attributes(()))


def assertion(**values: Value | None) -> Assertion:
    """An assertion about `PERSON` with these values; None takes one away. `__` stands for the dot of a Latin form."""
    merged = {**PERSON, **values}
    named = {AttributeName(name.replace("__", ".")): value for name, value in merged.items() if value is not None}
    return Assertion(
        provider_id=ProviderId("national"),
        issuer=EntityId("https://idp.example"),
        namespace=SubjectNamespace("national/EE"),
        subject="EE-49002280001",
        offered=Offered(attributes=named, loa=LevelOfAssurance.HIGH),
        response_id="_r",
        assertion_id="_a",
        authenticated_at=0,
        not_on_or_after=0,
    )


def found(one: Assertion, *beside: str) -> dict[str, tuple[Value, str]]:
    names = names_asked(STANDARD)
    asked = [AskedAttribute(names[each.name], EXACT) for each in and_also(*beside) if each.name in names]
    return {str(each.name): (each.value, each.latin) for each in sent(asked, one)}


def sent(asked: Sequence[AskedAttribute], one: Assertion) -> tuple[Attribute, ...]:
    """The attributes that would go of a person for themself."""
    return data_sets(PersonKind.NATURAL, asked, one, {PERSON_IDENTIFIER_NAME: IDENTIFIER}, STANDARD)


def written(one: Attribute) -> tuple[str, tuple[EidasValue, ...]]:
    """One attribute as it goes."""
    (row,) = wire_values((one,), STANDARD)
    return row


@pytest.mark.spec("eidas.md §5 minimum data set")
def test_the_minimum_data_set_is_whole_and_has_our_identifier() -> None:
    assert found(assertion(person_identifier="EE-49002280001")) == {
        "person_identifier": (IDENTIFIER, ""),
        "family_name": ("Maasikas", ""),
        "given_name": ("Mari", ""),
        "birthdate": ("1990-02-28", ""),
    }


@pytest.mark.parametrize("name", sorted(PERSON))
@pytest.mark.parametrize("value", [None, " ", "\u200b", "\u202e\u034f"])
def test_without_one_of_it_nothing_goes(name: str, value: str | None) -> None:
    with pytest.raises(AssertionRejected) as refused:
        sent(ASKED, assertion(**{name: value}))
    assert refused.value.check == "minimum_data_set"
    assert name in refused.value.detail
    assert "national" in refused.value.detail


@pytest.mark.spec("eidas.md §5 value forms")
@pytest.mark.parametrize("text", ["1990", "1990-02", "1990-02-30", "19900228", "28.2.1990"])
def test_half_a_birth_date_is_none(text: str) -> None:
    with pytest.raises(AssertionRejected) as refused:
        sent(ASKED, assertion(birthdate=text))
    assert refused.value.check == "minimum_data_set"
    assert text not in refused.value.detail


@pytest.mark.spec("eidas.md §5 a Latin value accompanies the original")
def test_a_name_in_another_script_needs_its_latin_form() -> None:
    assert found(assertion(family_name="Иванова", family_name__latin="Ivanova"))["family_name"] == ("Иванова", "Ivanova")
    for latin in (None, "", "Иванова", True):
        with pytest.raises(AssertionRejected) as refused:
            sent(ASKED, assertion(family_name="Иванова", family_name__latin=latin))
        assert refused.value.check == "latin_script"
        assert refused.value.code == "misconfigured", "the page tells that the operator has to act"
        assert "`family_name.latin`" in refused.value.detail
        assert "Иванова" not in refused.value.detail


def test_what_is_asked_for_beside_goes_if_it_can_be_said() -> None:
    beside = ("Gender", "Nationality", "CurrentAddress", "PlaceOfBirth", "BirthName")
    one = assertion(gender="2", nationality="EE", address=Address(locality="Tallinn"), place_of_birth="Tartu")
    assert set(found(one, *beside)) == {*PERSON, "person_identifier", "gender", "nationality", "address", "place_of_birth"}
    one = assertion(gender="x", nationality="Estonian", address=Address(), place_of_birth=" ")
    assert set(found(one, *beside)) == {*PERSON, "person_identifier"}


def test_the_page_shows_the_word_that_is_sent() -> None:
    for given, sent in (("2", "Female"), ("MALE", "Male"), ("9", "Unspecified")):
        shown, _ = found(assertion(gender=given), "Gender")["gender"]
        assert shown == sent


@pytest.mark.parametrize("asked", range(4))
def test_a_request_that_leaves_out_some_of_the_set_gets_nothing(asked: int) -> None:
    with pytest.raises(AssertionRejected, match="all of it"):
        sent(ASKED[:asked], assertion())


@pytest.mark.spec("eidas.md §5 value forms")
@pytest.mark.parametrize(
    ("given", "said"), [("male", "Male"), ("Female", "Female"), ("1", "Male"), ("2", "Female"), ("9", "Unspecified")]
)
def test_genders_are_said_in_the_words_of_eidas(given: str, said: str) -> None:
    uri, values = written(Attribute(AttributeName("gender"), EXACT, given))
    assert (uri, values) == (f"{ATTRIBUTE}Gender", (EidasValue(said),))


def test_each_nationality_goes_as_a_value_of_its_own() -> None:
    both, _ = found(assertion(nationality=("EE", "LV")), "Nationality")["nationality"]
    assert both == ("EE", "LV")
    _, values = written(Attribute(AttributeName("nationality"), EXACT, ("EE", "LV")))
    assert values == (EidasValue("EE"), EidasValue("LV"))
    assert "nationality" not in found(assertion(nationality=("EE", "Latvian")), "Nationality")


@pytest.mark.spec("eidas.md §5 address")
def test_an_address_is_written_in_its_base64_form() -> None:
    address = Address("Pikk 1", "10123", "Tallinn", "Harju", "EE")
    uri, values = written(Attribute(AttributeName("address"), EXACT, address))
    assert uri == f"{ATTRIBUTE}CurrentAddress"
    assert read_address(values[0].text) == address


# -- where Latin forms come from -------------------------------------------------------------------------------------------


def test_latin_forms_are_offered_under_names_that_no_catalogue_has() -> None:
    wire = [WireAttribute(name="urn:latin", name_format="", values=("Ivanova",))]
    assert latin_forms(wire, {"urn:latin": AttributeName("family_name")}) == {"family_name.latin": "Ivanova"}
    assert latin_name(AttributeName("family_name")) not in STANDARD.attributes


@pytest.mark.parametrize("values", [(), ("",), ("a", "b"), ("a\nb",)])
def test_a_latin_form_that_is_not_one_plain_value_is_none(values: tuple[str, ...]) -> None:
    wire = [WireAttribute(name="urn:latin", name_format="", values=values)]
    assert latin_forms(wire, {"urn:latin": AttributeName("family_name")}) == {}
