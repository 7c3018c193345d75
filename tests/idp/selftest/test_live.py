"""The live part of the self-test: each case refused by the check that it names, and none of them passes by luck."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any  # structlog's own type of an event

import pytest
from structlog.testing import capture_logs

from connectors.attacks.attack_case import CaseKind
from connectors.attacks.verdict import CaseOutcome
from idp.demo.loopback import client
from idp.selftest.live import HONEST_EVERY, clients, decisions, played_on, responses, saml, saml_links, saml_logout, tokens
from idp.selftest.live.live_case import LiveCase, play
from idp.selftest.live.stage import Stage
from idp.selftest.live.visitor import BrokerAnswer, Visitor
from idp.selftest.report import TriedCase
from idp.web.routes import login as citizen_steps

Lines = list[MutableMapping[str, Any]]  # Any: structlog's own type of an event
CASES: Mapping[str, LiveCase] = {
    case.name: case
    for part in (responses, decisions, tokens, clients, saml, saml_links, saml_logout)
    for case in part.cases()
}


OF_SAML = (
    *("requests of services", "artifacts of ours", "artifacts of providers", "landings", "logout by services"),
    *("logout by providers", "answers to our logout", "links", "programs of services"),
)


@pytest.fixture(scope="module")
def played(stage: Stage) -> Sequence[TriedCase]:
    with capture_logs() as heard:
        return list(played_on(stage, heard))


@pytest.mark.spec("decisions.md 1: refuse, Back, Reload, approve must fail; decisions.md 3; decisions.md 8")
@pytest.mark.spec(
    "RFC 6749 §2.3; RFC 6749 §5.2; RFC 6749 §4.1.2; RFC 6749 §10.5; RFC 7636 §4.6; RFC 7523 §3; RFC 9700 §4.8.2"
)
def test_every_live_case_ends_as_it_must(played: Sequence[TriedCase]) -> None:
    assert [one.sentence for one in played if one.outcome is not CaseOutcome.RIGHT] == []


@pytest.mark.spec("issue 5 item 6: replays and mix-ups run against a live broker, an honest login after every twenty")
def test_there_are_forty_of_them_and_an_honest_login_after_every_twenty(played: Sequence[TriedCase]) -> None:
    hostile = [one for one in played if one.kind is not CaseKind.VALID]
    assert len(hostile) >= 40
    kinds = ("replay", "decisions", "mix-up", "tokens", "clients", "apps", "addresses of apps", *OF_SAML)
    assert {one.family for one in hostile} == {f"live: {kind}" for kind in kinds}
    logins = [at for at, one in enumerate(played) if one.name.startswith("live-honest-logins/after-")]
    gaps = [after - before for before, after in zip([-1, *logins], logins, strict=False)]
    assert max(gaps) <= HONEST_EVERY + 1
    assert logins[-1] == len(played) - 1, "the broker serves to the end"


def test_nothing_of_it_reaches_the_terminal(stage: Stage, capfd: pytest.CaptureFixture[str], lines: Lines) -> None:
    play(stage, CASES["live-replay/by-get/live"], lines)
    assert capfd.readouterr() == ("", "")


def test_a_release_beside_a_refusal_is_caught_too(stage: Stage, lines: Lines) -> None:
    """The answer refuses, and the database says that something was released."""

    def prepare(visitor: Visitor) -> Any:  # Any: whatever the case's own type is
        def attack() -> BrokerAnswer:
            visitor.code()
            return visitor.go("GET", "/saml/acs")

        return attack

    case = LiveCase("x/y", "x", CaseKind.RESPONSE, "405 request_refused", prepare)
    assert play(stage, case, lines).outcome is CaseOutcome.ACCEPTED


def test_another_check_than_the_named_one_is_said(stage: Stage, lines: Lines) -> None:
    case = replace(CASES["live-replay/in-another-browser/live"], refusal="403 digest")
    tried = play(stage, case, lines)
    assert tried.outcome is CaseOutcome.OTHER_CHECK
    assert tried.sentence == (
        "live-replay/in-another-browser/live (at a live broker) should be refused by 403 digest, "
        "and was refused by 409 login_cookie."
    )


def test_a_defect_of_the_broker_counts_as_unforeseen(stage: Stage, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("with words that quote something")

    def prepare(visitor: Visitor) -> Any:  # Any: as above
        fields = visitor.response()
        monkeypatch.setattr(stage.application.city.broker, "handle_response", defect)
        return lambda: visitor.returns(fields)

    tried = play(stage, LiveCase("x/y", "x", CaseKind.RESPONSE, "403 digest", prepare), lines)
    assert (tried.outcome, tried.verdict.surprise) == (CaseOutcome.UNFORESEEN, "ZeroDivisionError")
    assert "quote" not in tried.sentence


def test_an_honest_step_that_fails_is_no_refusal(stage: Stage, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["live-tokens/code-again/live"]
    monkeypatch.setattr(citizen_steps, "MAX_MESSAGE_BODY", 10)
    tried = play(stage, case, lines)
    assert tried.outcome is CaseOutcome.OTHER_CHECK
    assert tried.sentence.endswith("and was refused by something before it: the answer of the country answered 413.")


def test_an_honest_login_that_releases_nothing_is_caught(stage: Stage, lines: Lines) -> None:
    honest = decisions.honest(20)
    assert play(stage, honest, lines).outcome is CaseOutcome.RIGHT
    nothing = replace(honest, prepare=lambda visitor: lambda: visitor.go("GET", "/jwks"))
    assert play(stage, nothing, lines).outcome is CaseOutcome.REFUSED
    twice = replace(CASES["live-honest-logins/approved-again-alike/live"], prepare=decisions.signed_in)
    assert play(stage, twice, lines).outcome is CaseOutcome.REFUSED


def test_a_case_that_trips_ends_alone_and_gives_the_clock_back(stage: Stage, lines: Lines) -> None:
    def prepare(visitor: Visitor) -> Any:  # Any: as above
        visitor.stage.clock.ahead = 1000
        raise KeyError("x")

    tried = play(stage, LiveCase("x/y", "x", CaseKind.JWT, "400 invalid_grant", prepare), lines)
    assert (tried.outcome, tried.verdict.surprise) == (CaseOutcome.UNFORESEEN, "KeyError")
    assert stage.clock.ahead == 0


def test_the_neighbour_serves_its_own_tenant_over_the_same_database(stage: Stage) -> None:
    """Else `at another tenant` would be refused because nobody is there."""
    with client() as http:
        answer = http.get(f"http://127.0.0.1:{stage.neighbour_port}/.well-known/openid-configuration")
    assert answer.status_code == 200
    assert answer.json()["issuer"] == f"http://neighbour.localhost:{stage.neighbour_port}"
    assert stage.application.settings.tenant != stage._neighbour.settings.tenant
    assert stage.application.store.engine.url == stage._neighbour.store.engine.url
