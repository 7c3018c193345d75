"""A provider of a federation is asked by its metadata of this moment, and by nobody else's."""

from dataclasses import dataclass, field

import pytest

from connectors.connector import Ask, Expectation, Inbound, Outbound, Redirect
from connectors.metadata.federated import FederatedEntity
from connectors.metadata.pinned_provider import misconfigured
from connectors.saml_sp.federated import FederatedConnector
from connectors.saml_sp.logout import HeardLogout
from policies.assurance import LevelOfAssurance
from policies.authentication import Assertion, SourceSession
from policies.errors import PeerUnavailable
from policies.federations import FederationId
from policies.parties import EntityId, IdentityProvider, ProviderId, Source, SubjectNamespace

ENTITY = EntityId("https://idp.example/saml")
RESEARCH = FederationId("research")
SOURCE = Source("providers/one.toml", 1)


def provider() -> IdentityProvider:
    return IdentityProvider(
        provider_id=ProviderId("one"),
        title={"en": "One"},
        country="EE",
        namespace=SubjectNamespace("one/EE"),
        entity_id=ENTITY,
        metadata=b"",
        attributes={},
        subject_attribute="",
        assurance={},
        source=SOURCE,
        federation="research",
    )


@dataclass
class Entities:
    octets: bytes = b"first"

    def entity(self, entity_id: EntityId, now: int, federation: str = "") -> FederatedEntity:
        assert federation == RESEARCH
        return FederatedEntity(entity_id, RESEARCH, self.octets, now + 1)


@dataclass
class Made:
    """A connector of one provider, which says by which metadata it asks."""

    provider: IdentityProvider
    asked: list[Ask] = field(default_factory=list)

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        expectation = Expectation(self.provider.provider_id, "_1", now, ask.minimum_assurance, force_authentication=False)
        return Redirect(self.provider.metadata.decode()), expectation

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        raise NotImplementedError

    def logout_answered(self, inbound: Inbound, here: str, asked: str, now: int) -> bool:
        raise NotImplementedError

    def log_out(self, session: SourceSession, now: int) -> tuple[Outbound, str] | None:
        raise NotImplementedError

    def logged_out(self, inbound: Inbound, here: str, now: int) -> HeardLogout:
        raise NotImplementedError

    @property
    def is_away(self) -> bool:
        return self.provider.metadata == b"second"


ASK = Ask("relay", LevelOfAssurance.LOW, force_authentication=False)


def test_metadata_of_this_moment_counts_and_a_connector_is_made_once_for_it() -> None:
    entities, made = Entities(), list[bytes]()

    def make(one: IdentityProvider) -> Made:
        made.append(one.metadata)
        return Made(one)

    connector = FederatedConnector(provider(), entities, make)
    assert connector.request(ASK, 1)[0] == connector.request(ASK, 2)[0] == Redirect("first")
    entities.octets = b"second"
    assert not connector.is_away
    assert connector.request(ASK, 3)[0] == Redirect("second")
    assert connector.is_away, "whom it asks by now is"
    assert made == [b"first", b"second"]


def test_metadata_that_cannot_be_used_takes_away_this_provider_alone() -> None:
    entities, tried = Entities(), list[bytes]()

    def make(one: IdentityProvider) -> Made:
        tried.append(one.metadata)
        raise misconfigured(SOURCE, "metadata", "It has no key.", "Ask its operator.")

    connector = FederatedConnector(provider(), entities, make)
    for entities.octets in (b"first", b"first", b"second"):
        with pytest.raises(PeerUnavailable, match="cannot be used"):
            connector.request(ASK, 1)
    assert tried == [b"first", b"second"], "strangers' messages cost one look at it"
    assert not connector.is_away
