"""The citizen's page in Chromium, over HTTP: the sign-in for it, an objection, the copy, and the button that closes it."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from idp.demo.scene import Scene
from tests.e2e.browser import decide, overflow, violations, window

pytestmark = pytest.mark.peer

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def _signs_in(page: Page, *, scripts: bool) -> None:
    page.click("main nav a")
    page.click("button[value='mari']")
    if not scripts:
        page.click("text=Continue")


@pytest.mark.spec("issue 31 item 6, real parts: Chromium with axe")
@with_and_without_scripts
def test_a_citizen_sees_their_release_objects_and_takes_a_copy(chromium: Browser, scene: Scene, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        page.goto(f"{scene.city_base}/parking/login")
        _signs_in(page, scripts=scripts)
        decide(page)
        page.wait_for_url(f"{scene.city_base}/**")
        page.goto(f"{scene.issuer}/me")
        expect(page.locator("h1")).to_have_text("See who got data about you")
        page.click("main button")
        _signs_in(page, scripts=scripts)
        expect(page.locator("h1")).to_have_text("Who got data about you")
        assert page.url == f"{scene.issuer}/me", "no address has anything of the person"
        newest = page.locator("article").first
        expect(newest).to_contain_text("Resident parking")
        if scripts:
            assert violations(page) == []
            assert overflow(page) == []
        newest.locator("summary", has_text="Object").click()
        newest.locator("button", has_text="Object").click()
        expect(page.locator("article").first).to_contain_text("You objected")
        assert page.url == f"{scene.issuer}/me"
        page.click("a[href='/me/copy']")
        with page.expect_download() as taken:
            page.click("a.button")
        copy = json.loads(Path(taken.value.path()).read_bytes())
        assert [one["kind"] for one in copy["records"][:2]] == ["objection", "release"]
        page.goto(f"{scene.issuer}/me")
        page.click("text=Close this page now")
        expect(page.locator("main")).to_contain_text("You are signed out of this page.")
        page.goto(f"{scene.issuer}/me")
        expect(page.locator("article")).to_have_count(0)
        assert opened.complaints == []
