"""A broker that lacks a check is caught by the live cases: what comes in then is seen, whatever the answer looks like."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any  # structlog's own type of an event

import pytest

from connectors.attacks.verdict import CaseOutcome
from connectors.formats.logout import LogoutResponse
from connectors.wire.names import SUCCESS
from idp.login.sealing import Sealer
from idp.selftest.live import decisions, responses, saml, saml_links, saml_logout, tokens
from idp.selftest.live.live_case import LiveCase, play
from idp.selftest.live.stage import RELEASED, Stage
from idp.selftest.live.visitor import Visitor
from idp.store.batch import Waiting

Lines = list[MutableMapping[str, Any]]  # Any: structlog's own type of an event
CASES: Mapping[str, LiveCase] = {
    case.name: case
    for cases in (
        *(responses.cases(), decisions.cases(), responses.mixup_cases(), tokens.cases()),
        *(saml.cases(), saml_links.cases(), saml_logout.cases()),
    )
    for case in cases
}
STEPS, DECISION = "idp.web.routes.login", "idp.web.routes.decision"


def _nothing(*_: object, **__: object) -> None:
    """A check that checks nothing."""


def _unmarked(_connection: object, batch: Iterable[Waiting]) -> tuple[list[Waiting], dict[bytes, str], list[Waiting]]:
    """No mark is wanted: one that is wanted and not taken is missed when the transaction reads it back."""
    units = list(batch)
    for one in units:
        one.marks = {}
    return units, {}, []


# what is missing: where, what stands there instead, the case that meets it, and how that ends
ACCEPTED, ELSEWHERE = CaseOutcome.ACCEPTED, CaseOutcome.OTHER_CHECK
MISSING: Mapping[str, tuple[str, Callable[..., object], str, CaseOutcome]] = {
    "marks of client assertions": (
        "idp.store.batch.take_marks",
        _unmarked,
        "live-tokens/client-assertion-again/live",
        ACCEPTED,
    ),
    "same origin": ("idp.web.page_route.check_same_origin", _nothing, "live-decisions/from-another-site/live", ACCEPTED),
    "same origin, null": ("idp.web.page_route.check_same_origin", _nothing, "live-decisions/from-nowhere/live", ACCEPTED),
    "frames": (f"{STEPS}.check_navigation", _nothing, "live-replay/in-a-frame/live", ACCEPTED),
    "a query beside": (f"{STEPS}.check_no_query", _nothing, "live-replay/beside-a-query/live", ACCEPTED),
    "PKCE": (
        "idp.protocols.oidc.code_grant._proves",
        lambda *_: True,
        "live-tokens/code-with-another-verifier/live",
        ACCEPTED,
    ),
    "PKCE, absent": (
        "idp.protocols.oidc.code_grant._proves",
        lambda *_: True,
        "live-tokens/code-without-a-verifier/live",
        ACCEPTED,
    ),
    "marks of landings": ("idp.store.batch.take_marks", _unmarked, "live-landings/twice/live", ACCEPTED),
    "whose session it is": (
        "idp.protocols.saml.logout_asked.ServiceLogouts._session",
        lambda self, _service, request, now: self._logouts.sessions.stored.of_participant("hall", request.name.value, now),
        "live-logout-by-services/soap-by-another-service/live",
        ACCEPTED,
    ),
    "the signature of a logout": (
        "connectors.signatures.pinned_keys.PinnedKey.verifies",
        lambda *_: True,
        "live-logout-by-services/redirect-by-a-stranger/live",
        ACCEPTED,
    ),
    "the signature of a logout upstream": (
        "connectors.signatures.pinned_keys.PinnedKey.verifies",
        lambda *_: True,
        "live-logout-by-providers/soap-by-a-service-in-its-name/live",
        ACCEPTED,
    ),
    "whose answer it is": (
        "idp.protocols.saml.logout_visits.receive_logout_response",
        lambda *_: (LogoutResponse("", 0, "", "", "", SUCCESS, ""), ""),
        "live-answers-to-our-logout/by-a-stranger/live",
        ACCEPTED,
    ),
    "the address of a choice": (
        "connectors.discovery._leads_to",
        lambda *_: True,
        "live-links/back-to-another-site/live",
        ACCEPTED,
    ),
    "the destination of a logout": (
        "connectors.logout_checks._check_envelope",
        _nothing,
        "live-logout-by-services/soap-to-another-address/live",
        ACCEPTED,
    ),
    "where an answer goes": (
        "connectors.authn_request_checks._acs_url",
        lambda request, *_, **__: (request.acs_url, "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"),
        "live-requests-of-services/post-answered-elsewhere/live",
        ACCEPTED,
    ),
    # Where another check stands behind, the case says that its own did not refuse
    "the request of the response": (
        "connectors.saml_sp.connector.check_response",
        _nothing,
        "live-replay/in-another-login-of-the-same-browser/live",
        ELSEWHERE,
    ),
    "the request of the response, elsewhere": (
        "connectors.saml_sp.connector.check_response",
        _nothing,
        "live-replay/in-another-browser's-login/live",
        ELSEWHERE,
    ),
    "the Strict cookie": (
        f"{DECISION}.secret_of",
        lambda *_: b"\x00" * 32,
        "live-decisions/in-another-browser/live",
        ELSEWHERE,
    ),
}


@pytest.mark.parametrize("missing", MISSING)
def test_a_broker_that_lacks_a_check_is_caught(
    stage: Stage, lines: Lines, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    where, instead, case, outcome = MISSING[missing]
    assert play(stage, CASES[case], lines).outcome is CaseOutcome.RIGHT
    monkeypatch.setattr(where, instead)
    assert play(stage, CASES[case], lines).outcome is outcome


@pytest.mark.parametrize("case", ["live-tokens/code-after-its-minute/live", "live-tokens/access-token-after-its-end/live"])
def test_a_broker_that_forgets_the_end_is_caught(
    stage: Stage, lines: Lines, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    store = stage.application.store
    real = store.parked
    opens = Sealer.unpark
    # The end stands in the row, and is sealed with what is parked: forgotten in both places
    monkeypatch.setattr(store, "parked", lambda tenant, kind, digest, now: real(tenant, kind, digest, now - 1000))
    monkeypatch.setattr(Sealer, "unpark", lambda self, kind, handle, row, now: opens(self, kind, handle, row, now - 1000))
    assert play(stage, CASES[case], lines).outcome is CaseOutcome.ACCEPTED


def test_a_broker_that_takes_any_providers_key_is_caught(
    stage: Stage, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issuer stands behind the signature; the run says all the same that the signature did not refuse."""
    connectors: Any = stage.application.city.broker._connectors  # Any: the connector's own keys, which no port has
    both = [key for connector in connectors.values() for key in connector._keys]
    for connector in connectors.values():
        monkeypatch.setattr(connector, "_keys", both)
    for case in responses.mixup_cases():
        tried = play(stage, case, lines)
        assert tried.outcome is CaseOutcome.OTHER_CHECK, case.name
        assert tried.verdict.check in {"403 issuer", "403 in_response_to"}


def test_what_was_released_is_seen_as_records_and_parked_rows(stage: Stage) -> None:
    visitor = Visitor(stage)
    before = stage.released()
    question = visitor.question()
    assert stage.released() == before, "a question releases nothing"
    code = visitor.decides(question).back["code"]
    assert len(stage.released() - before) == 3, "the record, the code and the citizen's receipt"
    between = stage.released()
    visitor.redeem(code).expect("the redemption")
    assert len(stage.released() - between) == 1, "the access token"
    assert set(RELEASED) == {"code", "access", "receipt", "artifact"}
    visitor.close()
