"""The corpus of requests and single logout by POST: every case ends as it says, and a judge that is wrong is found out."""

import time

import pytest

from connectors import checks
from connectors.attacks.attack_case import AttackCase, CaseKind
from connectors.attacks.messages import message_cases
from tests.connectors.attacks.corpora import ends_as_told, holds_in_every_run, hostile

NOW = 1_795_600_000
OF_RESOLUTION = {name for name in checks.SERVICE_PROVIDER_CHECKS if name.startswith(("artifact", "soap"))} - {
    "artifact_answer"
}
OF_MEANING = {*checks.AUTHN_REQUEST_CHECKS, *checks.REQUEST_CHECKS, *checks.LOGOUT_CHECKS, *OF_RESOLUTION}


@pytest.fixture(scope="module")
def cases() -> list[AttackCase]:
    return list(message_cases(NOW))


@pytest.mark.spec("security.md §2.1; saml.md §3; saml.md §5; samlify #634")
@pytest.mark.spec("eidas.md §3 signature")
@pytest.mark.spec("eidas.md §3 Extensions required")
def test_every_message_ends_as_it_says(cases: list[AttackCase]) -> None:
    ends_as_told(cases)


def test_messages_hold_in_every_run(cases: list[AttackCase]) -> None:
    holds_in_every_run(cases, list(message_cases(int(time.time()))), CaseKind.MESSAGE)


def test_every_check_of_what_a_message_means_has_a_case(cases: list[AttackCase]) -> None:
    named = {case.check for case in hostile(cases)}
    assert OF_MEANING - named == set()
    assert named <= OF_MEANING | checks.SAML_CHECKS.keys() | checks.EIDAS_CHECKS.keys()


@pytest.mark.spec("security.md §2.1 A; saml.md §4 artifact")
def test_each_new_way_to_come_has_every_attack_on_a_signature(cases: list[AttackCase]) -> None:
    """One that was signed by POST is tried over SOAP, from a provider, and in both messages of a resolution."""
    posted = families(cases, "logout-request")
    ways = ("soap-logout-request", "soap-logout-request-of-a-provider", "logout-request-of-a-provider")
    for where in (*ways, "soap-logout-response", "soap-artifact-resolve", "soap-artifact-response"):
        signed = {family for family in posted if family.startswith("message:")} - {"message: encoding of a parameter"}
        assert signed <= families(cases, where), where
        assert len([case for case in hostile(cases) if case.name.endswith(f"/{where}")]) > 80, where


def families(cases: list[AttackCase], where: str) -> set[str]:
    return {case.family for case in hostile(cases) if case.name.endswith(f"/{where}")}
