"""Nobody is sent to sign in for nothing: after a restore, or on a halted ledger, a login does not begin."""

import re

import pytest

from tests.idp.restore_mark import lately_restored
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

pytestmark = pytest.mark.spec("docs/decisions/0013")


def refused(answer: Answer) -> Answer:
    assert (answer.status, answer.heading) == (503, "We cannot record anything at the moment"), answer.text
    assert answer.headers["retry-after"] == "30"
    assert "few minutes" in answer.text
    return answer


def test_a_login_does_not_begin_and_its_approval_would_say_the_same(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    question = visitor.question()
    before = dict(visitor.jar)
    with lately_restored(stage.application):
        answer = refused(visitor.authorize())
        refused(visitor.decides(question))
    back = answer.back
    assert (back["error"], back["state"]) == ("temporarily_unavailable", "a-state")
    assert "code" not in back
    assert visitor.jar == before, "no login is kept"
    first, second = (line for line in logs if line["event"] == "refused")
    for line in (first, second):
        assert line["code"] == "store_unavailable"
        assert re.fullmatch(r"restored from a backup: nothing is taken for \d+ seconds", line["detail"])
    assert first["peer"] == "parking"
    assert visitor.login(), "afterwards they do"


def test_nobody_who_chooses_by_then_is_sent_to_their_country(visitor: Visitor, stage: Stage) -> None:
    login = visitor.login()
    with lately_restored(stage.application):
        assert refused(visitor.asks(login)).back["error"] == "temporarily_unavailable"
    assert visitor.asks(login).status == 303


def test_on_a_halted_ledger_no_login_begins_and_nobody_is_sent_to_their_country(
    visitor: Visitor, stage: Stage, logs: Lines
) -> None:
    login = visitor.login()
    stage.application.store.halt("the ledger is older than its witness saw")
    try:
        back = refused(visitor.authorize()).back
        assert refused(visitor.asks(login)).back["error"] == back["error"] == "temporarily_unavailable"
    finally:
        stage.application.store.halt("")
    details = {line["detail"] for line in logs if line["event"] == "refused"}
    assert details == {"nothing is released: the ledger is older than its witness saw"}
    assert visitor.asks(login).status == 303
