"""Reads of the log: its newest checkpoint, and proofs from O(log n) stored hashes."""

import functools
from collections.abc import Iterable, Sequence

from sqlalchemy import CompoundSelect, Connection, Row, bindparam, select, union_all

from idp.ledger.merkle_tree import Position, inclusion_spans, positions, proof_hashes
from idp.ports import Checkpoint
from idp.store import tables
from idp.store.statements import CompiledStatement
from policies.errors import NotFound, StoreUnavailable

# As many as the path in a tree of 2**64 leaves has; SQLite takes 500 in one statement
NODES_AT_ONCE = 64


def read_checkpoint(connection: Connection, tenant: str) -> Checkpoint | None:
    """The newest checkpoint."""
    table = tables.checkpoints.c
    query = select(tables.checkpoints).where(table.tenant == tenant).order_by(table.number.desc()).limit(1)
    found = connection.execute(query).first()
    return None if found is None else as_checkpoint(found)


def as_checkpoint(row: Row[tuple[object, ...]]) -> Checkpoint:
    """A row of `checkpoints` as a value. A note that is no UTF-8 any more fails its seal, not its reader."""
    return Checkpoint(size=row.size, root=row.root, note=row.note.decode("utf-8", "replace"), time=row.time)


def read_inclusion(connection: Connection, tenant: str, index: int, size: int) -> Sequence[bytes]:
    """The inclusion path of a leaf in the tree of the first `size` leaves.

    Raises `NotFound` for a larger tree, `StoreUnavailable` if a node of the path is missing.
    """
    grown = connection.scalar(select(tables.trees.c.size).where(tables.trees.c.tenant == tenant)) or 0
    if not 0 <= index < size <= grown:
        raise NotFound("no such leaf in a tree of this size")
    spans = inclusion_spans(index, size)
    try:
        return proof_hashes(spans, read_hashes(connection, tenant, positions(spans)))
    except KeyError as error:
        raise StoreUnavailable("a node that proves a place is not there: run ciconia ledger verify") from error


def read_hashes(connection: Connection, tenant: str, wanted: Iterable[Position]) -> dict[Position, bytes]:
    """The stored hashes at these positions; one that is not stored is absent."""
    leaves = tables.leaves.c
    wanted = list(wanted)
    found: dict[Position, bytes] = {}
    if low := [index for level, index in wanted if level == 0]:
        query = select(leaves.leaf_index, leaves.leaf_hash).where(leaves.tenant == tenant, leaves.leaf_index.in_(low))
        found.update(((0, index), hashed) for index, hashed in connection.execute(query))
    high = [position for position in wanted if position[0] > 0]
    for begin in range(0, len(high), NODES_AT_ONCE):
        some = high[begin : begin + NODES_AT_ONCE]
        places = {f"level_{at}": level for at, (level, _) in enumerate(some)}
        places |= {f"index_{at}": index for at, (_, index) in enumerate(some)}
        rows = _nodes_at(len(some)).run(connection, tenant=tenant, **places)
        found.update(((level, index), hashed) for level, index, hashed in rows)
    return found


@functools.cache
def _nodes_at(number: int) -> CompiledStatement:
    """Selects so many nodes, each by itself: for one condition with many ORs SQLite would read all nodes."""

    def made(_connection: Connection) -> CompoundSelect[int, int, bytes]:
        table = tables.nodes.c
        return union_all(
            *(
                select(table.level, table.node_index, table.hash).where(
                    table.tenant == bindparam("tenant"),
                    table.level == bindparam(f"level_{at}"),
                    table.node_index == bindparam(f"index_{at}"),
                )
                for at in range(number)
            )
        )

    return CompiledStatement(made)
