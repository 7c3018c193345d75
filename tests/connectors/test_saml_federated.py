"""A provider of a federation is asked by its metadata of this moment, and by nobody else's."""

from dataclasses import dataclass

import pytest

from connectors.connector import Ask, Redirect
from connectors.fetch import Fetcher
from connectors.metadata.federated import FederatedEntity
from connectors.metadata.pinned_provider import misconfigured
from connectors.oidc.line import MOST_FAILURES, Breaker, Line
from connectors.saml_sp.connector import SamlConnector
from connectors.saml_sp.federated import FederatedConnector
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.errors import PeerUnavailable
from policies.federations import FederationId
from policies.parties import EntityId, IdentityProvider
from tests.connectors import forge

RESEARCH = FederationId("research")
FIRST, SECOND = "https://idp.example/first", "https://idp.example/second"
PROVIDER = forge.provider(b"", federation=RESEARCH)
ASK = Ask("relay", LevelOfAssurance.LOW, force_authentication=False)


@dataclass
class Entities:
    octets: bytes = b"first"

    def entity(self, entity_id: EntityId, now: int, federation: str = "") -> FederatedEntity:
        assert federation == RESEARCH
        return FederatedEntity(entity_id, RESEARCH, self.octets, now + 1)


def test_metadata_of_this_moment_counts_and_a_connector_is_made_once_for_it(
    idp: forge.SigningParty, signer: FileSigner
) -> None:
    first, second = (forge.metadata(idp, sso=sso) for sso in (FIRST, SECOND))
    entities, made = Entities(first), list[bytes]()
    away = Breaker(lambda: 0)
    for _ in range(MOST_FAILURES):
        away.note(SECOND, worked=False)

    def make(one: IdentityProvider) -> SamlConnector:
        made.append(one.metadata)
        line = Line(Fetcher(demo=False), (), breaker=away) if one.metadata == second else None
        return SamlConnector(provider=one, entity_id=forge.SP, acs_url=forge.ACS, signer=signer, line=line)

    connector = FederatedConnector(PROVIDER, entities, make)

    def asks() -> str:
        asked = connector.request(ASK, forge.NOW)[0]
        assert isinstance(asked, Redirect)
        return asked.url.partition("?")[0]

    assert asks() == asks() == FIRST
    entities.octets = second
    assert not connector.is_away
    assert asks() == SECOND
    assert connector.is_away, "whom it asks by now is"
    assert made == [first, second]


def test_metadata_that_cannot_be_used_takes_away_this_provider_alone() -> None:
    entities, tried = Entities(), list[bytes]()

    def make(one: IdentityProvider) -> SamlConnector:
        tried.append(one.metadata)
        raise misconfigured(PROVIDER.source, "metadata", "It has no key.", "Ask its operator.")

    connector = FederatedConnector(PROVIDER, entities, make)
    for entities.octets in (b"first", b"first", b"second"):
        with pytest.raises(PeerUnavailable, match="cannot be used"):
            connector.request(ASK, 1)
    assert tried == [b"first", b"second"], "strangers' messages cost one look at it"
    assert not connector.is_away
