"""The library for services in a browser: it judges receipts there as it does in Python."""

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import idp.receipts.library.ciconia_receipt as library
from tests.e2e.browser import window
from tests.idp.receipts import library_corpus as corpus
from tests.idp.receipts.test_library import cosigned, in_python, logins

pytestmark = pytest.mark.peer

PAGE = "https://service.localhost/"
SCRIPT = Path(library.__file__).parent / "ciconia-receipt.mjs"
JUDGE = """async (cases) => {
    const { ReceiptRefused, verify } = await import("/ciconia-receipt.mjs");
    const octets = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const judged = [];
    for (const given of cases) {
        const rest = { ...given, proof: given.proof === null ? null : octets(given.proof) };
        try {
            const found = await verify(octets(given.octets), given.keys, rest);
            judged.push([found.leafHash, found.index, found.size, found.by, found.cosigned]);
        } catch (error) {
            if (!(error instanceof ReceiptRefused)) throw error;
            judged.push(null);
        }
    }
    return judged;
}"""


@pytest.mark.spec("issue 31 item 5")
def test_chromium_agrees_with_python(chromium: Browser) -> None:
    broken = itertools.chain(corpus.changed_fields(corpus.PROVED), corpus.spelt(), corpus.key_lists(), corpus.proofs())
    cases = [*corpus.sound(), *itertools.islice(broken, 0, None, 5), *logins(), *cosigned()]
    with window(chromium) as opened:
        opened.page.route(PAGE, lambda route: route.fulfill(body="<title>A service</title>", content_type="text/html"))
        opened.page.route(
            f"{PAGE}ciconia-receipt.mjs",
            lambda route: route.fulfill(body=SCRIPT.read_text(encoding="utf-8"), content_type="text/javascript"),
        )
        opened.page.goto(PAGE)
        found = opened.page.evaluate(JUDGE, [case.as_json() for case in cases])
    assert len(cases) > 200
    for case, judged in zip(cases, found, strict=True):
        assert judged == in_python(case), case.name
