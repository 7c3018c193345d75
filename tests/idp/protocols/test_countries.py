"""A country offers what its approved metadata and our registration both have, by the version that is spoken."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.formats.eidas.registry import LEGAL, NATURAL, NATURAL_PERSON
from connectors.metadata.peers import Peers
from idp.login.role import Reach
from idp.protocols.eidas.countries import Offer, Offers
from policies.catalogue import STANDARD
from policies.errors import StoreUnavailable
from policies.load import Configuration
from policies.parties import EntityId, IdentityProvider, NodeId, ProviderId, RequestingNode, Source, StorkPeer
from policies.persons import EVERYBODY, PersonKind
from tests.connectors import forge
from tests.connectors.eidas.node import SendingNode
from tests.connectors.metadata import node
from tests.connectors.metadata.world import World, world
from tests.connectors.stork.test_stork_connector import BEGIN, registered


@pytest.fixture
def sending() -> Iterator[World]:
    """A sending node of another country, fetched and approved."""
    with world() as found:
        yield found


def offers(provider: IdentityProvider, peers: Peers, reach: Reach = Reach.OPEN) -> Offers:
    configuration = Configuration({}, {}, {ProviderId(provider.provider_id): provider}, STANDARD, {})
    return Offers(configuration, peers, lambda _one, _now: reach, lambda: {"ee": 20_000})


def offered(world: World, **changes: object) -> Offer:
    provider = SendingNode(signer=node.key("messages")).provider
    provider = replace(provider, peer=world.peer, entity_id=world.peer.entity_id, **changes)  # type: ignore[arg-type]  # of a test
    (found,) = offers(provider, world.peers)(world.now)
    return found


@pytest.mark.parametrize(("versions", "newer"), [(("1.1", "1.2"), False), (("1.2", "1.3"), True), (("1.4",), True)])
def test_attributes_are_those_that_a_node_of_its_version_may_be_asked_for(
    sending: World, versions: tuple[str, ...], *, newer: bool
) -> None:
    attributes = tuple(uri for uri in NATURAL if not uri.endswith("/Gender"))
    sending.change(node.proxy(versions=versions, attributes=attributes))
    sending.refresh()
    if sending.additions():
        sending.approve()
    found = offered(sending)
    assert {"family_name", "birthdate"} <= set(found.attributes)
    assert "gender" not in found.attributes
    assert ("email" in found.attributes) is newer
    assert (found.reachable, found.last) == (True, 20_000)


def test_a_node_of_1_1_alone_offers_nothing_and_cannot_be_reached(sending: World) -> None:
    sending.change(node.proxy(versions=("1.1",)))
    sending.refresh()
    found = offered(sending)
    assert (found.reachable, found.attributes, found.levels) == (False, (), ())


def test_kinds_of_person_are_of_the_registration_as_far_as_the_metadata_carries_them(sending: World) -> None:
    assert offered(sending).persons == (PersonKind.NATURAL,)
    assert offered(sending, persons=EVERYBODY).persons == (PersonKind.NATURAL, PersonKind.FOR_NATURAL)
    sending.change(node.proxy(attributes=(*NATURAL, *LEGAL)))
    sending.refresh()
    assert PersonKind.LEGAL not in offered(sending, persons=EVERYBODY).persons  # it waits for an approval
    sending.approve()
    assert offered(sending, persons=EVERYBODY).persons == tuple(PersonKind)
    assert f"{NATURAL_PERSON}/PersonIdentifier" not in offered(sending).attributes


def test_whom_nobody_can_say_to_be_on_counts_as_not_reachable(sending: World) -> None:
    provider = replace(SendingNode(signer=node.key("messages")).provider, peer=sending.peer)

    def unknown(_one: IdentityProvider, _now: int) -> Reach:
        raise StoreUnavailable("away")

    found = Offers(Configuration({}, {}, {provider.provider_id: provider}, STANDARD, {}), sending.peers, unknown, dict)
    assert [one.reachable for one in found(sending.now)] == [False]
    assert [one.reachable for one in offers(provider, sending.peers, Reach.OFF)(sending.now)] == [False]


def test_a_country_of_stork_is_reachable_while_a_pinned_key_is_in_force(sending: World) -> None:
    party, late = forge.party(forge.rsa_key(5, 2048), BEGIN), node.NOW + 400 * 86400
    asked = offers(registered(party), sending.peers)
    assert [one.reachable for one in asked(late)] == [False]
    (found,) = asked(node.NOW)
    assert found.reachable
    assert {"family_name", "birthdate", "address"} <= set(found.attributes)
    assert "mandate" not in found.attributes
    (acting,) = offers(replace(registered(party), persons=EVERYBODY), sending.peers)(node.NOW)
    assert "mandate" in acting.attributes
    source = Source("nodes/se.toml", 1)
    peer = StorkPeer(EntityId("https://peps.se.example"), "SE", "https://peps.se.example/r", (party.certificate,), source)
    asks = RequestingNode(NodeId("se"), {"en": "Sweden"}, peer, source)
    configuration = Configuration({}, {}, {}, STANDARD, {}, nodes={asks.node_id: asks})
    told = Offers(configuration, sending.peers, lambda _one, _now: Reach.OPEN, dict)
    assert [(one.asks, one.reachable) for at in (node.NOW, late) for one in told(at)] == [(True, True), (True, False)]
