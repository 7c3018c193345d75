"""The list of countries in Chromium: what is typed there, what is remembered, and a country whose node is gone."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from connectors.metadata.peers import TIMEOUT
from idp.demo.border import Border
from idp.server.http import BACKLOG
from tests.e2e import crossing
from tests.e2e.browser import (
    PATIENCE_MS,
    THEMES,
    Theme,
    another_tab,
    decide,
    overflow,
    past_the_languages,
    tab_to,
    violations,
    window,
)
from tests.e2e.crossing import APPROVE, BULGARIA, ESTONIA

pytestmark = pytest.mark.peer

LAST = "Your choice last time"
AWAY = "Does not answer at the moment"
POLL_SECONDS = 0.2
# The stage's nodes look at each other every second, a tenth more or less
PROBED_SECONDS = 1.2


def _listed(page: Page) -> list[str]:
    return page.locator("main nav li .country").all_inner_texts()


@pytest.mark.spec("issue 3 item 10")
@pytest.mark.parametrize("typed", ["bul", "Bulgaaria", "Българ", "BGR"])
def test_a_country_is_found_by_typing_without_scripts_or_a_mouse(chromium: Browser, border: Border, typed: str) -> None:
    with window(chromium, scripts=False) as opened:
        page = opened.page
        crossing.to_picker(border, page)
        assert _listed(page) == ["Bulgaria", "Estonia"]
        past_the_languages(page)
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        crossing.seen(page.locator("text=Show all countries"))
        assert _listed(page) == ["Bulgaria"]
        page.click("text=Show all countries")
        expect(page.locator("main nav li")).to_have_count(2, timeout=PATIENCE_MS)
        expect(page.locator("input[name='share.email']")).to_be_checked()
        assert opened.complaints == []


@pytest.mark.spec("issue 3 item 10")
def test_a_country_is_remembered_on_request_alone_and_then_comes_first(chromium: Browser, border: Border) -> None:
    with window(chromium, scripts=False) as opened:
        page = opened.page
        crossing.to_picker(border, page)
        crossing.to_sign_in(border, page, scripts=False)
        crossing.to_picker(border, page)
        assert _listed(page) == ["Bulgaria", "Estonia"]
        assert not [one for one in opened.context.cookies(border.issuer) if one["name"] == "__Host-country"]
        page.check("text=Remember my choice")
        # What is remembered outlives a search
        page.fill("input[type=search]", "est")
        page.click(".search button")
        expect(page.locator("main nav li")).to_have_count(1, timeout=PATIENCE_MS)
        crossing.to_sign_in(border, page, scripts=False)
        crossing.to_picker(border, page)
        assert _listed(page) == ["Estonia", "Bulgaria"]
        expect(page.locator("main nav li").first).to_contain_text(LAST)
        assert opened.complaints == []


@pytest.mark.spec("issue 32 item 2")
@pytest.mark.parametrize("theme", THEMES)
def test_what_is_ticked_by_keyboard_at_320_pixels_is_all_that_crosses_and_goes(
    chromium: Browser, border: Border, theme: Theme
) -> None:
    with window(chromium, scripts=False, theme=theme, width=320) as opened:
        page = opened.page
        crossing.to_picker(border, page)
        assert overflow(page) == []
        email = page.locator("input[name='share.email']")
        expect(email).not_to_be_checked()
        tab_to(page, "input share.email")
        page.keyboard.press("Enter")
        expect(page.locator("main nav li")).to_have_count(2, timeout=PATIENCE_MS)
        tab_to(page, "input share.email")
        page.keyboard.press("Space")
        expect(email).to_be_checked()
        page.locator(crossing.at(ESTONIA)).focus()
        page.keyboard.press("Enter")
        crossing.seen(page.locator("button[value=mari]"))
        crossing.to_informed(page, "mari", scripts=False)
        boxes = page.locator("input[name^='share.']")
        assert [one.get_attribute("name") for one in boxes.all()] == ["share.address", "share.email"]
        assert not any(one.is_checked() for one in boxes.all())
        assert overflow(page) == []
        crossing.on(page, scripts=False)
        crossing.seen(page.locator(APPROVE))
        expect(email).to_be_checked()
        decide(page)
        assert "mari.maasikas@post.example" in crossing.at_city(border, page, "You are signed in")
        assert opened.complaints == []


@contextmanager
def _silent(border: Border, name: str) -> Iterator[None]:
    """A node that stands still: its port takes connections, and nobody answers."""
    process = border.processes[name]
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@contextmanager
def _gone(border: Border, name: str) -> Iterator[None]:
    """A node that was killed, and its port closed; then it is started again."""
    process = border.processes[name]
    process.kill()
    process.wait()
    # The stage keeps the socket for the next process: bound and no more than that, it refuses, as a dead one's port does
    listening = border._sockets[name]
    address = listening.getsockname()
    listening.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):  # a port that was asked for by its number is still bound
        listening.bind(address)
    try:
        yield
    finally:
        listening.listen(BACKLOG)
        border.play(name)


def _answers(page: Page) -> list[float]:
    """For how many seconds each request of this page waits for its answer, from now on."""
    found: list[float] = []

    def finished(request: Request) -> None:
        timing = request.timing
        found.append((timing["responseStart"] - timing["requestStart"]) / 1000)

    page.on("requestfinished", finished)
    return found


def _until(border: Border, page: Page, *, away: bool) -> None:
    """Look at the same login's list again until it says so."""
    address = border.issuer + str(page.locator("form#choice").get_attribute("action"))
    until = time.monotonic() + PATIENCE_MS / 1000
    while (page.locator("main nav .away").count() > 0) is not away:
        assert time.monotonic() < until, "the list does not change"
        time.sleep(POLL_SECONDS)
        page.goto(address)


def _signs_in(border: Border, page: Page, country: str) -> None:
    """The whole way from the list to the city."""
    crossing.to_sign_in(border, page, country)
    crossing.to_informed(page, crossing.CITIZENS[country])
    crossing.on(page)
    crossing.seen(page.locator(APPROVE))
    decide(page)
    crossing.at_city(border, page, "You are signed in")


@pytest.mark.spec("issue 3 item 10")
def test_a_country_that_does_not_answer_says_so_delays_nobody_and_comes_back(chromium: Browser, border: Border) -> None:
    with window(chromium, width=320) as opened:
        page, reading = opened.page, another_tab(opened)
        crossing.informed(border, reading, BULGARIA)
        with _silent(border, "node-bg"):
            # The receiving node soon waits for Bulgaria's metadata: an answer that had to wait with it would take long
            time.sleep(PROBED_SECONDS)
            answered = _answers(page)
            crossing.to_picker(border, page)
            _signs_in(border, page, ESTONIA)
            assert len(answered) > 5
            # One may wait for a processor. Whoever waited for Bulgaria would not be the only one
            assert sorted(answered)[-2] < TIMEOUT * 0.9
        with _gone(border, "node-bg"):
            crossing.to_picker(border, page)
            # As the list had it before: by now the silence alone may have taken the link away
            bulgaria = str(page.locator(crossing.at("ee")).get_attribute("formaction")).replace("/at/ee", "/at/bg")
            _until(border, page, away=True)
            assert _listed(page) == ["Bulgaria", "Estonia"]
            expect(page.locator("main nav li").first).to_contain_text(AWAY)
            assert page.locator(crossing.at("bg")).count() == 0
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                assert violations(page) == []
            assert overflow(page) == []
            # A list from before, in another tab: the page says so, and leads to the others
            page.goto(f"{border.issuer}{bulgaria}")
            expect(page.locator("h1")).to_have_text("This country cannot be reached")
            assert violations(page) == []
            page.click("text=Choose another country")
            crossing.seen(page.locator("main nav"))
            _signs_in(border, page, ESTONIA)
        crossing.to_picker(border, page)
        _until(border, page, away=False)
        _signs_in(border, page, BULGARIA)
        # Who was still reading when the node died goes on where they were: it holds nothing that could be lost
        crossing.on(reading)
        crossing.seen(reading.locator(APPROVE))
        # Whatever was on its way when the node died
        cut = r"\b503\b|net::ERR_(CONNECTION_|CONTENT_LENGTH|EMPTY_RESPONSE)"
        assert [said for said in opened.complaints if not re.search(cut, said)] == []
