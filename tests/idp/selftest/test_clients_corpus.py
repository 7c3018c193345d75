"""The corpus of relying parties' registrations: every case ends as it says."""

import pytest

from connectors.attacks.attack_case import AttackCase, CaseKind
from idp.selftest.clients import client_cases
from tests.connectors.attacks.corpora import ends_as_told, holds_in_every_run, hostile

NOW = 1_795_600_000
OF_CLIENTS = {
    *("pkce", "claims_in_id_token", "id_token_signed_response_alg", "token_endpoint_auth_method", "client_secret_sha256"),
    "id_token_encrypted_response_alg",
    *("jwks", "assertion_audience", "assertion_life", "origins", "redirect_uris"),
}


@pytest.fixture(scope="module")
def cases() -> list[AttackCase]:
    return list(client_cases(NOW))


@pytest.mark.spec("security.md §2.1")
def test_every_client_ends_as_it_says(cases: list[AttackCase]) -> None:
    ends_as_told(cases)


def test_clients_hold_in_every_run(cases: list[AttackCase]) -> None:
    holds_in_every_run(cases, list(client_cases(NOW + 1000)), CaseKind.MESSAGE)


def test_every_key_of_a_registration_that_lets_a_client_in_has_a_case(cases: list[AttackCase]) -> None:
    assert {case.check for case in hostile(cases)} == OF_CLIENTS
