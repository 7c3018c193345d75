"""How pages answer to keyboards, fingers and browsers without scripts. `test_wcag.py` judges each page by WCAG 2.2.

`tests/idp/pages/test_translations.py` holds the other languages' sentences against the length of the English ones.
"""

import pytest
from playwright.sync_api import Browser, Page

from idp.pages.languages import LANGUAGES, load_languages
from tests.e2e.browser import THEMES, Theme, focused, outline, past_the_languages, show, window
from tests.e2e.gallery_server import Gallery

pytestmark = pytest.mark.peer

every_theme = pytest.mark.parametrize("theme", THEMES)


@pytest.mark.parametrize(
    ("name", "answers"),
    [("approval", ["approve", "refuse"]), ("inform", ["continue", "cancel"]), ("for-whom", ["acting", "cancel"])],
    ids=["approval", "inform", "for-whom"],
)
@every_theme
def test_both_answers_look_the_same(chromium: Browser, shown: Gallery, theme: Theme, name: str, answers: list[str]) -> None:
    with window(chromium, theme=theme) as opened:
        opened.page.goto(shown.url(name))
        looks = opened.page.evaluate(
            """answers => answers.map(value => {
                const e = document.querySelector(`button[value=${value}]`), box = e.getBoundingClientRect();
                const s = getComputedStyle(e);
                return [box.width, box.height, box.top, s.color, s.backgroundColor, s.font, s.border];
            })""",
            answers,
        )
    assert looks[0] == looks[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_three_attributes_and_both_buttons_fit_the_first_screen_of_a_phone(
    chromium: Browser, shown: Gallery, language: str
) -> None:
    with window(chromium, width=390, height=844) as opened:
        opened.page.goto(shown.url("approval-three", language))
        seen = opened.page.evaluate(
            "() => [...document.querySelectorAll('.items li, .buttons button')].map(e => e.getBoundingClientRect().bottom)"
        )
        assert len(seen) == 3 + 2
        assert max(seen) <= 844


def _tab_through(page: Page) -> list[str]:
    """Every element that Tab reaches, from the top of the page until its foot."""
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        here = focused(page)
        if here == "body" or page.evaluate("() => document.activeElement.closest('footer') !== null"):
            break
        assert outline(page) >= 3, here
        reached.append(here)
    return reached


def test_the_keyboard_reaches_every_box_and_every_answer_in_their_order(chromium: Browser, shown: Gallery) -> None:
    with window(chromium) as opened:
        opened.page.goto(shown.url("approval"))
        reached = _tab_through(opened.page)
        assert reached[:7] == [
            "summary",
            "input share.address",
            "input share.email",
            "button approve",
            "button refuse",
            "summary",
            "summary",
        ]
        opened.page.goto(shown.url("approval-again"))
        # Both answers are the first things behind the languages; what is folded up holds no button
        assert _tab_through(opened.page)[1:] == [
            *("button continue", "button refuse", "summary", "button page", "button page")
        ]
        opened.page.goto(shown.url("picker"))
        # The link to the page of countries stands behind them
        assert _tab_through(opened.page)[:11] == ["a"] * 10 + ["button"]
        opened.page.goto(shown.url("inform"))
        boxes = ["input share.gender", "input share.address"]
        assert _tab_through(opened.page)[1:] == [*boxes, "button continue", "button cancel", "summary", "summary"]


def test_the_keyboard_reaches_the_search_then_each_country_that_answers_then_what_is_remembered(
    chromium: Browser, shown: Gallery
) -> None:
    with window(chromium) as opened:
        opened.page.goto(shown.url("picker-search"))
        # The list of languages first; six countries, one of which does not answer
        assert _tab_through(opened.page) == ["summary", "input q", "button", *["a"] * 5, "a", "a", "button"]


@pytest.mark.spec("issue 4: the pages of this issue under the same tests")
def test_the_keyboard_reaches_the_receipts_files_and_the_way_to_forget_it(chromium: Browser, shown: Gallery) -> None:
    with window(chromium) as opened:
        opened.page.goto(shown.url("receipt-consent"))
        assert _tab_through(opened.page) == ["summary", "a", "a", "button"]
        opened.page.goto(shown.url("receipt-none"))
        assert _tab_through(opened.page) == ["summary"]


@pytest.mark.spec("issue 3 item 10")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize(
    ("name", "sent"), [("picker-search", {"q": "läti"}), ("picker-remembering", {"q": "läti", "remember": "yes"})]
)
def test_a_search_is_typed_and_sent_by_enter(
    chromium: Browser, shown: Gallery, name: str, sent: dict[str, str], *, scripts: bool
) -> None:
    shown.posted.clear()
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        page.goto(shown.url(name))
        past_the_languages(page)
        page.keyboard.press("Tab")
        page.keyboard.type("läti")
        with page.expect_response("**/countries"):
            page.keyboard.press("Enter")
        assert opened.complaints == []
    assert shown.posted == [("/login/L1/countries", sent)], "no address holds what was typed"


@pytest.mark.spec("issue 3 item 6")
@pytest.mark.parametrize(("presses", "choice"), [(3, "continue"), (4, "cancel")])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_keyboard_alone_continues_or_cancels(
    chromium: Browser, shown: Gallery, presses: int, choice: str, *, scripts: bool
) -> None:
    shown.posted.clear()
    with window(chromium, scripts=scripts) as opened:
        opened.page.goto(shown.url("inform"))
        past_the_languages(opened.page)
        for _ in range(presses):
            opened.page.keyboard.press("Tab")
        with opened.page.expect_response("**/decision"):
            opened.page.keyboard.press("Enter")
    assert shown.posted == [("/login/L1/decision", {"login": "L1", "decided": "sealed-text", "choice": choice})]


@pytest.mark.parametrize(("presses", "choice"), [(3, "approve"), (4, "refuse")])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_keyboard_alone_decides(chromium: Browser, shown: Gallery, presses: int, choice: str, *, scripts: bool) -> None:
    shown.posted.clear()
    with window(chromium, scripts=scripts) as opened:
        opened.page.goto(shown.url("approval"))
        past_the_languages(opened.page)
        for _ in range(presses):
            opened.page.keyboard.press("Tab")
        with opened.page.expect_response("**/decision"):
            opened.page.keyboard.press("Enter")
    assert shown.posted == [("/login/L1/decision", {"login": "L1", "decided": "sealed-text", "choice": choice})]


def test_a_box_is_ticked_by_space_and_enter_in_it_decides_nothing(chromium: Browser, shown: Gallery) -> None:
    shown.posted.clear()
    with window(chromium) as opened:
        page = opened.page
        page.goto(shown.url("approval"))
        assert page.locator("input:checked").count() == 0
        past_the_languages(page)
        page.keyboard.press("Tab")
        assert focused(page) == "input share.address"
        page.keyboard.press("Enter")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        assert page.locator("input:checked").count() == 1
        with page.expect_response("**/decision"):
            page.click("button[value=approve]")
    sent = {"login": "L1", "decided": "sealed-text", "share.address": "yes", "choice": "approve"}
    assert shown.posted == [("/login/L1/decision", sent)]


@pytest.mark.parametrize("language", ["et", "zh-Hans"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_keyboard_alone_chooses_a_language_and_decides_nothing(
    chromium: Browser, shown: Gallery, language: str, *, scripts: bool
) -> None:
    shown.posted.clear()
    others = [tag for tag in load_languages() if tag != "en"]
    with window(chromium, scripts=scripts) as opened:
        opened.page.goto(shown.url("approval"))
        opened.page.keyboard.press("Tab")
        opened.page.keyboard.press("Enter")
        for _ in range(others.index(language) + 1):
            opened.page.keyboard.press("Tab")
        with opened.page.expect_response("**/language"):
            opened.page.keyboard.press("Enter")
        assert opened.complaints == []
    assert shown.posted == [("/login/L1/language", {"login": "L1", "decided": "sealed-text", "language": language})]


@pytest.mark.spec("WCAG 2.2, 2.5.8 of AA, and 2.5.5 of AAA")
@pytest.mark.parametrize("name", ["approval", "picker-search", "error-internal"])
def test_other_languages_are_as_large_as_a_finger_and_open_without_a_script(
    chromium: Browser, shown: Gallery, name: str
) -> None:
    for width in (320, 1000):
        with window(chromium, width=width, scripts=False) as opened:
            show(opened.page, shown.url(name))
            opened.page.click(".languages summary")
            boxes = [each.bounding_box() for each in opened.page.locator(".languages li > *").all()]
            assert len(boxes) == len(LANGUAGES) - 1
            for box in boxes:
                assert box
                assert min(box["width"], box["height"]) >= 44
                assert box["x"] + box["width"] <= width


@pytest.mark.spec("decisions.md 7")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("name", ["post-provider", "post-service", "post-node"])
def test_a_message_is_posted_by_the_script_or_by_the_button(
    chromium: Browser, shown: Gallery, name: str, *, scripts: bool
) -> None:
    shown.posted.clear()
    with window(chromium, scripts=scripts) as opened:
        if scripts:
            with opened.page.expect_response("**/gone*"):
                show(opened.page, shown.url(name))
        else:
            show(opened.page, shown.url(name))
            assert shown.posted == []
            with opened.page.expect_response("**/gone*"):
                opened.page.click("form button")
        assert opened.complaints == []
    assert len(shown.posted) == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("name", ["leaving", "me-entered"])
def test_a_page_that_goes_on_needs_no_script(chromium: Browser, shown: Gallery, name: str, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts) as opened, opened.page.expect_response("**/gone*") as answer:
        show(opened.page, shown.url(name))
    assert answer.value.request.method == "GET"
    assert "referer" not in answer.value.request.headers


@pytest.mark.spec("decisions.md 6")
def test_no_page_lets_itself_be_framed(chromium: Browser, shown: Gallery) -> None:
    with window(chromium) as opened:
        opened.page.goto(f"{shown.base}/style.css")
        opened.page.evaluate(
            "url => { const f = document.createElement('iframe'); f.src = url; document.documentElement.append(f) }",
            shown.url("approval"),
        )
        opened.page.wait_for_timeout(300)
        assert not any(frame.url.endswith("/approval/en") for frame in opened.page.frames)


def test_a_script_that_got_into_a_page_would_not_run(chromium: Browser, shown: Gallery) -> None:
    with window(chromium) as opened:
        opened.page.goto(shown.url("approval"))
        opened.page.evaluate(
            "() => { const s = document.createElement('script'); s.text = 'document.title = 1'; document.body.append(s) }"
        )
        assert opened.page.title() != "1"
        assert any("Content Security Policy" in line for line in opened.complaints)


def test_on_paper_the_page_is_black_on_white_without_its_buttons(chromium: Browser, shown: Gallery) -> None:
    with window(chromium, theme="dark") as opened:
        opened.page.emulate_media(media="print", color_scheme="light")
        opened.page.goto(shown.url("approval"))
        assert not opened.page.is_visible("button[value=approve]")
        assert not opened.page.is_visible(".languages")
        assert opened.page.is_visible(".kept")


@pytest.mark.spec("issue 33 item 1")
def test_for_whom_is_chosen_without_a_mouse_and_enter_chooses_nobody(chromium: Browser, shown: Gallery) -> None:
    with window(chromium, scripts=False) as opened:
        page = opened.page
        page.goto(shown.url("for-whom"))
        address, radio = page.url, page.locator("input[name=acting]").first
        assert page.locator("input[name=acting]:checked").count() == 0
        radio.focus()
        page.keyboard.press("Enter")
        assert page.url == address
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        assert page.locator("input[name=acting]:checked").get_attribute("value") == "1"
        page.keyboard.press("Tab")
        assert page.locator("button[value=acting]:focus").count() == 1
