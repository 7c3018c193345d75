"""A change of the configuration overtakes a login: a widening counts from the next one, a narrowing at once."""

from pathlib import Path

import pytest

from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

PURPOSE, PARTY, PROVIDER = "purposes/resident-parking.toml", "parties/parking.toml", "providers/demo-ee.toml"
WIDER = {
    PURPOSE: ('form = "resident_of(Storkhaven)"', 'form = "exact"'),
    PARTY: ('address = "resident_of(Storkhaven)"', 'address = "exact"'),
}
REWORDED = {PURPOSE: ("Only residents of the city park here.", "Only residents park here, says the new by-law.")}
NARROWER = {PARTY: ('email = "exact"\n', "")}


def got(visitor: Visitor, question: Answer) -> set[str]:
    """The claims of the service after an approval with every box ticked."""
    boxes = "//input[@type='checkbox']"
    ticked = dict(zip(question.found(f"{boxes}/@name"), question.found(f"{boxes}/@value"), strict=True))
    leaving = visitor.decides(question, ticked=ticked)
    assert leaving.status in (200, 303), leaving.text
    tokens = visitor.redeem(leaving.back["code"]).json
    return {*visitor.userinfo(str(tokens["access_token"])).json} - {"sub"}


def test_a_widening_counts_from_the_next_login(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    begun = visitor.login()
    answered = visitor.signs_in(visitor.asked(visitor.login()))
    open_page = visitor.question()
    before = got(visitor, visitor.question())
    assert "resident_of" in before
    with stage.other_broker(tmp_path / "b", WIDER) as visitor.port:
        for question in (open_page, visitor.returns(answered)):
            assert "resident" in question.text
            assert got(visitor, question) == before
        fields = visitor.asked(begun)
        assert got(visitor, visitor.returns(visitor.signs_in(fields))) == before
        assert got(visitor, visitor.question()) == before - {"resident_of"} | {"address"}


def test_a_page_whose_words_changed_is_approved_as_it_was_shown(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    question = visitor.question()
    answered = visitor.signs_in(visitor.asked(visitor.login()))
    with stage.other_broker(tmp_path / "b", REWORDED) as visitor.port:
        assert visitor.decides(question).status in (200, 303)
        assert "new by-law" not in visitor.returns(answered).text, "a login shows the words under which it began"
        assert "new by-law" in visitor.question().text


@pytest.mark.parametrize("edits", [NARROWER, {PROVIDER: ('namespace = "demo/EE"', 'namespace = "demo/FI"')}])
def test_a_narrowing_counts_at_once(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines, edits: dict[str, tuple[str, str]]
) -> None:
    answered = visitor.signs_in(visitor.asked(visitor.login()))
    open_page = visitor.question()
    with stage.other_broker(tmp_path / "b", edits) as visitor.port:
        answer = visitor.decides(open_page)
        assert (answer.status, logs[-1]["check"]) == (409, "policy_changed")
        page = visitor.returns(answered)
        if edits is NARROWER:
            assert "email" not in got(visitor, page)
        else:
            assert (page.status, logs[-1]["check"]) == (409, "policy_changed")


def test_a_box_that_is_required_by_now_is_not_left_unticked(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    unticked, ticked = visitor.question(), visitor.question()
    with stage.other_broker(tmp_path / "b", {PURPOSE: ("required = false", "required = true")}) as visitor.port:
        assert (visitor.decides(unticked).status, logs[-1]["check"]) == (409, "policy_changed")
        assert "email" in got(visitor, ticked)


def test_a_login_whose_configuration_nobody_knows_begins_again(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = visitor.question()
    monkeypatch.setattr("idp.changes.history.History.at", lambda _self, _number: None)
    with stage.other_broker(tmp_path / "b", WIDER) as visitor.port:
        answer = visitor.decides(question)
        assert (answer.status, logs[-1]["check"]) == (409, "policy_changed")
