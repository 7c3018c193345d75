"""The offer of each country, for everybody: from its node's approved metadata or pinned keys, and from our registrations.

It names no service and no person. The day of the last sign-ins is one on which several people signed in
(`idp.monitoring.successes`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from connectors.formats.eidas.metadata import PeerFacts
from connectors.formats.eidas.registry import LEGAL_MINIMUM, MINIMUM, NOTIFIED_LEVELS, known_to
from connectors.metadata.peers import Peers
from connectors.stork import keys_now, pinned_keys
from idp.login.role import Reach
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.errors import PeerUnavailable, StoreUnavailable
from policies.load import Configuration
from policies.parties import ONLY_TEST, IdentityProvider, Peer, RequestingNode, StorkPeer, Translated
from policies.persons import ABOUT_A_COMPANY, PersonKind

EPOCH = date(1970, 1, 1).toordinal()
# The registration's id -> the day (since the epoch) of its last sign-ins
Days = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Level:
    """A level that can be reached, and whether its scheme is notified (Regulation (EU) 910/2014 art. 9)."""

    level: LevelOfAssurance
    notified: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """The offer of one identity provider, or of one country's node. `last` is a day since the epoch, 0 where none is told.

    A node that asks us (`asks`) has neither levels nor attributes: those are ours.
    """

    name: str
    country: str
    title: Translated
    persons: tuple[PersonKind, ...]
    levels: tuple[Level, ...]
    attributes: tuple[AttributeName, ...]
    reachable: bool
    last: int = 0
    asks: bool = False


class Offers:
    """All of one tenant. Whom nobody can say to be on (`reach` raises `StoreUnavailable`) counts as not reachable."""

    def __init__(
        self, configuration: Configuration, peers: Peers, reach: Callable[[IdentityProvider, int], Reach], days: Days
    ) -> None:
        self._configuration, self._peers, self._reach, self._days = configuration, peers, reach, days

    def __call__(self, now: int) -> tuple[Offer, ...]:
        """Each of them as it is at this moment."""
        days = self._days()
        if self._configuration.nodes:
            return tuple(self._of_node(node, days, now) for node in self._configuration.nodes.values())
        known = [one for one in self._configuration.providers.values() if one.test != ONLY_TEST]
        return tuple(self._of_provider(one, days, now) for one in known)

    def _of_node(self, node: RequestingNode, days: Mapping[str, int], now: int) -> Offer:
        peer = node.peer
        reachable = _has_key(peer, now) if isinstance(peer, StorkPeer) else self._peers.available(peer.entity_id, now)
        persons = tuple(kind for kind in PersonKind if kind in node.persons)
        last = days.get(node.node_id, 0)
        return Offer(node.node_id, node.peer.country, node.title, persons, (), (), reachable, last, asks=True)

    def _of_provider(self, one: IdentityProvider, days: Mapping[str, int], now: int) -> Offer:
        facts = facts_of(self._peers, one, now)
        try:
            usable = facts is not None or not isinstance(one.peer, Peer)
            if isinstance(one.peer, StorkPeer):
                usable = _has_key(one.peer, now)
            reached = usable and self._reach(one, now) is Reach.OPEN
        except StoreUnavailable:
            reached = False
        persons, levels, attributes = said_by(one, facts, self._configuration.catalogue)
        return Offer(
            one.provider_id, one.country, one.title, persons, levels, attributes, reached, days.get(one.provider_id, 0)
        )


def _has_key(peer: StorkPeer, now: int) -> bool:
    """Whether a pinned key of a country that speaks STORK is in force."""
    try:
        return bool(keys_now(peer, pinned_keys(peer), now))
    except PeerUnavailable:
        return False


def facts_of(peers: Peers, provider: IdentityProvider, now: int) -> PeerFacts | None:
    """The facts for which a country's node may be asked for now; None of every other provider, and where nothing counts."""
    if not isinstance(provider.peer, Peer):
        return None
    try:
        use = peers.current(provider.peer.entity_id, now)
    except PeerUnavailable:
        return None
    return replace(use.facts, attributes=known_to(use.version, use.facts.attributes))


def said_by(
    one: IdentityProvider, facts: PeerFacts | None, catalogue: Catalogue
) -> tuple[tuple[PersonKind, ...], tuple[Level, ...], tuple[AttributeName, ...]]:
    """The kinds of person, levels and attributes: of a registration, and no more than a node's metadata has."""
    table = {uri: level for uri, level in one.assurance.items() if facts is None or uri in facts.assurance}
    of_node = isinstance(one.peer, Peer)
    levels = sorted({(level, uri in NOTIFIED_LEVELS if of_node else one.notified) for uri, level in table.items()})
    if isinstance(one.peer, StorkPeer):
        named = {name for name, row in catalogue.attributes.items() if row.stork and row.persons & one.persons}
    elif facts is None:
        named = {name for name, _ in one.attributes.values()}
    else:
        named = {name for name, row in catalogue.attributes.items() if row.eidas and row.eidas in facts.attributes}
    persons = tuple(kind for kind in PersonKind if kind in one.persons and (facts is None or _carries(facts, kind)))
    if of_node and facts is None:
        return persons, (), ()
    ordered = tuple(name for name in catalogue.attributes if name in named)
    return persons, tuple(Level(level, told) for level, told in reversed(levels)), ordered


def _carries(facts: PeerFacts, kind: PersonKind) -> bool:
    """Whether a node has the minimum data set of the one whom a kind of sign-in is about."""
    minimum = LEGAL_MINIMUM if kind in ABOUT_A_COMPANY else MINIMUM
    return set(minimum) <= facts.attributes


def offers_told(offers: Collection[Offer]) -> Iterator[dict[str, object]]:
    """The objects of `/countries.json`: countries by their codes, each with its schemes."""
    for country in sorted({one.country for one in offers}):
        schemes = [scheme_told(one) for one in offers if one.country == country]
        yield {"country": country, "schemes": schemes}


def scheme_told(one: Offer) -> dict[str, object]:
    """One scheme, as an object."""
    return {
        "id": one.name,
        "title": dict(one.title),
        "persons": list(one.persons),
        "levels": [{"level": each.level.label, "notified": each.notified} for each in one.levels],
        "attributes": list(one.attributes),
        "reachable": one.reachable,
        "last_success": day_told(one.last) if one.last else None,
    }


def day_told(day: int) -> str:
    """A day since the epoch as a date."""
    return date.fromordinal(EPOCH + day).isoformat()
