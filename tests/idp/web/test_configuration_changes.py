"""A sealed state is remembered fact, no permission: what was registered is looked up again at each step."""

from pathlib import Path

import pytest

from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

PURPOSE = "purposes/resident-parking.toml"
PARTY = "parties/parking.toml"
PROVIDER = "providers/demo-ee.toml"
SERVICE = "The service's request cannot be accepted"
GONE = "Please start again"


def _nothing_more(answer: Answer, status: int, heading: str) -> None:
    assert (answer.status, answer.heading) == (status, heading)
    assert not answer.found("//main//a"), "there is no address left that is surely safe"
    assert "code=" not in answer.text


@pytest.mark.spec("decisions.md 3: bound to the policy that was shown")
@pytest.mark.parametrize(
    "edit",
    [
        ('basis = "public_task"', 'basis = "consent"'),
        ("Parking by-law of Storkhaven, section 7", "Parking by-law of Storkhaven, section 8"),
        ("Department of Mobility", "Department of Trade"),
    ],
)
def test_a_purpose_that_is_another_one_since_the_page_was_shown_is_not_approved(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines, edit: tuple[str, str]
) -> None:
    question = visitor.question()
    with stage.other_broker(tmp_path / "b", {PURPOSE: edit}) as visitor.port:
        before = stage.records
        for choice in ("approve", "refuse", "cancel"):
            _nothing_more(visitor.decides(question, choice), 409, GONE)
            assert logs[-1]["check"] == "policy_changed"
        assert stage.records == before


def test_the_same_folder_on_another_worker_goes_on_with_the_login(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    """The control: a second broker over the same keys and database knows no difference, at any step."""
    with stage.other_broker(tmp_path / "b", {}) as port:
        login = visitor.login()
        visitor.port = port
        fields = visitor.signs_in(visitor.asked(login))
        visitor.port = None
        question = visitor.returns(fields)
        visitor.port = port
        leaving = visitor.decides(question)
        visitor.port = None
        assert visitor.decides(question).back == leaving.back
        visitor.port = port
        assert visitor.redeem(leaving.back["code"]).status == 200


def test_a_party_that_was_removed_is_refused_at_every_step(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    fresh, login = visitor.login(), visitor.login()
    fields = visitor.signs_in(visitor.asked(login))
    question = visitor.question()
    code = visitor.code()
    token = str(visitor.redeem(visitor.code()).json["access_token"])
    with stage.other_broker(tmp_path / "b", {PARTY: None}) as visitor.port:
        before = stage.records
        _nothing_more(visitor.authorize(), 400, SERVICE)
        _nothing_more(visitor.asks(fresh), 400, SERVICE)
        _nothing_more(visitor.returns(fields), 400, SERVICE)
        for choice in ("approve", "refuse", "cancel"):
            _nothing_more(visitor.decides(question, choice), 400, SERVICE)
        _nothing_more(visitor.go("POST", f"/login/{fresh}/cancel"), 400, SERVICE)
        assert {line["code"] for line in logs if line["event"] == "refused"} == {"request_refused"}
        refused = visitor.redeem(code)
        assert (refused.status, refused.json["error"]) == (401, "invalid_client")
        assert visitor.userinfo(token).status == 401
        assert stage.records == before
    visitor.port = None
    assert visitor.userinfo(token).status == 200, "the first broker still has it"


@pytest.mark.spec("security.md §2.1: a disabled provider still works (CVE-2026-3009)")
def test_a_country_that_was_removed_is_heard_no_more(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    login = visitor.login()
    fields = visitor.signs_in(visitor.asked(login))
    question = visitor.question()
    with stage.other_broker(tmp_path / "b", {PROVIDER: None}) as visitor.port:
        assert "demo-ee" not in visitor.authorize().text
        assert visitor.returns(fields).status == 404
        _nothing_more(visitor.decides(question), 404, "This page is not here")
        assert visitor.asks(login).status == 404
        assert visitor.asks(login, "demo-lv").status == 200, "another country may be chosen"


@pytest.mark.spec("decisions.md 3: a registration that was narrowed since the page was shown")
def test_an_attribute_that_is_registered_no_more_is_not_released(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    question = visitor.question()
    with stage.other_broker(tmp_path / "b", {PARTY: ('address = "resident_of(Storkhaven)"\n', "")}) as visitor.port:
        answer = visitor.decides(question, "approve")
    assert answer.status == 409
    assert "code=" not in answer.text
    assert logs[-1]["check"] == "policy_changed"


@pytest.mark.spec("security.md §2.1 C: a provider that was taken out")
def test_a_provider_that_was_taken_out_ends_codes_and_tokens(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    code = visitor.code()
    token = str(visitor.redeem(visitor.code()).json["access_token"])
    assert visitor.userinfo(token).status == 200
    with stage.other_broker(tmp_path / "b", {PROVIDER: ('id = "demo-ee"', 'id = "demo-fi"')}) as visitor.port:
        assert visitor.redeem(code).status == 400
        assert visitor.userinfo(token).status == 401


def test_a_broker_without_countries_says_so(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    with stage.other_broker(tmp_path / "b", {PROVIDER: None, "providers/demo-lv.toml": None}) as visitor.port:
        picker = visitor.authorize()
        assert picker.status == 200
        assert "No country is connected yet." in picker.text
