"""The walk tells the truth: what the country sent, what went on, in which form, what stayed and why, and the proof."""

import pytest

from idp.config.settings import load_settings
from idp.demo.border import Border
from idp.demo.browser import Browser, WalkError
from idp.demo.citizens import CARD_HOLDERS
from idp.demo.loopback import client, send
from idp.demo.walk import OPENID, Walked, walk, walk_card
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import TreeHead, open_note


@pytest.fixture(scope="module")
def walked(border: Border) -> Walked:
    return walk(border)


def test_each_node_takes_its_steps_in_order(walked: Walked) -> None:
    nodes = [step.node for step in walked.steps]
    assert nodes == [
        *("city", "receiving", "sending", "country", "sending", "sending"),
        *("receiving", "receiving", "city", "receiving", "receiving"),
    ]
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


def test_both_proofs_are_of_trees_that_the_nodes_publish(walked: Walked, border: Border) -> None:
    folders = {"receiving": border.receiving, "sending": border.sending["EE"]}
    assert walked.ledgers.keys() == folders.keys()
    for node, folder in folders.items():
        settings = load_settings(folder)
        with client() as http:
            note = send(http, "GET", f"{settings.issuer}/log/checkpoint").content
        head = TreeHead.read(open_note(note, *load_ledger_keys(settings.key_folder, settings.origin).log.known))
        assert head.size >= walked.ledgers[node].size
        assert len(walked.ledgers[node].root) == 64


@pytest.mark.parametrize(
    ("citizen", "claim", "value"), [("juhan", "resident_of", {"Storkhaven": False}), ("liisi", "age_over_18", False)]
)
def test_another_citizen_gives_another_answer_in_the_same_form(
    border: Border, citizen: str, claim: str, value: object
) -> None:
    assert walk(border, citizen=citizen).released[claim][1] == value


def test_every_service_can_be_walked(border: Border) -> None:
    fares = walk(border, citizen="toomas", service="fares")
    assert fares.loa == "low"
    assert set(fares.released) == {"sub", "age_over_60"}
    budget = walk(border, citizen="liisi", service="budget")
    assert set(budget.released) == {"sub", "age_over_16", "resident_of"}
    assert budget.ledgers["receiving"].size > fares.ledgers["receiving"].size


@pytest.mark.parametrize(
    ("citizen", "service", "said"),
    [
        ("toomas", "parking", "instead of the page that informs came status 403: A stronger sign-in is needed"),
        ("", "parking", "instead of the page that informs came status 403: You were not signed in"),
        ("mari", "taxes", "instead of the country picker came status 404: Not here"),
    ],
)
def test_it_stops_at_the_first_thing_that_is_not_as_it_should_be(
    border: Border, citizen: str, service: str, said: str
) -> None:
    with pytest.raises(WalkError) as stopped:
        walk(border, citizen=citizen, service=service)
    assert str(stopped.value) == said


@pytest.mark.spec("eidas.md §4 level not reached")
def test_too_low_a_level_is_told_on_both_pages_and_then_to_the_service(border: Border) -> None:
    with Browser() as browser:
        picker = browser.get(f"{border.city_base}/parking/login")
        signing_in = browser.get(picker.link("//a[contains(@href, '/at/ee')]"), origin=border.issuer)
        answered = browser.submit(signing_in, {"citizen": "toomas"})
        at_the_node = browser.submit(answered, {})
        assert at_the_node.status == 403
        assert at_the_node.url.startswith(border.nodes["EE"])
        at_the_broker = browser.submit(at_the_node, {})
        assert at_the_broker.status == 403
        assert "A stronger sign-in is needed" in at_the_broker.text
        back = at_the_broker.link("//main//a[contains(@href, 'error=')]")
        assert "error=unmet_authentication_requirements" in back
        end = browser.get(back, origin=border.issuer, accept="application/json")
        assert "unmet_authentication_requirements" in str(end.json()["refused"])


@pytest.mark.spec("OpenID Connect Core §3.1.2")
def test_the_city_s_card_is_asked_by_openid_connect_and_the_rest_is_as_ever(border: Border, walked: Walked) -> None:
    by_card = walk_card(border)
    assert (by_card.upstream, by_card.loa, set(by_card.ledgers)) == (OPENID, "substantial", {"receiving"})
    assert {name: form for name, (form, _) in by_card.released.items()} == {
        name: form for name, (form, _) in walked.released.items()
    }
    assert by_card.released["sub"] != walked.released["sub"]
    assert walk_card(border, citizen="daan", service="fares").released["age_over_60"][1] is True


@pytest.mark.spec("decisions.md I")
def test_nothing_that_the_card_said_stays_at_the_city(border: Border) -> None:
    walk_card(border)
    names = ("email", "address.street", "person_identifier")
    said = [one.attributes[name].encode() for one in CARD_HOLDERS for name in names] + [b"1993-08-17", b"1962-04-20"]
    kept = [path.read_bytes() for path in border.receiving.rglob("*") if path.is_file()]
    assert len(kept) > 10
    assert not [text for text in said if any(text in octets for octets in kept)]
