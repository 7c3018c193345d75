"""The approval page shows everything that a citizen needs to know, and two answers that are equally easy."""

from dataclasses import replace

import pytest

from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from policies.attributes import AttributeName, Form
from policies.catalogue import STANDARD
from policies.purposes import Basis
from policies.release import Decision, Reason
from tests.e2e.gallery import DECISION, PURPOSE, approval, ruling
from tests.idp.pages.reading import Read


def _page(pages: Pages, language: str = "en", decision: Decision = DECISION) -> Read:
    return Read(pages.approval(approval(pages, language, decision)))


def test_it_says_who_asks_for_what_purpose_on_which_basis_and_who_answers_for_it(pages: Pages) -> None:
    told = _page(pages).words("//dl")
    for part in (
        "Storkhaven resident parking",
        "Resident parking permit",
        "Needed for a public task (GDPR Article 6(1)(e)).",
        "Storkhaven Parking Ordinance 2021, section 4",
        "City of Storkhaven, Traffic Office",
        "privacy@storkhaven.example · +372 555 0100",
        "Substantial",
        "Why: Family name",
        "The permit is made out to a person who lives here.",
    ):
        assert part in told


def test_each_legal_basis_has_its_own_sentence(pages: Pages) -> None:
    for basis in Basis:
        told = {
            each: Read(pages.approval(approval(pages, "en", DECISION, replace(PURPOSE, basis=each)))).words(
                "//dl/div[3]/dd"
            )
            for each in Basis
        }
        assert told[basis]
        assert list(told.values()).count(told[basis]) == 1


def test_a_weaker_form_stands_beside_what_it_replaces(pages: Pages) -> None:
    item = "(//ul[@class='items']/li)[1]"
    page = _page(pages)
    assert page.words(f"{item}/strong") == "Are you 18 or older?"
    assert page.words(f"{item}//span[@class='value']") == "Yes"
    assert page.words(f"{item}//span[@class='stays']") == "Not shared: Date of birth"
    assert page.words(f"{item}//span[@class='only']") == "Only yes or no is sent. Not shared: Date of birth"


def test_what_is_required_goes_without_a_box(pages: Pages) -> None:
    page = _page(pages)
    assert page.words("//ul[@class='items']/li/strong") == "Are you 18 or older? Family name Given name Nationality"
    assert not page.find("//ul[@class='items']//input")


def test_each_optional_attribute_has_a_box_and_none_is_ticked(pages: Pages) -> None:
    page = _page(pages, "en")
    boxes = page.find("//fieldset//input")
    assert [(each.get("type"), each.get("name"), each.get("value")) for each in boxes] == [
        ("checkbox", "share.address", "yes"),
        ("checkbox", "share.email", "yes"),
    ]
    assert not page.tree.xpath("//@checked")
    assert page.words("//fieldset/legend")
    # Firefox restores ticks on reload unless it is told not to
    assert page.one("//form[@id='question']").get("autocomplete") == "off"
    for box in boxes:
        assert page.words(f"//label[@for='{box.get('id')}']")


def test_what_was_asked_and_is_not_shared_is_listed_with_the_reason(pages: Pages) -> None:
    page = _page(pages)
    assert [page.words(f"//ul[@class='kept']/li[{place}]") for place in (1, 2, 3)] == [
        "Gender Not needed for this purpose.",
        "Personal identifier This service is not permitted to receive it.",
        "Phone number Your country did not send it.",
    ]


def test_refusing_is_as_easy_as_approving(pages: Pages) -> None:
    page = _page(pages, "en")
    approve = page.one("//button[@value='approve']")
    refuse = page.one("//button[@value='refuse']")
    assert approve.getparent() is refuse.getparent()
    assert dict(approve.attrib) | {"value": ""} == dict(refuse.attrib) | {"value": ""}
    assert len(page.find("//main//button[not(@hidden)]")) == 2, "no third that means the same"


@pytest.mark.spec("issue 32 item 1")
def test_it_says_what_follows_if_nothing_is_shared(pages: Pages) -> None:
    asked = approval(pages, "en", DECISION)
    for view, told in [
        (asked, "If you do not share, Storkhaven resident parking receives nothing, and your sign-in ends."),
        (replace(asked, refusable=True), "You lose nothing if you do not share"),
        (replace(asked, informs=True), "If you cancel, Storkhaven resident parking receives nothing"),
    ]:
        choice = Read(pages.approval(view)).words("//section[@class='choice']")
        assert told in choice
        assert choice.count("receives nothing") == (not view.refusable)


def test_the_first_submit_buttons_do_nothing_so_that_enter_in_a_box_decides_nothing(pages: Pages) -> None:
    page = _page(pages)
    first, second = page.find("//button")[:2]
    assert (set(first.attrib), first.get("form")) == ({"form", "disabled", "hidden"}, "question")
    assert dict(second.attrib) == {"form": "question", "formmethod": "dialog", "hidden": ""}
    assert page.one("//form").get("id") == "question"
    # Where there is no other language to choose they stand there, too
    alone = Read(pages.approval(replace(approval(pages, "en", DECISION), rewording="")))
    assert [dict(each.attrib) for each in alone.find("//button")[:2]] == [dict(first.attrib), dict(second.attrib)]


def test_each_other_language_is_a_button_of_the_form_behind_those_and_says_its_own_name(pages: Pages) -> None:
    page = _page(pages, "et")
    assert page.one("//header//nav").get("aria-label") == "Keel"
    buttons = page.find("//header//nav//button")
    found = {each.get("value"): (each.get("lang"), each.text) for each in buttons}
    assert found.keys() == {*LANGUAGES} - {"et"}
    assert (found["en"], found["zh-Hans"]) == (("en", "English"), ("zh-Hans", "简体中文"))
    for each in buttons:
        assert (each.get("form"), each.get("name"), each.get("formaction")) == (
            "question",
            "language",
            "/login/L1/language",
        )
    assert page.find("//button")[2 : 2 + len(buttons)] == buttons


def test_the_form_carries_the_login_and_what_was_decided(pages: Pages) -> None:
    page = _page(pages)
    assert page.one("//form").get("action") == "/login/L1/decision"
    hidden = {each.get("name"): each.get("value") for each in page.find("//input[@type='hidden']")}
    assert hidden == {"login": "L1", "decided": "sealed-text"}


@pytest.mark.spec("decisions.md I")
def test_it_says_what_goes_with_every_sign_in_even_where_nothing_else_does(pages: Pages) -> None:
    page = _page(pages, "en", Decision(()))
    say = pages.wording("en").language.say
    assert say("approval.nothing") in page.words()
    assert say("approval.also") in page.words("//p[@class='also']")
    assert say("approval.kept_none") in page.words()
    assert not page.find("//fieldset")


def test_a_withheld_value_is_nowhere_on_the_page(pages: Pages) -> None:
    shown = pages.approval(approval(pages, "en", DECISION))
    assert "1990" not in shown
    assert "-07-" not in shown


def test_a_predicate_that_does_not_hold_says_no(pages: Pages) -> None:
    decision = Decision((ruling("birthdate", value=False, form=Form("age_over", "65"), reason=Reason.LEAST_SUFFICIENT),))
    page = _page(pages, "et", decision)
    assert page.words("//span[@class='value']") == "Ei"
    assert page.words("//ul[@class='items']/li/strong") == "Kas olete vähemalt 65-aastane?"


def test_a_text_in_another_language_than_the_page_says_which(pages: Pages) -> None:
    page = _page(pages, "et")
    assert page.one("(//dl)[1]/div[4]/dd/bdi").get("lang") == "en"
    assert page.one("(//dl)[1]/div[1]/dd/bdi").get("lang") is None


@pytest.mark.spec("issue 3 item 6; decisions.md 18")
def test_what_another_countrys_node_sent_and_stays_here_is_named(pages: Pages) -> None:
    words = pages.wording("en")
    names = (AttributeName("birthdate"), AttributeName("person_identifier"))
    page = Read(
        pages.approval(replace(approval(pages, "en", DECISION), arrived=words.titles(names, STANDARD), crossed=True))
    )
    told = page.words("//details[summary/@id='arrived']")
    for key in ("approval.arrived_text", "approval.arrived_why"):
        assert words.language.say(key) in told
    assert [each.text_content() for each in page.find("//ul[@class='arrived']/li")] == [
        STANDARD.attributes[name].title["en"] for name in names
    ]
