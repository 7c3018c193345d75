"""The corpus of tokens: every case ends as it says, by the check that it says, and a judge that is wrong is found out."""

import time

import pytest

from connectors import checks
from connectors.attacks.attack_case import AttackCase, CaseKind
from connectors.attacks.tokens import token_cases
from connectors.signatures import jws
from tests.connectors.attacks.corpora import accepted, ends_as_told, holds_in_every_run, hostile

NOW = 1_795_600_000
KINDS = ("id_token", "client-assertion", "logout-token")
KNOWN = {*checks.ID_TOKEN_CHECKS, *checks.CLIENT_ASSERTION_CHECKS, *checks.LOGOUT_TOKEN_CHECKS, *checks.JWE_CHECKS}


@pytest.fixture(scope="module")
def cases() -> list[AttackCase]:
    return list(token_cases(NOW))


@pytest.mark.spec("security.md §2.2; oidc.md §19; RFC 8725 §3.1; RFC 7518 §3.5; RFC 7797 §3; RFC 8032 §5.1.7")
def test_every_token_ends_as_it_says(cases: list[AttackCase]) -> None:
    ends_as_told(cases)


def test_there_are_more_than_a_hundred_and_twenty_hostile_tokens_of_each_kind_of_token(cases: list[AttackCase]) -> None:
    for kind in KINDS:
        assert len([case for case in hostile(cases) if f"/{kind}" in case.name]) > 120, kind


def test_there_are_valid_tokens_of_each_kind_and_algorithm(cases: list[AttackCase]) -> None:
    names = {case.name for case in accepted(cases)}
    assert len(names) >= 30
    for alg in jws.ALGORITHMS:
        for kind in KINDS:
            assert f"valid-{kind}s/plain/{kind}-{alg}".lower() in names


def test_tokens_hold_in_every_run(cases: list[AttackCase]) -> None:
    holds_in_every_run(cases, list(token_cases(int(time.time()))), CaseKind.JWT)


def test_every_check_that_a_token_names_is_a_check_of_tokens(cases: list[AttackCase]) -> None:
    assert {case.check for case in hostile(cases)} <= KNOWN


def test_every_check_of_tokens_has_a_case(cases: list[AttackCase]) -> None:
    assert KNOWN - {case.check for case in hostile(cases)} == set()


@pytest.mark.spec("CVE-2022-21449; CVE-2022-29217; CVE-2024-33664; CVE-2024-37568; CVE-2025-27370; CVE-2025-27371")
@pytest.mark.spec(
    "CVE-2025-59420; CVE-2026-16093; CVE-2026-27962; CVE-2026-28802; CVE-2026-32597; CVE-2026-42206; CVE-2026-48526"
)
def test_every_cve_of_the_catalogue_has_its_token(cases: list[AttackCase]) -> None:
    names = " ".join(case.name for case in hostile(cases))
    catalogue = (
        *("2026-48526", "2026-32597", "2025-59420", "2026-28802", "2026-27962", "2024-37568", "2024-33663", "2024-33664"),
        *("2025-27370", "2025-27371", "2026-42206", "2022-21449", "2026-16093", "2022-29217"),
    )
    assert [number for number in catalogue if f"cve-{number}" not in names] == []
