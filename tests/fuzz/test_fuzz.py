"""The fuzzer's own honesty: its seeds reach acceptance, and its oracle sees what nobody signed."""

import random

import pytest
from lxml import etree

from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.signer import NoSigner
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.fuzz.mutating import mutated, parsed
from tests.fuzz.reading import by_expat, by_lxml
from tests.fuzz.run import TARGETS
from tests.fuzz.targets import Broken, Target, targets
from tests.fuzz.world import World, canonical, new_world


@pytest.fixture(scope="module")
def world() -> World:
    return new_world()


@pytest.fixture(scope="module")
def made(world: World) -> dict[str, Target]:
    return dict(targets(world))


def test_every_target_is_fuzzed(made: dict[str, Target]) -> None:
    assert tuple(made) == TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_no_findings(made: dict[str, Target], name: str) -> None:
    for seed in made[name].seeds:
        made[name].run(seed)


@pytest.mark.parametrize("name", ["responses", "metadata", "queries", "tokens", "messages"])
def test_what_nobody_signed_is_a_finding(made: dict[str, Target], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where nothing is known to be signed, everything that is accepted is a finding: so the seeds are accepted, too
    monkeypatch.setattr(World, "made", lambda _world, _octets: False)
    found = 0
    for seed in made[name].seeds:
        try:
            made[name].run(seed)
        except Broken:
            found += 1
    assert found > 0


def test_two_readings_are_one_for_a_plain_document_and_differ_where_texts_do() -> None:
    document = b'<a xmlns="urn:x" b="1"><c xmlns:d="urn:d" d:e="2">\xc3\xb5<f/>g</c></a>'
    assert by_lxml(document) == by_expat(document)
    assert by_lxml(document) != by_expat(document.replace(b"g", b"h"))


def test_a_mutation_keeps_a_document_a_document(made: dict[str, Target]) -> None:
    seed = made["responses"].seeds[1][1:]
    changed = [mutated(seed, random.Random(number), [seed]) for number in range(50)]  # noqa: S311 - as the fuzzer's
    assert all(parsed(document) is not None for document in changed)
    assert len(set(changed)) > 25


def test_a_name_that_expat_does_not_know_is_no_finding_and_is_refused(made: dict[str, Target], world: World) -> None:
    # Found by the fuzzer: U+022C may stand in a name since the fifth edition of XML, and expat reads the fourth
    message = forge.Reply().xml().replace(b"<saml:Subject>", "<saml:Subject\u022c/><saml:Subject>".encode())
    made["responses"].run(b"\x01" + message)
    root = etree.fromstring(message)
    world.sign(root, 1)
    connector = SamlConnector(
        provider=forge.provider(forge.metadata(forge.party(world.key))),
        entity_id=forge.SP,
        acs_url=forge.ACS,
        signer=NoSigner(),
    )
    with pytest.raises(AssertionRejected) as refused:
        connector.receive(forge.post(canonical(root)), forge.expectation(), forge.NOW)
    assert refused.value.check == "missing_element"
