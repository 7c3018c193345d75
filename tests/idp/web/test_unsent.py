"""An answer that cannot be made after its login was recorded: a page that says so, and an event in the record, once."""

import pytest

from connectors.connector import Redirect
from idp.audit.verify import verify_ledger
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor

SECRET = "Canary-Kanarbik-1887"
NOT_SENT = "Your choice was recorded, and did not go"


def _broken(*_: object) -> None:
    raise RuntimeError(f"a defect that quotes {SECRET}")


@pytest.mark.spec("issue: where an answer cannot be made after a record, the page says so and the record gets an event")
@pytest.mark.parametrize("choice", ["approve", "refuse", "cancel"])
@pytest.mark.parametrize("how", ["capitals", "defect"])
def test_the_page_says_so_and_the_record_gets_one_event(
    visitor: Visitor, stage: Stage, logs: Lines, monkeypatch: pytest.MonkeyPatch, choice: str, how: str
) -> None:
    question, before = visitor.question(), stage.records
    openid = stage.application.city.openid
    with monkeypatch.context() as patched:
        for name in ("answer", "refuse"):
            # As of a registration that an older version loaded
            capitals = Redirect("HTTPS://parking.city.example/callback?code=x")
            patched.setattr(openid, name, _broken if how == "defect" else lambda *_, answer=capitals: answer)
        answer = visitor.decides(question, choice)
    assert (answer.status, answer.heading) == (500, NOT_SENT)
    assert not answer.found("//main//a[@class='button']"), "no way leads on"
    assert SECRET not in answer.text + repr(logs)
    assert stage.records == before + 2, "the choice and the event"
    assert [line["code"] for line in logs if line["event"] == "refused"] == ["not_sent"]
    assert [line["kind"] for line in logs if line["event"] == "unforeseen"] == [
        "RuntimeError" if how == "defect" else "ValueError"
    ]
    # The fault is gone. The same choice is answered no more, or the record would be untrue; it adds nothing either
    again = visitor.decides(question, choice)
    assert (again.status, "code=" in again.text) == (409, False)
    assert stage.records == before + 2
    app = stage.application
    assert not verify_ledger(app.store.engine, tenant=app.settings.tenant, keys=app.keys.ledger, role="city").findings
    assert visitor.code(), "another login goes on"


def test_an_answer_that_is_made_leaves_no_event(visitor: Visitor, stage: Stage) -> None:
    before = stage.records
    assert visitor.code()
    assert stage.records == before + 1
