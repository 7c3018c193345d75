"""The corpus of tokens: every case ends as it says, by the check that it says, and a judge that is wrong is found out."""

import time

import pytest

from connectors import checks, client_assertion, id_token, logout_token
from connectors.attacks.case import Case, Kind
from connectors.attacks.tokens import token_cases
from connectors.attacks.verdict import verdict_of
from connectors.signatures import jws
from tests.connectors.attacks.corpora import accepted, ends_as_told, holds_in_every_run, hostile, wrong

NOW = 1_795_600_000
KINDS = ("id_token", "client-assertion", "logout-token")
KNOWN = {
    *checks.ID_TOKEN_CHECKS,
    *checks.CLIENT_ASSERTION_CHECKS,
    *checks.LOGOUT_TOKEN_CHECKS,
    *checks.JWE_CHECKS,
}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(token_cases(NOW))


@pytest.mark.spec("security.md §2.2")
def test_every_token_ends_as_it_says(cases: list[Case]) -> None:
    ends_as_told(cases)


def test_there_are_more_than_a_hundred_and_twenty_hostile_tokens_of_each_kind_of_token(cases: list[Case]) -> None:
    for kind in KINDS:
        assert len([case for case in hostile(cases) if f"/{kind}" in case.name]) > 120, kind


def test_there_are_valid_tokens_of_each_kind_and_algorithm(cases: list[Case]) -> None:
    names = {case.name for case in accepted(cases)}
    assert len(names) >= 30
    for alg in jws.ALGORITHMS:
        for kind in KINDS:
            assert f"valid-{kind}s/plain/{kind}-{alg}".lower() in names


def test_tokens_hold_in_every_run(cases: list[Case]) -> None:
    holds_in_every_run(cases, list(token_cases(int(time.time()))), Kind.JWT)


def test_every_check_that_a_token_names_is_a_check_of_tokens(cases: list[Case]) -> None:
    assert {case.check for case in hostile(cases)} <= KNOWN


def test_every_check_of_tokens_has_a_case(cases: list[Case]) -> None:
    assert KNOWN - {case.check for case in hostile(cases)} == set()


def test_every_cve_of_the_catalogue_has_its_token(cases: list[Case]) -> None:
    names = " ".join(case.name for case in hostile(cases))
    catalogue = (
        *("2026-48526", "2026-32597", "2025-59420", "2026-28802", "2026-27962", "2024-37568", "2024-33663", "2024-33664"),
        *("2025-27370", "2025-27371", "2026-42206", "2022-21449", "2026-16093"),
    )
    assert [number for number in catalogue if f"cve-{number}" not in names] == []


def nothing(*_arguments: object, **_named: object) -> None:
    """A check that somebody removed."""


FAULTS: list[tuple[str, object, str, object]] = [
    ("id_token: issuer and subject", id_token, "judge_issuer", nothing),
    ("id_token: audience", id_token, "judge_audience", lambda *_: 1),
    ("id_token: time", id_token, "judge_times", lambda *_, **__: (0, 0)),
    ("id_token: another request", id_token, "_check_access_token", lambda *_: False),
    ("id_token: level and age of the authentication", id_token, "_check_assurance", nothing),
    ("client assertion: time", client_assertion, "_judged_times", lambda *_: 0),
    ("client assertion: by registration", client_assertion, "_judge_audience", nothing),
    ("client assertion: identifier", client_assertion, "MAX_JTI", 1000),
    ("logout token: time", logout_token, "judge_times", lambda *_, **__: (0, 0)),
    ("logout token: subject and session", logout_token, "is_visible", bool),
    ("logout token: event", logout_token, "EVENT", "another"),
    ("token: type", id_token, "TYPES", frozenset({"", "JWT", "at+jwt"})),
    ("token: another kind", logout_token, "TYPES", frozenset({"JWT", "logout+jwt"})),
    ("token: form", jws, "MAX_TOKEN", 1 << 30),
]


@pytest.mark.parametrize(("family", "module", "name", "fault"), FAULTS, ids=[each[0] for each in FAULTS])
def test_a_judge_of_tokens_that_lacks_a_check_is_found_out(
    monkeypatch: pytest.MonkeyPatch, cases: list[Case], family: str, module: object, name: str, fault: object
) -> None:
    monkeypatch.setattr(module, name, fault)
    assert family in wrong(cases)


def accepts_everything(_octets: bytes) -> None:
    """A judge that looks at nothing."""


def test_a_judge_that_accepts_everything_is_wrong_about_every_hostile_token(cases: list[Case]) -> None:
    assert all(verdict_of(accepts_everything, case.octets).check != case.check for case in hostile(cases))
