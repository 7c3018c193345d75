import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.attributes import EXACT, Address, Form, Value
from policies.derive import age_in, age_over, available, derive, initials, resident_of
from policies.forms import FORMS, AttributeKind
from policies.parameters import EU_MEMBERS
from tests.policies.parts import HOME, ON, form, sample

DATES = st.dates(date(1887, 1, 1), date(2026, 11, 25))


@pytest.mark.parametrize(
    ("born", "years", "on", "expected"),
    [
        ("2008-11-25", 18, "2026-11-25", True),
        ("2008-11-26", 18, "2026-11-25", False),
        ("1887-05-01", 139, "2026-05-01", True),
        ("1887-05-01", 139, "2026-04-30", False),
        ("2026-11-25", 1, "2026-11-25", False),
    ],
)
def test_an_age_is_reached_on_the_birthday(born: str, years: int, on: str, *, expected: bool) -> None:
    assert age_over(born, years, date.fromisoformat(on)) is expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [("2022-02-27", False), ("2022-02-28", False), ("2022-03-01", True)],
)
def test_born_on_29_february_means_coming_of_age_on_1_march_in_a_common_year(on: str, *, expected: bool) -> None:
    assert age_over("2004-02-29", 18, date.fromisoformat(on)) is expected


@pytest.mark.parametrize(("on", "expected"), [("2024-02-28", False), ("2024-02-29", True)])
def test_born_on_29_february_means_coming_of_age_on_it_in_a_leap_year(on: str, *, expected: bool) -> None:
    assert age_over("2004-02-29", 20, date.fromisoformat(on)) is expected


@pytest.mark.parametrize(
    ("born", "on", "expected"),
    [
        ("2008", "2026-12-30", False),
        ("2008", "2026-12-31", True),
        ("2008-02", "2026-02-28", False),
        ("2008-02", "2026-03-01", True),
    ],
)
def test_a_partial_date_is_taken_as_its_last_day(born: str, on: str, *, expected: bool) -> None:
    assert age_over(born, 18, date.fromisoformat(on)) is expected


@given(born=DATES, years=st.integers(1, 150), on=DATES)
def test_a_partial_date_never_says_yes_where_the_full_one_says_no(born: date, years: int, on: date) -> None:
    full = born.isoformat()
    for partial in (full[:7], full[:4]):
        assert not age_over(partial, years, on) or age_over(full, years, on) is not False


@given(born=DATES, years=st.integers(1, 149), on=DATES)
def test_who_is_over_an_age_is_over_every_lower_one(born: date, years: int, on: date) -> None:
    assert not age_over(born.isoformat(), years + 1, on) or age_over(born.isoformat(), years, on)


@pytest.mark.parametrize(
    "birthdate",
    [
        "",
        "1990-02-30",
        "1990-13-01",
        "0000",
        "2026-11-26",
        "2027",
        "19900401",
        "01.04.1990",
        "1990-04-01\n",
        "\u0661\u0669\u0669\u0660",
    ],
)
def test_a_date_that_is_none_is_available_in_no_form(birthdate: str) -> None:
    assert available(AttributeKind.DATE, birthdate, ON) is None
    for text in ("exact", "birth_year", "age_over(18)"):
        assert derive(AttributeKind.DATE, birthdate, form(text), ON) is None


def test_a_day_before_the_birth_has_no_answer() -> None:
    assert derive(AttributeKind.DATE, "1990-04-01", form("age_over(18)"), date(1990, 3, 31)) is None


@pytest.mark.parametrize("birthdate", ["1990-04-01", "1990-04", "1990"])
def test_a_date_goes_as_exactly_as_the_source_has_it(birthdate: str) -> None:
    assert derive(AttributeKind.DATE, birthdate, EXACT, ON) == birthdate
    assert derive(AttributeKind.DATE, birthdate, Form("birth_year"), ON) == "1990"


@pytest.mark.parametrize(
    ("locality", "place", "expected"),
    [
        ("Storkhaven", "Storkhaven", True),
        ("STORKHAVEN", "Storkhaven", True),
        ("P\u00f5lva", "Po\u0303lva", True),
        ("Storkhaven-Nord", "Storkhaven", False),
        ("Stork haven", "Storkhaven", False),
        ("\u0405torkhaven", "Storkhaven", False),
        ("", "Storkhaven", None),
    ],
)
def test_a_place_is_compared_by_its_name_alone(locality: str, place: str, *, expected: bool | None) -> None:
    assert resident_of(Address(locality=locality), place) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Maria", "M."),
        ("Anna Maria", "A. M."),
        ("Anna-Maria", "A. M."),
        ("O'Brien", "O."),
        ("\u00d5ie", "\u00d5."),
        ("", None),
        ("\u674e", None),
        ("Anna 3", None),
    ],
)
def test_initials_are_first_letters_and_never_the_whole_name(name: str, expected: str | None) -> None:
    assert initials(name) == expected


def test_the_country_alone_is_what_an_address_has_without_its_parts() -> None:
    only = Address(country="EE")
    assert available(AttributeKind.ADDRESS, only, ON) == Form("country")
    assert derive(AttributeKind.ADDRESS, only, Form("country"), ON) == "EE"
    assert derive(AttributeKind.ADDRESS, only, EXACT, ON) is None
    assert derive(AttributeKind.ADDRESS, only, form("resident_of(Storkhaven)"), ON) is None


@pytest.mark.parametrize("country", ["", "ee", "EST"])
def test_a_country_in_another_spelling_is_not_available(country: str) -> None:
    address = Address(locality="Storkhaven", country=country)
    assert derive(AttributeKind.ADDRESS, address, Form("country"), ON) is None
    assert available(AttributeKind.ADDRESS, Address(country=country), ON) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (AttributeKind.TEXT, ""),
        (AttributeKind.TEXT, HOME),
        (AttributeKind.ADDRESS, "Storkhaven"),
        (AttributeKind.ADDRESS, Address()),
        (AttributeKind.DATE, True),
    ],
)
def test_a_value_of_another_kind_or_none_at_all_is_available_in_no_form(kind: AttributeKind, value: Value) -> None:
    assert available(kind, value, ON) is None
    for known in FORMS[kind].values():
        assert derive(kind, value, sample(known), ON) is None


YES, NO, NONE = True, False, None
DERIVED: list[tuple[AttributeKind, Value, str, Value | None]] = [
    (AttributeKind.DATE, "2008-11-25", "age_in(18,25)", YES),
    (AttributeKind.DATE, "2008-11-26", "age_in(18,25)", NO),
    (AttributeKind.DATE, "2000-11-26", "age_in(18,25)", YES),
    (AttributeKind.DATE, "2000-11-25", "age_in(18,25)", NO),
    (AttributeKind.DATE, "2026-11-25", "age_in(0,0)", YES),
    # A yes needs every possible day
    (AttributeKind.DATE, "2000-12", "age_in(18,25)", YES),
    (AttributeKind.DATE, "2000-11", "age_in(18,25)", NO),
    (AttributeKind.DATE, "2008", "age_in(18,25)", NO),
    (AttributeKind.DATE, "2007", "age_in(18,25)", YES),
    (AttributeKind.DATE, "1990-04-01", "year_month", "1990-04"),
    (AttributeKind.DATE, "1990", "year_month", "1990"),
    (AttributeKind.ADDRESS, HOME, "municipality", Address(locality="Storkhaven", country="EE")),
    (AttributeKind.ADDRESS, Address("s", "p", "l", "r", "Estonia"), "municipality", Address(locality="l", region="r")),
    (AttributeKind.ADDRESS, Address("s", "p", "l", "r", "EE"), "region", Address(region="r", country="EE")),
    (AttributeKind.ADDRESS, Address("s", "p", "l"), "region", NONE),
    (AttributeKind.ADDRESS, Address("s", "p"), "municipality", NONE),
    (AttributeKind.NUMBER, "+372 5555 1234", "last4", "1234"),
    (AttributeKind.NUMBER, "38001085718", "last4", "5718"),
    (AttributeKind.NUMBER, "12-34-567", "last4", NONE),
    (AttributeKind.NUMBER, "EE/NL/12345678", "last4", "5678"),
    (AttributeKind.NUMBER, "EE/NL/1234567", "last4", NONE),
    (AttributeKind.NATIONALITY, "EE", "is_eu_citizen", YES),
    (AttributeKind.NATIONALITY, "EL", "is_eu_citizen", YES),
    (AttributeKind.NATIONALITY, "GB", "is_eu_citizen", NO),
    (AttributeKind.NATIONALITY, ("US", "LV"), "is_eu_citizen", YES),
    (AttributeKind.NATIONALITY, ("US", "Latvia"), "is_eu_citizen", NONE),
    (AttributeKind.NATIONALITY, ("LV", "Latvia"), "is_eu_citizen", YES),
    (AttributeKind.NATIONALITY, "EST", "is_eu_citizen", NONE),
    (AttributeKind.NATIONALITY, ("EL", "US"), "nationality_in(EE,GR)", YES),
    (AttributeKind.NATIONALITY, "DE", "nationality_in(EE,GR)", NO),
    (AttributeKind.NATIONALITY, "UK", "nationality_in(EE,GB)", YES),
    (AttributeKind.NATIONALITY, ("US", "EL", "LV"), "only(EE,GR,LV)", ("GR", "LV")),
    (AttributeKind.NATIONALITY, "US", "only(EE)", NONE),
    (AttributeKind.SET, "student", "one_of(staff,student)", YES),
    (AttributeKind.SET, ("alum", "staff"), "one_of(staff,student)", YES),
    (AttributeKind.SET, "Student", "one_of(student)", NO),
    (AttributeKind.SET, ("staff", "alum", "member"), "only(member,staff)", ("staff", "member")),
    (AttributeKind.SET, ("staffs",), "only(staff)", NONE),
    (AttributeKind.SET, ("lib:read", "tax:all", "lib"), "prefix(lib:,pool:)", ("lib:read",)),
    (AttributeKind.SET, "tax:all", "prefix(lib:)", NONE),
    (AttributeKind.SET, (".*",), "prefix(l)", NONE),
    (AttributeKind.AMOUNT, "29999.99 EUR/year", "below(30000 EUR/year)", YES),
    (AttributeKind.AMOUNT, "30000.00 EUR/year", "below(30000 EUR/year)", NO),
    (AttributeKind.AMOUNT, "30000 EUR/year", "above(30000 EUR/year)", NO),
    (AttributeKind.AMOUNT, "0.3 EUR", "above(0.1 EUR)", YES),
    (AttributeKind.AMOUNT, "-5 EUR", "below(0 EUR)", YES),
    (AttributeKind.AMOUNT, "31200", "above(30000 EUR/year)", NONE),
    (AttributeKind.AMOUNT, "31200 EUR/month", "above(30000 EUR/year)", NONE),
    (AttributeKind.AMOUNT, "31200 eur/year", "above(30000 EUR/year)", NONE),
    (AttributeKind.AMOUNT, "31,200 EUR/year", "below(99999 EUR/year)", NONE),
    (AttributeKind.AMOUNT, "1e3 EUR", "below(99999 EUR)", NONE),
    (AttributeKind.AMOUNT, "NaN EUR", "below(99999 EUR)", NONE),
]


@pytest.mark.parametrize(("kind", "value", "text", "expected"), DERIVED)
def test_a_form_says_what_its_name_says(kind: AttributeKind, value: Value, text: str, expected: Value | None) -> None:
    found = derive(kind, value, form(text), ON)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "latin", "expected"),
    [
        ("Ōšima", "", "Ōšima"),
        ("Ōšima", "Oshima", "Ōšima"),
        ("Иванова", "Ivanova", "Ivanova"),
        ("Иванова", "", None),
        ("Иванова", "Иванова", None),
        ("Иванова", ("Ivanova",), None),
    ],
)
def test_a_name_is_said_in_latin_letters_where_the_source_has_them(name: str, latin: Value, expected: str | None) -> None:
    assert derive(AttributeKind.NAME, name, Form("latin"), ON, latin) == expected


def test_the_member_states_are_the_27_of_the_treaty() -> None:
    assert len(EU_MEMBERS) == 27
    assert EU_MEMBERS.isdisjoint({"EL", "GB", "UK", "NO", "IS", "LI", "CH"})


@given(born=DATES, ages=st.tuples(st.integers(0, 150), st.integers(0, 150)).map(sorted), on=DATES)
def test_an_age_in_a_range_is_over_its_lower_end_and_never_guessed(born: date, ages: list[int], on: date) -> None:
    full = born.isoformat()
    whole = age_in(full, ages[0], ages[1], on)
    if whole is not None:
        assert whole == (age_over(full, ages[0], on) and not age_over(full, ages[1] + 1, on))
    for partial in (full[:7], full[:4]):
        assert not age_in(partial, ages[0], ages[1], on) or whole is not False


@pytest.mark.parametrize("wrong", [Form("initials"), Form("age_over", "x")])
def test_a_form_that_the_kind_does_not_have_is_never_derived(wrong: Form) -> None:
    assert derive(AttributeKind.DATE, "1990-04-01", wrong, ON) is None


VALUES: list[tuple[AttributeKind, Value]] = [
    *((kind, value) for kind, value, _, _ in DERIVED),
    *((AttributeKind.ADDRESS, Address(*parts)) for parts in itertools.product(*[("", "x")] * 4, ("", "x", "EE"))),
]


def test_where_a_form_has_no_answer_nothing_below_it_has_one() -> None:
    """Else a narrower registration would release more than a wider one (see `available`)."""
    for kind, value in VALUES:
        for known in FORMS[kind].values():
            if derive(kind, value, sample(known), ON) is None and meets(kind, value, known.name):
                below = [one for one in FORMS[kind].values() if known.name in one.below]
                assert not any(derive(kind, value, sample(one), ON) for one in below), (value, known)


def meets(kind: AttributeKind, value: Value, name: str) -> bool:
    """Whether the source has at least this form: else the weaker one that it has goes in its place."""
    has = available(kind, value, ON)
    return has is not None and (has == EXACT or has.name == name)
