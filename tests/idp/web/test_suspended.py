"""The kill switch over HTTP: what is switched off goes no further, at any step, and nobody is told that they did wrong."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from idp.store.switches.switch import COUNTRY, PARTY, PROVIDER
from tests.forgetting import Switch, forget_switches, switch_of
from tests.idp.cli.command import ciconia
from tests.idp.staging import Clock, Lines, opened
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor

pytestmark = pytest.mark.spec("decisions.md 31")
SERVICE = "Signing in to this service is suspended"
SOURCE = "Signing in with this country is suspended"
INNOCENT = "You have done nothing wrong."


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of these tests alone: the ledger remembers every switch."""
    with opened(Stage(tmp_path_factory.mktemp("suspended") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def switch(stage: Stage) -> Iterator[Switch]:
    """At the end nothing is off."""
    yield switch_of(stage.application, stage.clock)
    forget_switches(stage.application)


def suspended(answer: Answer, heading: str) -> None:
    assert (answer.status, answer.heading) == (503, heading), answer.text
    assert INNOCENT in answer.text
    assert "few minutes" not in answer.text, "it may last for days"


def back(answer: Answer) -> dict[str, str]:
    found = answer.back
    assert found["error"] == "temporarily_unavailable"
    assert "code" not in found
    return found


# -- a relying party


def test_at_authorize_the_page_says_so_and_the_verified_address_hears_temporarily_unavailable(
    visitor: Visitor, switch: Switch, logs: Lines
) -> None:
    switch(PARTY, "parking")
    answer = visitor.authorize()
    suspended(answer, SERVICE)
    assert back(answer)["state"] == "a-state"
    assert not answer.cookies
    line = next(line for line in logs if line["event"] == "refused")
    assert (line["code"], line["peer"]) == ("service_suspended", "parking")


@pytest.mark.parametrize(
    "wrong", [{"prompt": "none"}, {"scope": "openid purpose:nobodys"}, {"code_challenge": "", "response_mode": "form_post"}]
)
def test_who_asks_for_what_is_declined_sends_no_browser_on_either(
    visitor: Visitor, switch: Switch, wrong: dict[str, str]
) -> None:
    assert visitor.authorize(**wrong).status in (200, 303)
    switch(PARTY, "parking")
    answer = visitor.authorize(**wrong)
    assert (answer.status, answer.heading) == (503, SERVICE), answer.text
    told = answer.fields if "response_mode" in wrong else answer.back
    assert (told["error"], told["state"]) == ("temporarily_unavailable", "a-state")


def test_a_login_under_way_stops_at_the_picker_at_the_country_and_at_the_callback(visitor: Visitor, switch: Switch) -> None:
    login = visitor.login()
    answered = visitor.signs_in(visitor.asked(login))
    switch(PARTY, "parking")
    for answer in (visitor.go("GET", f"/login/{login}/countries"), visitor.asks(login), visitor.returns(answered)):
        suspended(answer, SERVICE)
        back(answer)


def test_an_approval_stops_also_one_that_was_given_a_moment_ago(visitor: Visitor, switch: Switch) -> None:
    question, decided = visitor.question(), visitor.question()
    assert "code" in visitor.decides(decided).back
    switch(PARTY, "parking")
    for page in (question, decided):
        answer = visitor.decides(page)
        suspended(answer, SERVICE)
        back(answer)


@pytest.mark.parametrize(("kind", "name"), [(PARTY, "parking"), (COUNTRY, "EE"), (PROVIDER, "demo-ee")])
@pytest.mark.parametrize("choice", ["refuse", "cancel"])
def test_a_citizen_can_always_refuse_and_go_back(
    visitor: Visitor, switch: Switch, kind: str, name: str, choice: str
) -> None:
    question, login = visitor.question(), visitor.login()
    switch(kind, name)
    assert visitor.decides(question, choice).back["error"] == "access_denied"
    assert visitor.cancels(login).back["error"] == "access_denied"


@pytest.mark.parametrize(("kind", "name"), [(PARTY, "parking"), (COUNTRY, "EE"), (PROVIDER, "demo-ee")])
def test_codes_and_tokens_that_are_alive_end_and_do_not_come_back_with_it(
    visitor: Visitor, switch: Switch, kind: str, name: str
) -> None:
    code, redeemed = visitor.code(), visitor.redeem(visitor.code())
    token = str(redeemed.json["access_token"])
    assert visitor.userinfo(token).status == 200

    def ended() -> None:
        answer = visitor.redeem(code)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        assert "suspended" in str(answer.json["error_description"])
        answer = visitor.userinfo(token)
        assert (answer.status, answer.json["error"]) == (401, "invalid_token")
        assert "suspended" in answer.headers["www-authenticate"]
        called = {**DIRECT, "authorization": visitor.basic("parking")}
        answer = visitor.go("POST", "/userinfo/receipt", fields={"access_token": token}, headers=called, jar={})
        assert (answer.status, answer.json["error"]) == (401, "invalid_token")

    switch(kind, name)
    ended()
    switch(kind, name, off=False)
    ended()
    assert visitor.redeem(visitor.code()).status == 200


# -- a country, an identity provider


@pytest.mark.parametrize(("kind", "name"), [(COUNTRY, "EE"), (PROVIDER, "demo-ee")])
def test_a_country_that_is_off_stands_in_the_picker_without_a_link_and_others_go_on(
    visitor: Visitor, switch: Switch, kind: str, name: str
) -> None:
    switch(kind, name)
    picker = visitor.authorize()
    links = picker.found("//ul[@class='countries']//a/@href")
    assert [link.rpartition("/")[2] for link in links] == ["demo-lv"]
    assert "Suspended at the moment" in picker.text


@pytest.mark.parametrize(("kind", "name"), [(COUNTRY, "EE"), (PROVIDER, "demo-ee")])
def test_a_link_from_before_leads_to_a_page_and_on_to_the_others(
    visitor: Visitor, switch: Switch, logs: Lines, kind: str, name: str
) -> None:
    login = visitor.login()
    switch(kind, name)
    answer = visitor.asks(login)
    suspended(answer, SOURCE)
    assert answer.found("//a[@class='button']/@href") == [f"/login/{login}/countries"]
    assert visitor.asks(login, "demo-lv").status == 200
    line = next(line for line in logs if line["event"] == "refused")
    assert (line["code"], line["peer"]) == ("country_suspended", "demo-ee")


@pytest.mark.parametrize(("kind", "name"), [(COUNTRY, "EE"), (PROVIDER, "demo-ee")])
def test_its_answer_is_not_read_and_what_it_said_is_not_released(
    visitor: Visitor, switch: Switch, kind: str, name: str
) -> None:
    question, asked = visitor.question(), visitor.asked(visitor.login())
    switch(kind, name)
    for answer in (
        visitor.returns({"SAMLResponse": "no XML", "RelayState": asked["RelayState"]}),
        visitor.decides(question),
    ):
        suspended(answer, SOURCE)
        back(answer)


# -- by the command, in another process


def test_the_command_stops_a_running_server_within_a_second(visitor: Visitor, stage: Stage) -> None:
    assert visitor.authorize().status == 200
    try:
        run = ciconia("party", "disable", "parking", "--reason", "a test", "--config", stage.receiving)
        assert run.returncode == 0, run.stderr
        done = asked = time.monotonic()
        while visitor.authorize().status != 503:
            assert asked - done < 1, "whoever asked then was served"
            time.sleep(0.05)
            asked = time.monotonic()
    finally:
        forget_switches(stage.application)


def test_where_nobody_can_say_what_is_off_nothing_goes_on(
    visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    switches, nowhere = stage.application.switches, create_engine("sqlite:////nowhere/at/all.db")
    question, token = visitor.question(), str(visitor.redeem(visitor.code()).json["access_token"])
    with monkeypatch.context() as patched:
        patched.setattr(switches, "_engine", nowhere)
        switches._read = None
        assert (visitor.authorize().status, visitor.decides(question).status) == (503, 503)
        assert (visitor.userinfo(token).status, visitor.userinfo(token).json["error"]) == (503, "temporarily_unavailable")
        assert "code" not in visitor.decides(question).text.partition("<dl>")[0]
    assert "code" in visitor.decides(question).back


# -- on again


@pytest.mark.parametrize(("kind", "name"), [(PARTY, "parking"), (COUNTRY, "EE"), (PROVIDER, "demo-ee")])
def test_what_was_asked_or_heard_before_goes_no_further_when_it_is_on_again(
    visitor: Visitor, switch: Switch, logs: Lines, kind: str, name: str
) -> None:
    question, decided = visitor.question(), visitor.question()
    assert "code" in visitor.decides(decided).back
    answered = visitor.signs_in(visitor.asked(visitor.login()))
    switch(kind, name)
    switch(kind, name, off=False)
    for answer in (visitor.decides(question), visitor.decides(decided), visitor.returns(answered)):
        assert answer.status == 409
        assert "start again" in answer.text
        assert "code=" not in answer.text
    assert {line.get("check") for line in logs if line["event"] == "refused"} == {"policy_changed"}
    assert visitor.redeem(visitor.code()).status == 200
