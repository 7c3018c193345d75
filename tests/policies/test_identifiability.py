"""The meter: what says less counts less, nothing tells an answer, and the page has the figures of the code."""

from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, AttributeName, Form
from policies.catalogue import STANDARD
from policies.forms import FORMS, is_predicate, says_no_more
from policies.identifiability import (
    MOST,
    about_one_in,
    bits,
    bits_asked,
    bits_needed,
    bits_released,
    figure,
    identifying,
)
from policies.parameters import SORTS
from policies.release import decide
from tests.identifiability_page import main
from tests.policies.parts import HOME, ON, PARKING, asked, offered, party, purpose

FULL = {"family_name": "exact", "given_name": "exact", "birthdate": "exact", "address": "exact"}
LESS = {"birthdate": "age_over(18)", "address": "resident_of(Storkhaven)"}
NEEDED = purpose((), LevelOfAssurance.LOW, **LESS)


def test_what_says_less_counts_less() -> None:
    for name, attribute in STANDARD.attributes.items():
        kinds = FORMS[attribute.kind]
        forms = [Form(one.name, SORTS[one.parameter].example if one.parameter else "") for one in kinds.values()]
        for form in forms:
            assert 0 < bits(name, form) <= bits(name, EXACT) <= MOST
            assert figure(name, form).source
            assert bits(name, form) <= 1 or not is_predicate(form)
            assert all(bits(name, form) <= bits(name, other) for other in forms if says_no_more(kinds, form, other))


def test_nobody_is_told_apart_by_what_everybody_is() -> None:
    assert bits(AttributeName("birthdate"), Form("age_over", "150")) == 0
    assert bits(AttributeName("birthdate"), Form("age_in", "0,150")) == 0


def test_a_parking_permit_gets_2_bits_of_65() -> None:
    decision = decide(
        asked(**FULL),
        NEEDED,
        party((PARKING,), **FULL),
        offered(birthdate="1990-04-01", address=HOME, family_name="Maasikas", given_name="Maria"),
        ON,
    )
    assert round(bits_asked(decision)) == 65
    assert round(bits_released(decision), 1) == 1.7
    assert bits_released(decision) == bits_needed(NEEDED)


def test_the_figure_is_the_same_for_a_yes_and_for_a_no() -> None:
    def released(birthdate: str) -> float:
        return bits_released(decide(asked(**LESS), NEEDED, party((PARKING,), **FULL), offered(birthdate=birthdate), ON))

    assert released("1990-04-01") == released("2020-04-01") > 0


def test_one_in_so_many_people() -> None:
    assert [about_one_in(said) for said in (0.0, 1.0, 2.0, 10.0)] == [1, 2, 4, 1024]
    assert about_one_in(65.0) == about_one_in(MOST)
    assert identifying(65.0) == MOST


def test_the_page_has_the_figures_of_the_code() -> None:
    assert main(["--check"]) == 0
