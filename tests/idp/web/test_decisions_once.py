"""Approve, refuse, cancel: one unit each, once; the same answer for the same choice within a minute, and no other."""

import pytest
from sqlalchemy import func, select

from idp.store import tables
from idp.web.login_cookies import STATE
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

GONE = "Please start again"
EMAIL = {"share.email": "yes"}


def _more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in ("records", "marks", "parked")}


def _refused(answer: Answer, heading: str = GONE) -> None:
    assert (answer.status, answer.heading) == (409, heading)
    assert answer.reference
    assert not answer.found("//main//a")


def test_an_approval_writes_one_unit_and_gives_a_code(visitor: Visitor, stage: Stage) -> None:
    before = stage.written()
    question = visitor.question()
    assert stage.written() == before, "until somebody decides nothing is written"
    last = visitor.presses(question)
    assert (last.status, last.heading) == (200, "Resident parking gets this when you go on")
    assert "code" not in last.back
    assert _more(before, stage.written()) == {"records": 1, "marks": 3, "parked": 3}, "what goes, and the receipt twice"
    assert set(visitor.goes_on(last).back) == {"code", "state", "iss"}
    assert _more(before, stage.written()) == {"records": 1, "marks": 4, "parked": 4}, "the code"


@pytest.mark.parametrize(("choice", "heading"), [("refuse", "Nothing was shared"), ("cancel", "Sign-in cancelled")])
def test_a_refusal_writes_one_unit_and_gives_nothing(visitor: Visitor, stage: Stage, choice: str, heading: str) -> None:
    before = stage.written()
    last = visitor.presses(visitor.question(), choice)
    assert (last.status, last.heading) == (200, heading)
    ended = visitor.goes_on(last)
    assert (ended.back["error"], ended.back["state"], ended.back["iss"]) == ("access_denied", "a-state", stage.issuer)
    assert _more(before, stage.written()) == {"records": 1, "marks": 4, "parked": 1}


@pytest.mark.spec("decisions.md 29")
def test_the_service_cannot_tell_a_refusal_from_a_cancellation(visitor: Visitor) -> None:
    answers = [visitor.decides(visitor.question(), choice).back for choice in ("refuse", "cancel")]
    answers.append(visitor.cancels(visitor.login()).back)
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.spec("issue 2 item 9")
@pytest.mark.parametrize("choice", ["refuse", "cancel"])
def test_a_refusal_is_recorded_without_a_subject(visitor: Visitor, stage: Stage, choice: str) -> None:
    nobody = select(func.count()).select_from(tables.records).where(tables.records.c.subject.is_(None))
    counted = select(func.sum(tables.subjects.c.counter))
    with stage.application.store.engine.connect() as connection:
        before = connection.scalar(nobody), connection.scalar(counted)
    visitor.decides(visitor.question(), choice)
    with stage.application.store.engine.connect() as connection:
        after = connection.scalar(nobody), connection.scalar(counted)
    assert after == ((before[0] or 0) + 1, before[1])


@pytest.mark.spec("decisions.md 8")
def test_the_same_choice_within_a_minute_gets_the_same_answer_behind_one_mark(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    question = visitor.question()
    first = visitor.decides(question, ticked=EMAIL)
    before = stage.written()
    stage.clock.ahead = 59
    again = visitor.decides(question, ticked=EMAIL)
    assert again.back == first.back
    assert _more(before, stage.written()) == {"records": 0, "marks": 2, "parked": 0}, "durable before it is given again"


def test_a_repeated_answer_does_not_lengthen_its_minute(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    question = visitor.question()
    first = visitor.decides(question)
    stage.clock.ahead = 50
    assert visitor.decides(question).back == first.back
    stage.clock.ahead = 60
    _refused(visitor.decides(question), "This was already decided")


def test_after_five_minutes_the_page_is_dead(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    late, in_time = visitor.question(), visitor.question()
    stage.clock.ahead = 5 * 60 - 1
    assert visitor.decides(in_time).status in (200, 303)
    stage.clock.ahead = 5 * 60
    answer = visitor.decides(late)
    assert (answer.status, answer.heading) == (409, "This sign-in took too long")
    assert (answer.back["error"], answer.back["state"]) == ("access_denied", "a-state")


def test_an_optional_attribute_goes_only_where_its_box_was_ticked(visitor: Visitor) -> None:
    without = visitor.decides(visitor.question()).back["code"]
    ticked = visitor.decides(visitor.question(), ticked=EMAIL).back["code"]
    given = []
    for code in (without, ticked):
        tokens = visitor.redeem(code).json
        given.append(visitor.userinfo(str(tokens["access_token"])).json)
    sub = given[0]["sub"]
    common = {"sub": sub, "age_over_18": True, "resident_of": {"Storkhaven": True}}
    assert given == [common, {**common, "email": "mari.maasikas@post.example"}]


@pytest.mark.spec("issue 2 item 7: a required attribute that is denied releases nothing")
def test_what_the_service_cannot_do_without_stops_the_login_before_anything_is_written(
    visitor: Visitor, stage: Stage
) -> None:
    before = stage.written()
    page = visitor.question(scope="openid purpose:phone-contact phone email")
    assert page.heading == "You cannot continue"
    assert page.found("//*[@data-reason]/@data-reason") == ["not_available"]
    assert (page.back["error"], page.back["state"], page.back["iss"]) == ("access_denied", "a-state", stage.issuer)
    assert not page.found("//main//form")
    assert "http-equiv" not in page.text, "who was stopped reads why first"
    assert "mari.maasikas" not in page.text
    assert stage.written() == before
    assert page.cookies == {}


def test_what_stopped_one_country_may_be_tried_at_another(visitor: Visitor) -> None:
    page = visitor.question(scope="openid purpose:phone-contact phone")
    assert page.heading == "You cannot continue"
    (login,) = (name.removeprefix(STATE) for name in visitor.jar if name.startswith(STATE))
    assert visitor.asks(login, "demo-lv").status == 200
