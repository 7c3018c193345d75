"""Each step of a login is one line under one reference, which is not the login's id, and one count."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from idp.monitoring.refusals import MOST
from idp.monitoring.steps import REFERENCE_DIGITS, LoginStep
from policies.errors import StoreUnavailable
from tests.idp.monitoring.told import told
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as found:
        yield found


def _steps(lines: Lines) -> list[str]:
    return [line["step"] for line in lines if line["event"] == "login"]


def _counts(stage: Stage) -> Mapping[tuple[str, ...], float]:
    return told(stage.application.watched.measures)


@pytest.mark.spec("issue: structured logs with the login's reference")
def test_all_lines_of_a_login_have_one_reference_from_the_first_to_the_token(visitor: Visitor, lines: Lines) -> None:
    visitor.redeem(visitor.code())
    assert _steps(lines) == ["begun", "asked", "answered", "released", "token"]
    assert len({line["reference"] for line in lines if line["event"] == "login"}) == 1
    assert {line["party"] for line in lines if line["event"] == "login"} == {"parking"}
    assert [line["country"] for line in lines if line["event"] == "login"] == ["", "EE", "EE", "EE", "EE"]


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
def test_scopes_that_mean_nothing_are_told_by_their_number_and_never_by_their_text(visitor: Visitor, lines: Lines) -> None:
    visitor.login(scope="openid purpose:resident-parking groups canary-scope-4711")
    visitor.login()
    assert [line.get("scopes_ignored") for line in lines if line["event"] == "login"] == [2, None]
    assert "canary" not in json.dumps([dict(line) for line in lines])


def test_a_reference_is_not_the_logins_id_and_no_line_holds_that(visitor: Visitor, lines: Lines) -> None:
    login = visitor.login()
    visitor.asked(login)
    visitor.go("GET", f"/login/{login}/at/nowhere")
    visitor.go("POST", f"/login/{login}/decision")
    assert len(lines) >= 4
    assert login not in json.dumps([dict(line) for line in lines])
    assert {len(line["reference"]) for line in lines if "reference" in line} == {REFERENCE_DIGITS}


def test_the_reference_of_an_errors_page_finds_all_lines_of_its_login(visitor: Visitor, lines: Lines) -> None:
    fields = visitor.signs_in(visitor.asked(visitor.login()))
    answer = visitor.returns({**fields, "SAMLResponse": fields["SAMLResponse"][:-8] + "AAAAAAA="})
    assert answer.status == 403
    mine = [line for line in lines if line.get("reference") == answer.reference]
    assert [line.get("step", line["event"]) for line in mine] == ["begun", "asked", "refused"]


@pytest.mark.parametrize(
    ("path", "cookie"),
    [
        ("/nope", ""),
        ("/authorize?client_id=nobody", ""),
        ("/login/AAAAAAAAAAAAAAAAAAAAAA/countries", f"__Host-l-AAAAAAAAAAAAAAAAAAAAAA=a{'A' * 200}"),
    ],
)
def test_a_flood_of_what_anybody_may_ask_leaves_few_lines_and_each_page_leads_to_one(
    stage: Stage, visitor: Visitor, lines: Lines, path: str, cookie: str
) -> None:
    headers = {"cookie": cookie} if cookie else {}
    shown = [visitor.go("GET", path, headers=headers).reference for _ in range(MOST + 20)]
    assert len(lines) <= MOST + 2
    assert set(shown) <= {line["reference"] for line in lines}
    assert lines[-1]["shared"]
    counted = told(stage.application.watched.measures)
    refused = sum(count for key, count in counted.items() if key[0] == "ciconia_refusals_total")
    assert refused >= MOST + 20


def test_a_login_that_there_is_keeps_its_lines_among_a_flood(visitor: Visitor, lines: Lines) -> None:
    for _ in range(MOST + 20):
        assert visitor.go("GET", "/login/AAAAAAAAAAAAAAAAAAAAAA/countries").status == 409
    fields = visitor.signs_in(visitor.asked(visitor.login()))
    for _ in range(3):
        answer = visitor.returns({**fields, "SAMLResponse": fields["SAMLResponse"][:-8] + "AAAAAAA="})
    mine = [line.get("step", line["event"]) for line in lines if line.get("reference") == answer.reference]
    assert mine == ["begun", "asked", "refused", "refused", "refused"]


@pytest.mark.parametrize(("choice", "step"), [("refuse", "refused"), ("cancel", "cancelled"), ("approve", "released")])
def test_how_a_login_ended_is_a_step(visitor: Visitor, lines: Lines, choice: str, step: str) -> None:
    visitor.decides(visitor.question(), choice)
    assert _steps(lines)[-1] == step


def test_steps_are_counted_by_country_and_verification_and_commit_are_timed(stage: Stage, visitor: Visitor) -> None:
    before = _counts(stage)
    visitor.redeem(visitor.code())
    after = _counts(stage)
    tenant = stage.application.settings.tenant
    for step in (LoginStep.ASKED, LoginStep.ANSWERED, LoginStep.RELEASED, LoginStep.TOKEN):
        key = ("ciconia_logins_total", tenant, step.value, "EE")
        assert after[key] == before.get(key, 0) + 1
    for name in ("ciconia_verification_seconds_count", "ciconia_commit_seconds_count"):
        assert after[name, tenant] > before.get((name, tenant), 0)


def test_a_refusal_is_counted_by_code_and_check_of_our_tables_and_nothing_else(stage: Stage, visitor: Visitor) -> None:
    visitor.go("GET", "/nowhere/Canary-1887")
    visitor.returns({"SAMLResponse": "x", "RelayState": "Canary-1887"})
    steps = stage.application.watched.steps
    steps.refused("Canary-1887", "Canary-1887")
    counts = {key: figure for key, figure in _counts(stage).items() if key[0] == "ciconia_refusals_total"}
    tenant = stage.application.settings.tenant
    assert counts["ciconia_refusals_total", tenant, "not_found", ""] >= 1
    assert counts["ciconia_refusals_total", tenant, "started_elsewhere", "login_cookie"] >= 1
    assert counts["ciconia_refusals_total", tenant, "other", "other"] == 1
    assert "Canary" not in repr(counts)


def test_healthz_says_whether_the_worker_can_serve_and_nothing_else(
    stage: Stage, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.application.vitals.look()
    answer = visitor.go("GET", "/healthz")
    assert (answer.status, answer.text, answer.headers["cache-control"]) == (204, "", "no-store")
    # What the worker's own thread finds meanwhile is old at once, too
    with monkeypatch.context() as late:
        late.setattr("idp.monitoring.vitals.time", SimpleNamespace(monotonic=lambda: math.inf))
        answer = visitor.go("GET", "/healthz")
    assert (answer.status, answer.text) == (503, "")
    stage.application.vitals.look()


@pytest.mark.parametrize("kinds", [("log",), ("saml",), ("es256", "rs256")])
def test_where_nobodys_login_could_come_to_its_end_a_worker_is_not_ready(stage: Stage, kinds: Sequence[str]) -> None:
    """Each key that could sign is revoked, and another machine may have the file of the next one."""
    rings, vitals = [stage.application.keys.rings[kind] for kind in kinds], stage.application.vitals
    before = [ring._revoked for ring in rings]
    try:
        for ring in rings:
            assert vitals.look() == ()  # one kind of tokens is left: its services are served
            ring.obey(lambda _key_id: 1)
        assert vitals.look() == ("keys",)
    finally:
        for ring, obeyed in zip(rings, before, strict=True):
            ring.obey(obeyed)
    assert vitals.look() == ()


def test_a_refusal_at_the_token_endpoint_has_the_reference_of_its_login_where_a_code_led_to_one(
    visitor: Visitor, lines: Lines
) -> None:
    code = visitor.code()
    assert visitor.redeem(code, code_verifier="short").status == 400
    assert visitor.redeem("A" * 43).status == 400
    found, nobody = (line for line in lines if line["event"] == "refused")
    assert found["reference"] == next(line["reference"] for line in lines if line["event"] == "login")
    assert "reference" not in nobody


@pytest.mark.parametrize("path", ["/token", "/userinfo/receipt"])
@pytest.mark.parametrize("site", ["cross-site", "same-origin", "none"])
def test_no_page_makes_the_services_beside_its_reader_be_refused(
    stage: Stage, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, path: str, site: str
) -> None:
    monkeypatch.setattr(stage.application.watched.rates, "address", lambda _client: f"{site} {path}")
    browser = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty"}
    for _ in range(stage.application.settings.limits.failures + 1):
        answer = visitor.go("POST", path, fields={"a": "1"}, headers=browser)
        assert (answer.status, json.loads(answer.text)["error"]) == (403, "invalid_request")
    assert visitor.redeem(visitor.code()).status == 200


def test_one_login_asks_no_oftener_than_logins_may_begin(
    stage: Stage, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, limit = stage.application.watched.rates, 3
    monkeypatch.setattr(rates, "address", lambda _client: "one who asks again and again")
    monkeypatch.setattr(rates, "_limits", rates._limits.model_copy(update={"begin_address": limit}))
    login = visitor.login()
    assert {visitor.asks(login).status for _ in range(1 + limit)} == {303}
    assert visitor.asks(login).status == 429
    assert visitor.asks(visitor.login()).status == 303, "a login's first question is refused for no neighbour's sake"


def test_while_the_shared_limits_are_gone_the_page_says_try_again_and_not_that_too_many_came(
    stage: Stage, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_client: str, _party: str) -> None:
        raise StoreUnavailable("the shared limits cannot be asked")

    monkeypatch.setattr(stage.application.watched.rates, "begin", gone)
    answer = visitor.authorize()
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert answer.heading == "We cannot record anything at the moment"
