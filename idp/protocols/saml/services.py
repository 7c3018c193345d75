"""The services that speak SAML: who asks, with which keys, and where the answer goes.

Pinned metadata is read at start. That of a service in a federation is what the federation's copy says at this moment: a
key or an address that is gone counts no more, and a service that left is answered nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from connectors.metadata.federated import FederatedEntities
from connectors.metadata.pinned_service import PinnedService, pinned_service
from connectors.signatures.pinned_keys import PinnedKey
from connectors.wire.names import SOAP
from policies.errors import Misconfigured, PeerUnavailable
from policies.parties import ClientId, EntityId, RelyingParty
from policies.registrations.saml_service import SamlService


@dataclass(frozen=True, slots=True)
class KnownService:
    """A registration, and what its metadata says."""

    party: RelyingParty
    choices: SamlService
    pinned: PinnedService


class Services:
    """One tenant's, for any thread. Raises `Misconfigured` where the metadata of a registration cannot be used."""

    def __init__(
        self, parties: Mapping[ClientId, RelyingParty], entities: FederatedEntities, clock: Callable[[], int]
    ) -> None:
        self._known = {name: (party, party.saml) for name, party in parties.items() if party.saml is not None}
        self._entities, self._clock = entities, clock
        self._made: dict[ClientId, KnownService] = {}
        self._named = {EntityId(choices.entity_id): name for name, (_, choices) in self._known.items()}
        for name, (_, choices) in self._known.items():
            if not choices.federation:
                self._now(name)
        self.keys: Mapping[EntityId, tuple[PinnedKey, ...]] = _Keys(self, self._named)

    def tried(self, entity_id: EntityId) -> tuple[PinnedKey, ...]:
        """The keys that whoever says to be this entity may have signed with; none where no service is registered.

        For a stranger they are somebody's: what they sign is refused as a forgery is, which tells nobody who is registered.
        """
        return self.keys.get(entity_id) or next((keys for keys in self.keys.values() if keys), ())

    def of(self, client_id: str) -> KnownService | None:
        """The service of this registration; None where there is none, or its federation does not know it now."""
        try:
            return self._now(ClientId(client_id))
        except (KeyError, PeerUnavailable):
            return None

    def named(self, entity_id: EntityId) -> KnownService:
        """The service of this entity. KeyError where there is none, or its federation does not know it now."""
        found = self.of(self._named[entity_id])
        if found is None:
            raise KeyError(entity_id)
        return found

    def why_not(self, entity_id: str) -> str:
        """Why a registered service is not answered now; "" for a stranger, and for one that is."""
        name = self._named.get(EntityId(entity_id))
        try:
            if name is not None:
                self._now(name)
        except PeerUnavailable as error:
            return f"{name} is not answered now: {error.detail}"
        return ""

    def takes_soap(self, client_id: ClientId) -> bool:
        """Whether it is in a group of shared sign-ins, and hears over SOAP that one ended."""
        service = self.of(client_id)
        grouped = service is not None and bool(service.party.openid.logout.session_group)
        return service is not None and grouped and SOAP in service.pinned.facts.logout

    def _now(self, name: ClientId) -> KnownService:
        """Raises KeyError, `Misconfigured` for pinned metadata, and `PeerUnavailable` for that of a federation."""
        party, choices = self._known[name]
        made = self._made.get(name)
        if not choices.federation:
            if made is None:
                made = self._made[name] = _read(party, choices)
            return made
        found = self._entities.entity(EntityId(choices.entity_id), self._clock(), choices.federation)
        if made is None or made.choices.metadata != found.octets:
            try:
                made = self._made[name] = _read(party, replace(choices, metadata=found.octets))
            except Misconfigured as error:
                raise PeerUnavailable(f"the metadata of {choices.entity_id} cannot be used: {error.detail}") from error
        return made


class _Keys(Mapping[EntityId, tuple[PinnedKey, ...]]):
    """The keys of all services as they are now; none of one that does not count now, which is as one that is not here."""

    def __init__(self, services: Services, named: Mapping[EntityId, ClientId]) -> None:
        self._services, self._named = services, named

    def __getitem__(self, entity_id: EntityId) -> tuple[PinnedKey, ...]:
        service = self._services.of(self._named[entity_id])
        return service.pinned.keys if service is not None else ()

    def __contains__(self, entity_id: object) -> bool:
        return isinstance(entity_id, str) and bool(self.get(EntityId(entity_id)))

    def __iter__(self) -> Iterator[EntityId]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


def _read(party: RelyingParty, choices: SamlService) -> KnownService:
    return KnownService(party, choices, pinned_service(choices, party.source, party.federation.marks))
