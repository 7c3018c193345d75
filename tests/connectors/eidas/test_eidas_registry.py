"""The names of the eIDAS profile, row by row."""

import pytest

from connectors.checks import ALL_CHECKS, EIDAS_CHECKS, REQUEST_CHECKS
from connectors.formats.eidas import registry
from connectors.formats.eidas.registry import (
    ATTRIBUTES,
    LEGAL,
    LEGAL_MINIMUM,
    MINIMUM,
    MINIMUMS,
    NATURAL,
    NATURAL_PERSON,
    REPRESENTATIVES,
    is_level,
    level_uri,
    notified,
    notified_from,
    representative_kind,
)
from policies.assurance import LevelOfAssurance
from tests.connectors.eidas import judge
from tests.connectors.eidas.made import HIGH, LOW, OWN_HIGH, SUBSTANTIAL, natural

# URI suffix, FriendlyName, xsi:type, mandatory, transliterated: the table as the specification prints it
NATURAL_TABLE = """
PersonIdentifier PersonIdentifier PersonIdentifierType M -
CurrentFamilyName FamilyName CurrentFamilyNameType M T
CurrentGivenName FirstName CurrentGivenNameType M T
DateOfBirth DateOfBirth DateOfBirthType M -
BirthName BirthName BirthNameType - T
PlaceOfBirth PlaceOfBirth PlaceOfBirthType - -
CurrentAddress CurrentAddress CurrentAddressType - -
Gender Gender GenderType - -
PhoneNumber PhoneNumber PhoneNumberType - -
Nationality Nationality NationalityType - -
CountryOfBirth CountryOfBirth CountryOfBirthType - -
TownOfBirth TownOfBirth TownOfBirthType - -
CountryOfResidence CountryOfResidence CountryOfResidenceType - -
EmailAddress EmailAddress EmailAddressType - -
"""
ROWS = [line.split() for line in NATURAL_TABLE.split("\n") if line]


@pytest.mark.spec("eidas.md §5 natural person")
@pytest.mark.spec("eidas.md §5 FriendlyName")
@pytest.mark.spec("eidas.md §5 mandatory attributes")
def test_the_attributes_of_natural_persons_are_as_the_table_has_them() -> None:
    for suffix, friendly, xsi_type, mandatory, transliterated in ROWS:
        known = NATURAL[f"http://eidas.europa.eu/attributes/naturalperson/{suffix}"]
        assert (known.friendly_name, known.xsi_type) == (friendly, xsi_type)
        assert (known.mandatory, known.transliterated) == (mandatory == "M", transliterated == "T")
    assert list(NATURAL) == [natural(row[0]) for row in ROWS]
    assert [natural(row[0]) for row in ROWS if row[3] == "M"] == list(MINIMUM)


LEGAL_TABLE = """
LegalPersonIdentifier LegalPersonIdentifier LegalPersonIdentifierType M -
LegalName LegalName LegalNameType M T
LegalPersonAddress LegalAddress LegalPersonAddressType - -
VATRegistrationNumber VATRegistration VATRegistrationNumberType - -
TaxReference TaxReference TaxReferenceType - -
D-2012-17-EUIdentifier D-2012-17-EUIdentifier D-2012-17-EUIdentifierType - -
LEI LEI LEIType - -
EORI EORI EORIType - -
SEED SEED SEEDType - -
SIC SIC SICType - -
LegalPhoneNumber LegalPhoneNumber LegalPhoneNumberType - -
LegalEmailAddress LegalEmailAddress LegalEmailAddressType - -
"""


@pytest.mark.spec("eidas.md §5 legal person")
@pytest.mark.spec("eidas.md §5 FriendlyName")
def test_the_attributes_of_legal_persons_are_as_the_table_has_them() -> None:
    rows = [line.split() for line in LEGAL_TABLE.split("\n") if line]
    prefix = "http://eidas.europa.eu/attributes/legalperson/"
    for suffix, friendly, xsi_type, mandatory, transliterated in rows:
        known = LEGAL[prefix + suffix]
        assert (known.friendly_name, known.xsi_type) == (friendly, xsi_type)
        assert (known.mandatory, known.transliterated) == (mandatory == "M", transliterated == "T")
    assert list(LEGAL) == [prefix + row[0] for row in rows]
    assert (f"{prefix}LegalPersonIdentifier", f"{prefix}LegalName") == LEGAL_MINIMUM


@pytest.mark.spec("eidas.md §5 representatives")
def test_representatives_have_the_same_attributes_under_their_own_names() -> None:
    for uri, known in (*NATURAL.items(), *LEGAL.items()):
        theirs = ATTRIBUTES[f"{known.namespace}/representative{uri.removeprefix(known.namespace)}"]
        assert theirs.friendly_name == f"Representative{known.friendly_name}"
        assert (theirs.namespace, theirs.prefix) == (f"{known.namespace}/representative", f"{known.prefix}-representative")
        assert (theirs.xsi_type, theirs.form, theirs.mandatory) == (known.xsi_type, known.form, known.mandatory)
    assert [len(MINIMUMS[kind]) for kind in REPRESENTATIVES] == [4, 2]
    assert representative_kind(natural("representative/Anything")) == registry.REPRESENTATIVE_NATURAL_PERSON
    assert not any(representative_kind(uri) for uri in (*NATURAL, *LEGAL, "", natural("representative"), "urn:x"))


@pytest.mark.spec("eidas.md §1 notified levels are case-sensitive")
@pytest.mark.spec("eidas.md §1 order of the levels")
def test_three_levels_are_notified_in_one_spelling_and_in_their_order() -> None:
    assert list(registry.NOTIFIED_LEVELS) == [LOW, SUBSTANTIAL, HIGH]
    assert notified_from(LevelOfAssurance.LOW) == (LOW, SUBSTANTIAL, HIGH)
    assert notified_from(LevelOfAssurance.HIGH) == (HIGH,)
    assert all(notified(uri) and is_level(uri) for uri in (LOW, SUBSTANTIAL, HIGH))
    assert not any(notified(uri) for uri in (HIGH.upper(), HIGH + "/", OWN_HIGH, "high", ""))


@pytest.mark.spec("eidas.md §1 error under the prefix of notified levels")
@pytest.mark.parametrize(
    "uri",
    [
        "http://eidas.europa.eu/LoA/",
        "http://eidas.europa.eu/LoA/High",
        "http://eidas.europa.eu/loa/high",
        "http://eidas.europa.eu/LoA/NotNotified/high",
        "",
    ],
)
def test_what_is_spelled_nearly_like_a_notified_level_is_no_level(uri: str) -> None:
    assert not is_level(uri)


@pytest.mark.spec("eidas.md §1 non-notified levels")
def test_any_other_uri_may_name_a_level_that_is_not_notified() -> None:
    for uri in (
        OWN_HIGH,
        "http://eidas.europa.eu/LoAs/high",
        "urn:oid:1.2.3",
        "https://loa.example/http://eidas.europa.eu/LoA/",
    ):
        assert is_level(uri)
        assert not notified(uri)
    assert level_uri(LevelOfAssurance.HIGH, is_notified=False) == OWN_HIGH
    assert level_uri(LevelOfAssurance.HIGH, is_notified=True) == HIGH == LevelOfAssurance.HIGH.uri


@pytest.mark.spec("eidas.md §1 namespaces")
def test_the_namespaces_are_those_of_the_schemas() -> None:
    """The judge's schema imports each by its name: a wrong one could not be loaded."""
    assert judge.schema() is not None
    assert (registry.EIDAS_PREFIX, registry.EIDAS) == ("eidas", "http://eidas.europa.eu/saml-extensions")
    assert (registry.NATURAL_PREFIX, NATURAL_PERSON) == (
        "eidas-natural",
        "http://eidas.europa.eu/attributes/naturalperson",
    )
    assert f"{registry.LEGAL_PERSON}/representative" == registry.REPRESENTATIVE_LEGAL_PERSON


@pytest.mark.spec("eidas.md §4 status codes")
def test_the_status_codes_are_those_of_the_profile() -> None:
    prefix = "urn:oasis:names:tc:SAML:2.0:status:"
    assert {code.removeprefix(prefix) for code in registry.FAILURES} == {"Requester", "Responder", "VersionMismatch"}
    assert {code.removeprefix(prefix) for code in registry.SUB_STATUSES} == {
        *("AuthnFailed", "InvalidAttrNameOrValue", "InvalidNameIDPolicy", "RequestDenied")
    }


@pytest.mark.spec("eidas.md §5 value forms")
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("PersonIdentifier", ["ES/AT/02635542Y", "ES/AT/" + "x" * 256], ["ES/AT/", "es/AT/1", "ES/AT/a b", "ES/AT", "1"]),
        ("PersonIdentifier", ["ES/AT/a/b"], ["ES/AT/" + "x" * 257, "ES/AT/1\n", "ESP/AT/1"]),
        ("DateOfBirth", ["1887-04-12", "2024-02-29"], ["1887-4-12", "18870412", "1887-04", "1887-02-30", "1887-04-12Z"]),
        ("Gender", ["Male", "Female", "Unspecified"], ["male", "M", "Not Specified"]),
        ("Nationality", ["EE"], ["ee", "EST", "E1"]),
        ("CurrentFamilyName", ["O"], ["", " ", "\t\n"]),
    ],
)
def test_a_value_is_of_its_type_or_is_none(name: str, good: list[str], bad: list[str]) -> None:
    known = NATURAL[natural(name)]
    assert all(known.is_value(text) for text in good)
    assert not any(known.is_value(text) for text in bad)


def test_every_check_has_a_sentence_and_no_name_stands_for_two_things_of_an_answer() -> None:
    assert not set(ALL_CHECKS) & set(EIDAS_CHECKS)
    assert all(sentence for sentence in (*EIDAS_CHECKS.values(), *REQUEST_CHECKS.values()))
