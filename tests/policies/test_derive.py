from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.attributes import EXACT, Address, Form, Value
from policies.derive import age_over, available, derive, initials, resident_of
from policies.forms import FORMS, AttributeKind
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


@pytest.mark.parametrize("wrong", [Form("initials"), Form("age_over", "x")])
def test_a_form_that_the_kind_does_not_have_is_never_derived(wrong: Form) -> None:
    assert derive(AttributeKind.DATE, "1990-04-01", wrong, ON) is None


def test_a_derivation_that_may_fail_has_nothing_below_it() -> None:
    """Else a narrower registration could release more than a wider one (see `available`)."""
    may_fail = {"initials", "resident_of", "country", "birth_year", "age_over"}
    for table in FORMS.values():
        assert not any(may_fail & known.below for known in table.values())
