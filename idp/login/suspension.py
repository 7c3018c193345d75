"""Stops what an operator switched off: each step of a login asks again, and so does whatever gives something out.

A relying party that is off gets nothing, a country or identity provider that is off vouches for nobody, and what was asked,
heard or issued before it was switched off ends with it (decision 0000.31): on again, it brings nothing back. So a login
carries one number from its question to its tokens: how many acts of the switchboard were known before it was asked. Whoever
refuses or goes back releases nothing, and may always.
"""

from idp.store.switches.switch import COUNTRY, PARTY, PROVIDER, REGISTER, Name, Switched
from policies.errors import Replayed, SourceSuspended, Suspended
from policies.parties import ClientId, IdentityProvider, RegisterId, RequestingNode


class Suspension:
    """One tenant's. Every method raises `StoreUnavailable` where nobody can say what is switched off."""

    def __init__(self, switches: Switched) -> None:
        self._switches = switches

    @property
    def acts(self) -> int:
        """How many acts are known: what a login carries. To be read before its checks, so that none comes between."""
        return self._switches.acts

    def party_off(self, client_id: ClientId) -> bool:
        """Whether a relying party is off."""
        return self._switches.any_off((PARTY, client_id))

    def check_party(self, client_id: ClientId) -> None:
        """Raises `Suspended` for a relying party that is off."""
        if self.party_off(client_id):
            raise Suspended(f"{client_id} is switched off: `ciconia party list`")

    def check_source(self, provider: IdentityProvider) -> None:
        """Raises `SourceSuspended` for an identity provider that is off, or that is of a country that is."""
        if self.source_off(provider):
            raise SourceSuspended(f"{provider.provider_id}, or {provider.country}, is switched off: `ciconia party list`")

    def check_node(self, node: RequestingNode) -> None:
        """Raises `SourceSuspended` for a node of a country that is off: it asks us, and gets nothing."""
        if self._switches.any_off((COUNTRY, node.peer.country)):
            raise SourceSuspended(f"{node.peer.country} is switched off: `ciconia party list`")

    def source_off(self, provider: IdentityProvider) -> bool:
        """Whether an identity provider, its family or its country is off."""
        return self._switches.any_off(*_source(provider))

    def register_off(self, *registers: RegisterId, acts: int | None = None) -> bool:
        """Whether one of these registers is off, or with `acts` was at any time since."""
        return bool(registers) and self._switches.any_off(*[(REGISTER, one) for one in registers], acts=acts)

    def ended(self, client_id: ClientId, provider: IdentityProvider | None, acts: int) -> bool:
        """Whether what is as old as so many acts ended since: its party, its source or that one's country was switched off.

        On again, they do not bring back what was alive before. No provider: it is registered no more, and that ends it too.
        """
        return provider is None or self._switches.any_off((PARTY, client_id), *_source(provider), acts=acts)

    def check_asked(self, client_id: ClientId, provider: IdentityProvider, acts: int) -> None:
        """Raises `Replayed` where what was asked of a provider, for a relying party, has `ended` since.

        Or as `check_party` and `check_source` do: what is off now has ended.
        """
        if self.ended(client_id, provider, acts):
            self.check_party(client_id)
            self.check_source(provider)
            raise Replayed("policy_changed", f"{client_id} or {provider.provider_id} was switched off meanwhile")

    def check_asked_for_node(self, node: RequestingNode, provider: IdentityProvider, acts: int) -> None:
        """The same for a node that asks us."""
        country = node.peer.country
        if self._switches.any_off((COUNTRY, country), *_source(provider), acts=acts):
            self.check_source(provider)
            raise Replayed("policy_changed", f"{country} or {provider.provider_id} was switched off meanwhile")


def _source(provider: IdentityProvider) -> tuple[Name, ...]:
    """All that may be switched off of a provider."""
    family = ((PROVIDER, provider.family),) if provider.family else ()
    return ((PROVIDER, provider.provider_id), (COUNTRY, provider.country), *family)
