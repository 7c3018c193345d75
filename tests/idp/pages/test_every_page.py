"""Rules that every page keeps: English whole; `test_translations` holds each language's phrases against English."""

import re
from dataclasses import replace

import pytest
from lxml import html

from idp.pages.compiled_pages import compiled
from idp.pages.headers import SUBMIT_SCRIPT
from idp.pages.languages import load_languages
from idp.pages.render import Pages
from idp.pages.static import MARK_FILE, STYLE_FILE
from idp.pages.views import PageKind
from tests.e2e.gallery import OWNER, Shown, gallery
from tests.idp.pages.reading import Read

SHOWN = [(shown, Read(shown.html)) for shown in gallery(Pages(OWNER), languages=("en",))]
# Pages that go on by themselves, and those of the gallery that have no address of their own
SILENT = re.compile(r"leaving|post-.*|blocked-node|blocked-nowhere|me-entered|picker|picker-(empty|services)")


def test_the_gallery_has_every_page() -> None:
    names = {shown.name for shown, _ in SHOWN}
    asking = {"picker", "picker-search", "approval", "inform", "post-provider"}
    assert asking | {"last", "last-refused", "blocked", "leaving", "post-service", "post-node", "receipt"} <= names
    assert sum(name.startswith("error-") for name in names) >= 16


def test_it_says_its_language_and_has_one_heading_and_the_landmarks() -> None:
    for shown, page in SHOWN:
        assert page.one("/html").get("lang") == shown.language
        assert page.words("//h1"), shown.name
        assert page.words("//title"), shown.name
        for once in ("//h1", "//main", "//header", "//footer"):
            assert len(page.find(once)) == 1, (shown.name, once)


def test_every_page_says_who_runs_it_and_where_help_is() -> None:
    for shown, page in SHOWN:
        links = page.find("//footer//a")
        assert [each.text for each in links] == [
            *("City of Storkhaven", "Privacy notice", "Accessibility statement", "Help", "help@storkhaven.example")
        ], shown.name
        # In a tab of its own: whoever reads there must not lose a question
        assert {each.get("target") for each in links if str(each.get("href")).startswith("https://")} == {"_blank"}


def test_the_front_page_says_who_runs_it_and_a_node_has_no_page_of_a_citizen() -> None:
    links = ["https://storkhaven.example", "https://storkhaven.example/help", "mailto:help@storkhaven.example"]
    led = {shown.name: [each.get("href") for each in page.find("//main//a")] for shown, page in SHOWN}
    assert (led["front"], led["front-node"]) == (["/countries", "/me", *links], ["/countries", *links])


def test_every_page_that_stays_offers_the_other_languages_by_their_own_names() -> None:
    for shown, page in SHOWN:
        offers = not SILENT.fullmatch(shown.name)
        assert len(page.find("//header//nav/details")) == offers, shown.name
        offered = {str(each.get("lang")): each.text for each in page.find("//header//nav//li/*")}
        assert offered == {tag: one.writing.own_name for tag, one in load_languages().items() if tag != "en" and offers}


def test_a_page_without_another_language_offers_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compiled()
    alone = replace(found, languages={"en": found.languages["en"]})
    monkeypatch.setattr("idp.pages.render.compiled", lambda: alone)
    pages = Pages()
    for shown in gallery(pages, languages=("en",)):
        assert not Read(shown.html).find("//header//nav"), shown.name


def test_it_loads_the_style_sheet_and_the_mark_and_nothing_else() -> None:
    for shown, page in SHOWN:
        loaded = [each.get("href") or each.get("src") for each in page.find("//link | //*[@src]")]
        assert set(loaded) == {STYLE_FILE.href, MARK_FILE.href}, shown.name
        assert not page.find("//style | //iframe | //object | //embed | //base"), shown.name
        assert not page.tree.xpath("//@style"), shown.name


def test_no_page_needs_a_script_and_the_one_there_is_has_a_button_beside_it() -> None:
    for shown, page in SHOWN:
        assert not [name for each in page.find("//*") for name in each.attrib if str(name).startswith("on")], shown.name
        assert "javascript:" not in shown.html, shown.name
        for script in page.find("//script"):
            assert shown.kind is PageKind.POST, shown.name
            assert (script.text, dict(script.attrib)) == (SUBMIT_SCRIPT, {}), shown.name
            assert page.words("//form//button[not(@hidden)]"), shown.name


def test_every_form_posts_to_a_place_that_its_kind_allows() -> None:
    for shown, page in SHOWN:
        forms = page.find("//form")
        assert not forms or shown.kind is not PageKind.PLAIN, shown.name
        for form in page.find("//main//form"):
            action = form.get("action", "")
            assert form.get("method") == "post" or form.get("role") == "search", shown.name
            assert re.match("http://" if shown.kind is PageKind.POST else "/[a-z]", action), shown.name


def test_every_id_is_unique_and_everything_that_refers_to_one_finds_it() -> None:
    for shown, page in SHOWN:
        ids = [each.get("id") for each in page.find("//*[@id]")]
        assert len(ids) == len(set(ids)), shown.name
        for attribute in ("for", "aria-describedby", "aria-labelledby"):
            for each in page.find(f"//*[@{attribute}]"):
                assert each.get(attribute) in ids, shown.name


def test_it_is_well_formed_and_shows_no_placeholder() -> None:
    for shown, page in SHOWN:
        html.document_fromstring(_of_html_4(shown), parser=html.HTMLParser(recover=False))
        assert not re.search(r"[{}]", page.words()), shown.name


def _of_html_4(shown: Shown) -> str:
    """The page as libxml2's parser takes it, which does not know newer elements (error 801)."""
    return re.sub(
        r"</?(header|main|footer|nav|section|bdi)\b",
        lambda m: m[0].replace(m[1], "span" if m[1] == "bdi" else "div"),
        shown.html,
    )


def test_a_page_that_goes_on_does_so_at_once_or_not_at_all() -> None:
    for shown, page in SHOWN:
        refreshes = page.find("//meta[@http-equiv]")
        assert all(each.get("content", "").startswith("0; url=http") for each in refreshes), shown.name
        assert len(refreshes) == (1 if shown.name in ("leaving", "me-entered") else 0), shown.name
