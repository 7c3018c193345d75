"""What holds for every page in every language."""

import re
from dataclasses import replace

import pytest
from lxml import html

from idp.pages.headers import SUBMIT_SCRIPT
from idp.pages.languages import LANGUAGES, OWN_NAMES
from idp.pages.render import Pages
from idp.pages.static import MARK_FILE, STYLE_FILE
from idp.pages.views import Kind
from tests.e2e.gallery import DECISION, Shown, approval, gallery, picker
from tests.idp.pages.reading import Read

SHOWN = gallery(Pages())
# The other pickers of the gallery have no address of their own
OFFERING = {
    *(f"picker-{name}" for name in ("search", "found", "not-found", "remembering", "narrowed")),
    *("approval", "approval-nothing", "approval-arrived"),
}
every_page = pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown.name}-{shown.language}")


def test_the_gallery_has_every_page_in_every_language() -> None:
    by_language = {tag: {shown.name for shown in SHOWN if shown.language == tag} for tag in LANGUAGES}
    assert len(set(map(frozenset, by_language.values()))) == 1
    assert {
        "picker",
        "picker-search",
        "approval",
        "inform",
        "refused",
        "cancelled",
        "blocked",
        "leaving",
        "post-provider",
        "post-service",
        "post-node",
    } <= by_language["en"]
    assert sum(name.startswith("error-") for name in by_language["en"]) >= 16


@every_page
def test_it_says_its_language_and_has_one_heading_and_the_landmarks(shown: Shown) -> None:
    page = Read(shown.html)
    assert page.one("/html").get("lang") == shown.language
    assert page.words("//h1")
    assert (
        len(page.find("//h1")) == len(page.find("//main")) == len(page.find("//header")) == len(page.find("//footer")) == 1
    )
    assert page.words("//title")


@every_page
def test_only_the_picker_and_the_question_offer_other_languages(shown: Shown) -> None:
    page = Read(shown.html)
    assert len(page.find("//header//nav")) == (shown.name in OFFERING)
    for each in page.find("//header//nav//li/*"):
        assert each.get("lang") in set(LANGUAGES) - {shown.language}
        assert each.text == OWN_NAMES[str(each.get("lang"))]


def test_a_page_without_another_language_offers_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Pages()
    monkeypatch.setattr(pages, "_languages", {"en": pages._languages["en"]})
    asked, listed = approval(pages, "en", DECISION), replace(picker(pages, "en"), address="/login/L1/countries")
    for html_of in (pages.approval(asked), pages.picker(listed)):
        assert not Read(html_of).find("//header//nav")


@every_page
def test_it_loads_the_style_sheet_and_the_mark_and_nothing_else(shown: Shown) -> None:
    page = Read(shown.html)
    loaded = [each.get("href") or each.get("src") for each in page.find("//link | //*[@src]")]
    assert set(loaded) == {STYLE_FILE.href, MARK_FILE.href}
    assert not page.find("//style | //iframe | //object | //embed | //base")
    assert not page.tree.xpath("//@style")


@every_page
def test_no_page_needs_a_script_and_the_one_there_is_has_a_button_beside_it(shown: Shown) -> None:
    page = Read(shown.html)
    assert not [name for each in page.find("//*") for name in each.attrib if str(name).startswith("on")]
    assert "javascript:" not in shown.html
    for script in page.find("//script"):
        assert shown.kind is Kind.POST
        assert (script.text, dict(script.attrib)) == (SUBMIT_SCRIPT, {})
        assert page.words("//form//button[not(@hidden)]")


@every_page
def test_every_form_posts_to_a_place_that_its_kind_allows(shown: Shown) -> None:
    page = Read(shown.html)
    forms = page.find("//form")
    assert bool(forms) == (shown.kind is not Kind.PLAIN)
    for form in forms:
        action = form.get("action", "")
        assert form.get("method") == "post" or form.get("role") == "search"
        assert action.startswith("http://") if shown.kind is Kind.POST else re.match(r"/[a-z]", action)


@every_page
def test_every_id_is_unique_and_everything_that_refers_to_one_finds_it(shown: Shown) -> None:
    page = Read(shown.html)
    ids = [each.get("id") for each in page.find("//*[@id]")]
    assert len(ids) == len(set(ids))
    for attribute in ("for", "aria-describedby", "aria-labelledby"):
        for each in page.find(f"//*[@{attribute}]"):
            assert each.get(attribute) in ids


@every_page
def test_it_is_well_formed_and_shows_no_placeholder(shown: Shown) -> None:
    parser = html.HTMLParser(recover=False)
    # libxml2's parser is of HTML 4 and does not know the newer elements (error 801), and nothing else may be amiss
    text = re.sub(
        r"</?(header|main|footer|nav|section|bdi)\b",
        lambda m: m[0].replace(m[1], "span" if m[1] == "bdi" else "div"),
        shown.html,
    )
    html.document_fromstring(text, parser=parser)
    assert not re.search(r"[{}]", Read(shown.html).words())


@every_page
def test_a_page_that_goes_on_does_so_at_once_or_not_at_all(shown: Shown) -> None:
    refreshes = Read(shown.html).find("//meta[@http-equiv]")
    assert all(each.get("content", "").startswith("0; url=http") for each in refreshes)
    assert len(refreshes) == (1 if shown.name in ("refused", "leaving") else 0)
