"""The kill switch at a sending node: a country that asks, and an identity provider that is asked, go no further."""

from collections.abc import Iterator

import pytest

from idp.store.switches.switch import COUNTRY, PROVIDER
from tests.forgetting import Switch, forget_switches, switch_of
from tests.idp.staging import Clock
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage

pytestmark = pytest.mark.spec("decisions.md 31")
HEADING = "Signing in with this country is suspended"
BOTH = pytest.mark.parametrize(("kind", "name"), [(COUNTRY, "NL"), (PROVIDER, "national")])


@pytest.fixture(scope="module")
def running_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeStage]:
    """A node of these tests alone: the ledger remembers every switch."""
    stage = NodeStage(tmp_path_factory.mktemp("suspended"), Clock())
    stage.open()
    yield stage
    stage.close()


@pytest.fixture
def switch(stage: NodeStage) -> Iterator[Switch]:
    yield switch_of(stage.application, stage.clock)
    forget_switches(stage.application)


def stopped(browser: Browser, page: Answer) -> None:
    """A page that blames nobody, and a signed failure that says that we chose not to respond."""
    assert (page.status, page.heading) == (503, HEADING), page.text
    assert "You have done nothing wrong." in page.text
    opened = browser.opened(page)
    assert opened.assertion is None
    assert opened.codes[:2] == ("Responder", "RequestDenied")


def test_a_country_that_is_off_asks_and_gets_a_signed_failure(browser: Browser, switch: Switch) -> None:
    switch(COUNTRY, "NL")
    stopped(browser, browser.asks())


@BOTH
def test_the_answer_of_a_sign_in_under_way_goes_nowhere(browser: Browser, switch: Switch, kind: str, name: str) -> None:
    fields = browser.signs_in(browser.asks())
    switch(kind, name)
    stopped(browser, browser.returns(fields))


@BOTH
def test_who_was_informed_cannot_continue_and_can_cancel(
    browser: Browser, stage: NodeStage, switch: Switch, kind: str, name: str
) -> None:
    page = browser.informed()
    before = stage.records
    switch(kind, name)
    stopped(browser, browser.decides(page))
    assert stage.records == before + 1, "the switch alone"
    cancelled = browser.decides(page, "cancel")
    assert cancelled.status == 200
    assert browser.opened(cancelled).assertion is None


@BOTH
def test_what_was_sent_a_moment_ago_is_not_sent_again(browser: Browser, switch: Switch, kind: str, name: str) -> None:
    page = browser.informed()
    assert browser.opened(browser.decides(page)).assertion is not None
    switch(kind, name)
    stopped(browser, browser.decides(page))


def test_another_country_goes_on_and_so_does_this_one_when_it_is_on_again(browser: Browser, switch: Switch) -> None:
    switch(COUNTRY, "LV")
    page = browser.informed()
    assert browser.opened(browser.decides(page)).assertion is not None
    switch(COUNTRY, "NL")
    switch(COUNTRY, "NL", off=False)
    assert browser.opened(browser.decides(browser.informed())).assertion is not None
