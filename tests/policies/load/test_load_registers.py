"""Registers in a configuration: what each gives and is handed, and who may take what from whom."""

import pytest

from policies.attribute_register import AttributeQueryService, DatabaseView, SignedClaimsService
from policies.attributes import EXACT, AttributeName
from policies.load import load
from policies.parties import RegisterId
from policies.persons import PersonKind
from policies.purposes import SIGN_IN
from policies.register import record_of_processing
from policies.simulation.compare import compare
from tests.policies.load.files import FILES, PROVIDER, PURPOSE, files, problems_of

REGISTER, PARKING = "registers/population.toml", "purposes/parking.toml"
VIEW = """
[view]
database = "postgresql://reader@db.example/city"
view = "residents"
"""
POPULATION = (
    """
id = "population"
title.en = "Population register"
level = "high"

[controller]
name.en = "Residents' office"
contact = "office@storkhaven.example"

[found_by]
person_identifier = "national_id"

[attributes]
street = "address.street"
town = "address.locality"
"""
    + VIEW
)
ADDRESS = 'form = "resident_of(Storkhaven)"\n'
TAKES = PURPOSE.replace(ADDRESS, f'{ADDRESS}from = "population"\nhand_over = ["person_identifier"]\n')
POWERS = POPULATION.replace("street =", 'powers = "mandate"\nstreet =')
SAML = '[saml]\nmetadata = "metadata/demo-ee.xml"\n'
HTTPS = '[https]\nendpoint = "https://r.example/ask"\nclient_id = "us"\njwks = "registers/r.jwks.json"\n'


def made(register: str = POPULATION, purpose: str = TAKES, **more: str) -> dict[str, bytes]:
    return files(**{REGISTER: register, PARKING: purpose, **more})


def test_a_purpose_says_where_an_attribute_comes_from() -> None:
    configuration = load(made())
    register = configuration.registers[RegisterId("population")]
    assert register.transport == DatabaseView("postgresql://reader@db.example/city", "residents")
    assert (register.issuer, register.found_by) == ("population", {"person_identifier": "national_id"})
    need = configuration.purposes[next(iter(configuration.purposes))].needs[AttributeName("address")]
    assert (need.sources, need.hand_over) == (("population",), ("person_identifier",))
    # Without a word the sign-in alone vouches
    assert load(files()).purposes[next(iter(configuration.purposes))].needs[AttributeName("address")].sources == (SIGN_IN,)


def test_each_way_to_ask_is_read() -> None:
    other = (
        POPULATION.replace(VIEW, SAML).replace('"national_id"', '"NameID"').replace("\nlevel", '\nissuer = "urn:r"\nlevel')
    )
    register = load(made(other)).registers[RegisterId("population")]
    assert isinstance(register.transport, AttributeQueryService)
    assert register.found_by == {"person_identifier": ""}
    third = POPULATION.replace(VIEW, HTTPS).replace("\nlevel", '\nissuer = "https://r.example"\nlevel')
    found = load(made(third, **{"registers/r.jwks.json": "{}"})).registers[RegisterId("population")].transport
    assert found == SignedClaimsService("https://r.example/ask", "us", "{}")


@pytest.mark.parametrize(
    ("register", "purpose", "key", "says"),
    [
        (POPULATION, TAKES.replace('from = "population"\n', ""), "attributes.address.hand_over", "goes to a register"),
        (POPULATION, TAKES.replace('hand_over = ["person_identifier"]\n', ""), "attributes.address.hand_over", "finds a"),
        (POPULATION, TAKES.replace('["person_', '["gender", "person_'), "attributes.address.hand_over", "gender would go"),
        (POPULATION, TAKES.replace('"population"', '"popular"'), "attributes.address.from", "`popular` is no register"),
        (
            POPULATION.replace("address.street", "email").replace('town = "address.locality"\n', ""),
            TAKES,
            "from",
            "no address",
        ),
        (POPULATION.replace('"population"', '"sign-in"'), TAKES.replace('"population"', '"sign-in"'), "id", "the word for"),
        (POPULATION.replace("reader@", "reader:secret@"), TAKES, "view.database", "has a password"),
        (POPULATION.replace('person_identifier = "national_id"\n', ""), TAKES, "found_by", "is empty"),
        (POPULATION.replace('"national_id"', '"id; drop"'), TAKES, "found_by.person_identifier", "no name of a column"),
        (POPULATION.replace("street =", '"a b" ='), TAKES, "attributes", "no name of a column"),
        (POPULATION.replace(VIEW, ""), TAKES, "view", "is missing"),
        (POPULATION + SAML, TAKES, "view", "beside another way"),
        (POPULATION.replace('"national_id"', '"NameID"'), TAKES, "found_by", "is for [saml]"),
        (POPULATION.replace("[controller]", "deadline = 60\n[controller]"), TAKES, "deadline", "whole seconds"),
        (POWERS, TAKES, "found_by", "has no legal_person_identifier or represented_person_identifier, and mandate"),
        (POWERS.replace("person_id", "legal_person_id"), TAKES, "found_by", "nothing of the person who signs in"),
        (POPULATION.replace("street =", 'company = "legal_name"\nstreet ='), TAKES, "found_by", "legal_name is about"),
        (
            POPULATION.replace("person_identifier", "legal_person_identifier"),
            TAKES,
            "found_by",
            "nothing of the person who signs in, and address",
        ),
        (
            POPULATION.replace("street =", 'ward = "represented_family_name"\nstreet =').replace(
                "[found_by]", '[found_by]\nlegal_person_identifier = "company"'
            ),
            TAKES,
            "found_by",
            "has no represented_person_identifier",
        ),
        (POPULATION.replace("[controller]", 'providers = ["xx"]\n[controller]'), TAKES, "providers", "`xx` is no provider"),
    ],
)
def test_a_register_that_could_be_told_more_than_a_purpose_says_is_refused(
    register: str, purpose: str, key: str, says: str
) -> None:
    found = [one for one in problems_of(made(register, purpose)) if key in one.key and says in one.what]
    assert found, [str(one) for one in problems_of(made(register, purpose))]


def test_a_register_of_powers_finds_both_of_whom_it_speaks() -> None:
    both = POWERS.replace("[found_by]", '[found_by]\nlegal_person_identifier = "company"')
    handed = TAKES.replace('["person_', '["legal_person_identifier", "person_')
    assert load(made(both, handed)).registers[RegisterId("population")].says == {"address", "mandate"}
    assert [one.key for one in problems_of(made(both))] == ["attributes.address.hand_over"]


def test_a_number_that_two_providers_give_is_taken_from_those_that_the_register_names() -> None:
    """Each of them could give the other's numbers."""
    number = PROVIDER.replace("[attributes]\n", '[attributes]\nnumber = "person_identifier"\n')
    other = number.replace("demo-ee", "demo-lv").replace("demo/EE", "demo/LT").replace("idp.example", "lv.example")
    two = {"providers/demo-ee.toml": number, "providers/demo-lv.toml": other, "metadata/demo-lv.xml": "<x/>"}
    load(made(**{"providers/demo-ee.toml": number}))
    (problem,) = problems_of(made(**two))
    assert (problem.file, problem.key) == (REGISTER, "providers")
    named = POPULATION.replace("[controller]", 'providers = ["demo-ee"]\n[controller]')
    assert load(made(named, **two)).registers[RegisterId("population")].providers == ("demo-ee",)


def test_a_comparison_tells_what_a_register_is_newly_handed() -> None:
    """A register that is handed a person's number learns it, whatever it gives."""
    found = compare(load(files()), load(made()))
    handed = [one for one in found.wider if one.client_id == "population"]
    assert [(one.attribute, one.before, one.after) for one in handed] == [("person_identifier", None, EXACT)]
    assert handed[0].sentence.startswith(
        "*Population register* would newly receive: personal identifier in full (now: nothing)"
    )
    back = compare(load(made()), load(files()))
    assert [one.attribute for one in back.narrower if one.client_id == "population"] == ["person_identifier"]


def test_another_source_of_an_attribute_is_more_than_before() -> None:
    """A register may say another thing of the same name, and say it of those of whom the country says nothing."""
    whole = TAKES.replace("resident_of(Storkhaven)", "exact", 1).replace("required = true\n", "")
    before = whole.replace('from = "population"\nhand_over = ["person_identifier"]\n', "")
    found = compare(load(made(purpose=before)), load(made(purpose=whole)))
    assert [one.attribute for one in found.wider if one.client_id == "parking"] == ["address"]
    assert compare(load(made()), load(made())).wider == ()


def test_the_record_of_processing_names_the_register_and_what_it_is_told() -> None:
    (one,) = record_of_processing(load(made()))
    found = one.as_json()
    assert found["registers"] == [
        {
            "id": "population",
            "title": "Population register",
            "controller": {"name": "Residents' office", "contact": "office@storkhaven.example"},
            "handed": ["person_identifier"],
            "level": "high",
        }
    ]
    assert "Personal identifier to Population register, which finds the person by it" in one.transfers
    assert {each["attribute"]: each["from"] for each in one.categories()}["address"] == ["population"]


def test_the_configuration_of_the_other_tests_has_no_register() -> None:
    assert not [name for name in FILES if name.startswith("registers/")]


LISTS = POPULATION.replace(
    'street = "address.street"\ntown = "address.locality"\n',
    'number = "legal_person_identifier"\nname = "legal_name"\n'
    'mandate = "mandate"\n\n[mandates]\nnamespace = "ee/companies"\n',
)


@pytest.mark.spec("issue 33 item 3")
@pytest.mark.parametrize(
    ("register", "key", "says"),
    [
        (LISTS.replace('"ee/companies"', '"a b"'), "mandates.namespace", "is spelled"),
        (LISTS.replace('name = "legal_name"\n', ""), "attributes", "does not say whom"),
        (LISTS.replace('mandate = "mandate"\n', ""), "attributes", "does not say whom"),
        (LISTS.replace('number = "legal_person_identifier"\n', ""), "attributes", "does not say whom"),
        (LISTS.replace("mandate =", 'mail = "email"\nmandate ='), "attributes", "email, which is of whoever signs in"),
        (LISTS.replace("[found_by]", '[found_by]\nlegal_person_identifier = "company"'), "found_by", "these the register"),
        (
            LISTS.replace(VIEW, SAML).replace('"national_id"', '"NameID"').replace("\nlevel", '\nissuer = "urn:r"\nlevel'),
            "mandates",
            "has none",
        ),
    ],
)
def test_a_mandate_register_says_of_each_whom_one_may_act_for_who_that_is(register: str, key: str, says: str) -> None:
    assert load(files(**{REGISTER: LISTS})).registers[RegisterId("population")].kinds == {PersonKind.FOR_LEGAL}
    found = problems_of(files(**{REGISTER: register}))
    assert [one for one in found if key in one.key and says in str(one)], [str(one) for one in found]
