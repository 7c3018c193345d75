"""A response may come again, from this browser, until somebody has decided; and only from this browser, only so far."""

from collections.abc import Mapping

import pytest

from idp.web.login_cookies import STRICT
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import FORM_TYPE, Answer, Visitor, login_of

GONE = "Please start again"


def _back(visitor: Visitor, login: str = "") -> dict[str, str]:
    """The fields of an answer that was not posted yet."""
    return visitor.signs_in(visitor.asked(login or visitor.login()))


def _refused(answer: Answer, status: int = 409, heading: str = GONE) -> None:
    assert (answer.status, answer.heading) == (status, heading)
    assert answer.reference
    assert "set-cookie" not in answer.headers


@pytest.mark.spec("decisions.md 1 and 3")
def test_back_and_reload_before_the_decision_ask_again_and_the_earlier_page_is_dead(visitor: Visitor) -> None:
    fields = _back(visitor)
    first = visitor.returns(fields)
    first_secret = visitor.jar[STRICT + fields["RelayState"]]
    second = visitor.returns(fields)
    assert second.status == 200
    assert second.cookies[STRICT + fields["RelayState"]].attributes["samesite"] == "Strict"
    assert visitor.jar[STRICT + fields["RelayState"]] != first_secret
    _refused(visitor.decides(first))
    assert visitor.decides(second).status in (200, 303)


def test_in_another_browser_no_byte_of_a_response_is_read(
    visitor: Visitor, stage: Stage, logs: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = _back(visitor)

    def never(*_: object) -> None:
        raise AssertionError("the response was read")

    monkeypatch.setattr(stage.application.city.broker, "handle_response", never)
    with Visitor(stage) as stranger:
        stranger.login()
        _refused(stranger.returns(fields))
        assert logs[-1]["check"] == "login_cookie"


@pytest.mark.parametrize("relay_state", [None, "x", "A" * 22, "\u00e9" * 22])
def test_without_the_right_relay_state_a_response_is_refused(visitor: Visitor, relay_state: str | None) -> None:
    fields = _back(visitor)
    rest = {name: value for name, value in fields.items() if name != "RelayState"}
    _refused(visitor.returns(rest if relay_state is None else {**rest, "RelayState": relay_state}))


def test_the_relay_state_of_another_living_login_does_not_help(visitor: Visitor, logs: Lines) -> None:
    mine, other = visitor.login(state="mine"), visitor.login(state="other")
    fields = _back(visitor, mine)
    visitor.asked(other)
    answer = visitor.returns({**fields, "RelayState": other})
    assert answer.status == 403
    assert logs[-1]["check"] == "in_response_to"
    assert answer.back["state"] == "other"
    assert visitor.returns(fields).status == 200


def _posted(
    visitor: Visitor,
    fields: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    *,
    body: bytes | None = None,
    path: str = "/saml/acs",
) -> Answer:
    wanted = {"origin": "http://estonia.localhost", "sec-fetch-site": "cross-site", **(headers or {})}
    return visitor.go("POST", path, fields=fields, body=body, headers=wanted)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/json", ""])
def test_another_content_type_is_no_form(visitor: Visitor, kind: str) -> None:
    fields = _back(visitor)
    answer = _posted(visitor, fields, {"content-type": kind})
    assert answer.status == 415
    assert _posted(visitor, fields, {"content-type": f"{FORM_TYPE}; charset=UTF-8"}).status == 200


def test_a_body_of_more_than_400_kb_is_not_read_to_its_end(visitor: Visitor) -> None:
    body = b"RelayState=x&SAMLResponse=" + b"A" * 500_000
    answer = _posted(visitor, {}, body=body)
    assert (answer.status, answer.heading) == (413, "This was too large")


@pytest.mark.parametrize("body", [b"RelayState=a&%52elayState=a", b"RelayState=%ff"])
def test_fields_that_are_repeated_or_do_not_decode_are_refused(visitor: Visitor, logs: Lines, body: bytes) -> None:
    answer = _posted(visitor, {}, body=body)
    assert (answer.status, answer.heading) == (400, "The service's request cannot be accepted")
    assert logs[-1]["reference"] == answer.reference


def test_the_question_ends_with_the_login(visitor: Visitor, stage: Stage) -> None:
    """Decided lives five minutes, and never past the login's end."""
    # First of all: what began in an hour that has not come is no login, and its cookie would go
    stage.clock.ahead = -13 * 60
    early = login_of(visitor.authorize())
    stage.clock.ahead = 0
    login = visitor.login()
    question = visitor.returns(_back(visitor, early))
    stage.clock.ahead = 2 * 60 + 1
    answer = visitor.decides(question)
    assert (answer.status, answer.heading) == (409, "This sign-in took too long")
    assert visitor.asks(login).status == 303
