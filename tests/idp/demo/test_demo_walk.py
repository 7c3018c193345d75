"""The walk tells the truth: what the country sent, what went on, in which form, what stayed and why, and the proof."""

import pytest

from idp.demo.browser import WalkError
from idp.demo.scene import Scene
from idp.demo.walk import Walked, walk
from idp.transparency.checkpoint import TreeHead, open_note


@pytest.fixture(scope="module")
def walked(scene: Scene) -> Walked:
    return walk(scene)


def test_each_node_takes_its_steps_in_order(walked: Walked) -> None:
    nodes = [step.node for step in walked.steps]
    assert nodes == ["city", "receiving", "sending", "receiving", "receiving", "city", "receiving"]
    assert all(step.ms >= 0 for step in walked.steps)


def test_it_says_who_asked_and_what_for(walked: Walked) -> None:
    assert (walked.service, walked.purpose, walked.loa) == ("Resident parking", "Parking permit for residents", "high")


def test_it_names_what_the_country_sent(walked: Walked) -> None:
    assert walked.arrived == ("address", "birthdate", "email", "family_name", "given_name", "person_identifier")


@pytest.mark.spec("issue 2 item 3")
def test_it_shows_what_went_in_which_form_and_no_birth_date(walked: Walked) -> None:
    assert {name: form for name, (form, _) in walked.released.items()} == {
        "age_over_18": "age_over(18)",
        "resident_of": "resident_of(Storkhaven)",
        "sub": "pairwise",
    }
    assert walked.released["age_over_18"][1] is True
    assert not {"birthdate", "address", "family_name", "email"} & set(walked.released)


def test_it_says_what_was_weakened_and_what_stayed_and_why(walked: Walked) -> None:
    weakened = {one.attribute: (one.asked, one.given, one.reason) for one in walked.weakened}
    assert weakened == {
        "birthdate": ("exact", "age_over(18)", "least_sufficient"),
        "address": ("exact", "resident_of(Storkhaven)", "least_sufficient"),
    }
    withheld = {one.attribute: one.reason for one in walked.withheld}
    assert withheld["email"] == "not_chosen"
    assert withheld["family_name"] == "not_needed"
    assert set(withheld.values()) <= {"not_chosen", "not_needed", "not_registered", "not_available"}
    assert not set(withheld) & set(walked.released)


def test_the_proof_is_of_the_tree_that_the_broker_publishes(walked: Walked, scene: Scene) -> None:
    newest = scene.application.store.checkpoint(scene.application.settings.tenant)
    assert newest is not None
    head = TreeHead.read(open_note(newest.note.encode(), scene.application.keys.ledger.verifier))
    assert head.size >= walked.size
    assert len(walked.root) == 64


def test_values_do_not_show_in_its_words(walked: Walked) -> None:
    assert str(walked.released["sub"][1]) not in repr(walked)


@pytest.mark.parametrize(
    ("citizen", "claim", "value"), [("juhan", "resident_of", {"Storkhaven": False}), ("liisi", "age_over_18", False)]
)
def test_another_citizen_gives_another_answer_in_the_same_form(
    scene: Scene, citizen: str, claim: str, value: object
) -> None:
    assert walk(scene, citizen=citizen).released[claim][1] == value


def test_every_service_can_be_walked(scene: Scene) -> None:
    fares = walk(scene, citizen="toomas", service="fares")
    assert fares.loa == "low"
    assert set(fares.released) == {"sub", "age_over_60"}
    budget = walk(scene, citizen="liisi", service="budget")
    assert set(budget.released) == {"sub", "age_over_16", "resident_of"}
    assert budget.size > fares.size


@pytest.mark.parametrize(
    ("citizen", "service", "said"),
    [
        ("toomas", "parking", "instead of the question came status 403: A stronger sign-in is needed"),
        ("", "parking", "instead of the question came status 403: You were not signed in"),
        ("mari", "taxes", "instead of the country picker came status 404: Not here"),
    ],
)
def test_it_stops_at_the_first_thing_that_is_not_as_it_should_be(
    scene: Scene, citizen: str, service: str, said: str
) -> None:
    with pytest.raises(WalkError) as stopped:
        walk(scene, citizen=citizen, service=service)
    assert str(stopped.value) == said
