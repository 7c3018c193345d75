"""What is read from the store: parked payloads, decisions, checkpoints, and proofs from O(log n) stored hashes."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Row, and_, or_, select

from idp.ports import Checkpoint, DecisionRow
from idp.store import tables
from idp.transparency.tree import Position, inclusion_spans, positions, proof_hashes
from policies.errors import NotFound


def read_parked(connection: Connection, tenant: str, kind: str, digest: bytes, now: int) -> bytes:
    """The payload that lies under a digest and is alive at `now`. Raises `NotFound`."""
    table = tables.parked.c
    matches = (table.tenant == tenant, table.digest == digest, table.kind == kind, table.ends > now)
    found: bytes | None = connection.scalar(select(table.payload).where(*matches))
    if found is None:
        raise NotFound(f"no {kind} that is alive under this handle")
    return found


def read_decision(connection: Connection, tenant: str, login: bytes, now: int) -> DecisionRow | None:
    """How a login ended, while that is remembered."""
    table = tables.decisions.c
    query = select(table.login, table.choice, table.ends).where(
        table.tenant == tenant, table.login == login, table.ends > now
    )
    found = connection.execute(query).first()
    return None if found is None else DecisionRow(found.login, found.choice, found.ends)


def read_checkpoint(connection: Connection, tenant: str) -> Checkpoint | None:
    """The newest checkpoint."""
    table = tables.checkpoints.c
    query = select(tables.checkpoints).where(table.tenant == tenant).order_by(table.number.desc()).limit(1)
    found = connection.execute(query).first()
    return None if found is None else as_checkpoint(found)


def as_checkpoint(row: Row[tuple[object, ...]]) -> Checkpoint:
    """A row of `checkpoints` as the value that it holds. What is no UTF-8 there any more fails its seal, not its reader."""
    return Checkpoint(size=row.size, root=row.root, note=row.note.decode("utf-8", "replace"), time=row.time)


def read_leaf_hash(connection: Connection, tenant: str, record: bytes) -> bytes | None:
    """The leaf hash of a record."""
    table = tables.records.c
    return connection.scalar(select(table.leaf_hash).where(table.tenant == tenant, table.record == record))


def read_index(connection: Connection, tenant: str, leaf_hash: bytes) -> int | None:
    """The place of a leaf."""
    table = tables.leaves.c
    return connection.scalar(select(table.leaf_index).where(table.tenant == tenant, table.leaf_hash == leaf_hash))


def read_inclusion(connection: Connection, tenant: str, index: int, size: int) -> Sequence[bytes]:
    """The inclusion path of a leaf in the tree of the first `size` leaves. Raises `NotFound` for a larger one."""
    grown = connection.scalar(select(tables.trees.c.size).where(tables.trees.c.tenant == tenant)) or 0
    if not 0 <= index < size <= grown:
        raise NotFound("no such leaf in a tree of this size")
    spans = inclusion_spans(index, size)
    return proof_hashes(spans, read_hashes(connection, tenant, positions(spans)))


def read_hashes(connection: Connection, tenant: str, wanted: Iterable[Position]) -> dict[Position, bytes]:
    """The stored hashes at these positions; one that is not stored is absent."""
    leaves, nodes = tables.leaves.c, tables.nodes.c
    wanted = list(wanted)
    found: dict[Position, bytes] = {}
    if low := [index for level, index in wanted if level == 0]:
        query = select(leaves.leaf_index, leaves.leaf_hash).where(leaves.tenant == tenant, leaves.leaf_index.in_(low))
        found.update(((0, index), hashed) for index, hashed in connection.execute(query))
    if high := [and_(nodes.level == level, nodes.node_index == index) for level, index in wanted if level > 0]:
        places = select(nodes.level, nodes.node_index, nodes.hash).where(nodes.tenant == tenant, or_(*high))
        found.update(((level, index), hashed) for level, index, hashed in connection.execute(places))
    return found
