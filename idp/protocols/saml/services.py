"""The services that speak SAML: who asks, and with which keys. Their metadata is pinned, and read at start."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.metadata.pinned_service import PinnedService, pinned_service
from connectors.signatures.pinned_keys import PinnedKey
from policies.parties import ClientId, EntityId, RelyingParty
from policies.registrations.saml_service import SamlService


@dataclass(frozen=True, slots=True)
class KnownService:
    """A registration, and what its metadata says."""

    party: RelyingParty
    choices: SamlService
    pinned: PinnedService


class Services:
    """One tenant's. Raises `Misconfigured` where a registration's metadata cannot be used."""

    def __init__(self, parties: Mapping[ClientId, RelyingParty]) -> None:
        self._known = {
            name: KnownService(party, party.saml, pinned_service(party.saml, party.source, party.federation.marks))
            for name, party in parties.items()
            if party.saml is not None
        }
        self._by_entity = {EntityId(one.choices.entity_id): one for one in self._known.values()}
        self.keys: Mapping[EntityId, tuple[PinnedKey, ...]] = {
            entity: one.pinned.keys for entity, one in self._by_entity.items()
        }

    def tried(self, entity_id: EntityId) -> tuple[PinnedKey, ...]:
        """The keys that whoever says to be this entity may have signed with; none where no service is registered.

        For a stranger they are somebody's: what they sign is refused as a forgery is, which tells nobody who is registered.
        """
        return self.keys.get(entity_id) or next(iter(self.keys.values()), ())

    def of(self, client_id: str) -> KnownService | None:
        """The service of this registration; None where there is none."""
        return self._known.get(ClientId(client_id))

    def named(self, entity_id: EntityId) -> KnownService:
        """The service of this entity, which has keys. KeyError where there is none."""
        return self._by_entity[entity_id]
