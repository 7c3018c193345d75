"""The desk's pages: each an address, the phrases of its title, its filters, and what it shows."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import func, select

from idp.audit.over_asking import over_asking
from idp.desk.blocks import Block, Column, Facts, Notice, Plot, Table
from idp.desk.reading import Asked, DeskReader
from idp.ledger.checkpoint import TreeHead
from idp.ports import Checkpoint
from idp.sequencer.witness import witnessed
from idp.store import tables
from idp.store.engine import reading
from idp.store.reads import read_checkpoint
from policies.errors import StoreUnavailable

PERIOD = ("since", "until")


@dataclass(frozen=True, slots=True)
class DeskPage:
    """A page at `path`. Its title, lead and short name are phrases under `key`."""

    path: str
    key: str
    filters: tuple[str, ...]
    make: Callable[[DeskReader, Asked], Sequence[Block]]
    # The values that a filter offers; a filter without them takes any text
    choices: Callable[[DeskReader, str], Sequence[str]] = lambda _reader, _name: ()

    @property
    def stem(self) -> str:
        """The address of its tables as files, without the ending."""
        return "/record" if self.path == "/" else self.path


def moment(seconds: int) -> str:
    """A moment as a reader and a program read it (RFC 3339, UTC)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def overasking(reader: DeskReader, asked: Asked) -> Sequence[Block]:
    """The services that asked for more than they could have got."""
    counted = over_asking(
        reader.auditor.engine,
        tenant=reader.tenant,
        keys=reader.auditor.keys,
        catalogue=reader.auditor.configuration.catalogue,
        purpose_of=cache(reader.auditor.purpose),
        since=asked.since or 0,
    )
    rows = [
        (one.client_id, one.attribute, str(one.reason), one.logins, counted.logins[one.client_id])
        for one in counted.found
        if asked.takes("service", one.client_id) and asked.takes("attribute", one.attribute)
    ]
    table = Table(
        "over_asking",
        "desk.over_asking.table",
        (
            Column("service", "desk.column.service"),
            Column("attribute", "desk.column.attribute"),
            Column("reason", "desk.column.reason"),
            Column("logins", "desk.column.over_asked", numeric=True),
            Column("of", "desk.column.logins", numeric=True),
        ),
        rows,
    )
    by_service = Counter[str]()
    for one in counted.found:
        if asked.takes("service", one.client_id) and asked.takes("attribute", one.attribute):
            by_service[one.client_id] += one.logins
    services = Table(
        "by_service",
        "desk.over_asking.by_service",
        (Column("service", "desk.column.service"), Column("over_asked", "desk.column.over_asked", numeric=True)),
        by_service.most_common(),
    )
    unreadable = [Notice("desk.unreadable", {"count": str(counted.unreadable)})] if counted.unreadable else []
    return [*unreadable, Plot("desk.over_asking.plot", services, "service", "over_asked"), services, table]


def services_of(reader: DeskReader, name: str) -> Sequence[str]:
    """The services or attributes that a filter offers."""
    if name == "service":
        return sorted(reader.auditor.configuration.clients)
    return sorted(reader.auditor.configuration.catalogue.attributes) if name == "attribute" else ()


HOME = DeskPage("/", "desk.record", (), record)
PAGES = (HOME, DeskPage("/over-asking", "desk.over_asking", ("since", "service", "attribute"), overasking, services_of))
