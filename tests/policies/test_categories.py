"""Entity categories, certifications and REFEDS assurance only ever take away, each with a reason of its own."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.authentication import Offered
from policies.federation.categories import RAF, RAF_VALUES, SETS, InFederation, assured, lets
from policies.parties import RelyingParty
from policies.release import Decision, decide
from tests.policies.parts import HOME, ON, PARKING, asked, offered, party, purpose

RS, COCO = "http://refeds.org/category/research-and-scholarship", "https://refeds.org/category/code-of-conduct/v2"
ANONYMOUS, PSEUDONYMOUS, PERSONALIZED = (
    f"https://refeds.org/category/{name}" for name in ("anonymous", "pseudonymous", "personalized")
)
SIRTFI = "https://refeds.org/sirtfi"
FORMS = {"email": "exact", "family_name": "exact", "birthdate": "age_over(18)", "address": "exact"}
MARI = offered(email="mari@uni.example", family_name="Tamm", birthdate="1990-04-01", address=HOME)
NEEDS, WIDE = purpose((), LevelOfAssurance.SUBSTANTIAL, **FORMS), party((PARKING,), **FORMS)


def decided(service: RelyingParty, source: Offered = MARI) -> Decision:
    return decide(asked(**FORMS), NEEDS, service, source, ON)


def marked(*marks: str, assurance: tuple[str, ...] = ()) -> RelyingParty:
    return replace(WIDE, federation=InFederation(frozenset(marks), assurance))


def withheld(decision: Decision) -> Mapping[str, str]:
    return {one.name: one.reason.value for one in decision.rulings if one.released is None}


@pytest.mark.parametrize(
    ("marks", "stays"),
    [
        ((), ()),
        ((SIRTFI,), ()),
        ((COCO,), ()),
        ((RS,), ("address", "birthdate")),
        ((PERSONALIZED, SIRTFI), ("address", "birthdate")),
        ((PSEUDONYMOUS,), ("address", "birthdate", "email", "family_name")),
        ((ANONYMOUS,), ("address", "birthdate", "email", "family_name")),
        ((ANONYMOUS, RS), ("address", "birthdate")),
        ((ANONYMOUS, COCO), ()),
    ],
)
@pytest.mark.spec("saml.md §10 categories")
def test_categories_with_sets_let_nothing_go_that_none_of_them_has(marks: tuple[str, ...], stays: tuple[str, ...]) -> None:
    assert withheld(decided(marked(*marks))) == dict.fromkeys(stays, "other_category")


@pytest.mark.spec("saml.md §10 categories")
def test_a_source_gives_nothing_to_a_service_without_what_it_wants() -> None:
    source = replace(MARI, only_for=frozenset({COCO, SIRTFI}))
    assert withheld(decided(marked(COCO), source)) == dict.fromkeys(FORMS, "source_wants_more")
    assert withheld(decided(marked(f"{COCO}/", SIRTFI), source)) == dict.fromkeys(FORMS, "source_wants_more")
    assert withheld(decided(marked(COCO, SIRTFI), source)) == {}


@pytest.mark.spec("saml.md §10 REFEDS assurance")
def test_a_person_of_less_assurance_than_is_wanted_sends_nothing() -> None:
    medium, high = f"{RAF}/IAP/medium", f"{RAF}/IAP/high"
    wants = marked(assurance=(medium,))
    for said, goes in (({RAF, medium}, True), ({RAF, high}, True), ({RAF, f"{RAF}/IAP/low"}, False), ({medium}, False)):
        found = withheld(decided(wants, replace(MARI, assurance=frozenset(said))))
        assert found == ({} if goes else dict.fromkeys(FORMS, "identity_unassured"))
    assert withheld(decided(wants)) == dict.fromkeys(FORMS, "identity_unassured")
    assert assured((f"{RAF}/ATP/ePA-1m", medium), {RAF, f"{RAF}/ATP/ePA-1d", high})
    assert not assured((f"{RAF}/profile/espresso",), {RAF, high})


@pytest.mark.parametrize("marks", [(), (RS,), (ANONYMOUS,), (COCO,), (RS, COCO, SIRTFI)])
@pytest.mark.parametrize("said", [frozenset[str](), RAF_VALUES])
@pytest.mark.parametrize("wanted", [(), (f"{RAF}/IAP/high",)])
@pytest.mark.parametrize("only_for", [frozenset[str](), frozenset({SIRTFI})])
def test_nothing_goes_that_would_not_go_without_them_and_none_in_a_stronger_form(
    marks: tuple[str, ...], said: frozenset[str], wanted: tuple[str, ...], only_for: frozenset[str]
) -> None:
    before = {one.name: one for one in decided(WIDE).released}
    after = decided(marked(*marks, assurance=wanted), replace(MARI, assurance=said, only_for=only_for))
    assert all(before[one.name] == one for one in after.released)


def test_every_set_is_of_names_on_the_wire_and_lets_no_attribute_without_one_go() -> None:
    for mark, names in SETS.items():
        assert all(name.startswith("urn:") for name in names)
        assert all(lets({mark}, [name]) for name in names)
        assert not lets({mark}, ())
    assert lets((), ())
    assert AttributeName("email") in {one.name for one in decided(marked(RS)).released}
