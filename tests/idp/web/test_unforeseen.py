"""An unforeseen error: a page of ours, a line without the error's words, and nothing else."""

import logging

import pytest

from policies.errors import AssertionRejected
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor

SECRET = "Canary-Kanarbik-1887"


def _defect(*_arguments: object) -> None:
    raise RuntimeError(f"a defect that quotes {SECRET}")


@pytest.mark.spec("decisions.md 15")
def test_a_defect_gives_our_page_and_a_line_without_its_words(
    visitor: Visitor,
    stage: Stage,
    logs: Lines,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(stage.application.city.broker, "begin", _defect)
    with caplog.at_level(logging.DEBUG):
        answer = visitor.authorize()
    assert answer.status == 500
    assert answer.heading == "Something went wrong on our side"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    (line,) = logs
    assert (line["event"], line["kind"], line["reference"]) == ("unforeseen", "RuntimeError", answer.reference)
    assert line["path"] == "/authorize"
    assert any(frame.startswith("test_unforeseen.py:") for frame in line["frames"])
    assert SECRET not in answer.text + repr(logs) + caplog.text
    assert not [record for record in caplog.records if record.exc_info]


def test_a_defect_in_a_threaded_step_after_a_form_gives_our_page_too(
    visitor: Visitor, stage: Stage, logs: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = visitor.question()
    with monkeypatch.context() as patched:
        patched.setattr(stage.application.city.broker, "decide", _defect)
        assert visitor.decides(question).status == 500
    assert logs[-1]["event"] == "unforeseen"
    assert visitor.decides(question).status == 303, "the login is alive, since nothing was written"


def test_a_defect_at_the_token_endpoint_says_nothing_either(
    visitor: Visitor, stage: Stage, logs: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.application.city.openid, "token", _defect)
    answer = visitor.go("POST", "/token", fields={"code": SECRET}, headers=DIRECT)
    assert (answer.status, logs[-1]["event"]) == (500, "unforeseen")
    assert SECRET not in answer.text + repr(logs)


def _counted(stage: Stage) -> float:
    found = {
        sample.name: sample.value for metric in stage.application.watched.measures.collect() for sample in metric.samples
    }
    return found.get("ciconia_unforeseen_total", 0)


@pytest.mark.spec("issue 5: what nobody foresaw is counted apart")
# By a metric and the log: doctor shows it no more (docs/decisions/0023)
@pytest.mark.spec("issue 5: what nobody foresaw is counted apart and shown by doctor, because it is a defect of ours")
def test_a_defect_is_counted(visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    question = visitor.question()
    before = _counted(stage)
    with monkeypatch.context() as patched:
        patched.setattr(stage.application.city.broker, "decide", _defect)
        for _ in range(2):
            assert visitor.decides(question).status == 500
    assert _counted(stage) - before == 2


def test_what_the_judges_net_caught_is_counted_too(visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal with a page of 403, and a defect all the same."""

    def caught(*_: object) -> None:
        raise AssertionRejected("unforeseen", "ZeroDivisionError")

    fields = visitor.signs_in(visitor.asked(visitor.login()))
    before = _counted(stage)
    monkeypatch.setattr(stage.application.city.broker, "handle_response", caught)
    assert visitor.returns(fields).status == 403
    assert _counted(stage) - before == 1


def test_a_refusal_that_was_foreseen_is_not_counted(visitor: Visitor, stage: Stage) -> None:
    before = _counted(stage)
    assert visitor.go("GET", "/nowhere").status == 404
    assert visitor.go("POST", "/saml/acs", fields={"SAMLResponse": "x"}).status == 409
    assert visitor.go("POST", "/token", fields={"code": "x"}, headers=DIRECT).status == 401
    assert _counted(stage) == before
