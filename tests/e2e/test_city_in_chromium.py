"""The demo city's pages and its sign-ins in Chromium, in both themes: axe finds nothing, and nobody scrolls sideways."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from idp.demo.border import Border
from idp.demo.words import LANGUAGES, SERVICES
from tests.e2e.browser import THEMES, Theme, decide, overflow, tab_to, violations, window

pytestmark = pytest.mark.peer

NARROW = 320


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    """The whole city: five services, two countries, its own card and its partner city's."""
    playing = Border(tmp_path_factory.mktemp("city") / "border", fixed=False, processes=False, card=True)
    playing.open()
    yield playing
    playing.close()


def look(page: Page) -> None:
    """A page of the demo as it should be, in a wide window and in a narrow one."""
    assert violations(page) == []
    wide = page.viewport_size
    page.set_viewport_size({"width": NARROW, "height": 640})
    assert overflow(page) == []
    if wide:
        page.set_viewport_size(wide)


def choose(page: Page, provider: str) -> None:
    """Choose whom to sign in with: a link, or a button where something optional may be ticked."""
    page.click(f"main nav :is(a[href*='/at/{provider}'], button[formaction*='/at/{provider}'])")


def by_card(page: Page, provider: str, citizen: str) -> None:
    """From the picker to what comes after the sign-in with a city's card."""
    choose(page, provider)
    page.click(f"button[value='{citizen}']")


def end(page: Page, city: Border, heading: str) -> str:
    """Wait for a service's last page."""
    page.wait_for_url(f"{city.city_base}/**")
    expect(page.locator("h1")).to_have_text(heading)
    return page.inner_text("main")


@pytest.mark.spec("issue 32 item 8")
@pytest.mark.parametrize("theme", THEMES)
def test_the_pages_of_the_city_are_as_they_should_be(chromium: Browser, city: Border, theme: Theme) -> None:
    with window(chromium, theme=theme, width=1280) as opened:
        page = opened.page
        page.goto(f"{city.city_base}/")
        expect(page.locator("main a.b")).to_have_count(len(SERVICES))
        look(page)
        background = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
        assert (background == "rgb(15, 24, 25)") is (theme == "dark")
        page.click("a[href='/library/login']")
        choose(page, "hewan")
        expect(page.locator("button[value=lin]")).to_be_visible()
        look(page)
        page.click("button[value=lin]")
        decide(page)
        told = end(page, city, "You do not get a resident's library card")
        assert "You do not live in Storkhaven" in told
        assert "lin.xiaoyun" not in told
        look(page)
        page.click("text=Back to the city")
        page.click("a[href='/energy/login']")
        # Nothing to choose: the city's own card alone knows the income
        page.click("button[value=noor]")
        decide(page, "continue")
        assert "household_income_below" in end(page, city, "You get the energy subsidy")
        look(page)
        page.goto(f"{city.city_base}/parking/login")
        by_card(page, "city-card", "")
        page.click("main a.button")
        assert "access_denied" in end(page, city, "You are not signed in")
        look(page)
        assert opened.complaints == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_front_page_fits_in_each_language(chromium: Browser, city: Border, language: str) -> None:
    with window(chromium, locale=language, width=NARROW) as opened:
        opened.page.goto(f"{city.city_base}/")
        expect(opened.page.locator("html")).to_have_attribute("lang", language)
        look(opened.page)


@pytest.mark.spec("issue 32 item 8")
def test_the_keyboard_alone_leads_through_the_city_without_scripts(chromium: Browser, city: Border) -> None:
    with window(chromium, scripts=False) as opened:
        page = opened.page
        page.goto(f"{city.city_base}/")
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement.pathname") == "/energy/login":
                break
        page.keyboard.press("Enter")
        expect(page.locator("button[value=noor]")).to_be_visible()
        tab_to(page, "button citizen")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("button[value=continue]")).to_be_visible()
        tab_to(page, "button continue")
        page.keyboard.press("Enter")
        end(page, city, "You get the energy subsidy")
