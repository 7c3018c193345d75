"""The pages about the record itself: whether it was changed, and single records with their proofs."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select

from idp.desk.blocks import Block, Column, Facts, Notice, Table
from idp.desk.desk_page import DeskPage, moment
from idp.desk.reading import Asked, DeskReader
from idp.ledger.checkpoint import TreeHead
from idp.ports import Checkpoint
from idp.sequencer.witness import witnessed
from idp.store import tables
from idp.store.engine import reading
from idp.store.reads import read_checkpoint
from policies.errors import StoreUnavailable


def record(reader: DeskReader, _asked: Asked) -> Sequence[Block]:
    """The newest checkpoint, what the witness says of it, and the log's keys."""
    heads = _heads(reader)  # before the ledger, which grows meanwhile
    with reading(), reader.auditor.engine.connect() as connection:
        newest = read_checkpoint(connection, reader.tenant)
        records = connection.scalar(
            select(func.count()).select_from(tables.records).where(tables.records.c.tenant == reader.tenant)
        )
    ledger = reader.auditor.keys
    keys = Table(
        "log_keys",
        "desk.record.keys",
        (Column("key_id", "desk.column.key"), Column("vkey", "desk.column.vkey")),
        [(key.key_id.hex(), str(key)) for key in ledger.log.published(reader.clock())],
    )
    return [*_checkpoint(reader, newest, records or 0, heads), keys]


def _heads(reader: DeskReader) -> Sequence[TreeHead] | None:
    """The heads that the witness keeps; None where it cannot be read."""
    try:
        return witnessed(reader.settings.witness_path, reader.auditor.keys)
    except StoreUnavailable:
        return None


def _checkpoint(
    reader: DeskReader, newest: Checkpoint | None, records: int, heads: Sequence[TreeHead] | None
) -> Iterator[Block]:
    if newest is None:
        yield Notice("desk.record.none")
        return
    yield Facts(
        (
            ("desk.record.log", reader.auditor.keys.origin),
            ("desk.record.size", str(newest.size)),
            ("desk.record.records", str(records)),
            ("desk.record.root", newest.root.hex()),
            ("desk.record.signed", moment(newest.time)),
        )
    )
    if heads is None:
        yield Notice("desk.record.witness_away")
        return
    if not heads:
        yield Notice("desk.record.no_witness")
    for head in heads:
        fits = head.size < newest.size or (head.size == newest.size and head.root == newest.root)
        yield Notice("desk.record.witness" if fits else "desk.record.witness_differs", {"size": str(head.size)})
    yield Notice("desk.record.verify")


HOME = DeskPage("/", "desk.record", (), record)
