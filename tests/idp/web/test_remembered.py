"""An approval that the citizen let us remember: one line and one button, and no page for who just signed in anew."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from idp.login.city_role import DAY
from idp.store import tables
from tests.idp.web.stage import LOOPBACK, Stage
from tests.idp.web.visitor import Answer, Visitor

PURPOSE = "purposes/resident-parking.toml"
BASIS = 'basis = "public_task"'
BOXES = {"share.email": "yes", "remember": "yes"}
SHORT, WHOLE = "Continue to Resident parking?", "Share this with Resident parking?"
SHORT_ESTONIAN = "Kas jätkata teenusesse Elanike parkimine?"
FORCED = {"prompt": "login"}


@pytest.fixture
def citizen(visitor: Visitor, stage: Stage, tmp_path: Path) -> Iterator[Visitor]:
    """A browser before a broker whose purpose remembers for 180 days."""
    stage.clock.stand()
    with stage.application.store.engine.begin() as connection:
        connection.execute(delete(tables.approvals))  # of another test
    with stage.other_broker(tmp_path / "b", {PURPOSE: (BASIS, f'{BASIS}\nask = "remember(P180D)"')}) as visitor.port:
        yield visitor


def path(visitor: Visitor) -> tuple[str, list[str]]:
    """How the last release was decided, and what went."""
    opened = json.loads(visitor.go("GET", "/receipt.json").text)["openings"]
    return opened["decision"]["content"]["path"], [name for name, _ in opened["sent"]["content"]["names"]]


def rows(stage: Stage) -> list[tuple[bytes, bytes, int]]:
    with stage.application.store.engine.connect() as connection:
        table = tables.approvals.c
        found = connection.execute(select(table.digest, table.content, table.ends).where(table.ends > stage.clock()))
        return [tuple(row) for row in found]


def whole(visitor: Visitor, page: Answer, pressed: str = "whole") -> Answer:
    fields = {**page.fields, "page": pressed}
    return visitor.go("POST", f"/login/{fields['login']}/language", fields=fields)


@pytest.mark.spec("decisions.md 10")
def test_the_same_again_takes_one_line_and_one_button(citizen: Visitor, stage: Stage) -> None:
    assert citizen.decides(citizen.question(), ticked=BOXES).back["code"]
    ((digest, content, ends),) = rows(stage)
    assert ends == stage.clock() + 180 * DAY
    assert b"email" not in content + digest
    page = citizen.question()
    assert page.heading == SHORT
    assert page.found("//main//button[not(@hidden)]/@value") == ["continue", "refuse", "whole", "every_time", "longer"]
    assert not page.found("//input[@type='checkbox']")
    assert "mari.maasikas@post.example" in page.found("string(//main//details)")[0]
    for wrong in ({"share.email": "yes"}, {"remember": "yes"}):
        assert citizen.decides(page, "continue", ticked=wrong).status == 400
    assert citizen.decides(page, "approve").status == 400
    assert citizen.decides(page, "continue").back["code"]
    assert path(citizen) == ("remembered", ["address", "birthdate", "email"])
    assert rows(stage) == [(digest, content, ends)]


@pytest.mark.spec("decisions.md 10")
def test_whoever_just_signed_in_anew_sees_no_page_and_can_end_that_at_the_receipt(citizen: Visitor, stage: Stage) -> None:
    citizen.decides(citizen.question(**FORCED), ticked={"remember": "yes"})
    assert path(citizen)[0] == "page"
    fields = citizen.signs_in(citizen.asked(citizen.login(**FORCED)))
    leaving = citizen.returns(fields)
    assert (leaving.status, leaving.heading, path(citizen)[0]) == (200, "Done: back to the service", "unasked")
    before = stage.records
    assert citizen.returns(fields).status == 409, "an answer counts once"
    assert stage.records == before
    assert citizen.redeem(leaving.back["code"]).status == 200
    receipt = citizen.go("GET", "/receipt")
    assert "You let us remember this approval." in receipt.text
    ended = citizen.go("POST", "/receipt/ask", fields={"n": receipt.fields["n"]})
    assert (ended.status, "You let us remember" in ended.text, rows(stage)) == (200, False, [])
    assert citizen.question(**FORCED).heading == WHOLE


@pytest.mark.spec("RFC 8252 §8.6")
def test_a_public_client_gets_no_answer_without_a_page(citizen: Visitor) -> None:
    app = {"client_id": "app", "redirect_uri": LOOPBACK, **FORCED}
    citizen.decides(citizen.question(**app), ticked={"remember": "yes"})
    assert citizen.question(**app).heading == "Continue to Parking app?"


def test_nothing_is_remembered_of_who_did_not_tick_the_box(citizen: Visitor, stage: Stage) -> None:
    citizen.decides(citizen.question(), ticked={"share.email": "yes"})
    citizen.decides(citizen.question(), "refuse", ticked=BOXES)
    assert rows(stage) == []
    assert citizen.question(**FORCED).heading == WHOLE


@pytest.mark.parametrize("ends", ["every_time", "refuse", "unticked"])
def test_the_citizen_ends_it_on_the_page(citizen: Visitor, stage: Stage, ends: str) -> None:
    citizen.decides(citizen.question(), ticked=BOXES)
    page = whole(citizen, citizen.question(), "every_time" if ends == "every_time" else "whole")
    assert (page.heading, page.found("//input[@type='checkbox']/@name")) == (WHOLE, ["share.email", "remember"])
    if ends != "every_time":
        assert len(rows(stage)) == 1
        citizen.decides(page, "refuse" if ends == "refuse" else "approve")
    assert rows(stage) == []
    assert citizen.question().heading == WHOLE


def test_another_choice_takes_the_place_of_the_one_before(citizen: Visitor) -> None:
    citizen.decides(citizen.question(), ticked=BOXES)
    citizen.decides(whole(citizen, citizen.question()), ticked={"remember": "yes"})
    assert path(citizen) == ("page", ["address", "birthdate"])
    citizen.decides(citizen.question(), "continue")
    assert path(citizen) == ("remembered", ["address", "birthdate"])


def test_another_language_keeps_the_line_and_cancelling_keeps_the_approval(citizen: Visitor) -> None:
    citizen.decides(citizen.question(), ticked=BOXES)
    page = citizen.rewords(citizen.question(), "et")
    assert page.found("//html/@lang") == ["et"]
    assert page.heading == SHORT_ESTONIAN
    assert citizen.decides(page, "cancel").back["error"] == "access_denied"
    again = citizen.question()
    assert again.heading == SHORT_ESTONIAN, "the choice of a language is kept for the day"
    assert citizen.rewords(again, "en").heading == SHORT


def test_whoever_does_not_share_in_the_one_line_is_asked_the_whole_question_next_time(citizen: Visitor) -> None:
    citizen.decides(citizen.question(), ticked=BOXES)
    assert citizen.decides(citizen.question(), "refuse").back["error"] == "access_denied"
    assert citizen.question().heading == WHOLE
    fields = citizen.signs_in(citizen.asked(citizen.login(**FORCED)))
    assert citizen.returns(fields).heading == WHOLE, "nothing goes without a page to a service that was just refused"


@pytest.mark.spec("decisions.md 25")
def test_another_person_and_a_service_that_wants_consent_get_the_whole_question(citizen: Visitor) -> None:
    citizen.decides(citizen.question(), ticked=BOXES)
    assert citizen.question(prompt="consent").heading == WHOLE
    assert citizen.question("juhan").heading == WHOLE


def test_a_row_that_somebody_else_wrote_counts_as_none(citizen: Visitor, stage: Stage) -> None:
    citizen.decides(citizen.question(), ticked=BOXES)
    citizen.decides(citizen.question(citizen="juhan"), ticked=BOXES)
    (one, other), end = rows(stage), stage.clock() + 10_000 * DAY
    with stage.application.store.engine.begin() as connection:
        table = tables.approvals
        connection.execute(update(table).where(table.c.digest == one[0]).values(content=other[1], ends=end))
        connection.execute(update(table).where(table.c.digest == other[0]).values(ends=end))
    assert {citizen.question(citizen=name).heading for name in ("mari", "juhan")} == {SHORT, WHOLE}
