"""An answer to an app's own scheme in Chromium: the browser hands the address on, by itself and by the link.

Here no app has the scheme, so the browser stays where it is: what is looked at is what it asked the system for.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import GO_ON, Window, window
from tests.idp.staging import Clock
from tests.idp.web.stage import APP, SCHEME, Stage
from tests.idp.web.visitor import Visitor

pytestmark = pytest.mark.peer

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("app") / "stage", Clock())
    made.open()
    yield made
    made.close()


def _handed_on(opened: Window) -> list[str]:
    """The addresses of the app that this page's browser asks the system for, as they come."""
    found: list[str] = []
    session = opened.context.new_cdp_session(opened.page)
    session.send("Network.enable")

    def asked(event: dict[str, dict[str, str]]) -> None:
        if event["request"]["url"].startswith(SCHEME):
            found.append(event["request"]["url"])

    session.on("Network.requestWillBeSent", asked)
    return found


def _request(stage: Stage, **changes: str) -> str:
    asked = Visitor(stage).request(client_id=APP, redirect_uri=SCHEME, **changes)
    return f"{stage.issuer}/authorize?{urlencode(asked, quote_via=quote)}"


def _sign_in(stage: Stage, opened: Window, citizen: str, *, scripts: bool) -> None:
    opened.page.goto(_request(stage))
    opened.page.click("main nav a >> nth=0")
    opened.page.click(f"button[value='{citizen}']")
    if not scripts:
        opened.page.click("text=Continue")


def _until_handed_on(opened: Window, found: list[str]) -> dict[str, list[str]]:
    """The parameters of the one address; whoever waits for it looks at the page meanwhile."""
    for _ in range(600):
        if found:
            break
        opened.page.wait_for_timeout(100)
    (address,) = found
    return parse_qs(urlsplit(address).query)


@pytest.mark.spec("RFC 8252 §7.1; decisions.md 7")
@with_and_without_scripts
@pytest.mark.parametrize("choice", ["approve", "refuse"])
def test_the_citizens_choice_opens_the_app_by_itself(
    chromium: Browser, stage: Stage, choice: str, *, scripts: bool
) -> None:
    with window(chromium, scripts=scripts) as opened:
        found = _handed_on(opened)
        _sign_in(stage, opened, "mari", scripts=scripts)
        opened.page.click(f"button[value={choice}]")
        opened.page.click(GO_ON, no_wait_after=True)
        given = _until_handed_on(opened, found)
        assert ("code" in given, given.get("error")) == (
            choice == "approve",
            None if choice == "approve" else ["access_denied"],
        )
        assert given["iss"] == [stage.issuer]
        assert opened.complaints == []


@with_and_without_scripts
def test_a_page_that_tells_first_opens_the_app_by_its_link(chromium: Browser, stage: Stage, *, scripts: bool) -> None:
    with window(chromium, scripts=scripts) as opened:
        found = _handed_on(opened)
        _sign_in(stage, opened, "toomas", scripts=scripts)
        expect(opened.page.locator("h1")).to_have_text(re.compile("not strong enough|stronger"))
        assert found == []
        opened.page.click("main a.button", no_wait_after=True)
        assert _until_handed_on(opened, found)["error"] == ["unmet_authentication_requirements"]
        assert opened.complaints == []
