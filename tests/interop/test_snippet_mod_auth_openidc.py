"""The documentation's Apache snippet in a private Apache, as it is printed."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog
from playwright.sync_api import Browser, Page, expect

from idp.cli.snippets import Framework
from idp.demo.browser import Browser as Hops
from tests.e2e.browser import decide, window
from tests.interop import snippet_tests as proved
from tests.interop.snippet_stage import APACHE, MODULES, App, SnippetStage, begun, running, signed_in
from tests.interop.walking import DECISION, opened, to_the_country
from tests.peers import require_peer

PEER = "mod_auth_openidc in Apache"
pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def stage() -> Iterator[SnippetStage]:
    require_peer("mod_auth_openidc", present=APACHE.exists() and (MODULES / "mod_auth_openidc.so").exists())
    # Not below pytest's own folder, which each run of pytest closes to other accounts anew
    with (
        TemporaryDirectory() as folder,
        opened(SnippetStage(Path(folder) / "stage", Framework.APACHE, ("secret", "wrong-secret"))) as stage,
    ):
        yield stage


@pytest.mark.peer_row(PEER, "signs in")
def test_a_citizen_signs_in(stage: SnippetStage) -> None:
    with running(stage, "secret") as app:
        page, _ = signed_in(stage, app)
    assert page.status == 200, page.text
    assert page.url == f"{app.base}/login"
    assert "OIDC_CLAIM_age_over_18=1" in page.text
    assert "OIDC_CLAIM_resident_of" in page.text


def test_whoever_says_no_is_told_to_begin_again(stage: SnippetStage) -> None:
    with running(stage, "secret") as app, Hops() as hops:
        posting = hops.submit(to_the_country(hops, stage, begun(hops, app)), {"citizen": "mari"})
        refused = hops.submit(hops.submit(posting, {}), {"choice": "refuse"}, DECISION)
        page = hops.get(refused.link("//main//a[contains(@href, 'error=access_denied')]"), origin=stage.issuer)
    assert "You are not signed in. You can begin again at /login." in page.text
    assert "Internal Server Error" not in page.text


@pytest.mark.peer_row(PEER, "wrong key refused by us")
def test_a_wrong_credential_is_noticed_by_the_broker(stage: SnippetStage) -> None:
    proved.is_told_that_its_credential_is_wrong(stage, "wrong-secret")


@pytest.mark.peer_row(PEER, "wrong address refused by us")
def test_another_redirect_address_is_noticed_by_the_broker(stage: SnippetStage) -> None:
    proved.gets_no_answer_elsewhere(stage)


@pytest.mark.peer_row(PEER, "broken nonce refused by it")
def test_a_broken_nonce_is_noticed_by_the_app(stage: SnippetStage) -> None:
    proved.refuses_an_id_token_for_another_request(stage)
    log = (stage.folder / "apps" / "secret" / "log").read_text(encoding="utf-8")
    assert "nonce" in log


def _approve(page: Page, app: App) -> None:
    """A citizen's way in a real browser, from what Apache protects to what it makes of the answer."""
    page.goto(f"{app.base}/login")
    page.click("main nav a")
    page.click("button[value=mari]")
    decide(page)
    page.wait_for_url(f"{app.base}/**")


@pytest.mark.peer_row(f"{PEER}, Chromium", "signs in")
def test_a_citizen_signs_in_with_chromium(stage: SnippetStage, chromium: Browser) -> None:
    with running(stage, "secret") as app, window(chromium) as opened_window:
        page = opened_window.page
        _approve(page, app)
        page.wait_for_url(f"{app.base}/login")
        expect(page.locator("body")).to_contain_text("OIDC_CLAIM_age_over_18=1")
        assert "1990-02" not in page.inner_text("body")
        # Signed in, so nobody is asked a second time
        page.goto(f"{app.base}/login")
        expect(page.locator("body")).to_contain_text("OIDC_CLAIM_sub=")
        assert opened_window.complaints == []


@pytest.mark.peer_row(f"{PEER}, Chromium", "wrong key refused by us")
def test_with_a_wrong_secret_chromium_shows_apaches_refusal(stage: SnippetStage, chromium: Browser) -> None:
    with (
        structlog.testing.capture_logs() as lines,
        running(stage, "wrong-secret") as app,
        window(chromium) as opened_window,
    ):
        _approve(opened_window.page, app)
        expect(opened_window.page.locator("body")).not_to_contain_text("OIDC_CLAIM")
    assert any("invalid_client" in str(line.get("detail")) for line in lines)


@pytest.mark.peer_row(f"{PEER}, Chromium", "wrong address refused by us")
def test_with_another_redirect_address_chromium_stays_on_our_page(stage: SnippetStage, chromium: Browser) -> None:
    with running(stage, "secret") as app, Hops() as hops, window(chromium) as opened_window:
        opened_window.page.goto(begun(hops, app, redirect_uri=f"{app.redirect_uri}?next=1"))
        assert opened_window.page.url.startswith(stage.issuer)
        expect(opened_window.page.locator("main")).to_contain_text("The service has to put this right")
        assert app.base not in opened_window.page.content()


@pytest.mark.peer_row(f"{PEER}, Chromium", "broken nonce refused by it")
def test_with_a_broken_nonce_chromium_shows_apaches_refusal(stage: SnippetStage, chromium: Browser) -> None:
    with running(stage, "secret") as app, window(chromium) as opened_window:
        page = opened_window.page
        # Apache's own cookie of this sign-in, and a request that was changed on its way to us
        with Hops() as hops:
            address = begun(hops, app, nonce=proved.ANOTHER)
            kept = [(name, value) for (_, name), (value, _) in hops._jar.items()]
        opened_window.context.add_cookies([{"name": name, "value": value, "url": app.base} for name, value in kept])
        page.goto(address)
        page.click("main nav a")
        page.click("button[value=mari]")
        decide(page)
        page.wait_for_url(f"{app.base}/**")
        expect(page.locator("body")).not_to_contain_text("OIDC_CLAIM")


@pytest.mark.peer_row(PEER, "lower level refused by it")
def test_a_lower_level_is_noticed_by_the_app(stage: SnippetStage) -> None:
    proved.refuses_a_lower_level(stage)


@pytest.mark.peer_row(PEER, "other purpose refused by it")
def test_another_purpose_is_noticed_by_the_app(stage: SnippetStage) -> None:
    proved.refuses_another_purpose(stage)


@pytest.mark.peer_row(PEER, "less asked for, and all given")
def test_what_the_purpose_requires_comes_whatever_is_asked(stage: SnippetStage) -> None:
    proved.gets_what_is_required_whatever_is_asked(stage, proved.LESS)
