"""The page of a sending node: who asks, what travels, what happens to it, and two equal buttons."""

from dataclasses import replace

import pytest

from idp.pages.render import Pages
from idp.pages.views import PageKind, SpType
from policies.attributes import EXACT, Attribute, AttributeName
from policies.catalogue import STANDARD
from tests.e2e.gallery import FAMILY_NAME, IN_LATIN, inform
from tests.idp.pages.reading import Read

MINIMUM = ["family_name", "given_name", "birthdate", "person_identifier"]


def _page(pages: Pages, language: str = "en") -> Read:
    return Read(pages.inform(inform(pages, language)))


@pytest.mark.spec("issue 3 item 6")
def test_it_names_the_country_in_the_readers_language_and_the_node_by_its_title(pages: Pages) -> None:
    for language, country in [("en", "Finland"), ("et", "Soome"), ("zh-Hans", "芬兰")]:
        page = _page(pages, language)
        assert country in page.words("//h1")
        assert country in page.words("//title")
        assert page.words("//dl/div[1]/dd") == country
        assert page.words("//dl/div[2]/dd") == "Finland's eIDAS node"


def test_in_an_english_sentence_a_country_has_its_article(pages: Pages) -> None:
    page = Read(pages.inform(replace(inform(pages, "en"), country="NL")))
    assert page.words("//h1") == "This goes to another country: Netherlands"
    assert page.words("//h2[@id='goes']") == "What goes there"
    assert page.words("//title").startswith("Your data goes to another country: Netherlands")
    assert page.words("//dl/div[1]/dd") == "Netherlands"


@pytest.mark.spec("issue 3 item 6")
def test_it_says_for_which_kind_of_service(pages: Pages) -> None:
    said = {
        kind: Read(pages.inform(replace(inform(pages, "en"), requester=kind))).words("//h1/following-sibling::p[1]")
        for kind in SpType
    }
    assert all(said.values())
    assert len(set(said.values())) == len(SpType)


def test_the_services_name_is_said_to_be_the_other_countrys_word(pages: Pages) -> None:
    named = Read(pages.inform(replace(inform(pages, "en"), named="Ministry of Truth")))
    unchecked = pages.wording("en").language.say("inform.unchecked")
    assert f"Ministry of Truth{unchecked}" in named.words("//h1/following-sibling::p[1]")
    silent = Read(pages.inform(replace(inform(pages, "en"), named="")))
    assert unchecked not in silent.words()


@pytest.mark.spec("issue 3 item 6")
def test_it_lists_all_that_goes_with_its_values_and_what_always_travels_apart(pages: Pages) -> None:
    page = _page(pages)
    first, second = "(//ul[@class='items'])[1]", "//fieldset"
    assert [each.get("data-name") for each in page.find(f"{first}/li")] == MINIMUM
    assert [each.get("data-name") for each in page.find(f"{second}/div")] == ["gender", "address"]
    assert [page.words(f"({first}/li)[{place}]") for place in range(1, 5)] == [
        f"Family name {FAMILY_NAME}{IN_LATIN}",
        "Given name Mari-Liis",
        "Date of birth 22 July 1990",
        "Personal identifier EE/FI/49007220001",
    ]
    assert page.words(f"({first}/preceding-sibling::h3)[1]") == "Between countries these always travel"
    assert "Kase 12-4" in page.words(second)


@pytest.mark.spec("decisions.md 18 and I")
def test_it_says_what_happens_there_and_here_and_promises_no_more(pages: Pages) -> None:
    told = _page(pages).words("//details[summary/@id='after']")
    for sentence in (
        "All of it is encrypted for that country's sign-in service.",
        "The receiving country deletes your name, date of birth and identifier when the sign-in ends",
        "gives the service only what it needs. That country is responsible for this.",
        "We keep which country asked, the message's number and the time, and nothing about you.",
    ):
        assert sentence in told
    for claim in ("stored", "stores nothing", "erased", "never"):
        assert claim not in told


def test_it_has_two_equal_buttons_and_nothing_else_to_press(pages: Pages) -> None:
    page = _page(pages, "en")
    assert [
        (each.get("name"), each.get("value"), each.get("class")) for each in page.find("//main//button[not(@hidden)]")
    ] == [
        ("choice", "continue", None),
        ("choice", "cancel", None),
    ]
    assert not page.find("//main//a | //script | //meta[@http-equiv]")


@pytest.mark.spec("issue 32 item 2")
def test_each_attribute_that_may_be_left_out_has_a_box_and_none_is_ticked(pages: Pages) -> None:
    page = _page(pages, "en")
    assert [each.get("name") for each in page.find("//input[@type='checkbox']")] == ["share.gender", "share.address"]
    assert not page.find("//input[@checked]")
    # Enter in a box must press nothing that decides: the first two buttons of the form do nothing
    assert [each.get("formmethod") for each in page.find("//button[@form='question'][@hidden]")] == [None, "dialog"]


def test_its_form_carries_the_sealed_login_to_us(pages: Pages) -> None:
    view = inform(pages, "en")
    page = Read(pages.inform(view))
    assert page.one("//form").get("action") == "/login/L1/decision"
    assert {each.get("name"): each.get("value") for each in page.find("//input[@type='hidden']")} == {
        "login": "L1",
        "decided": "sealed-text",
    }
    assert view.kind is PageKind.FORM
    with pytest.raises(ValueError, match="path of ours"):
        pages.inform(replace(view, action="https://evil.example/"))


def test_a_name_in_two_scripts_has_two_lines(pages: Pages) -> None:
    for latin, lines in [("", ("Мария",)), ("Мария", ("Мария",)), ("Mariya", ("Мария", "Mariya"))]:
        item = pages.wording("en").carried(
            Attribute(AttributeName("given_name"), EXACT, "Мария", latin), STANDARD, always=True
        )
        assert item.value == lines
        assert item.required
