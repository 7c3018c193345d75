"""The decision's address takes a citizen's choice on our page, and refuses everything else without harm."""

from collections.abc import Callable, Mapping

import pytest

from idp.login.sealing import LoginId, Sealer
from idp.web.login_cookies import STRICT, secret_of
from policies.parties import Tenant
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import FORM_TYPE, Answer, Visitor

GONE = "Please start again"
NOT_OURS = "This did not come from our page"
SERVICE = "The service's request cannot be accepted"


@pytest.fixture
def question(visitor: Visitor) -> Answer:
    return visitor.question()


def _decides(
    visitor: Visitor,
    question: Answer,
    changes: Mapping[str, str | None] | None = None,
    headers: Mapping[str, str | None] | None = None,
    login: str = "",
    **more: bytes,
) -> Answer:
    """The honest approval, but for some fields (None leaves one out), headers, or another login's address."""
    wanted = {**question.fields, "choice": "approve", **(changes or {})}
    fields = {name: value for name, value in wanted.items() if value is not None}
    path = f"/login/{login or question.fields['login']}/decision"
    return visitor.go("POST", path, fields=fields, headers=headers, body=more.get("body"))


def _refused(answer: Answer, status: int, heading: str) -> None:
    assert (answer.status, answer.heading) == (status, heading)
    assert answer.reference
    assert "set-cookie" not in answer.headers
    assert "code=" not in answer.text


FOREIGN: dict[str, dict[str, str | None]] = {
    "another site": {"sec-fetch-site": "cross-site"},
    "another name of the same site": {"sec-fetch-site": "same-site"},
    "no page at all": {"sec-fetch-site": "none"},
    "another site with our origin": {"sec-fetch-site": "cross-site", "origin": "@ISSUER@"},
    "a browser without fetch metadata, from another site": {"sec-fetch-site": None, "origin": "http://evil.localhost"},
    "a browser without fetch metadata, from nowhere": {"sec-fetch-site": None, "origin": "null"},
    "neither of the two": {"sec-fetch-site": None, "origin": None},
    "our host on another port": {"sec-fetch-site": None, "origin": "http://broker.localhost:1"},
    "our host over https": {"sec-fetch-site": None, "origin": "https://broker.localhost"},
}


@pytest.mark.spec("decisions.md 7")
@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("place", ["decision", "cancel"])
def test_a_form_that_another_page_posts_is_refused(
    visitor: Visitor, stage: Stage, question: Answer, name: str, place: str
) -> None:
    before = stage.records
    headers = {key: value and value.replace("@ISSUER@", stage.issuer) for key, value in FOREIGN[name].items()}
    if place == "decision":
        _refused(_decides(visitor, question, headers=headers), 403, NOT_OURS)
    else:
        answer = visitor.go("POST", f"/login/{question.fields['login']}/cancel", headers=headers)
        _refused(answer, 403, NOT_OURS)
    assert stage.records == before
    assert _decides(visitor, question).status == 303, "and the login goes on"


def test_a_browser_without_fetch_metadata_decides_by_its_origin(visitor: Visitor, question: Answer) -> None:
    assert _decides(visitor, question, headers={"sec-fetch-site": None}).status == 303


def test_a_decision_in_a_frame_is_refused(visitor: Visitor, question: Answer) -> None:
    _refused(_decides(visitor, question, headers={"sec-fetch-dest": "iframe"}), 403, SERVICE)
    cancel = visitor.go("POST", f"/login/{question.fields['login']}/cancel", headers={"sec-fetch-dest": "iframe"})
    _refused(cancel, 403, SERVICE)


@pytest.mark.parametrize("value", ["", "A" * 42, "A" * 43 + "=", "\u00e9" * 43])
def test_a_mangled_strict_cookie_is_refused(visitor: Visitor, question: Answer, value: str) -> None:
    visitor.jar[STRICT + question.fields["login"]] = value
    _refused(_decides(visitor, question), 409, GONE)


MANGLED: dict[str, Callable[[str], str | None]] = {
    "left out": lambda _: None,
    "the end later": lambda sealed: sealed[:9] + ("B" if sealed[9] != "B" else "C") + sealed[10:],
    "a bit off": lambda sealed: sealed[:-9] + ("B" if sealed[-9] != "B" else "C") + sealed[-8:],
    "longer": lambda sealed: sealed + "AAAA",
    "not ASCII": lambda sealed: "\u00e9" + sealed[1:],
    "70 kB": lambda sealed: sealed + "A" * 70_000,
}


@pytest.mark.parametrize("name", MANGLED)
def test_a_changed_sealed_text_is_refused(visitor: Visitor, stage: Stage, question: Answer, name: str) -> None:
    before = stage.records
    _refused(_decides(visitor, question, {"decided": MANGLED[name](question.fields["decided"])}), 409, GONE)
    assert stage.records == before


@pytest.mark.spec("decisions.md 5")
@pytest.mark.parametrize(
    ("tenant", "kind"), [("other.localhost", "decided"), ("broker.localhost", "asked"), ("broker.localhost", "requested")]
)
def test_a_decision_sealed_for_another_place_is_refused(
    visitor: Visitor, stage: Stage, question: Answer, tenant: str, kind: str
) -> None:
    login, secret = LoginId(question.fields["login"]), _secret(visitor, question)
    ours = stage.application.city.sealer
    payload = ours.open("decided", login, question.fields["decided"], stage.clock(), secret)
    other = Sealer(tenant=Tenant(tenant), keys=stage.application.sealing)
    sealed = other.seal(kind, login, stage.clock() + 100, payload, secret)
    _refused(_decides(visitor, question, {"decided": sealed}), 409, GONE)
    again = ours.seal("decided", login, stage.clock() + 100, payload, secret)
    assert _decides(visitor, question, {"decided": again}).status == 303, "only the place was wrong"


def _secret(visitor: Visitor, question: Answer) -> bytes:
    return secret_of(visitor.jar, question.fields["login"])


def test_a_decision_of_another_version_is_refused(visitor: Visitor, stage: Stage, question: Answer, logs: Lines) -> None:
    login, secret = LoginId(question.fields["login"]), _secret(visitor, question)
    sealed = stage.application.city.sealer.seal("decided", login, stage.clock() + 100, b"another shape", secret)
    _refused(_decides(visitor, question, {"decided": sealed}), 409, GONE)
    assert logs[-1]["check"] == "decided_shape"


BOXES: dict[str, dict[str, str]] = {
    "never offered": {"share.phone_number": "yes"},
    "withheld": {"share.family_name": "yes"},
    "required": {"share.birthdate": "yes"},
    "a hostile name": {'share."><script>': "yes"},
    "another value": {"share.email": "no"},
}


@pytest.mark.spec("decisions.md 3: choices come unsealed and can only remove")
@pytest.mark.parametrize("name", BOXES)
def test_a_box_that_the_page_does_not_have_is_refused(
    visitor: Visitor, stage: Stage, question: Answer, logs: Lines, name: str
) -> None:
    before = stage.records
    _refused(_decides(visitor, question, BOXES[name]), 400, NOT_OURS)
    assert stage.records == before
    assert "script>" not in repr(logs)
    assert _decides(visitor, question).status == 303


@pytest.mark.parametrize(
    "fields",
    [
        {"choice": None},
        {"choice": "APPROVE"},
        {"more": "x"},
        {"SAMLResponse": "x"},
    ],
    ids=repr,
)
def test_fields_that_the_page_does_not_have_are_refused(
    visitor: Visitor, stage: Stage, question: Answer, fields: dict[str, str | None]
) -> None:
    before = stage.records
    _refused(_decides(visitor, question, fields), 400, NOT_OURS)
    assert stage.records == before


def test_a_form_of_more_than_80_kb_is_refused(visitor: Visitor, question: Answer) -> None:
    _refused(_decides(visitor, question, body=b"login=" + b"A" * 90_000), 413, "This was too large")


def test_another_content_type_is_refused(visitor: Visitor, question: Answer) -> None:
    for kind in ("text/plain", "multipart/form-data", None):
        _refused(_decides(visitor, question, headers={"content-type": kind}), 415, SERVICE)
    assert _decides(visitor, question, headers={"content-type": FORM_TYPE.upper()}).status == 303
