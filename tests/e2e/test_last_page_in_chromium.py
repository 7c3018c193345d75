"""The last page of a login in Chromium: it goes on by itself, waits where it is told to, and goes on for nobody else."""

import time
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from idp.demo.scene import Scene
from tests.e2e.browser import GO_ON, another_tab, overflow, violations, window

pytestmark = [pytest.mark.peer, pytest.mark.spec("issue 32 item 3")]
with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def _decided(scene: Scene, page: Page, choice: str = "approve", *, scripts: bool = True) -> None:
    page.goto(f"{scene.city_base}/parking/login")
    page.click("main nav a")
    page.click("button[value=mari]")
    if not scripts:
        page.click("text=Continue")
    page.click(f"button[value={choice}]")
    expect(page.locator(GO_ON)).to_be_visible()


@with_and_without_scripts
@pytest.mark.parametrize(("choice", "said"), [("approve", "You are signed in"), ("refuse", "access_denied")])
def test_it_goes_on_by_itself_after_ten_seconds(
    chromium: Browser, scene: Scene, choice: str, said: str, *, scripts: bool
) -> None:
    with window(chromium, scripts=scripts, width=320) as opened:
        page = opened.page
        _decided(scene, page, choice, scripts=scripts)
        began = time.monotonic()
        assert overflow(page) == []
        page.wait_for_url(f"{scene.city_base}/**", timeout=60_000)
        assert time.monotonic() - began > 4
        expect(page.locator("main")).to_contain_text(said)
        assert opened.complaints == []


@with_and_without_scripts
def test_whoever_stays_reads_as_long_as_they_like(chromium: Browser, scene: Scene, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        _decided(scene, page, scripts=scripts)
        page.click("text=Stay on this page")
        expect(page.locator("main")).to_contain_text("waits for you")
        assert not scripts or violations(page) == []
        page.wait_for_timeout(12_000)
        assert page.url.endswith("/stay")
        page.reload()
        page.click(GO_ON)
        page.wait_for_url(f"{scene.city_base}/**")
        expect(page.locator("main")).to_contain_text("You are signed in")
        assert opened.complaints == []


def test_neither_another_site_nor_an_address_that_is_typed_goes_on_for_the_citizen(chromium: Browser, scene: Scene) -> None:
    with window(chromium) as opened:
        page = opened.page
        _decided(scene, page)
        page.click("text=Stay on this page")
        onward = scene.issuer + str(page.get_attribute(GO_ON, "href"))
        other = another_tab(opened)
        other.goto(f"{scene.city_base}/")
        other.evaluate("url => { location.href = url }", onward)
        expect(other.locator("h1")).to_have_text("This did not come from our page")
        other.goto(onward)
        expect(other.locator("h1")).to_have_text("This did not come from our page")
        # Nor does what another site has its reader's browser fetch ahead
        other.goto(f"{scene.city_base}/")
        other.evaluate(
            """url => document.head.append(Object.assign(document.createElement('link'), {rel: 'prefetch', href: url}))""",
            onward,
        )
        other.wait_for_timeout(500)
        page.click(GO_ON)
        page.wait_for_url(f"{scene.city_base}/**")
        expect(page.locator("main")).to_contain_text("You are signed in")


@with_and_without_scripts
@pytest.mark.parametrize("choice", ["approve", "refuse"])
def test_back_forward_and_reload_show_a_page_of_ours_and_send_nothing_twice(
    chromium: Browser, scene: Scene, choice: str, *, scripts: bool
) -> None:
    with window(chromium, scripts=scripts) as opened:
        page, steps = opened.page, list[str]()
        page.on("request", lambda sent: steps.append(sent.url.rpartition("/")[2]))
        _decided(scene, page, choice, scripts=scripts)
        page.reload()
        expect(page.locator("main")).to_contain_text("waits for you")
        # The question came by the country's form, which Chromium does not send again unasked
        with suppress(Error):
            page.go_back(wait_until="commit")
        page.wait_for_url("chrome-error://**")
        page.go_forward()
        page.wait_for_timeout(11_000)
        page.click(GO_ON)
        page.wait_for_url(f"{scene.city_base}/**")
        page.go_back()
        expect(page.locator("h1")).to_have_text("This was already decided")
        page.reload()
        expect(page.locator("h1")).to_have_text("This was already decided")
        page.go_forward()
        page.wait_for_url(f"{scene.city_base}/**")
        assert [step for step in steps if step in ("decision", "onward")] == ["decision", "onward"]
        assert opened.complaints == []
