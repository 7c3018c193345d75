"""Continue or cancel: the same answer, once, in time, and to a node that may still be answered.

The address of decisions is the city's (`idp/web/routes/login.py`): `tests/idp/web` holds it against other sites, browsers
and fields.
"""

import pytest

from idp.demo.citizens import HIGH, LOW, Citizen
from tests.idp.staging import Lines
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import LOA
from tests.idp.web_node.stage import NodeStage

MARI = {"family_name": "Maasikas", "given_name": "Mari", "birthdate": "19900228", "person_identifier": "EE-49002280001"}


TOO_LOW = "The requested level of assurance was not reached."


def mari(level: str = HIGH, **changes: str | None) -> Citizen:
    """A citizen who reaches this level; a value that is None is not there."""
    return Citizen("m", "", level, {name: value for name, value in {**MARI, **changes}.items() if value is not None})


def goes_nowhere(page: Answer, status: int) -> None:
    """A page of ours, with no answer to anybody."""
    assert page.status == status, page.text
    assert "SAMLResponse" not in page.text


# -- the same answer, once -------------------------------------------------------------------------------------------------


def test_the_same_choice_within_a_minute_is_the_same_answer(browser: Browser) -> None:
    page = browser.informed()
    first, second = (browser.opened(browser.decides(page)) for _ in range(2))
    assert first.response.response_id == second.response.response_id
    assert first.assertion is not None
    assert second.assertion is not None
    assert first.assertion.assertion_id == second.assertion.assertion_id
    assert first.assertion.attributes == second.assertion.attributes


def test_whoever_leaves_does_so_though_the_provider_is_registered_no_more(
    browser: Browser, stage: NodeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded that they left, so the node is told."""
    page = browser.informed()
    monkeypatch.setattr(stage.application.site.role, "_providers", {})
    assert browser.opened(browser.decides(page, "cancel")).codes[0] == "Responder"


@pytest.mark.spec("eidas.md §4 a request is answered once")
def test_a_second_request_of_the_same_id_is_not_answered_again(browser: Browser, stage: NodeStage) -> None:
    request = browser.request()
    fields = stage.nl.posted(request)
    first = browser.returns(browser.signs_in(browser.posts(fields)))
    second = browser.returns(browser.signs_in(browser.posts(fields)))
    assert browser.decides(first).status == 200
    goes_nowhere(browser.decides(second), 409)


def test_the_same_id_of_another_node_is_another_request(browser: Browser, stage: NodeStage) -> None:
    stage.publish(stage.lv)
    for peer in (stage.nl, stage.lv):
        page = browser.informed(peer=peer, request_id="_the-same-for-both")
        assert browser.decides(page).status == 200


# -- in time ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "status"), [(119, 200), (120, 409)])
def test_nothing_is_sent_fifteen_minutes_after_the_request(
    browser: Browser, stage: NodeStage, seconds: int, status: int
) -> None:
    """Asked thirteen minutes ago and informed now: two minutes are left, not five."""
    stage.clock.stand()
    stage.clock.ahead = -13 * 60
    leaving = browser.asks()
    stage.clock.ahead = 0
    page = browser.returns(browser.signs_in(leaving))
    stage.clock.ahead = seconds
    assert browser.decides(page).status == status


# -- to a node that may be answered ----------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §6 the last good copy until it ends")
def test_a_node_whose_metadata_ended_meanwhile_gets_nothing(browser: Browser, stage: NodeStage) -> None:
    stage.publish(stage.se, 100)
    page = browser.informed(peer=stage.se)
    before = stage.records
    # Each metadata ends some seconds later than the last one; after five minutes the page itself has ended
    stage.clock.ahead = 130 + stage._published
    for choice in ("continue", "cancel"):
        goes_nowhere(browser.decides(page, choice), 503)
    assert stage.records == before, "nothing is recorded that was not sent"


@pytest.mark.spec("eidas.md §6 removals act at once")
@pytest.mark.parametrize("what", ["encryption", "signing"])
def test_a_node_whose_keys_were_removed_meanwhile_gets_nothing(browser: Browser, stage: NodeStage, what: str) -> None:
    stage.publish(stage.lv)
    page = browser.informed(peer=stage.lv)
    stage.publish(stage.lv, signing=what != "signing", encrypting=what != "encryption")
    before = stage.records
    goes_nowhere(browser.decides(page), 503)
    assert stage.records == before, "nothing is recorded that was not sent"
    stage.publish(stage.lv)
    assert browser.opened(browser.decides(page), stage.lv).assertion is not None


# -- cancel ----------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §4 refusal")
def test_a_cancel_says_no_more_than_a_failure(browser: Browser) -> None:
    left = browser.decides(browser.informed(relay_state="kept"), "cancel")
    assert left.status == 200
    assert left.fields["RelayState"] == "kept"
    opened = browser.opened(left)
    assert opened.codes == ("Responder", "AuthnFailed", "")
    assert opened.assertion is None


@pytest.mark.spec("eidas.md §4 refusal")
def test_a_cancel_is_told_to_a_node_that_may_know(browser: Browser, stage: NodeStage) -> None:
    stage.publish(stage.lv)
    left = browser.decides(browser.informed(peer=stage.lv), "cancel")
    assert browser.opened(left, stage.lv).codes == ("Requester", "RequestDenied", "")


# -- national answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "message"),
    [
        pytest.param(None, ""),
        pytest.param(mari(LOW), TOO_LOW, marks=pytest.mark.spec("eidas.md §8 6")),
        pytest.param(mari("urn:nobody:knows"), TOO_LOW),
        pytest.param(mari(birthdate=None), "", marks=pytest.mark.spec("eidas.md §5 minimum data set")),
        pytest.param(mari(birthdate="1990-02"), "", marks=pytest.mark.spec("eidas.md §5 value forms")),
        pytest.param(
            mari(given_name="Иван"), "", marks=pytest.mark.spec("eidas.md §5 a Latin value accompanies the original")
        ),
    ],
)
def test_a_national_answer_that_does_not_serve_is_told_after_a_page(
    browser: Browser, who: Citizen | None, message: str
) -> None:
    leaving = browser.asks("kept", contexts=(f"{LOA}substantial",))
    page = browser.returns(browser.signs_in(leaving, who))
    assert page.status == 403
    assert "<script" not in page.text, "the page is read first"
    assert page.fields["RelayState"] == "kept"
    opened = browser.opened(page)
    assert opened.codes == ("Responder", "AuthnFailed", message)
    assert opened.assertion is None
    if who is not None:
        assert "Maasikas" not in page.text


def test_an_operator_is_told_which_latin_form_to_map(browser: Browser, logs: Lines) -> None:
    page = browser.returns(browser.signs_in(browser.asks(), mari(given_name="Иван")))
    (line,) = [one for one in logs if one["event"] == "refused"]
    assert line["check"] == "latin_script"
    assert "`given_name.latin`" in str(line["detail"])
    assert "national" in str(line["detail"])
    assert "Иван" not in str(line)
    assert page.reference == line["reference"]
    assert line["peer"] == "national"
