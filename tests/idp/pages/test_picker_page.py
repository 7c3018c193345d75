"""The picker page."""

from dataclasses import replace
from typing import Any  # a view's fields are of many types

import pytest

from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from tests.e2e.gallery import picker
from tests.idp.pages.reading import Read


def test_it_says_who_asks_and_what_for(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "en")))
    assert "Storkhaven resident parking asks you to sign in." in page.words("//main")
    assert page.words("//p[@class='purpose']") == "Purpose Resident parking permit"


@pytest.mark.spec("decisions.md 7")
def test_every_country_is_a_link_with_its_provider_beside_it(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "en")))
    links = page.find("//main//nav//a")
    assert [each.get("href") for each in links][:2] == ["/login/L1/at/1", "/login/L1/at/7"]
    assert page.words("//main//nav//a[1]").startswith("Austria ID Austria Belgium CSAM Belgium itsme Czechia NIA")
    assert not page.find("//main//nav//form | //main//nav//button")


def test_countries_come_in_the_order_of_the_language(pages: Pages) -> None:
    for language, order in [
        (
            "en",
            ["Austria", "Belgium", "Belgium", "Czechia", "Estonia", "Germany", "Greece", "Liechtenstein", "Netherlands"],
        ),
        ("et", ["Austria", "Belgia", "Belgia", "Eesti", "Holland", "Kreeka", "Liechtenstein", "Saksamaa", "Tšehhi"]),
        # àodìlì, àishāníyà: 爱 ài stands before 奥 ào; bǐ, dé, hé, jié, liè, xī
        ("zh-Hans", ["爱沙尼亚", "奥地利", "比利时", "比利时", "德国", "荷兰", "捷克", "列支敦士登", "希腊"]),
    ]:
        page = Read(pages.picker(picker(pages, language)))
        assert [page.words(f"(//span[@class='country'])[{place}]") for place in range(1, len(order) + 1)] == order


def test_without_a_country_it_says_that_none_is_connected_and_cancels(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "en", ())))
    assert "No country is connected yet." in page.words("//main")
    assert not page.find("//main//nav")
    assert page.one("//form").get("action") == "/login/L1/cancel"


def _full(pages: Pages, language: str = "en", **changes: Any) -> Read:  # any field of the view
    full = replace(picker(pages, language), address="/login/L1/countries", searchable=True)
    return Read(pages.picker(replace(full, **changes)))


@pytest.mark.spec("issue 3 item 10")
def test_the_search_is_a_form_of_ours_with_a_label_and_no_script(pages: Pages) -> None:
    page = _full(pages)
    form = page.one("//form[@role='search']")
    assert (form.get("method"), form.get("action")) == ("post", "/login/L1/countries")
    assert page.words("//form[@role='search']/label[@for='q']") == "Search for your country"
    field = page.one("//form[@role='search']//input")
    assert (field.get("name"), field.get("maxlength"), field.get("autocomplete")) == ("q", "100", "off")
    assert not page.find("//script")


@pytest.mark.parametrize(("remembering", "more"), [(False, ""), (True, "remember=yes&")])
def test_each_other_language_is_a_link_that_says_its_own_name(pages: Pages, *, remembering: bool, more: str) -> None:
    page = _full(pages, "zh-Hans", remembering=remembering, sought="Canary")
    assert page.one("//header//nav").get("aria-label") == "语言"
    links = [(each.get("href"), each.get("lang"), each.get("hreflang"), each.text) for each in page.find("//header//a")]
    assert len(links) == len(LANGUAGES) - 1
    # In the order of their names
    assert links[:2] == [
        (f"/login/L1/countries?{more}language=cs", "cs", "cs", "Čeština"),
        (f"/login/L1/countries?{more}language=da", "da", "da", "Dansk"),
    ]
    assert not Read(pages.picker(picker(pages, "en"))).find("//header//nav"), "without an address of its own"


def test_one_country_needs_no_search_and_can_be_remembered(pages: Pages) -> None:
    page = _full(pages, searchable=False)
    assert not page.find("//form[@role='search']")
    assert page.words("//ul[@class='ways']") == "Remember my choice in this browser"


def test_a_country_that_does_not_answer_stands_in_its_place_without_a_link(pages: Pages) -> None:
    plain = picker(pages, "en").countries
    page = _full(pages, countries=tuple(replace(one, available=one.country != "EE") for one in plain))
    assert "Estonia" not in page.words("//main//nav//a")
    assert page.words("//span[@class='away']") == "Estonia Riigi autentimisteenus Does not answer at the moment"
    assert page.words("(//main//nav//li)[5]") == page.words("//span[@class='away']")


def test_the_last_choice_stands_first_and_can_be_forgotten(pages: Pages) -> None:
    plain = picker(pages, "en").countries
    page = _full(pages, countries=tuple(replace(one, remembered=one.country == "NL") for one in plain))
    assert page.words("(//main//nav//li)[1]") == "Netherlands DigiD Your choice last time"
    assert page.words("(//main//nav//li)[2]//span[@class='country']") == "Austria"
    assert page.one("//a[text()='Forget my last choice']").get("href") == "/login/L1/countries?remember=no"


def test_while_it_remembers_the_page_says_so_and_how_not_to(pages: Pages) -> None:
    page = _full(pages, remembering=True)
    assert page.words("//p[@class='notice']").startswith("The country that you choose now is remembered in this browser")
    assert page.one("//p[@class='notice']/a").get("href") == "/login/L1/countries"
    assert page.one("//form[@role='search']/input[@type='hidden']").get("name") == "remember"
    assert not page.find("//ul[@class='ways']//a")


def test_an_empty_list_says_why_it_is_empty(pages: Pages) -> None:
    empty: list[tuple[dict[str, Any], str]] = [
        ({"sought": "Atlantis"}, "No country here matches that."),
        ({"narrowed": True}, "This service names the countries that it takes"),
        ({"narrowed": True, "sought": "Atlantis"}, "No country here matches that."),
        ({}, "No country is connected yet."),
    ]
    for changes, words in empty:
        page = _full(pages, countries=(), **changes)
        assert page.words("//p[@class='notice']").startswith(words)
        assert not page.find("//main//nav")
        assert bool(page.find("//a[text()='Show all countries']")) is ("sought" in changes)


def test_where_one_country_has_several_sign_ins_it_asks_for_the_sign_in(pages: Pages) -> None:
    say = pages.wording("en").language.say
    several = Read(pages.picker(picker(pages, "en", (("EE", "ID card"), ("EE", "Mobile-ID")))))
    assert several.words("//h1") == say("picker.heading_services")
    assert several.words("//title") == say("picker.title_services")
    assert several.one("//main//nav").get("aria-label") == say("picker.list_services")
    for countries in ((("EE", "ID card"),), (("EE", "ID card"), ("LV", "eParaksts"))):
        assert Read(pages.picker(picker(pages, "en", countries))).words("//h1") == say("picker.heading")
    found = replace(picker(pages, "en", (("BE", "itsme"), ("BE", "CSAM"))), sought="belg", address="/login/L1/countries")
    assert Read(pages.picker(found)).words("//h1") == say("picker.heading"), "a search found them among many"
