"""Logins across the border in Chromium: two countries, both nodes and the city, over HTTP, with scripts and without."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from idp.demo.border import Border
from tests.e2e import crossing
from tests.e2e.browser import GO_ON, PATIENCE_MS, THEMES, another_tab, decide, overflow, violations, window
from tests.e2e.crossing import APPROVE, BULGARIA, CANCEL, ESTONIA, POSTS, PROCEED

pytestmark = pytest.mark.peer

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
from_both = pytest.mark.parametrize("country", [ESTONIA, BULGARIA], ids=["Estonia", "Bulgaria"])
ENDED = re.compile("already|ended|in this browser|start again")


def _refused(page: Page) -> None:
    """A page of a node that says that this does not go on."""
    expect(page.locator("h1")).to_have_text(ENDED, timeout=PATIENCE_MS)


@pytest.mark.spec("issue 3 item 6; decisions.md 18")
@from_both
@with_and_without_scripts
def test_a_citizen_is_informed_at_home_and_asked_abroad(
    chromium: Browser, border: Border, country: str, *, scripts: bool
) -> None:
    before = crossing.records(border)
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        crossing.informed(border, page, country, scripts=scripts)
        told = str(page.text_content("main"))
        assert "Netherlands" in page.inner_text("h1")
        assert "A public service" in told
        assert "not checked by us" in told
        mine = {
            ESTONIA: ("Maasikas", "Mari", "1990", "Canal Street 12", "EE/NL/", "High"),
            BULGARIA: ("Иванова", "Ivanova", "Ивана", "Ivana", "1985", "Rope Walk 7", "BG/NL/", "Substantial"),
        }
        assert [value for value in mine[country] if value not in told] == []
        assert "post.example" not in told, "nobody ticked it, so it was not asked for"
        crossing.on(page, scripts=scripts)
        crossing.seen(page.locator(APPROVE))
        assert "Received from your country, and not passed on" in page.inner_text("main")
        decide(page)
        got = crossing.at_city(border, page, "You are signed in")
        page.set_viewport_size({"width": 360, "height": 740})
        assert overflow(page) == []
        assert opened.complaints == []
    assert "age_over_18" in got
    assert not re.search(r"1990|1985|Maasikas|Иванова|Ivanova|post\.example|NL/", got)
    assert crossing.new_records(border, before) == {"broker": 1, country: 1}


@pytest.mark.spec("saml.md §13")
@with_and_without_scripts
def test_a_service_that_speaks_saml_gets_its_answer_by_a_form(chromium: Browser, border: Border, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        crossing.asked(border, page, service="library", scripts=scripts)
        crossing.on(page, APPROVE, scripts=scripts)
        got = crossing.at_city(border, page, "You are signed in")
        assert opened.complaints == []
    assert "age_over_18" in got
    assert not re.search(r"1990|Maasikas|post\.example", got)


@with_and_without_scripts
@from_both
def test_who_cancels_at_home_comes_back_through_the_receiving_node(
    chromium: Browser, border: Border, country: str, *, scripts: bool
) -> None:
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        crossing.informed(border, page, country, scripts=scripts)
        page.click(CANCEL)
        crossing.said(page, "nothing about you was sent. Country that asked: Netherlands")
        assert page.url.startswith(border.nodes[country])
        page.click(GO_ON)
        if not scripts:
            page.click(POSTS)
        page.wait_for_url(f"{border.issuer}/eidas/acs")
        expect(page.locator("h1")).to_have_text("You were not signed in")
        page.click("main a.button")
        crossing.at_city(border, page, "the broker said: access_denied")
        assert opened.complaints == []


def test_a_reload_of_any_page_asks_again_and_records_once(chromium: Browser, border: Border) -> None:
    before = crossing.records(border)
    with window(chromium, scripts=False) as opened:
        page = opened.page
        crossing.to_picker(border, page)
        page.reload()
        crossing.seen(page.locator("main nav"))
        page.click(crossing.at("bg"))
        crossing.seen(page.locator(POSTS))
        page.reload()
        crossing.seen(page.locator(POSTS))
        page.click(POSTS)
        crossing.seen(page.locator("button[value=ivana]"))
        page.reload()
        crossing.to_informed(page, "ivana", scripts=False)
        page.reload()
        crossing.seen(page.locator(PROCEED))
        page.check("input[name='share.address']")
        page.click(PROCEED)
        crossing.seen(page.locator(POSTS))
        first = crossing.response_id(page)
        page.reload()
        crossing.seen(page.locator(POSTS))
        assert crossing.response_id(page) == first
        page.click(POSTS)
        crossing.seen(page.locator(APPROVE))
        page.reload()
        crossing.seen(page.locator(APPROVE))
        decide(page)
        crossing.at_city(border, page, "You are signed in")
        assert opened.complaints == []
    assert crossing.new_records(border, before) == {"broker": 1, BULGARIA: 1}


@pytest.mark.spec("decisions.md 1; decisions.md 8")
@with_and_without_scripts
def test_back_at_any_page_gives_the_same_answer_or_says_why_not(
    chromium: Browser, border: Border, *, scripts: bool
) -> None:
    before = crossing.records(border)
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        crossing.to_picker(border, page)
        crossing.to_sign_in(border, page, scripts=scripts)
        page.go_back()
        crossing.seen(page.locator("main nav"))
        crossing.to_sign_in(border, page, scripts=scripts)
        crossing.to_informed(page, "mari", scripts=scripts)
        page.go_back()
        crossing.again(page, "forward")
        crossing.seen(page.locator(PROCEED))
        crossing.on(page, scripts=scripts)
        crossing.seen(page.locator(APPROVE))
        # The decision's own page, or where its script replaced that in the history, the page that informed
        crossing.again(page, "back")
        if scripts:
            _refused(page)
            crossing.again(page, "forward")
        else:
            crossing.seen(page.locator(POSTS))
            page.click(POSTS)
        crossing.seen(page.locator(APPROVE))
        assert crossing.new_records(border, before) == {ESTONIA: 1}
        decide(page)
        crossing.at_city(border, page, "You are signed in")
    assert crossing.new_records(border, before) == {"broker": 1, ESTONIA: 1}


@pytest.mark.spec("decisions.md 1; decisions.md 8")
@pytest.mark.parametrize("first", ["continue", "cancel"])
def test_a_kept_form_gives_the_same_answer_and_never_another(chromium: Browser, border: Border, first: str) -> None:
    before = crossing.records(border)
    with window(chromium, scripts=False) as opened:
        page = opened.page
        crossing.informed(border, page, scripts=False)
        form, origin = page.evaluate("() => [document.querySelector('form').outerHTML, location.origin]")
        answers = []
        for choice in (first, first, "cancel" if first == "continue" else "continue"):
            page.click(f"button[value={choice}]")
            expect(page.locator(PROCEED)).to_have_count(0)
            if choice == "cancel" == first:
                page.click(GO_ON)
            if choice == first:
                answers.append(crossing.response_id(page))
            else:
                _refused(page)
            page.goto(f"{origin}/nowhere")
            page.evaluate("form => { document.querySelector('main').innerHTML = form }", form)
        assert answers[0] == answers[1]
    assert crossing.new_records(border, before) == {ESTONIA: 1}


@pytest.mark.spec("decisions.md 7")
def test_the_page_that_informs_runs_no_script_and_posts_to_nobody_else(chromium: Browser, border: Border) -> None:
    with window(chromium) as opened:
        page = opened.page
        crossing.informed(border, page)
        page.evaluate(
            """() => {
                const script = document.createElement('script');
                script.textContent = "document.title = 'mine'";
                document.body.append(script);
            }"""
        )
        assert page.title() != "mine"
        page.evaluate("url => { document.querySelector('form').action = url }", f"{border.city_base}/parking/callback")
        with page.expect_event("console"):
            page.click(PROCEED, no_wait_after=True)
        assert page.url == f"{border.nodes[ESTONIA]}/saml/acs"
        assert ["script-src" in opened.complaints[0], "form-action" in opened.complaints[1]] == [True, True]


@pytest.mark.spec("issue: two tabs at once work")
@from_both
def test_two_tabs_cross_at_once(chromium: Browser, border: Border, country: str) -> None:
    with window(chromium) as opened:
        one, other = opened.page, another_tab(opened)
        crossing.informed(border, one)
        crossing.informed(border, other, country, service="budget")
        crossing.on(one)
        crossing.on(other)
        for page, claim in ((other, "age_over_16"), (one, "age_over_18")):
            crossing.seen(page.locator(APPROVE))
            decide(page)
            assert claim in crossing.at_city(border, page, "You are signed in")
        assert opened.complaints == []


@contextmanager
def _sent(page: Page) -> Iterator[list[Request]]:
    """All that the window itself asks for."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if request.is_navigation_request() else None)
    yield found


def _cookies(request: Request) -> str:
    """Which kinds of our login cookies went along: `l` the login's, `a` the decision's.

    A decided login leaves a letter, which holds nothing and opens nothing (decision 0076).
    """
    return "".join(sorted(set(re.findall(r"__Host-([al])-[\w-]+=(?!d(?:;|$))", request.all_headers().get("cookie", "")))))


@pytest.mark.spec("decisions.md 3; decisions.md 6")
def test_a_decisions_cookie_never_crosses_sites_and_a_logins_does_only_with_an_answer(
    chromium: Browser, border: Border
) -> None:
    with window(chromium) as opened:
        page, home = opened.page, border.nodes[BULGARIA]
        # A first login leaves both nodes' Strict cookies behind for a minute
        crossing.asked(border, page, BULGARIA)
        with _sent(page) as sent:
            crossing.to_picker(border, page)
            new = {one["name"]: one["sameSite"] for one in opened.context.cookies(border.issuer)}
            assert sorted(side for name, side in new.items() if name.startswith("__Host-l-")) == ["None", "None"]
            crossing.to_sign_in(border, page, BULGARIA)
            crossing.to_informed(page, "ivana")
            crossing.on(page)
            crossing.seen(page.locator(APPROVE))
            went = {(one.method, one.url.partition("?")[0]): _cookies(one) for one in sent}
            for site in (home, border.issuer):
                kept = {
                    one["name"][:8]: (one["sameSite"], one["secure"], one["httpOnly"])
                    for one in opened.context.cookies(site)
                }
                assert kept["__Host-a"] == ("Strict", True, True)
                assert kept.get("__Host-l", ("None", True, True)) == ("None", True, True)
    # Who asks brings nothing of this node's; its identity provider's answer finds the login alone
    assert went["POST", f"{home}/eidas/sso"] == ""
    assert went["POST", f"{home}/saml/acs"] == "l"
    assert went["POST", f"{border.issuer}/eidas/acs"] == "l"
    assert [cookies for (_, url), cookies in went.items() if url.startswith(home) and url.endswith("/decision")] == ["al"]


@pytest.mark.spec("WCAG 2.2 AA, and 1.4.6 of AAA; WCAG 2.2, 1.4.10")
def test_the_live_pages_of_both_nodes_are_for_everybody(chromium: Browser, border: Border) -> None:
    with window(chromium, locale="en", width=320) as opened:
        page = opened.page

        def judge() -> None:
            expect(page.locator("html")).to_have_attribute("lang", "en")
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                assert violations(page) == [], (page.url, theme)
            assert overflow(page) == [], page.url

        crossing.to_picker(border, page)
        crossing.seen(page.locator("input[type=search]"))
        judge()
        crossing.to_sign_in(border, page, BULGARIA)
        crossing.to_informed(page, "ivana")
        judge()
        # The page posts at once: as long as that leads nowhere, it stays
        page.route(f"{border.issuer}/eidas/acs", lambda route: route.fulfill(status=204))
        page.click(CANCEL)
        crossing.seen(page.locator(GO_ON))
        judge()
        page.click(GO_ON)
        crossing.seen(page.locator(POSTS))
        judge()
        page.unroute(f"{border.issuer}/eidas/acs")
        page.click(POSTS)
        page.wait_for_url(f"{border.issuer}/eidas/acs")
        judge()
        crossing.to_picker(border, page)
        crossing.to_sign_in(border, page)
        crossing.to_informed(page, "toomas")
        judge()
        page.click(POSTS)
        page.wait_for_url(f"{border.issuer}/eidas/acs")
        judge()
        crossing.asked(border, page)
        judge()
        assert opened.complaints == []
