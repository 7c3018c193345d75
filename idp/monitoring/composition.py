"""The watch over one tenant in one worker, composed of what its application has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from connectors.metadata.peers import Peers
from connectors.signatures.certificates import certificate_of
from idp.keys.folder import AnyRing, BrokerKeys
from idp.keys.hourly_keys import HourlyKeys
from idp.keys.kinds import kind_named, owner
from idp.monitoring.vitals import Looks
from idp.monitoring.watched import Watched
from idp.protocols.saml.federation_sources import FederationSources
from idp.store.store import Store
from idp.store.switches.switch import KINDS
from idp.store.switches.switches import Switches
from policies.errors import AllRevoked, PeerUnavailable
from policies.load import Configuration
from policies.parties import EntityId, IdentityProvider, Peer, StorkPeer

N = TypeVar("N", int, bool)

# Kinds of keys of which others hold a certificate
CERTIFIED = ("saml", "saml-encryption", "node", "node-metadata", "node-encryption")


def looks_of(
    *,
    store: Store,
    watched: Watched,
    configuration: Configuration,
    keys: BrokerKeys,
    peers: Peers,
    federations: FederationSources,
    known: Mapping[EntityId, Peer],
    switches: Switches,
    sealing: HourlyKeys,
    queue: Callable[[], tuple[int, Mapping[str, int]]],
    witnesses: Callable[[], Mapping[str, int]],
) -> Looks:
    """Compose the looks at one tenant's parts."""
    shared = watched.rates.shared
    serving = _serving(configuration, keys)
    return Looks(
        have_keys=lambda now: _have_keys(sealing, serving, now),
        keys=lambda now: _ends_of_keys(keys, now),
        metadata=lambda now: _ends_of_metadata(peers, known, now),
        available=lambda now: _least((peer.country, peers.available(id_, now)) for id_, peer in known.items()),
        federations=federations.standing,
        off=lambda _now: _off(switches),
        queue=queue,
        witnesses=witnesses,
        closed=lambda: store.closed,
        halted=lambda: store.halted,
        stands_still=lambda: store.stands_still,
        shared_limits=lambda: None if shared is None else shared.reachable,
    )


def pinned(configuration: Configuration) -> int:
    """How many identity providers need no metadata of theirs to be fetched."""
    return sum(provider.pinned for provider in configuration.providers.values())


# Kinds of keys of which each has to have one that counts
_Way = Sequence[AnyRing]


def _serving(configuration: Configuration, keys: BrokerKeys) -> Sequence[Sequence[_Way]]:
    """List what nobody is served without: one way of each entry has to have its keys.

    A kind that only some services or providers need takes nobody else out of service.
    """
    rings = keys.rings
    of_tokens = {(party.id_token_alg.lower(),) for party in configuration.clients.values()}
    # A node answers in what it encrypted to us
    of_questions = {_way_to(provider) for provider in configuration.providers.values()}
    asking = {("saml",) if isinstance(one.peer, StorkPeer) else ("node",) for one in configuration.nodes.values()}
    of_answers = asking or of_tokens
    if any(party.saml for party in configuration.parties.values()):
        of_answers.add(("saml",))
    needed = [each for each in ({("log",)}, of_questions, of_answers) if each]
    return tuple([tuple(rings[name] for name in names) for names in ways] for ways in needed)


def _way_to(provider: IdentityProvider) -> tuple[str, ...]:
    """The kinds of our keys without which this provider is not asked."""
    if provider.openid is not None:
        return ("openid",) if provider.openid.signs else ()
    return ("node", "node-encryption") if provider.protocol == "eidas" else ("saml",)


def _have_keys(sealing: HourlyKeys, serving: Sequence[Sequence[_Way]], now: int) -> None:
    """Raises where a login that begins now could not be sealed, or nobody's could come to its end."""
    sealing.to_seal("requested", sealing.hour())
    for ways in serving:
        if not any(all(ring.published(now) for ring in way) for way in ways):
            raise AllRevoked("every key that could sign, or open an answer, is revoked: `ciconia keys list`")


def _ends_of_keys(keys: BrokerKeys, now: int) -> dict[str, int]:
    found = {}
    for name, ring in keys.rings.items():
        try:
            certified = name in CERTIFIED or owner(kind_named(name)) is not None
            certificate = getattr(ring.at(now), "certificate", b"") if certified else b""
        except AllRevoked:
            # It ended
            found[name] = 0
            continue
        if certificate:
            found[name] = int(certificate_of(certificate).not_valid_after_utc.timestamp())
    return found


def _ends_of_metadata(peers: Peers, known: Mapping[EntityId, Peer], now: int) -> dict[str, int]:
    """When what is used of each country ends; 0 where nothing of it may be used."""

    def ends(entity_id: EntityId) -> int:
        try:
            return peers.current(entity_id, now).facts.valid_until
        except PeerUnavailable:
            return 0

    return _least((peer.country, ends(entity_id)) for entity_id, peer in known.items())


def _least(found: Iterable[tuple[str, N]]) -> dict[str, N]:
    """Take the worst figure of several nodes of one country."""
    least: dict[str, N] = {}
    for country, figure in found:
        least[country] = min(least.get(country, figure), figure)
    return least


def _off(switches: Switches) -> dict[str, int]:
    current = switches.current()
    return {kind: sum(switch.off for (of, _), switch in current.items() if of == kind) for kind in KINDS}
