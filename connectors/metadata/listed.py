"""Which nodes a held list of all nodes lets count, and by which keys: the rules alone, pure.

A key of a node counts while the list names it, and if its registration pins it or an operator approved it. So the list
takes away at once, and adds nothing by itself.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from connectors.addresses import REGISTRATION, FetchError
from connectors.deviations import NOTHING, tolerance
from connectors.formats.eidas.metadata import Role
from connectors.formats.eidas.service_list import ListedNode, ServiceList
from connectors.formats.grammar import written
from connectors.metadata.approval import certificate_words
from connectors.metadata.service_list import end_of, listed_certificates
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from policies.errors import PeerUnavailable
from policies.parties import Peer

_NONE = "no list of all nodes is held: it was never fetched, or its registration changed."
# Role and entity id of a node, and the SHA-256 of one of its certificates as hex
Approved = frozenset[tuple[str, str, str]]


class ListedNodes(Protocol):
    """The list on which some nodes rest."""

    def trouble(self, now: int) -> FetchError | None:
        """Take up what came, or fetch where it is time. Why the last fetch was refused: the held list stays."""

    def keys(self, peer: Peer, now: int) -> tuple[PinnedKey, ...]:
        """The keys that may sign the metadata of a node now: one at least. Raises `FetchError`."""

    def check(self, peer: Peer, now: int, signer: str) -> None:
        """Raises `PeerUnavailable` where the list does not let a node's copy count now, which the key `signer` signed."""


class NoList:
    """Where there is no list, no node that rests on one counts."""

    def trouble(self, now: int) -> None:
        """Nothing is fetched."""

    def keys(self, peer: Peer, now: int) -> tuple[PinnedKey, ...]:
        """Raises `FetchError`."""
        return listed_keys(None, peer, "proxy", now)

    def check(self, peer: Peer, now: int, signer: str) -> None:
        """Raises `PeerUnavailable`."""
        check_listed(None, peer, "proxy", now, signer)


@dataclass(frozen=True, slots=True)
class HeldList:
    """The last good list, when it came, and what an operator approved of it."""

    found: ServiceList = field(repr=False)
    octets: bytes = field(repr=False)
    fetched: int
    approved: Approved = frozenset()

    def node(self, peer: Peer, role: Role) -> ListedNode | None:
        """The list's word about a node. Another country's node of the same name is another one."""
        wanted = role, peer.entity_id, peer.country
        return next((one for one in self.found.nodes if (one.role, one.entity_id, one.country) == wanted), None)


@dataclass(frozen=True, slots=True)
class WaitingList:
    """The certificates of registered nodes that wait for an operator, and the digest that they are approved by."""

    digest: str
    additions: tuple[str, ...]  # one sentence each


def check_list_newer(came: ServiceList, before: ServiceList) -> None:
    """Check that a list is not older than the one that is held. Raises `FetchError`.

    An old list, signed by the right key, brings back keys that were withdrawn.
    """
    if came.version < before.version or came.issued < before.issued or (came.issued == before.issued and came != before):
        detail = f"the list of {written(came.issued)} is older than the one that is held, or says other things at one time."
        raise FetchError("list_old", detail)


def still_approved(approved: Approved, found: ServiceList) -> Approved:
    """The approvals of what a list still names: what comes back later is new, and waits."""
    return approved & {(node.role, node.entity_id, _name(der)) for node in found.nodes for der in node.certificates}


def counting(held: HeldList, peer: Peer, role: Role, now: int) -> tuple[bytes, ...]:
    """The certificates (DER) of a node that may sign its metadata now."""
    node = held.node(peer, role)
    if node is None or node.suspended or end_of(held.found) <= now:
        return ()
    ours = {_name(der) for der in peer.certificates}
    ours |= {name for kind, entity_id, name in held.approved if (kind, entity_id) == (role, peer.entity_id)}
    return tuple(der for der in _usable(node, now) if _name(der) in ours)


def listed_keys(held: HeldList | None, peer: Peer, role: Role, now: int) -> tuple[PinnedKey, ...]:
    """Their keys. Raises `FetchError` where there is none."""
    if held is None or (why := why_not(held, peer, role, now)):
        raise FetchError("list_unnamed", why if held is not None else _NONE, REGISTRATION)
    found = counting(held, peer, role, now)
    allowed = tolerance(EIDAS, peer.deviations) if len(found) == 1 else NOTHING
    return tuple(key_of_certificate(der, EIDAS, allowed) for der in found)


def why_not(held: HeldList | None, peer: Peer, role: Role, now: int) -> str:
    """Why the list does not let a node count; "" where it does."""
    if held is None:
        return _NONE
    node = held.node(peer, role)
    if end_of(held.found) <= now:
        return f"the list of all nodes ended at {written(end_of(held.found))}."
    if node is None:
        return "the list of all nodes does not name it."
    if node.suspended:
        return "the list of all nodes says that it is suspended."
    if not counting(held, peer, role, now):
        return "no certificate that the list has for it is approved and usable: see `ciconia metadata pending`."
    return ""


def check_listed(held: HeldList | None, peer: Peer, role: Role, now: int, signer: str) -> None:
    """Check that a copy counts, which the key of the id `signer` signed. Raises `PeerUnavailable`."""
    why = why_not(held, peer, role, now)
    if not why and signer not in {key.key_id for key in listed_keys(held, peer, role, now)}:
        why = "the key that signed its held metadata counts no longer: fetch its metadata anew."
    if why:
        raise PeerUnavailable(f"{peer.entity_id} is out of use: {why}")


def waiting_of(held: HeldList | None, peers: Iterable[Peer], role: Role, now: int) -> WaitingList | None:
    """The nodes that a list adds, of those that rest on it; None where it adds nothing, or holds no longer."""
    if held is None or end_of(held.found) <= now:
        return None
    new = [*_added(held, peers, role, now)]
    if not new:
        return None
    digest = sha256(json.dumps([role, *(f"{peer.entity_id} {_name(der)}" for peer, der in new)]).encode()).hexdigest()
    words = "{}, {}: a certificate that signs its metadata: {}"
    return WaitingList(digest, tuple(words.format(one.country, one.entity_id, certificate_words(der)) for one, der in new))


def approved_with(held: HeldList, peers: Iterable[Peer], role: Role, now: int) -> Approved:
    """The approvals after an operator approved all that waits."""
    return held.approved | {(role, peer.entity_id, _name(der)) for peer, der in _added(held, peers, role, now)}


def _added(held: HeldList, peers: Iterable[Peer], role: Role, now: int) -> Iterator[tuple[Peer, bytes]]:
    """The certificates that wait: those that no registration pins, and nobody approved."""
    for peer in sorted(peers, key=lambda one: one.entity_id):
        node = held.node(peer, role)
        if peer.listed and node is not None and not node.suspended:
            pinned = {_name(der) for der in peer.certificates}
            for der in _usable(node, now):
                if _name(der) not in pinned and (role, peer.entity_id, _name(der)) not in held.approved:
                    yield peer, der


def _usable(node: ListedNode, now: int) -> tuple[bytes, ...]:
    return tuple(one.der for one in listed_certificates(node, now) if not one.fault)


def _name(der: bytes) -> str:
    return sha256(der).hexdigest()
