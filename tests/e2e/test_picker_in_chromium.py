"""The picker in Chromium: what it remembers and forgets, and the way back to it."""

import pytest
from playwright.sync_api import Browser, Page, expect

from idp.demo.scene import Scene
from tests.e2e.browser import window

pytestmark = pytest.mark.peer

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
LAST = "Your choice last time"


def _picker(scene: Scene, page: Page) -> None:
    page.goto(f"{scene.city_base}/")
    page.click("a[href='/parking/login']")
    expect(page.locator("main nav[aria-label=Countries]")).to_be_visible()


@pytest.mark.spec("issue 3 item 10")
@with_and_without_scripts
def test_a_choice_is_remembered_when_asked_and_forgotten_when_asked(
    chromium: Browser, scene: Scene, *, scripts: bool
) -> None:
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        _picker(scene, page)
        page.click("main nav a")
        _picker(scene, page)
        expect(page.locator("main")).not_to_contain_text(LAST)
        page.click("text=Remember my choice")
        expect(page.locator(".notice")).to_contain_text("for a year")
        page.click("main nav a")
        _picker(scene, page)
        expect(page.locator("main nav li").first).to_contain_text(LAST)
        page.click("text=Forget my last choice")
        expect(page.locator("main")).not_to_contain_text(LAST)
        _picker(scene, page)
        expect(page.locator("main")).not_to_contain_text(LAST)
        assert opened.complaints == []


@pytest.mark.spec("issue 3 item 10")
def test_who_goes_back_from_the_country_chooses_again(chromium: Browser, scene: Scene) -> None:
    with window(chromium) as opened:
        page = opened.page
        _picker(scene, page)
        page.click("text=Remember my choice")
        page.click("main nav a")
        expect(page.locator("button[value=mari]")).to_be_visible()
        page.go_back()
        expect(page.locator("main nav li")).to_have_count(1)
        page.click("main nav a")
        page.click("button[value=mari]")
        expect(page.locator("button[value=approve]")).to_be_visible()
