"""The operator's pages in a real browser: passkeys, without a script elsewhere, in both themes and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

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
        opened.page.goto(f"{console.url}/simulator?purpose=resident-parking")
        opened.page.get_by_role("button", name="Decide").click()
        expect(opened.page.get_by_text("The sign-in could go on.")).to_be_visible()
        assert violations(opened.page) == []
        _propose(opened.page, console.url, f"Seen in {theme}")
        opened.page.get_by_role("button", name="Sign out").click()
        expect(opened.page.get_by_role("heading", level=1)).to_have_text("Sign in to the operator's pages")
        assert opened.complaints == []


def _propose(page: Page, url: str, title: str) -> None:
    """Change a title, look at what that means, write the proposal, and withdraw it."""
    page.goto(f"{url}/propose?file=parties/parking.toml")
    text = page.get_by_label("Text of parties/parking.toml")
    before = text.input_value()
    text.fill(before.replace('en = "', f'en = "{title}, '))
    page.get_by_label("Why, for whoever approves it").fill("It has a new name")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text(f'+en = "{title}, Resident parking"')).to_be_visible()
    assert violations(page) == []
    assert not [each for each in overflow(page) if each.startswith("HTML")]
    page.get_by_role("button", name="Write the proposal").click()
    expect(page.get_by_text("State of this proposal: may be applied.")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Withdraw this proposal").click()
    expect(page.get_by_text("There is nothing to show.")).to_be_visible()
