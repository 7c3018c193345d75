"""What nobody foresaw: a page of ours, a line without the error's words, and nothing else."""

import logging
from collections.abc import MutableMapping
from typing import Any  # structlog's own type of an event

import pytest

from tests.idp.endpoints.stage import Stage
from tests.idp.endpoints.visitor import DIRECT, Visitor

SECRET = "Canary-Kanarbik-1887"


def _defect(*_arguments: object) -> None:
    raise RuntimeError(f"a defect that quotes {SECRET}")


@pytest.mark.spec("decisions.md 15")
def test_a_defect_gives_our_page_and_a_line_without_its_words(
    visitor: Visitor,
    stage: Stage,
    logs: list[MutableMapping[str, Any]],
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
    visitor: Visitor, stage: Stage, logs: list[MutableMapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = visitor.question()
    with monkeypatch.context() as patched:
        patched.setattr(stage.application.city.broker, "decide", _defect)
        assert visitor.decides(question).status == 500
    assert logs[-1]["event"] == "unforeseen"
    assert visitor.decides(question).status == 200, "the login is alive, since nothing was written"


def test_a_defect_at_the_token_endpoint_says_nothing_either(
    visitor: Visitor, stage: Stage, logs: list[MutableMapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.application.city.openid, "token", _defect)
    answer = visitor.go("POST", "/token", fields={"code": SECRET}, headers=DIRECT)
    assert (answer.status, logs[-1]["event"]) == (500, "unforeseen")
    assert SECRET not in answer.text + repr(logs)
