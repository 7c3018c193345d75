"""A node needs some settings and keys, knows its peers, and signs a document once for half of its life."""

import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.approval import approved_part
from connectors.metadata.peers import in_use
from connectors.profiles import EIDAS
from connectors.signatures.key_ring import Ring, Scheduled
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from idp.config.setting_types import Organization
from idp.config.settings import Settings
from idp.keys import kinds
from idp.keys.change import MINUTE, make
from idp.keys.folder import BrokerKeys, create_keys, load_keys
from idp.keys.hourly_keys import HOUR
from idp.keys.kinds import DAY
from idp.protocols.cached_metadata import Published
from idp.protocols.eidas.receiving_node import (
    METADATA_LIFE,
    application_identifier,
    crossing_problems,
    receiving_metadata,
)
from idp.system.addresses import node_acs_url, node_entity_id
from policies.deviations import AES_CBC
from policies.load import Configuration
from policies.parties import EntityId, NodeId, Peer, RequestingNode, Source
from tests.connectors.crossing import node, unwrapper
from tests.idp.house import COUNTRY, OTHER, configuration

WHO = Organization(name="City", url="https://city.example", support="a@city.example", technical="b@city.example")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> BrokerKeys:
    folder = tmp_path_factory.mktemp("keys") / "keys"
    create_keys(folder, "city.example/log", "city.example")
    return load_keys(folder, "city.example/log")


def _settings(**changes: object) -> Settings:
    base: dict[str, object] = {
        "issuer": "https://city.example",
        "folder": Path("/city"),
        "country": "NL",
        "organization": WHO,
    }
    return Settings.model_validate(base | changes)


def _peer(country: str) -> Peer:
    entity_id = EntityId(f"https://{country.lower()}.example/eidas/metadata")
    return Peer(entity_id, country, entity_id, b"", "", (), Source(f"providers/{country.lower()}.toml", 1))


def _crossing() -> Configuration:
    """A city that asks Latvia's node."""
    made = configuration()
    node = replace(made.providers[OTHER], country="LV", protocol="eidas", peer=_peer("LV"))
    return replace(made, providers={COUNTRY: made.providers[COUNTRY], OTHER: node})


def test_made_up_persons_are_offered_to_everybody_in_the_demo_alone(keys: BrokerKeys) -> None:
    """A node has no test logins."""
    made = configuration()

    def problems(test: str, **changes: object) -> list[str]:
        providers = {COUNTRY: replace(made.providers[COUNTRY], test=test)}
        found = crossing_problems(_settings(**changes), replace(made, providers=providers), keys)
        return [one.key for one in found if one.key == "test"]

    assert problems("only") == []
    assert problems("also") == ["test"]
    assert problems("also", issuer="http://city.localhost:8400", demo=True) == []
    assert problems("only", role="node") == problems("also", role="node", demo=False) == ["test"]


def test_a_city_that_asks_nobody_abroad_needs_nothing_of_a_node(keys: BrokerKeys) -> None:
    bare = _settings(country="", organization=None)
    assert crossing_problems(bare, configuration(), replace(keys, node=None)) == []


def test_a_city_that_asks_a_country_needs_a_country_itself_somebody_who_runs_it_and_keys(keys: BrokerKeys) -> None:
    assert crossing_problems(_settings(), _crossing(), keys) == []
    bare = _settings(country="", organization=None)
    problems = crossing_problems(bare, _crossing(), replace(keys, node=None))
    assert sorted(problem.key for problem in problems) == ["country", "keys", "organization"]
    assert "node-encryption.pem" in str(problems[-1])


def test_a_node_needs_its_keys_even_before_anybody_may_ask_it(keys: BrokerKeys) -> None:
    empty = Configuration({}, {}, {}, configuration().catalogue, {})
    assert crossing_problems(_settings(role="node"), empty, keys) == []
    assert [one.key for one in crossing_problems(_settings(role="node"), empty, replace(keys, node=None))] == ["keys"]


def test_a_provider_that_may_send_aes_cbc_needs_a_key_of_its_own(keys: BrokerKeys) -> None:
    pinned = configuration().providers[COUNTRY]
    made = replace(configuration(), providers={COUNTRY: replace(pinned, deviations=frozenset({AES_CBC}))})
    (problem,) = crossing_problems(_settings(), made, keys)
    assert (problem.key, "saml-encryption.demo-ee.pem" in problem.what) == ("deviations", True)
    assert "ciconia keys new saml-encryption.demo-ee" in problem.fix
    ring = Ring([Scheduled(0, unwrapper(node("ours")))], DAY)
    assert crossing_problems(_settings(), made, replace(keys, own_encryption={COUNTRY: ring})) == []
    # Another provider's is none of it
    assert len(crossing_problems(_settings(), made, replace(keys, own_encryption={OTHER: ring}))) == 1


def test_our_own_node_is_nobody_to_ask_and_nobody_who_asks(keys: BrokerKeys) -> None:
    own = replace(_peer("NL"), entity_id=EntityId("https://city.example/eidas/metadata"))
    asks = RequestingNode(NodeId("nl"), {"en": "Netherlands"}, own, Source("nodes/nl.toml", 1))
    for settings in (_settings(), _settings(role="node")):
        made = replace(_crossing(), nodes={asks.node_id: asks})
        problems = [one for one in crossing_problems(settings, made, keys) if one.key == "entity_id"]
        assert [(one.file, one.line) for one in problems] == [("providers/nl.toml", 1)]


@pytest.mark.spec("eidas.md §2 entity id is where metadata is served")
@pytest.mark.spec("eidas.md §6 application-identifier")
def test_our_names_are_addresses_and_say_what_we_are() -> None:
    assert node_entity_id("https://city.example") == "https://city.example/eidas/metadata"
    assert node_acs_url("https://city.example") == "https://city.example/eidas/acs"
    program, _, version = application_identifier().partition(":")
    assert program == "ciconia"
    assert version[0].isdigit()


@pytest.mark.spec("issue 5 item 4: overlap")
def test_a_node_encrypts_to_our_last_key_until_its_operator_has_approved_the_next_one(tmp_path: Path) -> None:
    begins = int(time.time()) // MINUTE * MINUTE + HOUR
    folder = tmp_path / "keys"
    create_keys(folder, "city.example/log", "city.example")
    make(folder, kinds.NODE_ENCRYPTION, begins, host="city.example", now=begins - MINUTE, production=True)
    node = load_keys(folder, "city.example/log").node
    assert node is not None
    published = receiving_metadata(_settings(), load_keys(folder, "city.example/log"))["/eidas/metadata"]

    def told(now: int) -> PeerFacts:
        pinned = key_of_certificate(node.metadata.at(now).certificate, EIDAS)
        message = verify(published(now), [pinned], METADATA, EIDAS)
        assert isinstance(message, SignedMessage)
        return read_peer(message.signed, "connector")

    def chosen(facts: PeerFacts, approved: PeerFacts) -> bytes:
        peer = in_use(_peer("NL"), approved_part(facts, approved), EIDAS, PROTOCOL_VERSIONS)
        return peer.encryption_certificate(begins)

    first, second = (node.encryption.at(now).certificate for now in (begins - 1, begins))
    before, after = told(begins - 1), told(begins)
    assert before.encryption == {first}
    assert after.encryption == {first, second}
    assert chosen(after, before) == first
    assert chosen(after, after) == second
    assert published(begins).index(b64encode(second)) < published(begins).index(b64encode(first)), "some take the first one"
    # Two weeks on the old one is told to nobody, and opens what somebody sends who kept our metadata until its end
    told_until = begins + 14 * DAY
    assert told(told_until - 1).encryption == {first, second}
    assert told(told_until + METADATA_LIFE // 2).encryption == {second}
    assert first in [key.certificate for key in node.encryption.published(told_until + METADATA_LIFE)]


class _Signing:
    """Counts, and says when it was asked."""

    def __init__(self) -> None:
        self.times: list[int] = []

    def __call__(self, now: int, valid_for: int) -> bytes:
        self.times.append(now)
        return f"{now}+{valid_for}".encode()


@pytest.mark.spec("eidas.md §6 validUntil")
def test_a_document_is_signed_once_for_half_of_its_life() -> None:
    signing = _Signing()
    published = Published(signing, 100)
    assert {published(now) for now in (1000, 1001, 1049)} == {b"1000+100"}
    assert published(1050) == b"1050+100"
    assert published(5000) == b"5000+100"
    assert signing.times == [1000, 1050, 5000]
