"""Debian's Chromium, driven by Playwright: how tests start it, and what they look at on a page."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.peers import require_peer

CHROMIUM = "chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Theme = Literal["light", "dark"]
THEMES: Sequence[Theme] = ("light", "dark")
# What axe runs besides its defaults: our colours hold 7:1, where AA asks for 4.5:1
AXE: Mapping[str, object] = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}
# In a frame that is refused Chromium shows a page of its own, whose script may meet its end; none of ours has such a policy
CHROMIUMS = "'TrustedTypePolicy'"
PATIENCE_MS = 60_000
# The button of the last page of a login
GO_ON = "main a.button[href$='/onward']"


def launch(playwright: Playwright, *more: str) -> Browser:
    """A headless Chromium with these arguments and `more`; skips, or in CI fails, where none is installed."""
    expect.set_options(timeout=PATIENCE_MS)
    path = shutil.which(CHROMIUM)
    require_peer(CHROMIUM, present=path is not None)
    return playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])


@contextmanager
def blocking_cookies(chromium: Browser, profile: Path) -> Iterator[Page]:
    """A window of a Chromium whose user blocks all cookies; `profile` is an empty folder for it."""
    (profile / "Default").mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Default" / "Preferences").write_text(json.dumps(blocked))
    kind, path = chromium.browser_type, shutil.which(CHROMIUM)
    context = kind.launch_persistent_context(profile, executable_path=path, args=[*ARGUMENTS])
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context.pages[0]
    finally:
        context.close()


@dataclass(slots=True)
class Window:
    """One browser window with cookies of its own, and everything that it complained about."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)


@contextmanager
def window(
    chromium: Browser,
    *,
    scripts: bool = True,
    theme: Theme = "light",
    locale: str = "en",
    width: int = 1000,
    height: int = 800,
    scale: float = 1,
) -> Iterator[Window]:
    """Open a window of this size in CSS pixels; `scale` is how far it is zoomed in."""
    context = chromium.new_context(
        java_script_enabled=scripts,
        color_scheme=theme,
        locale=locale,
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
    )
    context.set_default_timeout(PATIENCE_MS)
    opened = Window(context, context.new_page())
    _listen(opened, opened.page)
    try:
        yield opened
    finally:
        context.close()


def another_tab(opened: Window) -> Page:
    """A second tab of the same browser: the same cookies."""
    page = opened.context.new_page()
    _listen(opened, page)
    return page


def _listen(opened: Window, page: Page) -> None:
    """Keep the console's errors: the content security policy's are among them, an error page's status is not."""
    page.on("pageerror", lambda error: None if CHROMIUMS in str(error) else opened.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            opened.complaints.append(said.text)
            if said.type in ("error", "warning") and "server responded with a status" not in said.text
            else None
        ),
    )


def show(page: Page, url: str) -> None:
    """Open a page of the gallery. One that goes on at once never fires `load`: its target answers 204 while it loads."""
    page.goto(url, wait_until="commit")
    page.wait_for_selector("footer", state="attached")


def styled(page: Page) -> None:
    """Wait until the page looks as it will: before that a browser's own colours and sizes would be judged."""
    shown = (
        "() => [...document.querySelectorAll('link[rel=stylesheet]')].every(link => link.sheet)"
        " && [...document.images].every(image => image.complete)"
    )
    until = time.monotonic() + PATIENCE_MS / 1000
    # Playwright's own wait needs the page's scripts, which a test may have switched off
    while not page.evaluate(shown):
        assert time.monotonic() < until, page.url
        page.wait_for_timeout(20)


def violations(page: Page, options: Mapping[str, object] = AXE) -> list[str]:
    """The findings of axe, a line each: rule, place, and what to mend."""
    styled(page)
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{each['id']}: {node['target']}: {node['failureSummary']}" for each in found for node in each["nodes"]]


def overflow(page: Page) -> list[str]:
    """The elements that stick out of the window to the side; empty where nobody has to scroll sideways."""
    styled(page)
    found = page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            const outside = ({left, right}) => right > width + 0.5 || left < -0.5;
            const out = [...document.querySelectorAll('body *')].filter(e => outside(e.getBoundingClientRect()));
            if (document.documentElement.scrollWidth > width) out.unshift(document.documentElement);
            return out.map(e => e.tagName + '.' + e.className);
        }"""
    )
    return [str(each) for each in found]


def decide(page: Page, choice: str = "approve") -> None:
    """Press a button of the question, and go on from the last page."""
    page.click(f"button[value={choice}]")
    page.click(GO_ON)


def past_the_languages(page: Page) -> None:
    """Tab over the list of other languages, which the keyboard reaches first: it is folded up."""
    page.keyboard.press("Tab")


def speak(page: Page, language: str) -> None:
    """Choose a language from the page's list."""
    page.click(".languages summary")
    page.click(f".languages [lang={language}]")


def tab_to(page: Page, element: str) -> None:
    """Tab until the keyboard reaches `element`, as `focused` names it."""
    stops: list[str] = []
    while not stops or stops[-1] != element:
        assert len(stops) < 30, stops
        page.keyboard.press("Tab")
        stops.append(focused(page))


def focused(page: Page) -> str:
    """The element that has the keyboard: `a`, `input share.email`, `button approve`, or `body`."""
    return str(
        page.evaluate(
            """() => {
                const e = document.activeElement;
                return [e.tagName.toLowerCase(), e.name === 'choice' ? e.value : e.name].filter(Boolean).join(' ');
            }"""
        )
    )


def outline(page: Page) -> float:
    """How many pixels wide the focused element is outlined."""
    return float(page.evaluate("() => parseFloat(getComputedStyle(document.activeElement).outlineWidth)"))
