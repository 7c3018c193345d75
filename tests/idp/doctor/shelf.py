"""Rows for a test's database: the held metadata of a node, and a ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.metadata.peers import Held
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import open_note
from idp.ledger.cosignature import cosign
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import draft_approval
from idp.ledger.record_contents import new_record
from idp.ports import Unit
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import Witness
from idp.store.engine import open_engine, writing
from idp.store.peer_copies import StoredCopies
from idp.store.records.cosignatures import Cosignature, Cosignatures
from idp.store.store import Store, open_store
from policies.parties import EntityId, Tenant
from tests.connectors.metadata import node
from tests.idp.doctor.ward import ISSUER, NEIGHBOUR, NEIGHBOUR_KEY, NOW

HOST = ISSUER.removeprefix("https://")
TENANT = Tenant(HOST)


def url(folder: Path) -> str:
    """The database of a folder."""
    return f"sqlite:///{folder / 'ciconia.db'}"


def ledger_keys(folder: Path) -> LedgerKeys:
    """The keys of its ledger."""
    return load_ledger_keys(folder / "keys", f"{HOST}/log")


def facts_of(octets: bytes, *, chains: bool = False) -> PeerFacts:
    """The facts of metadata."""
    message = verify(octets, [key_of_certificate(node.key("metadata").certificate, EIDAS)], METADATA, EIDAS)
    assert isinstance(message, SignedMessage)
    return read_peer(message.signed, "proxy", chains=chains)


def hold(
    folder: Path, octets: bytes, *, facts: PeerFacts | None = None, approved: bool = True, chains: bool = False
) -> None:
    """Keep this copy of the node's metadata, in the place of any other."""
    facts = facts or facts_of(octets, chains=chains)
    engine = open_engine(url(folder))
    copies = StoredCopies(engine=engine, tenant=TENANT, keys=ledger_keys(folder))
    before = copies.held(EntityId(node.ENTITY))
    held = Held(EntityId(node.ENTITY), octets, facts, facts if approved else None, NOW)
    copies.keep(held, instead=before)
    engine.dispose()


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    """The store, as a server opens it."""
    opened = open_store(url(folder), tenant=TENANT, ledger_keys=ledger_keys(folder))
    try:
        yield opened
    finally:
        opened.close()


def record(folder: Path, *, time: int = NOW) -> None:
    """One record, which waits for its place."""
    with store(folder) as opened:
        drafted = draft_approval(record=new_record(), time=time, peer=EntityId(node.ENTITY), digest="0" * 64)
        opened.commit(Unit(tenant=TENANT, record=drafted))


def sequence(folder: Path, *, time: int = NOW) -> None:
    """Give all records their place, and sign a checkpoint, which the witness sees and a neighbour's witness cosigns."""
    with store(folder) as opened:
        keys = ledger_keys(folder)
        witness = Witness(folder / "seen.checkpoint", keys)
        sequencer = Sequencer(opened, keys, checkpoint_seconds=0.1, clock=lambda: float(time), witness=witness)
        assert sequencer.step()
        sequencer.stop()
        rows = Cosignatures(engine=opened.engine, tenant=TENANT, keys=keys)
        numbered = rows.numbered_checkpoint()
        assert numbered is not None
        text = open_note(numbered[1].note.encode(), *keys.log.known)
        line = cosign(NEIGHBOUR_KEY.name, NEIGHBOUR, text, time)
        rows.keep(Cosignature(numbered[0], NEIGHBOUR_KEY.label, time, line))


def note(folder: Path) -> str:
    """The newest checkpoint, as it is served."""
    with store(folder) as opened:
        newest = opened.checkpoint(TENANT)
    assert newest is not None
    return newest.note


@contextmanager
def meddling(folder: Path) -> Iterator[Connection]:
    """Somebody else writes to the database."""
    engine = open_engine(url(folder))
    with writing(engine).begin() as connection:
        yield connection
    engine.dispose()
