"""The identity providers that are known: those with files of their own, and the members of families, made when named.

A member is whoever its federation's copy has as an identity provider at this moment. What is pinned, or has a file of its
own, is no member.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from connectors.metadata.federations import FederationCopy, Federations
from connectors.metadata.summaries import Summary, title_of
from policies.federations import FederationId, member_digest, member_id, member_of, split
from policies.parties import EntityId, IdentityProvider, ProviderId


@dataclass(frozen=True, slots=True)
class Member:
    """A member as people look for it. `family` is the id of its family's registration."""

    provider_id: ProviderId
    family: ProviderId
    summary: Summary


class Providers(Mapping[ProviderId, IdentityProvider]):
    """All that are known, by id. Iterating gives what has a file, families among them; members are there by their ids."""

    def __init__(self, registered: Mapping[ProviderId, IdentityProvider], federations: Federations) -> None:
        self._registered, self._federations = dict(registered), federations
        self._families = {name: one for name, one in registered.items() if one.members}
        self._named = {one.entity_id: one for one in registered.values() if not one.members}

    def __getitem__(self, provider_id: ProviderId) -> IdentityProvider:
        found = self._registered.get(provider_id)
        if found is not None:
            return found
        name, digest = split(provider_id)
        family = self._families[name]
        copy = self._copy(family)
        entity_id = copy.providers[digest] if copy is not None else EntityId("")
        if not self._is_member(entity_id):
            raise KeyError(provider_id)
        summary = self._federations.summaries(FederationId(family.federation)).get(entity_id)
        return member_of(family, entity_id, title_of(entity_id, summary.names if summary is not None else {}))

    def __iter__(self) -> Iterator[ProviderId]:
        return iter(self._registered)

    def __len__(self) -> int:
        return len(self._registered)

    def of_entity(self, entity_id: str) -> tuple[IdentityProvider, ...]:
        """The one that is registered for an entity id, else the member of each family."""
        if named := self._named.get(EntityId(entity_id)):
            return (named,)
        found = [self.get(member_id(family, entity_id)) for family in self._families]
        return tuple(one for one in found if one is not None and one.entity_id == entity_id)

    def members(self, family: IdentityProvider, takes: Callable[[Summary], bool]) -> Iterator[Member]:
        """The members of a family that may be asked and are summarised, in the order of the metadata, if `takes` does."""
        copy, federation = self._copy(family), FederationId(family.federation)
        for entity_id, summary in self._federations.summaries(federation).items():
            if not takes(summary):
                continue
            there = copy is not None and copy.providers.get(member_digest(entity_id)) == entity_id
            if there and self._is_member(entity_id) and set(family.saml.certified) <= set(summary.certified):
                yield Member(member_id(family.provider_id, entity_id), family.provider_id, summary)

    def _copy(self, family: IdentityProvider) -> FederationCopy | None:
        return self._federations.copy(FederationId(family.federation))

    def _is_member(self, entity_id: str) -> bool:
        return bool(entity_id) and entity_id not in self._named and entity_id not in self._federations.pinned


def members_of(
    providers: Mapping[ProviderId, IdentityProvider],
    family: IdentityProvider,
    takes: Callable[[Summary], bool] = lambda _summary: True,
) -> Iterator[Member]:
    """`Providers.members`; none where nobody knows members."""
    return providers.members(family, takes) if isinstance(providers, Providers) else iter(())


def known_as(providers: Mapping[ProviderId, IdentityProvider], entity_id: str) -> Collection[IdentityProvider]:
    """Those who are known by an entity id."""
    if isinstance(providers, Providers):
        return providers.of_entity(entity_id)
    return [one for one in providers.values() if one.entity_id == entity_id]
