"""The corpus of signed queries: every case ends as it says, and a judge that is wrong is found out."""

import time

import pytest

from connectors.attacks.attack_case import AttackCase, CaseKind
from connectors.attacks.queries import query_cases
from connectors.checks import ALL_CHECKS, AUTHN_REQUEST_CHECKS, LOGOUT_CHECKS, REQUEST_CHECKS
from tests.connectors.attacks.corpora import accepted, ends_as_told, holds_in_every_run, hostile

NOW = 1_795_600_000
# What a query can fail at before its message is read (connectors/signatures/redirect.py)
OF_QUERIES = {
    *("size", "parameters", "encoding", "signature_missing", "deflate", "signature_algorithm", "signature_value"),
    *("signature", "base64", "duplicate_id", "signature_place"),
}


@pytest.fixture(scope="module")
def cases() -> list[AttackCase]:
    return list(query_cases(NOW))


@pytest.mark.spec("SAML Bindings 2.0 §3.4.4.1")
@pytest.mark.spec("saml.md Bindings §3.4.4.1 the signature covers the query as it came")
def test_every_query_ends_as_it_says(cases: list[AttackCase]) -> None:
    ends_as_told(cases)


def test_queries_hold_in_every_run(cases: list[AttackCase]) -> None:
    holds_in_every_run(cases, list(query_cases(int(time.time()))), CaseKind.REDIRECT)


def test_every_check_of_a_query_has_a_case(cases: list[AttackCase]) -> None:
    named = {case.check for case in hostile(cases)}
    assert OF_QUERIES - named == set()
    assert named <= {*ALL_CHECKS, *AUTHN_REQUEST_CHECKS, *LOGOUT_CHECKS, *REQUEST_CHECKS}


@pytest.mark.spec("CVE-2025-27773; CVE-2025-31335")
def test_the_advisories_of_2025_have_their_queries(cases: list[AttackCase]) -> None:
    names = [case.name for case in hostile(cases)]
    for number in ("cve-2025-27773", "cve-2025-31335"):
        assert [name for name in names if number in name], number


@pytest.mark.spec("saml.md §4 SimpleSign")
def test_a_form_with_a_signature_beside_is_tried_in_every_order_and_with_every_part_left_out(
    cases: list[AttackCase],
) -> None:
    here = [case for case in cases if case.entrance.name == "form signed beside"]
    assert {case.family for case in hostile(here)} == {
        f"form: {what}" for what in ("order", "fields", "algorithm", "signature", "message")
    }
    assert len(hostile(here)) > 60
    assert len(accepted(here)) > 5
