"""The whole login in Chromium, through the demo's country, broker and city, over HTTP, with scripts and without."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from idp.demo.scene import Scene
from idp.demo.words import LANGUAGES
from idp.receipts.receipt_verify import verify_receipt
from tests.e2e.browser import (
    another_tab,
    blocking_cookies,
    decide,
    past_the_languages,
    speak,
    tab_to,
    violations,
    window,
)

pytestmark = pytest.mark.peer

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def _pick(scene: Scene, page: Page, service: str = "parking") -> None:
    """From the city to the picker."""
    page.goto(f"{scene.city_base}/")
    page.click(f"a[href='/{service}/login']")
    expect(page.locator("main nav a")).to_have_count(1)


def _sign_in(page: Page, citizen: str = "mari", *, scripts: bool = True) -> None:
    """From the picker through the country and back."""
    page.click("main nav a")
    page.click(f"button[value='{citizen}']")
    if not scripts:
        page.click("text=Continue")
    expect(page.locator("header.brand")).to_be_visible()


def _ask(scene: Scene, page: Page, service: str = "parking", *, scripts: bool = True) -> None:
    _pick(scene, page, service)
    _sign_in(page, scripts=scripts)
    expect(page.locator("button[value=approve]")).to_be_visible()


def _at_city(scene: Scene, page: Page, said: str) -> str:
    page.wait_for_url(f"{scene.city_base}/**")
    expect(page.locator("main")).to_contain_text(said)
    return page.inner_text("main")


def _back_and_reload(page: Page) -> None:
    """One step back. Chromium kept no page of ours (no-store), and asks before it posts again: whoever reloads says yes."""
    with suppress(Error):
        page.go_back(wait_until="commit")
    page.wait_for_url("chrome-error://**")
    page.reload()


def _refused(page: Page) -> None:
    """A page of the broker that says that this does not go on."""
    expect(page.locator("h1")).to_have_text(re.compile("already|ended|in this browser|start again"))


@with_and_without_scripts
def test_a_citizen_approves_and_the_city_gets_what_the_page_said(chromium: Browser, scene: Scene, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts) as opened:
        _ask(scene, opened.page, scripts=scripts)
        told = opened.page.inner_text("main")
        assert "Are you 18 or older?" in told
        assert "Not shared: Date of birth" in told
        assert "1990" not in told
        decide(opened.page)
        got = _at_city(scene, opened.page, "You are signed in")
        assert opened.complaints == []
    assert "age_over_18" in got
    assert not re.search(r"1990-|Maasikas|post\.example", got)


@with_and_without_scripts
def test_a_citizen_chooses_the_language_at_the_picker_and_at_the_question(
    chromium: Browser, scene: Scene, *, scripts: bool
) -> None:
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        _pick(scene, page)
        speak(page, "et")
        expect(page.locator("h1")).to_have_text("Millise riigi e-identiteeti te kasutate?")
        page.click("main nav a")
        page.click("button[value='mari']")
        if not scripts:
            page.click("text=Continue")
        expect(page.locator("h1")).to_contain_text("Kas jagada neid andmeid")
        page.check("input[name='share.email']")
        speak(page, "en")
        expect(page.locator("h1")).to_contain_text("Share this with")
        assert page.is_checked("input[name='share.email']")
        page.uncheck("input[name='share.email']")
        speak(page, "zh-Hans")
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        assert not page.is_checked("input[name='share.email']"), "what was unticked stays so"
        decide(page)
        _at_city(scene, page, "You are signed in")
        assert opened.complaints == []


@pytest.mark.spec("decisions.md 1: refuse, Back, Reload must fail")
def test_who_comes_after_a_refusal_in_another_language_sees_no_value_again(chromium: Browser, scene: Scene) -> None:
    with window(chromium) as opened:
        page = opened.page
        _ask(scene, page)
        speak(page, "et")
        expect(page.locator("html")).to_have_attribute("lang", "et")
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "et")
        decide(page, "refuse")
        page.wait_for_url(f"{scene.city_base}/**")
        page.go_back()
        expect(page.locator("html")).to_have_attribute("lang", "et")
        assert page.locator("code", has_text="conflict").count() == 1
        _back_and_reload(page)
        assert page.url.endswith("/language")
        expect(page.locator("html")).to_have_attribute("lang", "et")
        assert page.locator("code", has_text="conflict").count() == 1
        assert "post.example" not in page.content()


@pytest.mark.spec("issue 4 item 1")
@with_and_without_scripts
def test_the_citizen_takes_the_receipt_along_and_has_it_forgotten(
    chromium: Browser, scene: Scene, *, scripts: bool
) -> None:
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        _ask(scene, page, scripts=scripts)
        decide(page)
        _at_city(scene, page, "You are signed in")
        page.goto(f"{scene.issuer}/receipt")
        expect(page.locator("h1")).to_have_text("Your receipt")
        assert "Date of birth: whether 18 or older" in page.inner_text("main")
        assert not scripts or violations(page) == []
        with page.expect_download() as taken:
            page.click("a[href='/receipt.json']")
        keys = scene.application.keys.ledger.log.known
        assert verify_receipt(Path(taken.value.path()).read_bytes(), keys).client == "parking"
        page.click("form button")
        expect(page.locator("h1")).to_have_text("There is no receipt here")
        page.goto(f"{scene.issuer}/receipt")
        expect(page.locator("h1")).to_have_text("There is no receipt here")


@pytest.mark.spec("RFC 6265bis §5.2")
def test_another_site_that_leads_to_the_receipt_shows_none(chromium: Browser, scene: Scene) -> None:
    with window(chromium) as opened:
        page = opened.page
        _ask(scene, page)
        decide(page)
        _at_city(scene, page, "You are signed in")
        page.evaluate("url => { location.href = url }", f"{scene.issuer}/receipt")
        expect(page.locator("h1")).to_have_text("There is no receipt here")


@with_and_without_scripts
def test_who_says_no_comes_back_without_having_said_anything(chromium: Browser, scene: Scene, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts) as opened:
        _ask(scene, opened.page, scripts=scripts)
        decide(opened.page, "refuse")
        _at_city(scene, opened.page, "the broker said: access_denied")
        assert opened.complaints == []


@pytest.mark.spec("issue: two tabs at once work")
def test_two_tabs_sign_in_at_once(chromium: Browser, scene: Scene) -> None:
    with window(chromium) as opened:
        one, other = opened.page, another_tab(opened)
        _ask(scene, one, "parking")
        _ask(scene, other, "budget")
        decide(one)
        assert "resident_of" in _at_city(scene, one, "You are signed in")
        decide(other)
        assert "age_over_16" in _at_city(scene, other, "You are signed in")
        assert opened.complaints == []


@pytest.mark.spec("decisions.md 1")
@pytest.mark.parametrize("first", ["approve", "refuse"])
def test_after_a_decision_neither_back_nor_reload_brings_the_question_again(
    chromium: Browser, scene: Scene, first: str
) -> None:
    with window(chromium) as opened:
        page = opened.page
        _ask(scene, page)
        decided = page.evaluate("() => document.querySelector('form').outerHTML")
        decide(page, first)
        page.wait_for_url(f"{scene.city_base}/**")
        # The kiosk: the next one at this machine goes back, reloads, and approves
        page.go_back()
        _refused(page)
        _back_and_reload(page)
        assert page.url == f"{scene.issuer}/saml/acs"
        _refused(page)
        # and even with the page's own form, kept from before, in this browser, on our own origin
        other = "refuse" if first == "approve" else "approve"
        page.goto(f"{scene.issuer}/nowhere")
        page.evaluate("form => { document.querySelector('main').innerHTML = form }", decided)
        page.click(f"button[value={other}]")
        _refused(page)


@pytest.mark.spec("decisions.md 9")
def test_an_answer_in_another_browser_goes_nowhere(chromium: Browser, scene: Scene) -> None:
    with window(chromium) as opened, window(chromium) as stranger:
        _pick(scene, opened.page)
        opened.page.click("main nav a")
        stranger.page.goto(opened.page.url)
        stranger.page.click("button[value='mari']")
        _refused(stranger.page)
        assert stranger.page.locator("button[value=approve]").count() == 0


@pytest.mark.spec("decisions.md 7")
def test_a_page_of_another_site_cannot_decide(chromium: Browser, scene: Scene) -> None:
    with window(chromium) as opened:
        _ask(scene, opened.page)
        form = opened.page.evaluate("() => document.querySelector('form').outerHTML")
        action = scene.issuer + str(opened.page.get_attribute("form", "action"))
        opened.page.goto(f"{scene.city_base}/")
        opened.page.evaluate("form => { document.querySelector('main').innerHTML = form }", form)
        opened.page.evaluate("action => { document.querySelector('form').action = action }", action)
        with opened.page.expect_response(action) as answer:
            opened.page.click("button[value=approve]")
        assert answer.value.status == 403
        # The code of what happened, and the reference in the log
        expect(opened.page.locator("code")).to_have_count(2)


def test_the_keyboard_alone_signs_in(chromium: Browser, scene: Scene) -> None:
    with window(chromium, scripts=False) as opened:
        page = opened.page
        page.goto(f"{scene.city_base}/")
        for _ in LANGUAGES:
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main nav a")).to_have_count(1)
        past_the_languages(page)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("button[value=mari]")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("text=Continue")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("button[value=approve]")).to_be_visible()
        tab_to(page, "input share.email")
        page.keyboard.press("Space")
        tab_to(page, "button approve")
        page.keyboard.press("Enter")
        assert "mari.maasikas@post.example" in _at_city(scene, page, "You are signed in")


@pytest.mark.spec("issue 32 item 5; WCAG 2.2.1")
@with_and_without_scripts
def test_a_question_warns_before_it_ends_and_lasts_longer_once(chromium: Browser, scene: Scene, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts, width=320, height=640) as opened:
        page = opened.page
        _ask(scene, page, scripts=scripts)
        ending, more = page.locator(".ending"), page.locator("button[value=longer]")
        expect(ending).to_be_hidden()
        # Four minutes on: the clock of the style sheet is the browser's own
        animations = page.context.new_cdp_session(page)
        animations.send("Animation.enable")
        animations.send("Animation.setPlaybackRate", {"playbackRate": 1000})
        expect(more).to_be_visible()
        assert "Less than 2 minutes are left." in ending.inner_text()
        assert not scripts or violations(page) == []
        # Within the second of the answer there is no later end to get, and the button would stay
        page.wait_for_timeout(1100)
        more.click()
        expect(more).to_have_count(0)
        page.click("button[value=approve]")
        page.click("main a.button")
        _at_city(scene, page, "You are signed in")


@pytest.mark.spec("issue 32 item 5")
def test_a_browser_that_blocks_cookies_reads_so_and_comes_back_to_the_service(
    chromium: Browser, scene: Scene, tmp_path: Path
) -> None:
    with blocking_cookies(chromium, tmp_path) as page:
        _pick(scene, page)
        request = page.url
        page.click("main nav a")
        expect(page.locator("h1")).to_have_text("Your browser does not keep our cookies")
        assert violations(page) == []
        page.click("text=Try again")
        assert page.url == request
        page.click("main nav a")
        page.click("text=Back to Resident parking")
        _at_city(scene, page, "You are not signed in")
