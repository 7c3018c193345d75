"""Which levels of assurance may answer a request, and under which names (eIDAS Message Format §3.2.2).

A notified scheme's levels have the three notified URIs; those of a scheme that is not notified have others, which claim
nothing (Regulation (EU) 910/2014 art. 9). Only what our metadata publishes is ever said.
"""

from collections.abc import Iterable, Mapping

from connectors.formats.eidas.registry import level_uri
from idp.protocols.stork.person import NAME as STORK
from idp.protocols.stork.person import qaa_for
from policies.assurance import LevelOfAssurance
from policies.authentication import ServiceRequest
from policies.parties import IdentityProvider


def levels_for(request: ServiceRequest, provider: IdentityProvider) -> Mapping[LevelOfAssurance, str]:
    """The levels that this provider can reach and the request takes, with the name of each. Empty: it cannot answer."""
    if request.origin.frontend == STORK:
        return qaa_for(request, provider)
    reached = {level: level_uri(level, is_notified=provider.notified) for level in set(provider.assurance.values())}
    if request.contexts:
        return {level: uri for level, uri in reached.items() if uri in request.contexts}
    return {level: uri for level, uri in reached.items() if provider.notified and level >= request.minimum_assurance}


def answered_level(levels: Mapping[LevelOfAssurance, str], reached: LevelOfAssurance) -> str | None:
    """The URI that answers: of the highest level that was asked for and is not above what was reached. Never rounded up."""
    said = [level for level in levels if level <= reached]
    return levels[max(said)] if said else None


def published_levels(providers: Iterable[IdentityProvider]) -> tuple[str, ...]:
    """The levels that our metadata certifies (§6): the highest notified one, and each other that some scheme reaches."""
    notified: set[LevelOfAssurance] = set()
    others: set[LevelOfAssurance] = set()
    for provider in providers:
        (notified if provider.notified else others).update(provider.assurance.values())
    highest = [level_uri(max(notified), is_notified=True)] if notified else []
    return (*highest, *(level_uri(level, is_notified=False) for level in sorted(others)))
