"""The corpus of tokens: every case ends as it says, by the check that it says, and a judge that is wrong is found out."""

import re
import time
from collections import Counter
from collections.abc import Callable

import pytest

from connectors import checks, client_assertion, id_token, logout_token
from connectors.signatures import jws
from idp.selftest.case import Case, Kind
from idp.selftest.run import Watching, run, verdict_of
from idp.selftest.tokens import token_cases

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


def hostile(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case.check is not None]


def wrong(cases: list[Case]) -> list[str]:
    """The families of the cases that end otherwise than they say."""
    return [case.family for case in cases if verdict_of(case.entrance.judge, case.octets).check != case.check]


@pytest.mark.spec("security.md §2.2")
def test_every_case_ends_as_it_says(cases: list[Case]) -> None:
    for case in cases:
        verdict = verdict_of(case.entrance.judge, case.octets)
        assert (verdict.check, verdict.surprise) == (case.check, ""), case.name


def test_there_are_more_than_a_hundred_and_twenty_hostile_tokens_of_each_kind_of_token(cases: list[Case]) -> None:
    for kind in KINDS:
        assert len([case for case in hostile(cases) if f"/{kind}" in case.name]) > 120, kind


def test_there_are_valid_tokens_of_each_kind_and_algorithm(cases: list[Case]) -> None:
    accepted = {case.name for case in cases if case.check is None}
    assert len(accepted) >= 30
    for alg in jws.ALGORITHMS:
        for kind in KINDS:
            assert f"valid-{kind}s/plain/{kind}-{alg}".lower() in accepted


def test_names_are_unique_and_the_same_in_every_run(cases: list[Case]) -> None:
    names = [case.name for case in cases]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [case.name for case in token_cases(NOW + 1000)] == names
    assert [name for name in names if not re.fullmatch(r"[^\sA-Z/]+(/[^\sA-Z/]+){2,}", name)] == []


def test_octets_are_new_in_every_run(cases: list[Case]) -> None:
    again = {case.octets for case in token_cases(NOW)}
    assert [case.name for case in cases if case.octets in again] == []


def test_a_family_is_of_one_kind_and_valid_ones_alone_are_accepted(cases: list[Case]) -> None:
    kinds = {case.family: {other.kind for other in cases if other.family == case.family} for case in cases}
    assert all(len(found) == 1 for found in kinds.values())
    assert all((case.kind is Kind.VALID) == (case.check is None) for case in cases)
    assert {case.kind for case in cases} == {Kind.JWT, Kind.VALID}


def test_every_check_that_a_case_names_is_a_check_of_tokens(cases: list[Case]) -> None:
    assert {case.check for case in hostile(cases)} <= KNOWN


def test_every_check_of_tokens_has_a_case(cases: list[Case]) -> None:
    # Without keys nothing starts, so no token ever meets these two
    assert KNOWN - {case.check for case in hostile(cases)} == {"jws_keys", "jwe_keys"}


def test_it_works_at_another_time_too() -> None:
    later = list(token_cases(int(time.time())))
    assert wrong(later) == []


def test_the_run_counts_it_and_finds_nothing_wrong() -> None:
    report = run(NOW, Watching(), {"tokens": token_cases})
    assert report.broken == ()
    assert not [tried.name for tried in report.tried if tried.outcome.wrong]


def nothing(*_arguments: object, **_named: object) -> None:
    """A check that somebody removed."""


FAULTS: list[tuple[object, str, object, str]] = [
    (id_token, "judge_issuer", nothing, "id_token: issuer and subject"),
    (id_token, "judge_audience", lambda *_: 1, "id_token: audience"),
    (id_token, "judge_times", lambda *_, **__: (0, 0), "id_token: time"),
    (id_token, "_check_access_token", lambda *_: False, "id_token: another request"),
    (id_token, "_check_assurance", nothing, "id_token: level and age of the authentication"),
    (client_assertion, "_judged_times", lambda *_: 0, "client assertion: time"),
    (client_assertion, "MAX_JTI", 1000, "client assertion: identifier"),
    (logout_token, "judge_times", lambda *_, **__: (0, 0), "logout token: time"),
    (logout_token, "is_visible", bool, "logout token: subject and session"),
    (logout_token, "EVENT", "another", "logout token: event"),
    (id_token, "TYPES", frozenset({"", "JWT", "at+jwt"}), "token: type"),
    (logout_token, "TYPES", frozenset({"JWT", "logout+jwt"}), "token: another kind"),
    (jws, "MAX_TOKEN", 1 << 30, "token: form"),
]


@pytest.mark.parametrize(("module", "name", "fault", "family"), FAULTS, ids=lambda value: str(value)[:40])
def test_a_judge_that_lacks_a_check_is_found_out(
    monkeypatch: pytest.MonkeyPatch, cases: list[Case], module: object, name: str, fault: object, family: str
) -> None:
    monkeypatch.setattr(module, name, fault)
    assert family in wrong(cases)


def accepts_everything(_octets: bytes) -> None:
    """A judge that looks at nothing."""


def test_a_judge_that_accepts_everything_is_wrong_about_every_hostile_case(cases: list[Case]) -> None:
    judge: Callable[[bytes], None] = accepts_everything
    assert all(verdict_of(judge, case.octets).check != case.check for case in hostile(cases))
