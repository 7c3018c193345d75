"""The connectors of all whom we ask: one for each registration, and one for each member of a family that is asked now."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from connectors.connector import Connector
from policies.parties import IdentityProvider, ProviderId

# As many as a worker keeps parsed entities of federations
MOST_MADE = 512


class MemberConnectors(Mapping[ProviderId, Connector]):
    """The connectors by provider id; iterating gives those of registrations. For any thread."""

    def __init__(
        self, providers: Mapping[ProviderId, IdentityProvider], make: Callable[[IdentityProvider], Connector]
    ) -> None:
        self._providers, self._make = providers, make
        self._registered = {name: make(one) for name, one in providers.items() if not one.members}
        self._made: OrderedDict[ProviderId, Connector] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, provider_id: ProviderId) -> Connector:
        found = self._registered.get(provider_id)
        if found is not None:
            return found
        # Looked up each time: whoever left is asked nothing
        provider = self._providers[provider_id]
        if not provider.family:
            raise KeyError(provider_id)
        with self._lock:
            made = self._made.get(provider_id)
            if made is None:
                made = self._made[provider_id] = self._make(provider)
            self._made.move_to_end(provider_id)
            if len(self._made) > MOST_MADE:
                self._made.popitem(last=False)
        return made

    def __iter__(self) -> Iterator[ProviderId]:
        return iter(self._registered)

    def __len__(self) -> int:
        return len(self._registered)
