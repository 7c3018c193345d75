"""An entity of a federation, for whoever asks or answers one: its metadata, as the federation's key vouches for it."""

from dataclasses import dataclass, field
from typing import Protocol

from policies.federations import FederationId
from policies.parties import EntityId


@dataclass(frozen=True, slots=True)
class FederatedEntity:
    """One EntityDescriptor that counts now: `octets` are canonical, and the federation's signature covered them.

    `connectors.formats.metadata` reads them. `valid_until` is the earliest end of federation, entity and roles.
    """

    entity_id: EntityId
    federation: FederationId
    octets: bytes = field(repr=False)
    valid_until: int


class FederatedEntities(Protocol):
    """The entities of all registered federations: `connectors.metadata.federations.Federations`. For any thread."""

    def entity(self, entity_id: EntityId, now: int, federation: str = "") -> FederatedEntity:
        """The entity as it may be used now, of this federation alone where one is named.

        Raises `PeerUnavailable`, which says why not: none knows it, or it ended.
        """
