"""A sending node keeps node, message and time of each decision, and nothing of the person, anywhere."""

import json

import pytest

from idp.demo.citizens import HIGH, LOW, Citizen
from tests.canary.needles import needles, search
from tests.canary.stage import VALUES
from tests.idp.staging import Lines
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import LOA, and_also
from tests.idp.web_node.stage import NodeStage

CANARY = Citizen("canary", "", HIGH, {**VALUES, "address.country": "NL"})
INCOMPLETE = Citizen("canary", "", HIGH, {name: value for name, value in VALUES.items() if name != "birthdate"})
UNSURE = Citizen("canary", "", LOW, dict(VALUES))
EVERYTHING = and_also("CurrentAddress", "EmailAddress", "Gender")


def kept(stage: NodeStage) -> bytes:
    """The database and its write-ahead log."""
    return b"\n".join(path.read_bytes() for path in sorted(stage.folder.glob("ciconia.db*")))


@pytest.mark.spec("decisions.md 26")
def test_no_value_of_a_citizen_is_left(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    browser.jar.clear()
    sent = browser.decides(browser.informed(CANARY, attributes=EVERYTHING))
    opened = browser.opened(sent)
    assert opened.values("CurrentFamilyName") == [VALUES["family_name"]]
    identifier = opened.values("PersonIdentifier")[0].split("/")[2]
    assert browser.opened(browser.decides(browser.informed(CANARY, attributes=EVERYTHING), "cancel")).assertion is None
    for who in (INCOMPLETE, UNSURE, None):
        leaving = browser.asks(contexts=(f"{LOA}substantial",))
        assert browser.returns(browser.signs_in(leaving, who)).status == 403
    sought = needles([*VALUES.values(), identifier])
    assert search(kept(stage), sought) == set()
    assert search(repr(logs).encode(), sought) == set()
    assert search(json.dumps(browser.jar).encode(), sought) == set()


def test_the_answer_is_opaque_to_everybody_but_the_node(browser: Browser) -> None:
    page = browser.informed(CANARY, attributes=EVERYTHING)
    sought = needles(VALUES.values())
    assert len(search(page.text.encode(), sought)) >= 5, "the citizen sees what goes, and the searcher finds it"
    assert search(browser.decides(page).text.encode(), sought) == set()


def test_what_travels_in_cookies_and_form_is_sealed(browser: Browser) -> None:
    page = browser.informed(CANARY, attributes=EVERYTHING)
    sought = needles(VALUES.values())
    for text in (page.fields["decided"], json.dumps(browser.jar)):
        assert search(text.encode(), sought) == set()


def test_a_decision_is_one_record_and_a_failure_is_none(browser: Browser, stage: NodeStage) -> None:
    before = stage.records
    page = browser.informed()
    assert stage.records == before, "hearing writes nothing"
    browser.decides(page)
    browser.decides(page)
    assert stage.records == before + 1, "the same answer again is no second record"
    browser.decides(browser.informed(), "cancel")
    assert stage.records == before + 2
    browser.returns(browser.signs_in(browser.asks(), None))
    assert stage.records == before + 2
