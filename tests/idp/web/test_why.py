"""The flight recorder: each party's leg of a sign-in, for an open incident or a test login alone (docs/decisions/0079)."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import delete, insert, select
from typer.testing import CliRunner, Result

from idp.application.app import Application
from idp.cli import app
from idp.monitoring.recorder.rows import SHOWN_SECONDS
from idp.store import tables
from idp.store.engine import writing
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor, login_of

Step = dict[str, Any]


def run(stage: Stage, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(stage.receiving)])


def incident(stage: Stage, *options: str, name: str = "i", application: Application | None = None) -> None:
    """Open an incident, and let a worker see it."""
    opened = run(stage, "incident", "open", name, "--for", "2h", "--reason", "a test", *options)
    assert opened.exit_code == 0, opened.output
    (application or stage.application).recording.step()


def why(stage: Stage, reference: str, *options: str) -> Sequence[Step]:
    """The steps of a timeline; none where nothing is told."""
    stage.application.recording.step()
    told = run(stage, "why", reference, "--json", *options)
    assert told.exit_code in (0, 1), told.output
    return json.loads(told.stdout)["steps"] if told.exit_code == 0 else []


def legs(steps: Sequence[Step]) -> list[tuple[str, str]]:
    return [(step["leg"], step["step"]) for step in steps]


def reference(stage: Stage, login: str) -> str:
    return stage.application.watched.steps.reference(login)


def spoilt(visitor: Visitor, login: str) -> Answer:
    """An answer whose signature does not hold."""
    fields = visitor.signs_in(visitor.asked(login))
    return visitor.returns({**fields, "SAMLResponse": fields["SAMLResponse"][:-8] + "AAAAAAA="})


def tried(visitor: Visitor, stage: Stage) -> str:
    """The beginning of a test login."""
    link = str(json.loads(run(stage, "try", "parking", "--purpose", "resident-parking", "--json").stdout)["link"])
    return login_of(visitor.go("GET", link.removeprefix(stage.issuer)))


@pytest.fixture(autouse=True)
def closed(stage: Stage) -> Iterator[None]:
    """No incident is open before and after, and nothing of another test waits."""
    stage.application.recording.stop()  # tests look themselves
    stage.application.recording.step()
    yield
    with stage.application.store.engine.begin() as connection:
        connection.execute(delete(tables.incidents))
        connection.execute(delete(tables.recorded_steps))
    stage.application.recording.step()


WHOLE = [
    *(("service", "begun"), ("country", "asked"), ("country", "received"), ("country", "answered")),
    *(("broker", "released"), ("service", "sent"), ("service", "token")),
]


@pytest.mark.spec("decisions.md 17")
def test_nothing_is_recorded_but_for_an_open_incident(visitor: Visitor, stage: Stage) -> None:
    login = visitor.login()
    assert spoilt(visitor, login).status == 403
    assert not stage.application.watched.recorder.taken()
    assert why(stage, reference(stage, login)) == []
    incident(stage)
    login = visitor.login()
    assert legs(why(stage, reference(stage, login))) == [("service", "begun")]
    closing = run(stage, "incident", "close", "i", "--reason", "it is over")
    assert closing.exit_code == 0, closing.output
    stage.application.recording.step()
    later = visitor.login()
    assert why(stage, reference(stage, later)) == []
    acts = json.loads(run(stage, "ledger", "acts", "--json").stdout.splitlines()[-1])["acts"]
    found = [(act["facts"]["act"], act["why"]) for act in acts if "incident" in str(act["facts"].get("act"))]
    assert found[-2:] == [("incident_opened", "a test"), ("incident_closed", "it is over")]


def test_an_incident_ends_by_itself_though_the_database_says_nothing_more(visitor: Visitor, stage: Stage) -> None:
    incident(stage)
    stage.clock.ahead = 2 * 3600 + 1
    stage.application.recording.step()
    login = visitor.login()
    assert why(stage, reference(stage, login)) == []


def test_a_sign_in_is_told_on_the_leg_of_each_party(visitor: Visitor, stage: Stage) -> None:
    incident(stage)
    question = visitor.question()
    login = question.fields["login"]
    answer = visitor.decides(question)
    visitor.redeem(answer.back["code"])
    steps = why(stage, reference(stage, login))
    assert legs(steps) == WHOLE
    assert [step["party"] for step in steps] == ["parking", "demo-ee", "demo-ee", "demo-ee", "", "parking", "parking"]
    assert steps[2]["at_most_kib"] in (4, 16)
    for leg, hidden in (("service", "demo-ee"), ("country", "parking")):
        told = json.dumps(why(stage, reference(stage, login), "--leg", leg))
        assert leg in told
        assert hidden not in told


@pytest.mark.spec("decisions.md 17")
def test_a_failed_check_is_told_to_the_operator_and_the_country_and_not_to_the_service(
    visitor: Visitor, stage: Stage
) -> None:
    incident(stage)
    login = visitor.login()
    page = spoilt(visitor, login)
    steps = why(stage, page.reference)
    assert page.reference == reference(stage, login)
    failed = steps[-1]
    assert (failed["leg"], failed["party"], failed["step"], failed["move"]) == ("country", "demo-ee", "failed", "provider")
    assert failed["check"]
    assert failed["held"], "the checks before it held"
    assert legs(why(stage, page.reference, "--leg", "country"))[-1] == ("country", "failed")
    assert legs(why(stage, page.reference, "--leg", "service")) == [("service", "begun")]
    said = run(stage, "why", page.reference)
    assert said.exit_code == 0
    assert "Whose move: the country." in said.stdout
    assert failed["check"] in said.stdout
    alone = json.loads(run(stage, "why", page.reference, "--leg", "service", "--json").stdout)
    assert alone["move"] == "elsewhere"


@pytest.mark.spec("decisions.md 29")
def test_a_service_reads_the_same_of_a_refusal_and_of_what_could_not_be_had(visitor: Visitor, stage: Stage) -> None:
    incident(stage)
    refused, cancelled = visitor.question(), visitor.question()
    visitor.decides(refused, "refuse")
    visitor.decides(cancelled, "cancel")
    blocked = visitor.login(scope="openid purpose:phone-contact")
    assert visitor.returns(visitor.signs_in(visitor.asked(blocked))).status == 200
    told = []
    for login in (refused.fields["login"], cancelled.fields["login"], blocked):
        steps = why(stage, reference(stage, login), "--leg", "service")
        told.append([{**step, "time": "", "at_most_kib": 0} for step in steps])
    assert legs(told[0]) == [("service", "begun")]
    assert told[0] == told[1] == told[2]


@pytest.mark.spec("decisions.md 17")
def test_a_service_reads_its_own_leg_and_nothing_of_anybody_elses(visitor: Visitor, stage: Stage) -> None:
    incident(stage)
    question = visitor.question()
    code = visitor.decides(question).back["code"]
    assert visitor.redeem(code, code_verifier="A" * 43).status == 400
    found = reference(stage, question.fields["login"])
    assert why(stage, found), "it is written"

    def asks(of: str, authorization: str) -> Answer:
        headers = {**DIRECT, "authorization": authorization}
        return visitor.go("POST", "/why", fields={"reference": of}, headers=headers, jar={})

    own: Any = asks(found, visitor.basic("parking")).json
    assert [step["step"] for step in own["steps"]] == ["begun", "sent", "failed"]
    assert (own["move"], own["steps"][-1]["code"]) == ("service", "invalid_grant")
    assert "demo-ee" not in json.dumps(own)
    nothing = {"move": "", "steps": []}
    assert asks(found, visitor.basic("budget")).json == nothing, "another service's"
    assert asks("0" * 10, visitor.basic("parking")).json == nothing
    assert asks(found, visitor.basic("parking", "wrong")).status == 401
    assert asks("", visitor.basic("parking")).status == 400


@pytest.mark.parametrize(
    ("scope", "recorded"),
    [(("--service", "fares"), False), (("--service", "parking"), True), (("--provider", "demo-ee"), True)],
)
def test_an_incident_is_about_one_service_or_one_provider(
    visitor: Visitor, stage: Stage, scope: tuple[str, str], *, recorded: bool
) -> None:
    incident(stage, *scope)
    login = visitor.login()
    spoilt(visitor, login)
    assert bool(why(stage, reference(stage, login))) == recorded


def test_what_is_no_incident_is_refused_with_what_to_write(stage: Stage) -> None:
    incident(stage)
    for arguments, said in {
        ("open", "i", "--for", "1h", "--reason", "x"): "open already",
        ("open", "j", "--for", "4d", "--reason", "x"): "three days",
        ("open", "j", "--for", "0h", "--reason", "x"): "three days",
        ("open", "j", "--for", "1h", "--reason", " "): "no reason",
        ("open", "j", "--for", "1h", "--reason", "x", "--service", "parkin"): "Did you mean parking?",
        ("open", "j", "--for", "1h", "--reason", "x", "--service", "parking", "--provider", "demo-ee"): "one of the two",
        ("open", "j j", "--for", "1h", "--reason", "x"): "no name",
        ("close", "j", "--reason", "x"): "no incident j is open",
    }.items():
        refused = run(stage, "incident", *arguments)
        assert (refused.exit_code, said in refused.output) == (1, True), (arguments, refused.output)
    listed = json.loads(run(stage, "incident", "list", "--json").stdout)["incidents"]
    assert [(one["name"], one["service"], one["provider"]) for one in listed] == [("i", "", "")]


def test_who_writes_to_the_database_opens_no_incident(visitor: Visitor, stage: Stage) -> None:
    incident(stage, "--service", "fares")
    with writing(stage.application.store.engine).begin() as connection:
        row = connection.execute(select(tables.incidents)).one()._mapping
        connection.execute(delete(tables.incidents))
        connection.execute(insert(tables.incidents).values({**row, "service": ""}))
    stage.application.recording.step()
    login = visitor.login()
    assert why(stage, reference(stage, login)) == []


@pytest.mark.spec("decisions.md 34")
def test_a_test_login_is_recorded_without_an_incident(visitor: Visitor, stage: Stage) -> None:
    login = tried(visitor, stage)
    visitor.returns(visitor.signs_in(visitor.asked(login)))
    steps = why(stage, reference(stage, login))
    assert legs(steps) == [*WHOLE[:4], ("broker", "tried")]
    assert legs(why(stage, spoilt(visitor, tried(visitor, stage)).reference))[-1] == ("country", "failed")


@pytest.mark.spec("decisions.md 17")
def test_an_unknown_an_old_and_a_foreign_reference_get_the_same_words(visitor: Visitor, stage: Stage) -> None:
    incident(stage)
    login = visitor.login()
    found = reference(stage, login)
    assert why(stage, found)
    with writing(stage.application.store.engine).begin() as connection:
        rows = connection.execute(select(tables.recorded_steps)).all()
        connection.execute(delete(tables.recorded_steps))
        old = [{**row._mapping, "ends": row.ends - SHOWN_SECONDS} for row in rows]
        foreign = [{**row._mapping, "tenant": "login.other.example", "reference": "a" * 10} for row in rows]
        connection.execute(insert(tables.recorded_steps), [*old, *foreign])
    said = {run(stage, "why", each).output for each in (found, "a" * 10, "0" * 10, "no reference", "'; --")}
    assert len(said) == 1
    assert {run(stage, "why", each).exit_code for each in (found, "a" * 10)} == {1}


def test_what_anybody_may_cause_takes_little_room(visitor: Visitor, stage: Stage) -> None:
    incident(stage)
    for _ in range(60):
        visitor.go("GET", "/login/AAAAAAAAAAAAAAAAAAAAAA/countries")
    assert len(stage.application.watched.recorder.taken()) <= 40


def test_a_sign_in_that_goes_on_at_another_worker_is_one_timeline(visitor: Visitor, stage: Stage) -> None:
    with stage.other_broker(stage.folder / "second", {}) as port, Visitor(stage, port=port) as other:
        incident(stage)
        stage.other.recording.step()
        login = visitor.login()
        other.jar.update(visitor.jar)
        fields = other.asked(login)
        visitor.jar.update(other.jar)
        visitor.returns(visitor.signs_in(fields))
        stage.other.recording.step()
        assert sorted(legs(why(stage, reference(stage, login)))) == sorted(WHOLE[:4])
