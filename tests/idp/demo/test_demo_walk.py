"""The walk tells the truth: what the country sent, what went on, in which form, what stayed and why, and the proof."""

from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from connectors.formats.service_provider import read_service_provider
from idp.config.settings import load_settings
from idp.demo.border import Border
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.citizens import CARD_HOLDERS, CITIZENS
from idp.demo.loopback import client, send
from idp.demo.walk import DECISION, SAML_ANSWER, walk, walk_card
from idp.demo.walked import OPENID, Walked
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import TreeHead, open_note
from tests.canary.needles import needles
from tests.idp.demo.test_demo_city import told


@pytest.fixture(scope="module")
def walked(border: Border) -> Walked:
    return walk(border)


def test_each_node_takes_its_steps_in_order(walked: Walked) -> None:
    nodes = [step.node for step in walked.steps]
    assert nodes == [
        *("city", "receiving", "sending", "country", "sending", "sending"),
        *("receiving", "receiving", "city", "receiving", "receiving", "receiving"),
    ]
    assert walked.witness == "practice", "no other operator runs it"
    assert walked.citizen_page, "the citizen's own page lists the release"
    assert all(step.ms >= 0 for step in walked.steps)


def test_it_says_who_asked_and_what_for(walked: Walked) -> None:
    assert (walked.service, walked.purpose, walked.loa) == ("Resident parking", "Parking permit for residents", "high")


def test_it_names_what_the_country_sent(walked: Walked) -> None:
    assert walked.arrived == ("address", "birthdate", "family_name", "given_name", "person_identifier")


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
    assert withheld["email"] == "not_asked"
    assert withheld["family_name"] == "not_needed"
    assert set(withheld.values()) <= {"not_asked", "not_needed", "not_registered", "not_available"}
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
        signing_in = browser.choose(picker, "/at/ee")
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


@pytest.mark.parametrize("by_card", [False, True], ids=["saml", "oidc"])
def test_a_service_that_speaks_saml_is_told_the_same_in_the_same_forms(
    border: Border, walked: Walked, *, by_card: bool
) -> None:
    at_library = walk_card(border, service="library") if by_card else walk(border, service="library")
    assert (at_library.service, at_library.purpose) == ("City library", "Library card")
    assert {name: form for name, (form, _) in at_library.released.items()} == {
        name: form for name, (form, _) in walked.released.items()
    }
    assert (at_library.released["age_over_18"][1], at_library.released["resident_of"][1]) == (True, True)
    assert at_library.weakened == walked.weakened
    assert {one.attribute: one.reason for one in at_library.withheld} == {
        "email": "not_asked",
        "family_name": "not_registered",
    }
    assert at_library.as_json(show_values=False).keys() == walked.as_json(show_values=False).keys()


@pytest.mark.spec("decisions.md I")
@pytest.mark.parametrize("service", ["parking", "library"])
def test_nothing_that_a_source_said_stays_at_the_city(border: Border, service: str) -> None:
    walk(border, citizen="juhan", service=service)
    walk_card(border, service=service)
    names = ("email", "family_name", "person_identifier")
    # What the examples of a purpose say of nobody stands there in clear
    said = [text for one in (CITIZENS[1], CARD_HOLDERS[0]) for name in names if len(text := one.attributes[name]) > 7]
    betraying = needles([*said, "Rope Walk 2", "1993-08-17"])
    kept = [path.read_bytes() for path in border.receiving.rglob("*") if path.is_file()]
    assert len(kept) > 10
    assert len(said) == 5
    assert not {value for needle, value in betraying.items() if any(needle in octets for octets in kept)}


@pytest.mark.spec("saml.md §13")
def test_the_library_believes_an_answer_once_in_the_browser_that_asked_and_as_it_was_signed(border: Border) -> None:
    with Browser() as browser, Browser() as stranger:
        (answer,) = _at_library(border, browser)
        assert "EncryptedAssertion" in b64decode(answer["SAMLResponse"]).decode()
        assert _told(border, stranger, answer) == (403, {"refused": "RelayState"}), "another browser"
        assert _told(border, browser, answer) == (403, {"refused": "RelayState"}), "the try is used up"
        (answer,) = _at_library(border, browser)
        changed = b64decode(answer["SAMLResponse"]).replace(b"status:Success", b"status:Failure")
        assert _told(border, browser, {**answer, "SAMLResponse": b64encode(changed).decode()})[0] == 403
        (first,), (second,) = _at_library(border, browser), _at_library(border, browser)
        mixed = {**second, "SAMLResponse": first["SAMLResponse"]}
        assert _told(border, browser, mixed) == (403, {"refused": "in_response_to"})
        (answer,) = _at_library(border, browser)
        status, body = _told(border, browser, answer)
        assert (status, body["loa"]) == (200, "http://eidas.europa.eu/LoA/substantial")


@pytest.mark.spec("saml.md §13")
def test_a_citizen_who_refuses_is_told_to_the_library_and_nobody_is_signed_in(border: Border) -> None:
    with Browser() as browser:
        (answer,) = _at_library(border, browser, "cancel")
        assert _told(border, browser, answer) == (403, {"refused": "status"})


def test_the_library_shows_its_metadata_and_its_page_what_it_was_told(border: Border) -> None:
    with Browser() as browser:
        front = browser.get(border.city_base)
        assert front.tree.xpath("//a[@class='b']/@href")[-1] == "/library/login"
        pinned = read_service_provider(browser.get(f"{border.city_base}/library/metadata").text.encode())
        ours = (border.receiving / "metadata" / "library.xml").read_bytes()
        assert replace(pinned, wanted={}) == replace(read_service_provider(ours), wanted={})
        (answer,) = _at_library(border, browser)
        page = browser.submit(Page(border.issuer, 200, _form(border, answer)), {})
        assert told(page) == ["age_over_18", "resident_of", "sub"]


def _at_library(border: Border, browser: Browser, choice: str = "approve") -> list[dict[str, str]]:
    """The answers that the broker's last page holds for the library, to a holder of the city's card."""
    picker = browser.get(f"{border.city_base}/library/login")
    card = browser.choose(picker, "/at/city-card")
    question = browser.submit(card, {"citizen": "sanne"})
    leaving = browser.submit(question, {"choice": choice}, DECISION)
    forms = leaving.tree.xpath(SAML_ANSWER)
    assert isinstance(forms, list)
    return [{str(one.get("name")): str(one.get("value")) for one in form.iter("input")} for form in forms]


def _form(border: Border, answer: dict[str, str]) -> str:
    hidden = "".join(f'<input type="hidden" name="{name}" value="{text}">' for name, text in answer.items())
    return f'<form method="post" action="{border.city_base}/library/callback">{hidden}</form>'


def _told(border: Border, browser: Browser, answer: dict[str, str]) -> tuple[int, dict[str, object]]:
    """The library's word about an answer that a form of the broker posts."""
    page = browser.submit(Page(border.issuer, 200, _form(border, answer)), {}, accept="application/json")
    return page.status, page.json()
