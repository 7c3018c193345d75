"""An explanation is the decision, with its steps, and names everything that stands in the way."""

from dataclasses import replace

import pytest
from hypothesis import assume, given

from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName, Form
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import STANDARD
from policies.errors import ReleaseDenied
from policies.explain import Explanation, explain
from policies.federation.categories import RAF, InFederation
from policies.identifiability import bits_released
from policies.parties import RelyingParty
from policies.purposes import Purpose
from policies.release import Reason, choose, completed, decide
from policies.simulation.recall import Recorded, recall
from tests.policies.parts import HOME, ON, PARKING, asked, offered, party, purpose
from tests.policies.test_release_laws import CATALOGUE, PARTIES, PURPOSES, REQUESTS, SOURCES

BIRTHDATE, EMAIL = AttributeName("birthdate"), AttributeName("email")
LOW = LevelOfAssurance.LOW
ANONYMOUS = "https://refeds.org/category/anonymous"
WIDE = party((PARKING,), birthdate="exact", email="exact", address="exact")
NEEDS = purpose((), LOW, birthdate="age_over(18)", email="exact")
MARIA = offered(birthdate="1990-04-01", email="maria@post.example", address=HOME)


def explained(
    needs: Purpose = NEEDS,
    registration: RelyingParty = WIDE,
    source: Offered = MARIA,
    *refused: str,
    **wanted: str,
) -> Explanation:
    request = asked(**(wanted or {"birthdate": "exact"}))
    names = [AttributeName(name) for name in refused]
    return explain(request, (), needs, registration, source, ON, catalogue=STANDARD, refused=names)


TRUE = replace(NEEDS, needs={BIRTHDATE: replace(NEEDS.needs[BIRTHDATE], required=True, must_be_true=True)})
_BY_POLICY = (Reason.PURPOSE_NOT_REGISTERED, Reason.ASSURANCE_TOO_LOW, Reason.NOT_REGISTERED, Reason.NOT_NEEDED)
CASES = {
    "purpose": (
        explained(registration=replace(WIDE, purposes=())),
        "purpose_not_registered",
        ["The registration would have to name the purpose", "The purpose would have to say exact in place of age_over(18)"],
    ),
    "level": (
        explained(replace(NEEDS, minimum_assurance=LevelOfAssurance.HIGH), source=replace(MARIA, loa=LOW)),
        "assurance_too_low",
        ["The citizen would have to sign in at level high", "The purpose would have to say exact"],
    ),
    "neither registered nor needed": (
        explained(registration=party((PARKING,), email="exact"), gender="exact", source=offered(gender="f")),
        "not_registered",
        ["The registration would have to have it: gender", "The purpose would have to need it: [attributes.gender]"],
    ),
    "nothing in common": (
        explained(birthdate="birth_year"),
        "no_common_form",
        ["The purpose would have to say birth_year in place of age_over(18): purposes/resident-parking.toml:20."],
    ),
    "registered narrower": (
        explained(purpose((), LOW, birthdate="exact"), party((PARKING,), birthdate="birth_year")),
        "least_sufficient",
        ["The registration would have to say exact in place of birth_year: parties/parking.toml:10."],
    ),
    "missing": (
        explained(email="exact", source=offered()),
        "not_available",
        ["The country would have to send it"],
    ),
    "less": (
        explained(purpose((), LOW, address="exact"), address="exact", source=offered(address=Address(country="EE"))),
        "source_has_less",
        ["The country would have to send what exact is made of: it has country."],
    ),
    "sphere": (
        explained(registration=replace(WIDE, sphere="eu"), source=replace(MARIA, sphere="other"), email="exact"),
        "other_sphere",
        ["The service would have to ask for a yes or no: its source lies in the sphere other."],
    ),
    "categories": (
        explained(registration=replace(WIDE, federation=InFederation(frozenset({ANONYMOUS}))), email="exact"),
        "other_category",
        ["The service would have to have an entity category that lets email go: parties/parking.toml:1."],
    ),
    "unmarked": (
        explained(source=replace(MARIA, only_for=frozenset({ANONYMOUS})), email="exact"),
        "source_wants_more",
        [f"The service would have to have {ANONYMOUS}, which its source wants: parties/parking.toml:1."],
    ),
    "assurance": (
        explained(registration=replace(WIDE, federation=InFederation(assurance=(RAF,))), email="exact"),
        "identity_unassured",
        ["The person's identity would have to be as sure as refeds_assurance says: parties/parking.toml:1."],
    ),
    "box": (
        explained(NEEDS, WIDE, MARIA, "email", email="exact"),
        "not_chosen",
        ["The citizen would have to tick it."],
    ),
    "ended": (
        explained(TRUE, replace(WIDE, enforce=True), offered(birthdate="2020-04-01"), birthdate="age_over(18)"),
        "blocked",
        ["birthdate would have to be answered yes: the purpose wants it to be true."],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_everything_in_the_way_is_named(name: str) -> None:
    explanation, why, expected = CASES[name]
    (row,) = explanation.rows
    assert row.why == why
    said = explanation.changes(row)
    assert len(said) == len(expected)
    assert all(text.startswith(start) for text, start in zip(said, expected, strict=True)), said


def test_a_required_attribute_takes_the_others_along() -> None:
    explanation = explained(
        purpose(("birthdate",), LOW, birthdate="exact", email="exact"), source=offered(email="e"), email="exact"
    )
    by_name = {row.ruling.name: row for row in explanation.rows}
    assert by_name[EMAIL].why == "blocked"
    assert explanation.changes(by_name[EMAIL]) == ("birthdate would have to go, which is required.",)
    assert not explanation.goes
    assert explanation.bits_released == 0


def test_the_form_that_was_left_at_each_step() -> None:
    needs = purpose((), LOW, birthdate="birth_year")
    (row,) = explained(needs, party((PARKING,), birthdate="year_month")).rows
    assert [str(one) for one in row.left] == ["exact", "year_month", "birth_year", "birth_year"]


def test_what_has_no_box_cannot_be_refused() -> None:
    with pytest.raises(ReleaseDenied):
        explained(NEEDS, WIDE, MARIA, "address", email="exact")


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_an_explanation_is_the_decision(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    before = decide(completed(wanted, (), needs, CATALOGUE), needs, rules, source, ON, catalogue=CATALOGUE)
    refused = before.optional[::2]
    after = choose(before, [name for name in before.optional if name not in refused])
    explanation = explain(wanted, (), needs, rules, source, ON, catalogue=CATALOGUE, refused=refused)
    assert explanation.decision == after
    assert {row.ruling.name: row.goes for row in explanation.rows if row.goes} == {a.name: a.form for a in after.released}
    for row in explanation.rows:
        assert bool(explanation.changes(row)) is (row.goes != row.ruling.asked)
        assert row.why in {"blocked", *Reason}


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_what_a_record_says_is_explained_without_a_value(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    facts = (needs, rules, source, ON)
    whole = completed(wanted, (), needs, CATALOGUE)
    before = decide(whole, *facts, catalogue=CATALOGUE)
    assume(not before.blocked)
    after = choose(before, before.optional[::2])
    withheld = {r.name: r.reason.value for r in after.rulings if r.released is None}
    said = Recorded(whole, (), {a.name: a.form for a in after.released}, withheld, source.loa, ON, source.kind)
    explanation, differences = recall(said, needs, rules, source.sphere, CATALOGUE)
    assert differences == ()
    assert bits_released(explanation.decision) == bits_released(after)
    never = [name for name, reason in withheld.items() if reason in _BY_POLICY]
    wrong = replace(said, released={**(said.released or {}), **dict.fromkeys(never, Form("exact"))}, withheld={})
    assert bool(recall(wrong, needs, rules, source.sphere, CATALOGUE)[1]) is bool(never)
