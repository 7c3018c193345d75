"""Each key that signs a sending node's answers is revoked: nobody signs in for nothing, and no release is recorded."""

import pytest

from idp.store.switches.switch import PROVIDER
from tests.forgetting import forget_switches, switch_of
from tests.idp.revocation import all_revoked
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import LOA, OTHER_LOA
from tests.idp.web_node.stage import NodeStage

HEADING = "Signing in is not possible at the moment"


def told(page: Answer, status: int = 503, heading: str = HEADING) -> None:
    """A page that says what happened, and has nothing for the node: nobody could sign it."""
    assert (page.status, page.heading) == (status, heading), page.text
    assert "SAMLResponse" not in page.text
    assert "record" not in page.text


@pytest.mark.spec("house-style.md 17")
@pytest.mark.parametrize("choice", ["continue", "cancel"])
def test_nothing_is_recorded_that_nobody_can_sign(browser: Browser, stage: NodeStage, choice: str) -> None:
    page, before = browser.informed(), stage.records
    with all_revoked(stage.application, "node"):
        told(browser.decides(page, choice))
    assert stage.records == before
    # and nothing was spent
    opened = browser.opened(browser.decides(page, choice))
    assert (opened.assertion is not None) == (choice == "continue")
    assert stage.records == before + 1


def test_nobody_is_sent_to_sign_in_for_an_answer_that_nobody_can_sign(browser: Browser, stage: NodeStage) -> None:
    with all_revoked(stage.application, "node"):
        told(browser.asks())
    assert browser.asks().status == 303


def test_nobody_who_chooses_by_then_is_sent_to_sign_in_for_it_either(browser: Browser, stage: NodeStage) -> None:
    levels = (f"{OTHER_LOA}low", f"{LOA}low", f"{LOA}substantial", f"{LOA}high")
    chosen = browser.asks(comparison="exact", contexts=levels).found("//a[contains(@href, '/at/')]/@href")[0]
    with all_revoked(stage.application, "node"):
        told(browser.go("GET", chosen))
    assert browser.go("GET", chosen).status == 303


def test_what_else_stopped_a_login_is_said_though_the_node_cannot_be_told(browser: Browser, stage: NodeStage) -> None:
    fields = browser.signs_in(browser.asks(), None)
    with all_revoked(stage.application, "node"):
        told(browser.returns(fields), 403, "You were not signed in")
        told(browser.asks(contexts=()), 400, "The other country's request cannot be accepted")
        try:
            switch_of(stage.application, stage.clock)(PROVIDER, "national")
            told(browser.returns(fields), heading="Signing in with this country is suspended")
        finally:
            forget_switches(stage.application)


def test_the_node_is_told_where_the_provider_cannot_be_asked(browser: Browser, stage: NodeStage) -> None:
    """The keys that sign questions to providers are revoked; those that sign answers to nodes are others."""
    with all_revoked(stage.application, "saml"):
        page = browser.asks("kept")
    assert (page.status, page.heading) == (503, HEADING)
    assert page.fields["RelayState"] == "kept"
    assert browser.opened(page).codes == ("Responder", "AuthnFailed", "")
