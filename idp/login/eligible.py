"""Which identity providers a request may be about, who knows whether a node can be asked, and who is said to ask."""

from typing import Protocol

from policies.authentication import Requester, ServiceRequest
from policies.parties import EntityId, IdentityProvider, RelyingParty
from policies.purposes import Purpose


class Nodes(Protocol):
    """What is known of other countries' nodes at a moment, without asking anybody: `connectors.metadata.peers.Peers`."""

    def current(self, entity_id: EntityId, now: int) -> object:
        """What is valid and approved of it. Raises `PeerUnavailable` where nothing is."""

    def digest(self, entity_id: EntityId, now: int) -> str:
        """What tells apart what is approved of a node now. Raises `PeerUnavailable`."""

    def available(self, entity_id: EntityId, now: int) -> bool:
        """Whether it answered lately, too."""


def serves(provider: IdentityProvider, request: ServiceRequest, purpose: Purpose) -> bool:
    """Whether a country is one that the service named, and one that the purpose is for."""
    named = not request.country or provider.country == request.country
    return named and (not purpose.countries or provider.country in purpose.countries)


def requester(party: RelyingParty, issuer: str, own_name: str) -> Requester:
    """What another country learns of a relying party; of a blind one, our own name (decision 0000.19)."""
    if party.blind:
        return Requester(provider_name=own_name, sp_type=party.sp_type, requester_id="")
    requester_id = party.requester_id or f"{issuer}/party/{party.client_id}"
    return Requester(provider_name=party.title["en"], sp_type=party.sp_type, requester_id=requester_id)
