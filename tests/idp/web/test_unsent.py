"""An answer that cannot be made after its login was recorded: a page that says so, and an event in the record, once."""

import json

import pytest

from connectors.connector import Post
from idp.audit.verify import verify_ledger
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor, login_of

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
            capitals = Post("HTTPS://parking.city.example/callback", ())
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


@pytest.mark.spec("issue 31 item 6")
def test_the_citizens_page_says_that_it_never_left(visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, Visitor(stage) as other:
        patched.setattr(stage.application.city.openid, "answer", _broken)
        assert other.decides(other.question()).status == 500
    picker = visitor.go("POST", "/me/sign-in")
    visitor.returns(visitor.signs_in(visitor.asked(login_of(picker)), "mari"))
    page = visitor.go("GET", "/me")
    number = page.found("//article/@data-number")[0]
    said = page.tree.xpath(f"//article[@data-number='{number}']")[0]
    assert "the answer never left" in said.text_content()
    assert "18 or older" not in said.text_content()
    assert not said.xpath(".//a")
    assert visitor.go("GET", f"/me/receipt.json?n={number}").status == 404
    copy = json.loads(visitor.go("GET", "/me/copy.json").text)
    assert (copy["records"][0]["left"], copy["records"][0]["receipt"]) == (False, "")
    # One that went stands beside it
    with Visitor(stage) as other:
        other.code()
    copy = json.loads(visitor.go("GET", "/me/copy.json").text)
    assert [one["left"] for one in copy["records"][:2]] == [True, False]


def test_an_answer_that_is_made_leaves_no_event(visitor: Visitor, stage: Stage) -> None:
    before = stage.records
    assert visitor.code()
    assert stage.records == before + 1
