"""Continue or cancel: once, in the browser that was informed, in time, and to a node that may still be answered."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.demo.citizens import HIGH, LOW, Citizen
from idp.demo.loopback import client
from idp.server.wrong_answers import WRONG_ANSWERS
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


@pytest.mark.parametrize(("first", "second"), [("continue", "cancel"), ("cancel", "continue")])
def test_another_choice_afterwards_is_refused(browser: Browser, first: str, second: str) -> None:
    page = browser.informed()
    assert browser.decides(page, first).status == 200
    goes_nowhere(browser.decides(page, second), 409)


def test_whoever_leaves_does_so_though_the_provider_is_registered_no_more(
    browser: Browser, stage: NodeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded that they left, so the node is told."""
    page = browser.informed()
    monkeypatch.setattr(stage.application.site.role, "_providers", {})
    assert browser.opened(browser.decides(page, "cancel")).codes[0] == "Responder"


@pytest.mark.parametrize("choice", ["continue", "cancel"])
def test_after_a_minute_the_same_choice_is_refused(browser: Browser, stage: NodeStage, choice: str) -> None:
    page = browser.informed()
    assert browser.decides(page, choice).status == 200
    stage.clock.ahead = 61
    goes_nowhere(browser.decides(page, choice), 409)


def test_the_national_answer_may_come_again_until_somebody_decided(browser: Browser) -> None:
    fields = browser.signs_in(browser.asks())
    jar = dict(browser.jar)
    first, second = browser.returns(fields), browser.returns(fields)
    assert first.status == second.status == 200
    goes_nowhere(browser.decides(first), 409)  # the second page has another Strict cookie
    assert browser.decides(second).status == 200
    again = browser.returns(fields, jar)
    assert again.status == 200, "a pure step knows of no end"
    goes_nowhere(browser.decides(again), 409)


def test_a_login_ends_after_a_few_wrong_answers_and_its_last_page_leads_back(browser: Browser) -> None:
    fields = browser.signs_in(browser.asks())
    jar = dict(browser.jar)
    wrong = [browser.returns({**fields, "SAMLResponse": "eA=="}, jar) for _ in range(WRONG_ANSWERS + 1)]
    assert [page.status for page in wrong] == [403] * WRONG_ANSWERS + [409]
    assert [len(page.cookies) for page in wrong] == [0] * (WRONG_ANSWERS - 1) + [1, 0]
    assert browser.opened(wrong[-2]).assertion is None
    goes_nowhere(browser.returns(fields, jar), 409)


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


def test_of_many_decisions_at_once_one_kind_is_answered(browser: Browser, stage: NodeStage) -> None:
    page = browser.informed()
    jar, before = dict(browser.jar), stage.records
    words = ["continue", "cancel"] * 4

    def decides(word: str) -> Answer:
        with client() as http:
            return Browser(stage, dict(jar), http=http).decides(page, word)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(decides, words))
    answered = {word for word, answer in zip(words, answers, strict=True) if answer.status == 200}
    assert len(answered) == 1
    assert {answer.status for answer in answers} == {200, 409}
    assert len({browser.opened(one).response.response_id for one in answers if one.status == 200}) == 1
    assert stage.records == before + 1


# -- in this browser -------------------------------------------------------------------------------------------------------


def test_a_national_answer_in_another_browser_is_refused(browser: Browser, stage: NodeStage) -> None:
    fields = browser.signs_in(browser.asks())
    with Browser(stage) as other:
        goes_nowhere(other.returns(fields), 409)


def test_a_decision_in_another_browser_is_refused(browser: Browser) -> None:
    page = browser.informed()
    goes_nowhere(browser.go("POST", f"/login/{page.fields['login']}/decision", fields=_continued(page), jar={}), 409)
    assert browser.decides(page).status == 200, "and nothing was spoiled by it"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": None, "origin": "null"},
        {"sec-fetch-site": None, "origin": None},
        {"sec-fetch-dest": "iframe"},
    ],
)
def test_a_decision_from_another_site_is_refused(browser: Browser, headers: dict[str, str | None]) -> None:
    page = browser.informed()
    path = f"/login/{page.fields['login']}/decision"
    goes_nowhere(browser.go("POST", path, fields=_continued(page), headers=headers), 403)
    goes_nowhere(browser.go("POST", path.replace("decision", "cancel"), headers=headers), 403)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"choice": "approve"}, 400),
        ({"choice": ""}, 400),
        ({"share.email": "yes"}, 400),
        ({"login": "AAAAAAAAAAAAAAAAAAAAAA"}, 409),
        ({"decided": "AAAA"}, 409),
    ],
)
def test_what_the_page_does_not_offer_is_refused(browser: Browser, changes: dict[str, str], status: int) -> None:
    page = browser.informed()
    path = f"/login/{page.fields['login']}/decision"
    goes_nowhere(browser.go("POST", path, fields={**_continued(page), **changes}), status)


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


def test_a_login_lives_for_fifteen_minutes(browser: Browser, stage: NodeStage) -> None:
    stage.clock.ahead = -15 * 60 - 1
    leaving = browser.asks()
    stage.clock.ahead = 0
    goes_nowhere(browser.returns(browser.signs_in(leaving)), 409)


# -- to a node that may be answered ----------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §6 the last good copy until it ends")
def test_a_node_whose_metadata_ended_meanwhile_gets_nothing(browser: Browser, stage: NodeStage) -> None:
    stage.publish(stage.fi, 100)
    page = browser.informed(peer=stage.fi)
    before = stage.records
    stage.clock.ahead = 130
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


def _continued(page: Answer) -> dict[str, str]:
    return {**page.fields, "choice": "continue"}
