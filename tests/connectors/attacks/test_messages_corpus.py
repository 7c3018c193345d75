"""The corpus of requests and single logout by POST: every case ends as it says, and a judge that is wrong is found out."""

import time

import pytest

from connectors import authn_request_checks, checks, logout_checks, request_checks
from connectors.attacks.case import Case, Kind
from connectors.attacks.messages import message_cases
from connectors.signatures import parse, xmldsig
from tests.connectors.attacks.corpora import accepted, ends_as_told, holds_in_every_run, hostile, wrong

NOW = 1_795_600_000
ENTRANCES = ("authn-request-saml2int", "authn-request-eidas", "logout-request", "logout-response")
OF_MEANING = {*checks.AUTHN_REQUEST_CHECKS, *checks.REQUEST_CHECKS, *checks.LOGOUT_CHECKS}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(message_cases(NOW))


@pytest.mark.spec("security.md §2.1")
def test_every_message_ends_as_it_says(cases: list[Case]) -> None:
    ends_as_told(cases)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_there_are_more_than_thirty_hostile_and_ten_valid_messages_at_each_entrance(
    cases: list[Case], entrance: str
) -> None:
    here = [case for case in cases if case.name.endswith(f"/{entrance}")]
    assert len(hostile(here)) > 30
    assert len(accepted(here)) > 10


def test_messages_hold_in_every_run(cases: list[Case]) -> None:
    holds_in_every_run(cases, list(message_cases(int(time.time()))), Kind.MESSAGE)


def test_every_check_of_what_a_message_means_has_a_case(cases: list[Case]) -> None:
    named = {case.check for case in hostile(cases)}
    assert OF_MEANING - named == set()
    assert named <= OF_MEANING | checks.SAML_CHECKS.keys() | checks.EIDAS_CHECKS.keys()


def nothing(*_arguments: object, **_named: object) -> None:
    """A check that somebody removed."""


FAULTS: list[tuple[str, object, str, object]] = [
    ("authentication request: sender, address and time", authn_request_checks, "check_issued", nothing),
    ("authentication request: where the answer goes", authn_request_checks, "_acs_url", lambda request, _: request.acs_url),
    ("authentication request: what is asked", authn_request_checks, "_check_contexts", nothing),
    ("authentication request: what is asked", request_checks, "_check_manner", nothing),
    ("authentication request: attributes", request_checks, "_judged_attributes", tuple),
    ("logout: sender, address and time", logout_checks, "_check_envelope", nothing),
    ("logout: whom and until when", logout_checks, "MAX_SESSION_INDEXES", 1000),
    ("message: parser differential", parse, "_scan", nothing),
    ("message: size and depth", xmldsig, "parse_message", lambda octets, _: parse.parse_canonical(octets)),
    ("message: key in the message", xmldsig, "KEY_HINTS", frozenset()),
    ("message: signature wrapping", xmldsig, "ids", lambda _: []),
]


@pytest.mark.parametrize(("family", "module", "name", "fault"), FAULTS, ids=[f"{one[0]}-{one[2]}" for one in FAULTS])
def test_a_judge_of_messages_that_lacks_a_check_is_found_out(
    monkeypatch: pytest.MonkeyPatch, cases: list[Case], family: str, module: object, name: str, fault: object
) -> None:
    monkeypatch.setattr(module, name, fault)
    assert family in wrong(cases)
