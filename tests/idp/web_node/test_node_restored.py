"""After a restore a sending node begins no sign-in that would come to no end, and the node that asks is told."""

import pytest

from tests.idp.restore_mark import lately_restored
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import LOA, OTHER_LOA
from tests.idp.web_node.stage import NodeStage

pytestmark = pytest.mark.spec("docs/decisions/0013")


def refused(browser: Browser, page: Answer) -> None:
    """The page says so, and has a signed failure for who asked."""
    assert (page.status, page.heading) == (503, "We cannot record anything at the moment"), page.text
    assert page.headers["retry-after"] == "30"
    opened = browser.opened(page)
    assert opened.assertion is None
    assert opened.codes == ("Responder", "AuthnFailed", "")


def test_no_sign_in_begins(browser: Browser, stage: NodeStage) -> None:
    with lately_restored(stage.application):
        refused(browser, browser.asks())
    assert browser.asks().status == 303


def test_nobody_who_chooses_by_then_is_sent_to_sign_in(browser: Browser, stage: NodeStage) -> None:
    levels = (f"{OTHER_LOA}low", f"{LOA}low", f"{LOA}substantial", f"{LOA}high")
    chosen = browser.asks(comparison="exact", contexts=levels).found("//a[contains(@href, '/at/')]/@href")[0]
    with lately_restored(stage.application):
        refused(browser, browser.go("GET", chosen))
    assert browser.go("GET", chosen).status == 303
