"""One registered node, its metadata on a real socket, and the broker's view of it."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.formats.eidas.metadata import Role
from connectors.formats.eidas.own_metadata import ConnectorMetadata, ProxyMetadata
from connectors.metadata.peers import Held, Peers
from connectors.profiles import EIDAS
from policies.parties import EntityId, Peer, Source
from tests.connectors.metadata import node
from tests.connectors.metadata.origin import LOOPBACK, Origin, body, origin

NODE = EntityId(node.ENTITY)
OURS = ("1.4", "1.3", "1.2")


@dataclass
class Copies:
    """`PeerCopies` in memory. `kept` counts the writes, `approvals` has what was recorded: when, and the digest."""

    rows: dict[EntityId, Held] = field(default_factory=dict)
    kept: int = 0
    approvals: list[tuple[int, str]] = field(default_factory=list)

    def held(self, entity_id: EntityId) -> Held | None:
        return self.rows.get(entity_id)

    def keep(self, held: Held, *, instead: Held | None = None) -> None:  # noqa: ARG002  nobody else writes
        self.rows[held.entity_id] = held
        self.kept += 1

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:
        self.approvals.append((now, held.facts.digest))
        self.keep(held, instead=instead)


@dataclass
class World:
    """The stage of a test. Time is `now`, and moves only when a test moves it."""

    server: Origin
    peer: Peer
    copies: Copies
    peers: Peers
    role: Role
    now: int = node.NOW
    latest: int = node.NOW + node.DAY  # the end of what was published last

    def publish(self, octets: bytes) -> None:
        self.server.answer = body(octets)

    def show(self, metadata: ProxyMetadata | ConnectorMetadata, edit: node.Edit | None = None) -> None:
        self.publish(node.octets(metadata, edit))

    def change(self, metadata: ProxyMetadata | ConnectorMetadata, edit: node.Edit | None = None) -> None:
        """Show what ends later than all before, as a node that has other things to say does."""
        self.latest = max(metadata.valid_until, self.latest + 1)
        self.show(replace(metadata, valid_until=self.latest), edit)

    def refresh(self) -> None:
        self.peers.refresh(NODE, self.now)

    def refused(self) -> FetchError:
        """The refresh fails, and the error says who can mend it."""
        with pytest.raises(FetchError) as caught:
            self.refresh()
        assert caught.value.mend
        assert caught.value.mend in str(caught.value)
        return caught.value

    def approve(self) -> None:
        """Approve whatever is pending."""
        (pending,) = self.peers.pending(self.now)
        self.peers.approve(NODE, pending.digest, self.now)

    def additions(self) -> tuple[str, ...]:
        """The additions that wait, in words."""
        return tuple(words for pending in self.peers.pending(self.now) for words in pending.additions)

    def still_there(self) -> None:
        """The last good copy is what counts."""
        use = self.peers.current(NODE, self.now)
        assert use.facts.signing == {node.key("messages").certificate}
        assert [key.key_id for key in use.signing_keys(self.now)] == [node.key("messages").key_id]

    def restart(self, **changes: object) -> Peers:
        """Another process over the same copies, its registration changed."""
        self.peer = replace(self.peer, **changes)  # type: ignore[arg-type] # a test names fields of the class
        self.peers = peers(self.peer, self.copies, self.role)
        return self.peers


def peers(peer: Peer, copies: Copies, role: Role = "proxy", ours: Sequence[str] = OURS) -> Peers:
    fetcher = Fetcher(demo=True)
    return Peers({NODE: peer}, role=role, copies=copies, fetcher=fetcher, profile=EIDAS, ours=ours, timeout=30.0)


@contextlib.contextmanager
def world(role: Role = "proxy") -> Iterator[World]:
    """A node that was fetched and approved."""
    metadata = node.proxy() if role == "proxy" else node.connector()
    with origin(body(node.octets(metadata))) as server:
        peer = Peer(
            entity_id=NODE,
            country="EE",
            metadata_url=server.url,
            certificate=node.key("metadata").certificate,
            digest="",
            networks=LOOPBACK,
            source=Source("countries/ee.toml", 3),
        )
        copies = Copies()
        found = World(server, peer, copies, peers(peer, copies, role), role)
        found.refresh()
        found.approve()
        yield found
