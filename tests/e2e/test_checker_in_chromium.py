"""The page that checks a receipt, saved to a disk and opened without a network: what it believes, and what it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from idp.demo.scene import Scene
from idp.ledger.checkpoint import VerifierKey
from idp.pages.checker import CheckerView
from idp.pages.render import Pages
from idp.pages.views import Text
from tests.e2e.browser import overflow, violations, window
from tests.idp.ledger.test_receipt import CITIZEN, KEY, LIES, LOG, OTHER_KEY, PARTY, PROMISE
from tests.idp.store.units import ORIGIN

pytestmark = [pytest.mark.peer, pytest.mark.spec("issue 32 item 3")]
HOLDS, REFUSED = "This receipt is valid", "This receipt is not valid"
VIEW = CheckerView("en", "/receipt/check", (("birthdate", Text("Date of birth", "en")),))


@pytest.fixture
def offline(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """The saved file in a browser whose network is off."""
    saved = tmp_path / "check-a-receipt.html"
    saved.write_text(Pages().checker(VIEW), encoding="utf-8")
    with window(chromium) as opened:
        opened.context.set_offline(True)
        opened.page.goto(saved.as_uri())
        expect(opened.page.locator("form")).to_be_visible()
        yield opened.page
        assert opened.complaints == []


def _file(name: str, octets: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": octets}


def _said(page: Page, octets: bytes, key: str = str(KEY), proof: bytes | None = None) -> str:
    page.evaluate("() => document.getElementById('result').replaceChildren()")
    page.set_input_files("#receipt", _file("receipt.json", octets))
    page.set_input_files("#proof", [] if proof is None else [_file("proof.txt", proof)])
    page.fill("#key", key)
    page.click("button")
    page.wait_for_selector("#result > *")
    return page.inner_text("#result")


def test_it_says_what_holds_and_what_was_not_checked(offline: Page) -> None:
    for octets in (CITIZEN, PARTY):
        said = _said(offline, octets)
        assert HOLDS in said
        assert "place 3 of 7" in said
        assert "Date of birth (age_over(18))" in said
        assert "Not checked: whether the key is that record's" in said
    promised = _said(offline, PROMISE)
    assert HOLDS in promised
    assert "promised" in promised
    assert "place 3 of 7" in _said(offline, PROMISE, proof=LOG.placed(3).text.encode())
    assert violations(offline) == []
    offline.set_viewport_size({"width": 320, "height": 700})
    assert overflow(offline) == []


def test_it_takes_the_key_as_a_file_and_asks_for_what_is_missing(offline: Page) -> None:
    assert "Choose a receipt" in _said(offline, CITIZEN, key="")
    offline.set_input_files("#file", _file("log.vkey", f"{KEY}\n".encode()))
    assert HOLDS in _said(offline, CITIZEN, key="")


def test_it_refuses_another_key_another_proof_and_every_change(offline: Page) -> None:
    public = OTHER_KEY.public_key().public_bytes_raw()
    for key in (VerifierKey(ORIGIN, public), VerifierKey("other.example/log", public)):
        for octets in (CITIZEN, PROMISE):
            assert REFUSED in _said(offline, octets, str(key))
    assert REFUSED in _said(offline, CITIZEN, "no key")
    for proof in (LOG.placed(2).text.encode(), b"", LOG.placed(3).text.encode() + b"x"):
        assert REFUSED in _said(offline, PROMISE, proof=proof)
    for octets in (b"", b"{}\n", b"[]\n", CITIZEN[:-1], CITIZEN + b"\n", b" " + CITIZEN, b"{" * 1000):
        assert REFUSED in _said(offline, octets)
    for at in range(0, len(CITIZEN), 211):
        changed = bytearray(CITIZEN)
        changed[at] ^= 1
        assert REFUSED in _said(offline, bytes(changed)), at


def test_it_refuses_what_the_log_itself_signed_and_does_not_fit(offline: Page) -> None:
    believed = [
        place for place, (change, _) in enumerate(LIES) if REFUSED not in _said(offline, LOG.resigned(CITIZEN, change))
    ]
    # The claim of a standard attribute is known to the product's own program alone
    found = [json.loads(LOG.resigned(CITIZEN, LIES[place][0]))["record"]["processing"] for place in believed]
    assert [one["pii_information"][1]["pii_attribute_id"] for one in found] == ["birthdate"]


def test_the_broker_serves_it_with_a_policy_that_lets_it_ask_nobody_and_it_can_be_saved(
    chromium: Browser, scene: Scene
) -> None:
    with window(chromium) as opened:
        page = opened.page
        answer = page.goto(f"{scene.issuer}/receipt/check")
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "connect-src" not in policy
        with page.expect_download() as taken:
            page.click("#save a")
        assert Path(taken.value.path()).read_text(encoding="utf-8") == answer.text()
        assert HOLDS in _said(page, CITIZEN)
        refused = page.evaluate("() => fetch('/healthz').then(() => false, () => true)")
        assert refused
