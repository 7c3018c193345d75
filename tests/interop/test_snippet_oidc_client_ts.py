"""The documentation's single-page app, run as it is printed: in Debian's Chromium, from an origin of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from playwright.sync_api import Browser, Page

from idp.cli.snippets import Framework
from idp.demo.scene import HOST
from tests.e2e.browser import Window, decide, window
from tests.interop.node import MODULES, require_node
from tests.interop.snippet_stage import LOW, PURPOSE, RELEASED, App, SnippetStage
from tests.interop.walking import opened
from tests.listening import Handler, Listening

PEER = "oidc-client-ts in a page"
LIBRARY = "oidc-client-ts.min.js"
pytestmark = pytest.mark.peer


class _Serves(Handler):
    """The page for every address, and the library beside it."""

    def __init__(self, text: str, library: bytes, *given: object) -> None:
        self._text, self._library = text.encode(), library
        super().__init__(*given)  # type: ignore[arg-type] # the request, the address and the server

    def get(self) -> None:
        is_library = self.path == f"/{LIBRARY}"
        body = self._library if is_library else self._text
        self.reply(200, body, Content_Type="text/javascript" if is_library else "text/html; charset=utf-8")


@contextmanager
def served(app: App) -> Iterator[App]:
    library = Path(MODULES, "oidc-client-ts", "dist", "browser", LIBRARY).read_bytes()
    with Listening(partial(_Serves, app.text, library), HOST, app.port):
        yield app


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnippetStage]:
    require_node("oidc-client-ts")
    made = SnippetStage(tmp_path_factory.mktemp("page") / "stage", Framework.SPA, ("page", "other"))
    with opened(made) as stage:
        yield stage


def _begun(window: Window, app: App, **changed: str) -> None:
    """Press the page's button. Where something is changed on the way, the citizen's browser goes there in its place."""
    page = window.page
    page.goto(f"{app.base}/")
    if not changed:
        page.click("#login")
        return
    page.route("**/authorize?*", lambda route: route.abort())
    with page.expect_request("**/authorize?*") as asked:
        page.click("#login")
    page.unroute("**/authorize?*")
    parts = urlsplit(asked.value.url)
    page.goto(urlunsplit(parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **changed}))))


def _told(page: Page, app: App, citizen: str = "mari") -> dict[str, object]:
    """Sign in and approve: what the app's page shows then."""
    page.click("main nav a")
    page.click(f"button[value={citizen}]")
    decide(page)
    page.wait_for_url(f"{app.base}/**")
    page.wait_for_selector("pre:not(:empty)")
    found = json.loads(page.inner_text("pre"))
    assert isinstance(found, dict)
    return found


@pytest.mark.peer_row(PEER, "signs in")
def test_a_citizen_signs_in(chromium: Browser, stage: SnippetStage) -> None:
    with window(chromium) as opened_window, served(stage.apps["page"]) as app:
        _begun(opened_window, app)
        person = _told(opened_window.page, app)
        assert {name: person[name] for name in RELEASED} == RELEASED
        # Neither CORS nor a policy of ours stood in the way, and nothing of the citizen stays
        assert opened_window.complaints == []
        kept = opened_window.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert str(person["sub"]) not in kept
        assert "code" not in opened_window.page.url


@pytest.mark.peer_row(PEER, "wrong address refused by us")
def test_another_redirect_address_is_noticed_by_the_broker(chromium: Browser, stage: SnippetStage) -> None:
    with window(chromium) as opened_window, served(stage.apps["page"]) as app:
        _begun(opened_window, app, redirect_uri=f"{app.redirect_uri}/")
        assert opened_window.page.url.startswith(stage.issuer)
        assert app.base not in opened_window.page.content()


@pytest.mark.peer_row(PEER, "foreign origin refused by us")
def test_a_page_of_another_app_cannot_redeem_in_its_name(chromium: Browser, stage: SnippetStage) -> None:
    """The page of one registered app says that it is the other: its browser is let read nothing."""
    page, other = stage.apps["page"], stage.apps["other"]
    pretending = App("other", other.port, page.text.replace(page.redirect_uri, other.redirect_uri))
    with window(chromium) as opened_window, served(pretending):
        where = opened_window.page
        where.goto(f"{other.base}/callback")
        asked = """async ([at, client]) => {
            const body = new URLSearchParams({ grant_type: 'authorization_code', code: 'A'.repeat(43), client_id: client });
            return fetch(at + '/token', { method: 'POST', body }).then((answer) => answer.status, () => 'unreadable');
        }"""
        assert where.evaluate(asked, [stage.issuer, "page"]) == "unreadable"
        assert where.evaluate(asked, [stage.issuer, "other"]) == 400


@pytest.mark.peer_row(PEER, "broken state refused by it")
def test_a_broken_state_is_noticed_by_the_app(chromium: Browser, stage: SnippetStage) -> None:
    with window(chromium) as opened_window, served(stage.apps["page"]) as app:
        _begun(opened_window, app, state="a-state-that-nobody-chose")
        assert "state" in str(_told(opened_window.page, app)["refused"])


@pytest.mark.peer_row(PEER, "lower level refused by it")
def test_a_lower_level_is_noticed_by_the_app(chromium: Browser, stage: SnippetStage) -> None:
    with window(chromium) as opened_window, served(stage.apps["page"]) as app:
        _begun(opened_window, app, scope=f"openid purpose:{LOW}")
        assert "lower level" in str(_told(opened_window.page, app, "toomas")["refused"])


@pytest.mark.peer_row(PEER, "other purpose refused by it")
def test_another_purpose_is_noticed_by_the_app(chromium: Browser, stage: SnippetStage) -> None:
    assert PURPOSE != LOW
    with window(chromium) as opened_window, served(stage.apps["page"]) as app:
        _begun(opened_window, app, scope=f"openid purpose:{LOW}")
        assert "another purpose" in str(_told(opened_window.page, app)["refused"])
