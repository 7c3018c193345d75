"""A page that is filled in is the page that the template makes, octet for octet, and what is kept knows nobody."""

import pytest

from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from idp.pages.sheets import MAX_SHEETS, Mark, Sheets
from idp.pages.views import LeavingView, Text

EVIL = "\"><script>alert('x')</script>&amp;\u2028{{ 7 * 7 }}é✓"


def _page(*texts: str) -> str:
    return "<p>{}</p><i>{}</i><b>{}</b>é".format(*texts)


def test_what_is_filled_in_is_escaped_and_stands_in_its_places() -> None:
    sheet = Sheets().sheet("one", lambda mark: _page(mark(1), mark(0), mark(1)))
    quoted = "&#34;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;\u2028{{ 7 * 7 }}é✓"
    assert sheet.filled("first", EVIL).decode() == _page(quoted, "first", quoted)


def test_a_text_never_fills_another_ones_place() -> None:
    sheets = Sheets()
    sheet = sheets.sheet("one", lambda mark: _page(mark(0), mark(1), ""))
    mark = sheets._mark(1)
    assert sheet.filled(mark, "other").decode() == _page(mark, "other", "")


def test_a_page_is_made_once_and_no_more_than_so_many_are_kept() -> None:
    sheets, made = Sheets(), 0

    def render(mark: Mark) -> str:
        nonlocal made
        made += 1
        return mark(0)

    for _ in range(3):
        sheets.sheet("same", render)
    assert made == 1
    for number in range(2 * MAX_SHEETS):
        sheets.sheet(number, render)
        assert len(sheets._made) <= MAX_SHEETS
    sheets.sheet("same", render)
    assert made == 2 + 2 * MAX_SHEETS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("receipt", ["", "/receipt"])
def test_the_page_that_goes_on_is_the_templates_own(pages: Pages, language: str, receipt: str) -> None:
    said = pages._languages[language]
    for service in ("Parking", EVIL):
        for target in ("https://city.example/cb?code=1&state=2", f"https://city.example/{EVIL}"):
            whole = pages._onward(
                said,
                title=said.say("leaving.title"),
                sentence=said.say("leaving.text", service=service),
                onward=said.say("leaving.link", service=service),
                target=target,
                receipt=receipt,
            )
            assert pages.leaving(LeavingView(language, Text(service, "en"), target, receipt)) == whole
