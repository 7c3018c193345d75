"""The operator's pages in a real browser: passkeys, without a script elsewhere, in both themes and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from idp.desk.operator.pages import PAGES
from tests.desk.console_stage import Console, served_console
from tests.desk.passkey import authenticator, enrol, sign_in
from tests.desk.stage import DeskStage
from tests.e2e.browser import THEMES, Theme, overflow, violations, window
from tests.idp.cli.command import Served

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def console(stage: DeskStage, served: Served) -> Iterator[Console]:
    assert served.process.poll() is None
    found = Console(stage)
    with served_console(found, stage.folder / "console.log"):
        yield found


@pytest.mark.spec("WCAG 2.2 AA, and 1.4.6 of AAA")
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_any_page_of_the_operators(chromium: Browser, console: Console, theme: Theme) -> None:
    with window(chromium, theme=theme, width=390) as opened:
        for path in ("/", "/?ended=1", "/sign-in/passkey", "/enrol", "/no-such-page"):
            opened.page.goto(f"{console.url}{path}")
            assert violations(opened.page) == [], path
        authenticator(opened)
        enrol(opened.page, console.link_for(f"axe-{theme}"))
        sign_in(opened.page, console.url)
        for path in (*(page.path for page in PAGES), "/switches?thing=party+parking"):
            opened.page.goto(f"{console.url}{path}")
            assert violations(opened.page) == [], path
            # A wide table scrolls in a region of its own, and the page does not
            assert not [each for each in overflow(opened.page) if each.startswith("HTML")], path
        opened.page.get_by_role("button", name="Sign out").click()
        expect(opened.page.get_by_role("heading", level=1)).to_have_text("Sign in to the operator's pages")
        assert opened.complaints == []
