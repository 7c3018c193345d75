"""The corpus of registrations, keys and metadata: every case ends as it says, and a judge that is wrong is found out."""

import json
import time

import pytest
from lxml import etree

from connectors.attacks.attack_case import AttackCase, CaseKind
from connectors.attacks.registrations import registration_cases
from connectors.attacks.registrations.key_sets import key_set_entrance
from connectors.attacks.verdict import verdict_of
from connectors.checks import ALL_CHECKS, FEDERATION_CHECKS, FETCH_CHECKS, KEY_CHECKS, METADATA_CHECKS
from connectors.signatures import jws
from connectors.signatures.jwk import keys_from_jwks
from connectors.wire.names import md
from tests.connectors.attacks.corpora import accepted, ends_as_told, holds_in_every_run, hostile

NOW = 1_795_600_000
# What is wrong with a registration is known by its key, and a node that cannot be used by its code
OF_REGISTRATIONS = {"binding", "assurance", "peer", "certificate", "urn:selftest:address", "country_unavailable"}
OF_ANY_SHAPE = (
    *("evil data in the signature", "digest and signed info", "several references", "transforms", "external references"),
)
OF_METADATA = {
    *("metadata", "metadata_entity", "metadata_country", "metadata_expired", "metadata_far", "metadata_address"),
    *("metadata_key", "comment", "doctype", "entity", "cdata", "processing_instruction", "encoding", "size", "structure"),
    *("signature_missing", "signature", "digest", "signature_place", "duplicate_id", "root", "time"),
}


@pytest.fixture(scope="module")
def cases() -> list[AttackCase]:
    return list(registration_cases(NOW))


@pytest.mark.spec("security.md §2.1; eidas.md §6 validUntil; eidas.md §6 validUntil capped")
@pytest.mark.spec("eidas.md §6 validUntil required; eidas.md §6 NodeCountry; eidas.md §6 entityID")
def test_every_registration_ends_as_it_says(cases: list[AttackCase]) -> None:
    ends_as_told(cases)


def test_each_algorithm_has_key_sets_of_every_family(cases: list[AttackCase]) -> None:
    everywhere = {f"key set: {what}" for what in ("form", "private keys", "keys for something else", "names")}
    for alg in jws.ALGORITHMS:
        here = [case for case in cases if case.name.endswith(f"/key-set-{alg.lower()}")]
        of_keys = "key set: numbers" if alg in ("RS256", "PS256") else "key set: points"
        assert {case.family for case in hostile(here)} == everywhere | {of_keys}
        assert len(accepted(here)) >= 8, alg


@pytest.mark.parametrize("entrance", ["node-metadata", "entity-metadata", "federation-metadata"])
def test_metadata_has_every_family_at_each_entrance(cases: list[AttackCase], entrance: str) -> None:
    here = [case for case in cases if case.name.endswith(f"/{entrance}")]
    of_its_own = {"federation-metadata": {"federation: what it says"}}
    usual = {f"metadata: {what}" for what in ("its end", "what it says", "addresses")}
    families = ("poisoned", "not signed", "another key", "algorithms", "wrapping", "octets", *OF_ANY_SHAPE)
    expected = {f"metadata: {what}" for what in families} | of_its_own.get(entrance, usual)
    assert expected == {case.family for case in hostile(here)}
    assert len(accepted(here)) >= (15 if entrance not in of_its_own else 4)


def test_registrations_hold_in_every_run(cases: list[AttackCase]) -> None:
    holds_in_every_run(cases, list(registration_cases(int(time.time()))), CaseKind.MESSAGE)


def test_every_check_that_a_registration_names_is_known(cases: list[AttackCase]) -> None:
    named = {case.check for case in hostile(cases)}
    known = {*ALL_CHECKS, *METADATA_CHECKS, *FETCH_CHECKS, *KEY_CHECKS, *FEDERATION_CHECKS, "jws_keys"}
    assert named <= known | OF_REGISTRATIONS
    assert OF_REGISTRATIONS | OF_METADATA | {"jwk", "keys"} <= named


def test_a_valid_key_set_holds_a_key_that_verifies(cases: list[AttackCase]) -> None:
    valid = [case for case in cases if case.family == "valid key sets"]
    for case in valid:
        alg = case.entrance.name.removeprefix("key set ")
        found = keys_from_jwks(case.octets.decode(), alg)
        assert found
        assert {key.alg for key in found} == {alg}, case.name
    assert {case.entrance.name for case in valid} == {f"key set {alg}" for alg in jws.ALGORITHMS}


def test_hostile_key_sets_are_json_but_where_they_are_meant_not_to_be(cases: list[AttackCase]) -> None:
    """Else they would be refused for what they look like, and not for what they are."""
    broken = {case.name.split("/")[1] for case in cases if case.name.startswith("key-set-") and not _is_json(case.octets)}
    assert broken == {"no-json", "not-utf-8"}


def _is_json(octets: bytes) -> bool:
    try:
        json.loads(octets)
    except ValueError:
        return False
    return True


def test_wrapped_metadata_still_holds_the_entity_that_was_signed(cases: list[AttackCase]) -> None:
    wrapped = [case for case in cases if case.family == "metadata: wrapping" and "in-" in case.name]
    assert len(wrapped) > 10
    for case in wrapped:
        root = etree.fromstring(case.octets)
        assert root.tag == md("EntitiesDescriptor") or len(list(root.iter(md("EntityDescriptor")))) > 1, case.name


def test_an_octet_that_is_no_text_is_no_key_set() -> None:
    assert verdict_of(key_set_entrance("ES256").judge, b"\xff").check == "jwk"
