"""The desk of `ciconia metadata`: a configuration, its nodes, and the copies of their metadata."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from sqlalchemy import Engine

from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.judgement import DAY
from connectors.metadata.peers import Held, PeerCopies, Peers
from connectors.profiles import EIDAS
from idp.application.load import load_all
from idp.application.operator_acts import Unsure, mend, opened_store, within
from idp.cli.console import NO, end, trying
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.keys.shared_factors import own_moduli
from idp.protocols.eidas.node_list import HeldNodeList, node_list_of
from idp.protocols.eidas.receiving_node import known_peers
from idp.store.engine import disposed, open_engine
from idp.store.faults import explained
from idp.store.migrate import assert_current
from idp.store.peer_copies import RecordedCopies, StoredCopies
from idp.system.logs import configure_logs
from policies.errors import StoreUnavailable
from policies.load import Configuration
from policies.parties import EntityId, Peer

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NodeDesk:
    """A configuration, and its nodes by the names that an operator gave them."""

    settings: Settings
    configuration: Configuration
    keys: BrokerKeys
    named: Mapping[str, Peer]
    as_json: bool

    def peers(self, copies: PeerCopies) -> Peers:
        """All nodes, as the server has them."""
        return Peers(
            known_peers(self.configuration),
            role="proxy" if self.settings.role == "city" else "connector",
            copies=copies,
            fetcher=Fetcher(demo=self.settings.demo),
            profile=EIDAS,
            ours=PROTOCOL_VERSIONS,
            max_validity=self.settings.metadata_max_days * DAY,
            own=partial(own_moduli, self.keys),
            node_list=self.node_list,
        )

    @property
    def node_list(self) -> HeldNodeList | None:
        """The held list of all nodes, as the server has it."""
        return node_list_of(self.settings, self.configuration, self.keys.ledger)

    def copies(self, engine: Engine) -> StoredCopies:
        """The copies of metadata in a database."""
        return StoredCopies(engine=engine, tenant=self.settings.tenant, keys=self.keys.ledger)

    def peer(self, name: str) -> Peer:
        """The node of a name; ends the command with 2 where there is none."""
        if name not in self.named:
            nodes = ", ".join(self.named) or "none"
            end("not_found", f"There is no node {name}. Nodes: {nodes}.", as_json=self.as_json)
        return self.named[name]

    def refuse(self, name: str, code: str, detail: str, text: str = "") -> NoReturn:
        """Says why it is not so, and ends the command with 1."""
        end(code, detail, as_json=self.as_json, code=NO, text=text, peer=name)


@contextmanager
def node_desk(config: Path, *, as_json: bool) -> Iterator[NodeDesk]:
    """The loaded configuration. Ends the command with 2 where it cannot be tried."""
    configure_logs()
    with trying(as_json=as_json), _unsure(as_json=as_json):
        settings, configuration, keys = load_all(config)
        asked = {str(one.provider_id): one.peer for one in configuration.providers.values() if isinstance(one.peer, Peer)}
        asking = {str(one.node_id): one.peer for one in configuration.nodes.values() if isinstance(one.peer, Peer)}
        yield NodeDesk(settings, configuration, keys, {**asked, **asking}, as_json)


@contextmanager
def _unsure(*, as_json: bool) -> Iterator[None]:
    """Ends the command with 2 where nobody knows whether its act will count."""
    try:
        yield
    except Unsure as error:
        text = f"It is not known whether this will count: {error.detail}. It does not count yet. {mend(error.detail)}"
        end(error.code, explained(error.detail), as_json=as_json, text=text)


@contextmanager
def reading_engine(desk: NodeDesk) -> Iterator[Engine]:
    """The database, to read the copies in it."""
    with disposed(open_engine(desk.settings.database_url)) as engine:
        assert_current(engine)
        yield engine


class PromptCopies:
    """`RecordedCopies` for a command: a write that does not end in time raises `Unsure`."""

    def __init__(self, copies: RecordedCopies) -> None:
        self._copies = copies

    def held(self, entity_id: EntityId) -> Held | None:
        """See `PeerCopies`."""
        return self._copies.held(entity_id)

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """See `PeerCopies`."""
        _written(lambda: self._copies.keep(held, instead=instead))

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:
        """See `RecordedCopies`."""
        _written(lambda: self._copies.approve(held, now, instead=instead))

    def forget(self, entity_id: EntityId, now: int) -> bool:
        """See `RecordedCopies`."""
        return _written(lambda: self._copies.forget(entity_id, now))


def _written(act: Callable[[], _T]) -> _T:
    try:
        return within(act)
    except StoreUnavailable as error:
        raise Unsure(error.detail) from error


@contextmanager
def recorded_copies(desk: NodeDesk) -> Iterator[PromptCopies]:
    """Copies that record each approval in the ledger first."""
    with opened_store(desk.settings, desk.keys.ledger) as store:
        yield PromptCopies(RecordedCopies(desk.copies(store.engine), commits=store, tenant=desk.settings.tenant))


def held_copy(copies: PeerCopies, peer: Peer) -> Held | None:
    """The held copy of a node's metadata; None too where it was forgotten."""
    held = copies.held(peer.entity_id)
    return None if held is None or held.forgotten else held
