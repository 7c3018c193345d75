"""The five services of the demo city: each decides in words about people who get a yes and a no, and about nobody else."""

import tomllib
from collections.abc import Iterator
from importlib import resources
from urllib.parse import parse_qsl, urlsplit

import pytest

from idp.demo.border import Border
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.city import told_page
from idp.demo.city_card import asked_claims
from idp.demo.walk import DECISION, SAML_ANSWER, SIGN_INS, visit, walk_card
from idp.demo.words import CLAIMS, LANGUAGES, SERVICES, Person
from policies.errors import RequestRefused
from tests.idp.demo.test_demo_city import told

PEOPLE = [pytest.param(name, one, id=f"{name}-{one.citizen}") for name, said in SERVICES.items() for one in said.people]
NEVER = "You are signed in"


def texts(said: object) -> Iterator[dict[str, str]]:
    """Every text of the city's words: a table with an English one."""
    if isinstance(said, dict) and "en" in said:
        yield said
    elif isinstance(said, (dict, list)):
        for one in said.values() if isinstance(said, dict) else said:
            yield from texts(one)


def test_every_text_is_there_in_every_language_of_the_city() -> None:
    said = tomllib.loads(resources.files("idp.demo").joinpath("city.toml").read_text(encoding="utf-8"))
    found = list(texts(said))
    assert len(found) > 80
    assert [one for one in found if one.keys() != LANGUAGES.keys() or not all(one.values())] == []


@pytest.mark.parametrize("given", [{}, {"age_over_18": True}, {"resident_of": {"Elsewhere": True, "Storkhaven": True}}])
@pytest.mark.parametrize("service", SERVICES)
def test_whoever_fits_nothing_gets_nothing(service: str, given: dict[str, object]) -> None:
    assert not SERVICES[service].decided(given).granted


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_somebody_who_gets_a_yes_and_somebody_who_gets_a_no(service: str, border: Border) -> None:
    words = SERVICES[service]
    assert {one.answer for one in words.people} >= {"yes", "no"}
    assert {*words.learns} <= {*CLAIMS}
    if party := border.city._parties.get(service):
        assert {*words.learns} == {*party.service.required}


@pytest.mark.spec("issue 32 item 8")
@pytest.mark.parametrize(("service", "one"), PEOPLE)
def test_the_people_of_a_service_s_card_get_the_answer_that_stands_there(border: Border, service: str, one: Person) -> None:
    if one.answer != "weak" and not (service == "energy" and one.answer == "no"):
        visited = visit(border, one.citizen, one.at, service)
        assert visited.granted is (one.answer == "yes")
        assert {*visited.told} == {*SERVICES[service].learns, "sub"}
        assert "Your date of birth" in visited.not_told
        return
    with pytest.raises(WalkError, match="stronger sign-in" if one.answer == "weak" else "nothing can be shared"):
        visit(border, one.citizen, one.at, service)


def refused(border: Border, browser: Browser, service: str, at: str, citizen: str) -> Page:
    """The service's last page for somebody of a card who does not share, or cannot."""
    page = browser.get(f"{border.city_base}/{service}/login")
    if page.url.startswith(border.issuer):
        page = browser.choose(page, f"/at/{SIGN_INS[at]}")
    page = browser.submit(page, {"citizen": citizen})
    if page.tree.xpath(DECISION):
        word = str(page.tree.xpath("string(//button[@name='choice'][last()]/@value)"))
        # Where nothing can be shared, the page has one way on
        page = browser.submit(page, {"choice": word} if word else {}, DECISION)
    if page.tree.xpath(SAML_ANSWER):
        return browser.submit(page, {}, SAML_ANSWER)
    return browser.get(page.link("//main//a[contains(@href, 'error=')]"), origin=border.issuer)


@pytest.mark.spec("issue 32 item 8")
@pytest.mark.parametrize(
    ("service", "citizen", "why"),
    [
        ("parking", "", "You did not share your data, or you stopped the sign-in."),
        ("parking", "sanne", "You did not share your data, or you stopped the sign-in."),
        ("library", "sanne", "You did not share your data, or your sign-in was not strong enough."),
        ("energy", "sanne", "It is not told which of the two."),
        ("energy", "noor", "It is not told which of the two."),
    ],
)
def test_nobody_is_told_that_they_are_signed_in_who_is_not(border: Border, service: str, citizen: str, why: str) -> None:
    with Browser() as browser:
        page = refused(border, browser, service, "card", citizen)
    assert page.status == 403
    assert page.url.startswith(border.city_base)
    assert page.tree.findtext(".//h1") == "You are not signed in"
    assert why in page.text
    assert "We were told nothing about you, not even who you are." in page.text
    assert NEVER not in page.text


@pytest.mark.spec("issue 32 item 8")
def test_too_weak_a_sign_in_is_said_in_words_and_nobody_is_signed_in(border: Border) -> None:
    with Browser() as browser:
        picker = browser.get(f"{border.city_base}/parking/login")
        page = browser.choose(picker, "/at/ee")
        page = browser.submit(browser.submit(page, {"citizen": "toomas"}), {})
        page = browser.submit(page, {})
        page = browser.get(page.link("//main//a[contains(@href, 'error=')]"), origin=border.issuer)
    assert page.tree.findtext(".//h1") == "You are not signed in"
    assert "a password alone does not do" in page.text
    assert NEVER not in page.text


def test_a_false_answer_is_no_answer_and_nothing_is_claimed_about_it(border: Border) -> None:
    with Browser() as browser:
        browser.get(f"{border.city_base}/parking/login")
        page = browser.get(f"{border.city_base}/parking/callback?code=x&state=y&iss={border.issuer}")
    assert page.status == 403
    assert "does not believe" in page.text
    assert "We were told nothing" not in page.text
    assert NEVER not in page.text


@pytest.mark.spec("issue 32 item 8")
def test_from_a_partner_city_under_another_law_only_answers_of_yes_or_no_come(border: Border) -> None:
    with Browser() as browser:
        picker = browser.get(f"{border.city_base}/library/login")
        card = browser.choose(picker, "/at/hewan")
        question = browser.submit(card, {"citizen": "lin"})
        reasons = {
            str(one.get("data-name")): str(one.get("data-reason")) for one in question.tree.xpath("//*[@data-reason]")
        }
    assert reasons["email"] == "other_sphere"
    assert not question.tree.xpath("//input[@type='checkbox']")
    assert "lin.xiaoyun" not in question.text
    assert "article 38 (made up)" in str(question.tree.xpath("string(//*[@id='transfer'])"))


def test_a_card_says_what_it_is_asked_for_and_no_more(border: Border) -> None:
    walked = walk_card(border)
    assert walked.arrived == ("address", "birthdate")
    assert walked.services[0].told == ("age_over_18", "resident_of", "sub")
    assert asked_claims('{"userinfo": {"address": null}, "id_token": {"acr": null}}') == {"address"}
    for bad in ("[]", "{", '{"userinfo": 3}'):
        with pytest.raises(RequestRefused):
            asked_claims(bad)


@pytest.mark.parametrize("service", ["parking", "library"])
def test_the_language_that_was_chosen_on_the_front_page_is_spoken_on_the_last_one(border: Border, service: str) -> None:
    with Browser() as browser:
        front = browser.get(f"{border.city_base}/?language=et")
        assert front.tree.get("lang") == "et"
        picker = browser.get(front.link(f"//a[@href='/{service}/login']"), origin=border.city_base)
        # SAML names no language, so there the broker speaks the browser's
        assert picker.tree.get("lang") == ("et" if service == "parking" else "en")
        assert browser.get(f"{border.city_base}/?language=xx").tree.get("lang") == "et"
        last = refused(border, browser, service, "card", "")
        assert last.tree.get("lang") == "et"
        assert "Te ei ole sisse logitud" in last.text


def test_all_that_was_told_is_shown_whatever_it_is() -> None:
    """A claim that the city has no words for stands there as it came, and is never markup."""
    given = {"age_over_18": False, "odd": "<script>", "email": "a@b.example", "sub": "s"}
    text = told_page("parking", given, "http://eidas.europa.eu/LoA/low", "en", "http://broker.localhost/me")
    page = Page("http://storkhaven.localhost/", 200, text)
    assert told(page) == ["age_over_18", "email", "odd", "sub"]
    assert "<script>" not in text
    assert page.tree.findtext(".//h1") == "You do not get a parking permit"
    assert "We will write to you before the permit ends: a@b.example" in text
    assert "Your email address" not in [one.text for one in page.tree.xpath("//ul[@class='kept']/li")]


@pytest.mark.spec("issue 33 item 3")
def test_the_page_says_that_the_residence_is_from_the_city_s_own_register(border: Border) -> None:
    with Browser() as browser:
        card = browser.get(f"{border.city_base}/energy/login")
        assert "address" not in asked_claims(dict(parse_qsl(urlsplit(card.url).query))["claims"])
        question = browser.submit(card, {"citizen": "noor"})
    (row,) = question.tree.xpath("//*[@data-name='address']")
    assert "Residents' register of Storkhaven" in row.text_content()
    assert "Quay 9" not in question.text
