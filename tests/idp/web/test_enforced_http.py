"""A registration that is enforced: the broker ends what falls short, and the service cannot tell it from a refusal."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from idp.config.settings import load_settings
from idp.keys.folder import load_keys
from idp.ledger.leaf import open_opening
from idp.server.wrong_answers import WRONG_ANSWERS
from idp.store import tables
from policies.assurance import LevelOfAssurance
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

WEAK = "A stronger sign-in is needed"
STOPPED = "You cannot continue"
PARTY, PURPOSE, COUNTRY = "parties/parking.toml", "purposes/resident-parking.toml", "providers/demo-ee.toml"
GROUND = "[controller]", '[transfers.abroad]\nbasis = "adequacy"\nlaw.en = "A decision"\n\n[controller]'
OTHERS = [f"purposes/{name}.toml" for name in ("concession-fare", "participatory-budget", "phone-contact")]
ENFORCED = {
    PARTY: ('purposes = ["resident-parking", "phone-contact"]', 'purposes = ["resident-parking"]\nenforce = true'),
    PURPOSE: ("required = true", "required = true\nmust_be_true = true"),
}


@pytest.fixture
def enforced(visitor: Visitor, stage: Stage, tmp_path: Path) -> Iterator[Visitor]:
    with stage.other_broker(tmp_path / "enforced", ENFORCED) as visitor.port:
        yield visitor


def _leaves(visitor: Visitor, page: Answer) -> Answer:
    """Press the one button of a page that ends a login, and go on from the last page."""
    (action,) = page.found("//main//form/@action")
    onward = page.found("//main//a[not(ancestor::nav)] | //meta[@http-equiv='refresh'] | //script")
    assert not onward, "the citizen reads why, and then goes on"
    return visitor.goes_on(visitor.go("POST", action, fields=page.fields))


def _decisions(stage: Stage) -> dict[bytes, dict[str, object]]:
    """The contents of each decision in the ledger, but for its id and time."""
    settings = load_settings(stage.receiving)
    keys, columns = load_keys(settings.key_folder, settings.origin).ledger, tables.records.c
    with stage.application.store.engine.connect() as connection:
        rows = connection.execute(select(columns.record, columns.time, columns.decision_opening)).all()
    found = {}
    for record, seconds, sealed in rows:
        key = keys.period_key(settings.tenant, seconds)
        said = json.loads(open_opening(key, settings.tenant, record, "decision", sealed).content)
        found[record] = {name: content for name, content in said.items() if name not in ("record", "time")}
    return found


@pytest.mark.spec("decisions.md 22, 29")
@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize(
    ("citizen", "falls_short"),
    [("liisi", ["birthdate"]), ("juhan", ["address"])],
    ids=["answered no", "lives elsewhere"],
)
def test_the_service_gets_the_same_bytes_as_for_a_refusal_and_only_the_citizen_reads_why(
    enforced: Visitor, stage: Stage, citizen: str, falls_short: list[str], mode: str
) -> None:
    known = _decisions(stage)
    refused = enforced.decides(enforced.question("mari", response_mode=mode), "refuse")
    before = stage.records
    page = enforced.question(citizen, response_mode=mode)
    assert page.heading == STOPPED
    assert page.found("//*[@data-reason='answered_no']/@data-name") == falls_short
    assert stage.records == before, "nothing is recorded while the citizen reads"
    ended = _leaves(enforced, page)
    assert (ended.status, ended.text) == (refused.status, refused.text)
    own = ("date", "set-cookie")
    assert [one for one in ended.headers.items() if one[0] not in own] == [
        one for one in refused.headers.items() if one[0] not in own
    ]
    by_choice, by_policy = (said for record, said in _decisions(stage).items() if record not in known)
    assert by_choice == by_policy, "the ledger does not tell which it was"


def test_where_the_page_informs_an_ended_login_is_one_that_the_citizen_left(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    informs = (*ENFORCED[PURPOSE], "minimum_assurance", 'show = "inform"\nminimum_assurance')
    with stage.other_broker(tmp_path / "informs", {**ENFORCED, PURPOSE: informs}) as visitor.port:
        left = visitor.decides(visitor.question("mari"), "cancel")
        assert _leaves(visitor, visitor.question("liisi")).back == left.back != {}


def test_a_yes_is_never_told_without_a_page_or_each_refusal_would_be_a_no(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    remembering = (*ENFORCED[PURPOSE], "minimum_assurance", 'ask = "remember(P1D)"\nminimum_assurance')
    with stage.other_broker(tmp_path / "remembers", {**ENFORCED, PURPOSE: remembering}) as visitor.port:
        visitor.decides(visitor.question(prompt="login"), ticked={"remember": "yes"})
        page = visitor.question(prompt="login")
        assert "continue" in page.found("//main//button/@value")
        visitor.decides(page, "cancel")
        with stage.application.store.engine.begin() as connection:
            connection.execute(delete(tables.approvals))


def test_whoever_meets_every_demand_signs_in_as_before(enforced: Visitor) -> None:
    tokens = enforced.redeem(enforced.code("mari")).json
    assert enforced.userinfo(str(tokens["access_token"])).json["age_over_18"] is True


@pytest.mark.parametrize("choice", ["approve", "cancel"])
def test_no_other_choice_gets_more_out_of_an_ended_login(enforced: Visitor, choice: str) -> None:
    page = enforced.question("liisi")
    ended = enforced.go("POST", f"/login/{page.fields['login']}/decision", fields={**page.fields, "choice": choice})
    assert "code=" not in ended.text
    again = enforced.rewords(page, "et") if choice == "approve" else None
    assert again is None or not again.found("//button[@name='choice']")


def test_a_no_is_in_no_line_of_the_log(enforced: Visitor, logs: Lines) -> None:
    _leaves(enforced, enforced.question("liisi"))
    assert logs == []


def test_a_sign_in_that_is_too_weak_is_a_refusal_to_the_service(enforced: Visitor) -> None:
    refused = enforced.decides(enforced.question("mari"), "refuse").back
    login = enforced.login()
    answer = enforced.signs_in(enforced.asked(login), "toomas")
    for _wrong in range(WRONG_ANSWERS - 1):
        page = enforced.returns(answer)
        assert (page.status, page.heading) == (403, WEAK)
    spent = enforced.returns(answer)
    assert (spent.heading, spent.back) == (WEAK, refused), "its cookie is gone, and a link is all that is left"
    page = enforced.returns(enforced.signs_in(enforced.asked(enforced.login()), "toomas"))
    assert _leaves(enforced, page).back == refused
    # Its list does not have Latvia, whose link somebody kept
    assert enforced.authorize(acr_values=LevelOfAssurance.HIGH.uri).status == 303
    page = enforced.asks(enforced.newest, "demo-lv")
    assert (page.heading, _leaves(enforced, page).back) == (WEAK, refused)


def test_what_a_country_does_not_send_is_a_refusal_too(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    only = (ENFORCED[PARTY][0], 'purposes = ["phone-contact"]\nenforce = true')
    with stage.other_broker(tmp_path / "phone", {PARTY: only}) as visitor.port:
        page = visitor.question(scope="openid purpose:phone-contact phone")
        assert (page.heading, page.found("//*[@data-reason]/@data-reason")) == (STOPPED, ["not_available"])
        assert visitor.decides(page, "refuse").back["error"] == "access_denied"


def test_a_registration_without_it_is_told_the_no(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    with stage.other_broker(tmp_path / "told", {PURPOSE: ENFORCED[PURPOSE]}) as visitor.port:
        tokens = visitor.redeem(visitor.code("liisi")).json
        assert visitor.userinfo(str(tokens["access_token"])).json["age_over_18"] is False


def test_across_a_border_the_email_address_stays_and_a_new_border_counts_at_once(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    question = visitor.question()
    codes = [visitor.decides(visitor.question(), ticked=ticked).back["code"] for ticked in ({}, {"share.email": "yes"})]
    alike, more = (str(visitor.redeem(code).json["access_token"]) for code in codes)
    border = {
        PARTY: ('sphere = "eu"', 'sphere = "city"'),
        COUNTRY: ("binding", 'sphere = "abroad"\nbinding'),
        **dict.fromkeys((PURPOSE, *OTHERS), GROUND),
    }
    with stage.other_broker(tmp_path / "border", border) as visitor.port:
        page = visitor.question()
        assert page.found("//*[@data-reason='other_sphere']/@data-name") == ["email"]
        assert set(page.found("//*[@data-form]/@data-form")) == {"age_over(18)", "resident_of(Storkhaven)"}
        assert visitor.decides(question).status == 409
        assert visitor.userinfo(alike).status == 200, "it holds answers of yes and no alone"
        assert visitor.userinfo(more).status == 401
