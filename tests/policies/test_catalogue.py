import pytest

from policies.attributes import EXACT, Address, AttributeName, Value
from policies.authentication import AskedAttribute
from policies.catalogue import STANDARD, AttributeType, ClaimValue
from policies.forms import FORMS, AttributeKind
from tests.policies.parts import HOME, form, sample

EVERY = [(name, sample(known)) for name, one in STANDARD.attributes.items() for known in FORMS[one.kind].values()]


@pytest.mark.spec("OpenID Connect Core §5.4")
@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("profile", ["birthdate", "family_name", "gender", "given_name"]),
        ("email", ["email"]),
        ("openid", []),
        ("purpose:resident-parking", []),
    ],
)
def test_a_standard_scope_asks_for_its_attributes_in_full(scope: str, names: list[str]) -> None:
    assert STANDARD.asked_by_scope(scope) == tuple(AskedAttribute(AttributeName(name), EXACT) for name in names)


@pytest.mark.parametrize(
    ("name", "text", "claim"),
    [
        ("birthdate", "exact", "birthdate"),
        ("birthdate", "age_over(18)", "age_over_18"),
        ("address", "country", "address_country"),
        ("address", "resident_of(Storkhaven)", "resident_of"),
        ("given_name", "initials", "given_name_initials"),
        ("nationality", "exact", "nationalities"),
    ],
)
def test_each_form_has_its_claim(name: str, text: str, claim: str) -> None:
    assert STANDARD.claim_for(AttributeName(name), form(text)) == claim


def test_what_a_claim_carries_is_what_the_claim_asks_for() -> None:
    for name, one in EVERY:
        assert STANDARD.asked_by_claim(STANDARD.claim_for(name, one), one.parameter) == AskedAttribute(name, one)


def test_no_two_forms_share_a_claim() -> None:
    claims = [STANDARD.claim_for(name, one) for name, one in EVERY]
    assert len(set(claims)) == len(claims)
    assert set(claims) == set(STANDARD.claims)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("age_over_0", ""),
        ("age_over_999", ""),
        ("age_over_\u0661\u0668", ""),
        ("resident_of", ""),
        ("resident_of", "a(b)"),
        ("sub", ""),
        ("", ""),
    ],
)
def test_a_claim_that_we_do_not_know_asks_for_nothing(claim: str, value: str) -> None:
    assert STANDARD.asked_by_claim(claim, value) is None


@pytest.mark.spec("OpenID Connect Core §5.1")
@pytest.mark.parametrize(
    ("name", "text", "value", "expected"),
    [
        ("birthdate", "exact", "1990-04-01", "1990-04-01"),
        ("birthdate", "age_over(18)", False, False),
        ("birthdate", "birth_year", "1990", "1990"),
        ("address", "resident_of(Storkhaven)", True, {"Storkhaven": True}),
        ("address", "resident_of(Storkhaven)", False, {"Storkhaven": False}),
        ("address", "country", "EE", "EE"),
        ("nationality", "exact", "EE", ["EE"]),
        ("place_of_birth", "exact", "Tallinn", {"locality": "Tallinn"}),
        (
            "address",
            "exact",
            HOME,
            {"street_address": "Canal Street 12", "postal_code": "99999", "locality": "Storkhaven", "country": "EE"},
        ),
        ("address", "exact", Address(region="Harju"), {"region": "Harju"}),
    ],
)
def test_a_value_stands_in_a_claim_as_json(name: str, text: str, value: Value, expected: ClaimValue) -> None:
    assert STANDARD.claim_value(AttributeName(name), form(text), value) == expected


def test_no_two_attributes_share_a_wire_name() -> None:
    wires = [wire for one in STANDARD.attributes.values() for wire in (*one.saml, one.eidas) if wire]
    assert len(set(wires)) == len(wires)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("birthdate", "age_over(18)", True),
        ("birthdate", "initials", False),
        ("email", "age_over(18)", False),
        ("shoe_size", "exact", False),
    ],
)
def test_a_form_is_read_only_where_the_attribute_has_it(name: str, text: str, *, expected: bool) -> None:
    assert (STANDARD.form(AttributeName(name), text) is not None) is expected


def test_a_city_adds_its_own_without_changing_the_standard_catalogue() -> None:
    card = AttributeType(AttributeName("library_card"), AttributeKind.TEXT, {"en": "Library card"}, "library_card")
    city = STANDARD.with_own([card])
    assert city.asked_by_claim("library_card") == AskedAttribute(card.name, EXACT)
    assert STANDARD.asked_by_claim("library_card") is None
