"""The rows that only the sequencer writes: the state of a tree with its lease, and the signed checkpoints.

A *seal* binds what they hold beyond hashes and signatures (a lease, a time, a count): HMAC-SHA256 of the whole row under a
key that the database does not hold.
"""

import functools
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any  # Any: nobody knows the types of a row's columns

from sqlalchemy import (
    Connection,
    Delete,
    LargeBinary,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from idp.ledger.ledger_keys import LedgerKeys, framed, mac
from idp.ledger.merkle_tree import EMPTY_ROOT
from idp.ports import Checkpoint
from idp.store import tables
from idp.store.reads import as_checkpoint
from idp.store.statements import CompiledStatement, portions

NOBODY = b""


@dataclass(frozen=True, slots=True)
class TreeState:
    """A tree as it stands, how many checkpoints it has, and who may append: `holder`, in `epoch`, until `lease_ends`."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    checkpoints: int = 0
    epoch: int = 0
    holder: bytes = NOBODY
    lease_ends: int = 0  # milliseconds since the epoch

    def seal(self, keys: LedgerKeys, tenant: str) -> bytes:
        """The MAC of the row."""
        numbers = [str(each).encode() for each in (self.size, self.checkpoints, self.epoch, self.lease_ends)]
        return mac(keys.rows, framed(b"tree", tenant.encode(), self.root, self.holder, *numbers))


def checkpoint_seal(keys: LedgerKeys, tenant: str, number: int, checkpoint: Checkpoint) -> bytes:
    """The MAC of a checkpoint's row."""
    numbers = [str(each).encode() for each in (number, checkpoint.size, checkpoint.time)]
    return mac(keys.rows, framed(b"checkpoint", tenant.encode(), *numbers, checkpoint.root, checkpoint.note.encode()))


def _state(_connection: Connection) -> Select[*tuple[Any, ...]]:
    return select(tables.trees).where(tables.trees.c.tenant == bindparam("tenant"))


def _staged(_connection: Connection) -> Select[bytes, bytes, bytes | None]:
    table = tables.staged.c
    # In order of the random record id: a serial number would have gaps and races, and tell the order of arrival
    records = tables.records.c
    both = and_(records.tenant == table.tenant, records.record == table.record)
    query = select(table.record, table.leaf, records.leaf_hash).join_from(tables.staged, tables.records, both, isouter=True)
    query = query.where(table.tenant == bindparam("tenant")).order_by(table.record)
    # With an offset: else SQLAlchemy binds one of its own for SQLite
    return query.limit(bindparam("most")).offset(bindparam("skipped"))


def _placed(_connection: Connection) -> Select[int, bytes, bytes]:
    table = tables.leaves.c
    between = table.leaf_index.between(bindparam("first"), bindparam("last"))
    return select(table.leaf_index, table.leaf, table.leaf_hash).where(table.tenant == bindparam("tenant"), between)


def _replace(_connection: Connection) -> Update:
    table = tables.trees.c
    matches = (
        table.tenant == bindparam("new_tenant"),
        table.epoch == bindparam("old_epoch"),
        table.seal == bindparam("old_seal"),
    )
    return update(tables.trees).where(*matches).values({c.name: bindparam(f"new_{c.name}") for c in tables.trees.columns})


_STATE, _STAGED, _REPLACE, _PLACED = (
    CompiledStatement(_state),
    CompiledStatement(_staged),
    CompiledStatement(_replace),
    CompiledStatement(_placed),
)


def read_state(connection: Connection, tenant: str) -> Row[tuple[object, ...]] | None:
    """The row of a tree, not yet believed."""
    return _STATE.run(connection, tenant=tenant).first()


def has_tree(connection: Connection, tenant: str) -> bool:
    """Whether there are leaves, nodes or checkpoints, whatever the tree's state says."""
    parts = (tables.leaves, tables.nodes, tables.checkpoints)
    return any(
        connection.scalar(select(part.c.tenant).where(part.c.tenant == tenant).limit(1)) is not None for part in parts
    )


def believed(row: Row[tuple[object, ...]], keys: LedgerKeys, tenant: str) -> TreeState | None:
    """The state that a row holds; None if its seal is not ours."""
    state = TreeState(row.size, row.root, row.checkpoints, row.epoch, row.holder, row.lease_ends)
    return state if hmac.compare_digest(state.seal(keys, tenant), row.seal) else None


def _newest(_connection: Connection) -> Select[*tuple[Any, ...]]:
    table = tables.checkpoints.c
    ours = table.tenant == bindparam("tenant")
    last = select(func.max(table.number)).where(ours).scalar_subquery()
    return select(tables.checkpoints).where(ours, table.number == last)


_NEWEST = CompiledStatement(_newest)


def read_staged(connection: Connection, tenant: str, most: int) -> Sequence[tuple[bytes, bytes, bytes | None]]:
    """The leaves that wait to be appended, at most `most`: a record's id, its leaf, and the leaf's hash from the record.

    The hash is None if the record is gone: passing over its leaf would hide that.
    """
    return _STAGED.rows(connection, tenant=tenant, most=most, skipped=0)


def read_placed(connection: Connection, tenant: str, first: int, last: int) -> Sequence[tuple[int, bytes, bytes]]:
    """The leaves from one place to another, each with its place and its hash."""
    return sorted(_PLACED.rows(connection, tenant=tenant, first=first, last=last))


@functools.cache
def _unstage(number: int) -> CompiledStatement:
    def made(_connection: Connection) -> Delete:
        table = tables.staged.c
        records = [bindparam(f"record_{place}", type_=LargeBinary) for place in range(number)]
        return delete(tables.staged).where(table.tenant == bindparam("tenant"), table.record.in_(records))

    return CompiledStatement(made)


def unstage(connection: Connection, tenant: str, records: Sequence[bytes]) -> bool:
    """Delete the leaves that are appended; returns whether all of them were there."""
    gone = 0
    for portion in portions(records):
        some = {f"record_{place}": record for place, record in enumerate(portion)}
        gone += _unstage(len(portion)).run(connection, tenant=tenant, **some).rowcount
    return gone == len(records)


def create_state(connection: Connection, tenant: str, state: TreeState, keys: LedgerKeys) -> None:
    """Insert the first row of a tree."""
    connection.execute(insert(tables.trees), [_columns(state, keys, tenant)])


def replace_state(connection: Connection, tenant: str, before: TreeState, after: TreeState, keys: LedgerKeys) -> bool:
    """Compare and swap; returns whether the row was still `before`. The seal stands for the whole row."""
    new = {f"new_{name}": value for name, value in _columns(after, keys, tenant).items()}
    found = _REPLACE.run(connection, old_epoch=before.epoch, old_seal=before.seal(keys, tenant), **new)
    return found.rowcount == 1


def newest_checkpoint(connection: Connection, tenant: str, state: TreeState, keys: LedgerKeys) -> Checkpoint | None:
    """The checkpoint that the state's count names. Raises ValueError if it is not as we wrote it."""
    row = _NEWEST.run(connection, tenant=tenant).first()
    if row is None and state.checkpoints == 0:
        return None
    if row is None or row.seal != checkpoint_seal(keys, tenant, state.checkpoints, as_checkpoint(row)):
        raise ValueError("another checkpoint")
    return as_checkpoint(row)


def add_checkpoint(connection: Connection, tenant: str, number: int, checkpoint: Checkpoint, keys: LedgerKeys) -> None:
    """Insert the checkpoint of this number, with its seal."""
    row = {
        "tenant": tenant,
        "number": number,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "time": checkpoint.time,
        "note": checkpoint.note.encode(),
        "seal": checkpoint_seal(keys, tenant, number, checkpoint),
    }
    connection.execute(insert(tables.checkpoints), [row])


def _columns(state: TreeState, keys: LedgerKeys, tenant: str) -> dict[str, object]:
    return {
        "tenant": tenant,
        "size": state.size,
        "root": state.root,
        "checkpoints": state.checkpoints,
        "epoch": state.epoch,
        "holder": state.holder,
        "lease_ends": state.lease_ends,
        "seal": state.seal(keys, tenant),
    }
