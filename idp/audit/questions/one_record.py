"""One record, opened for an auditor: what it sent, how it was decided, where its leaf stands, and whether it holds.

Nothing of the person is shown. A name of a record is the index of its leaf, from 0, its id (32 hex digits), or the hash of
its leaf (64).
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from idp.audit.questions.auditor import Auditor
from idp.audit.verify_erasures import ErasureCount
from idp.audit.verify_records import faults_of_record
from idp.ledger.canonical_json import Json
from idp.ledger.checkpoint import TreeHead, open_own_note
from idp.ledger.findings import LedgerFinding
from idp.ledger.leaf import commitment, open_opening, read_leaf
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import HASH_BYTES, includes, leaf_hash
from idp.ports import Checkpoint, Opening
from idp.receipts.inclusion_proof import Placed
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.reads import read_inclusion
from idp.store.records.cosignatures import cosigned_checkpoints
from idp.store.records.release_record import DECIDED, joined_records
from idp.store.store import RECENT
from policies.errors import NotFound, SignatureInvalid, StoreUnavailable

# As many digits as every integer of a database has room for
_INDEX, _HEX = re.compile(r"0|[1-9][0-9]{0,17}"), re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
NAMES = "a leaf's index from 0, a record's id of 32 hex digits, or a leaf's hash of 64, in lower case"


@dataclass(frozen=True, slots=True)
class OneRecord:
    """A record and its leaf. `index` is None while the leaf is staged; `openings` has those that open.

    `placed` is its place under a checkpoint, None while none covers it.
    """

    record: bytes
    time: int
    leaf: bytes
    index: int | None
    openings: Mapping[str, Opening] = field(repr=False)
    findings: tuple[LedgerFinding, ...]
    placed: Placed | None

    @property
    def holds(self) -> bool:
        """Whether everything about it fits."""
        return not self.findings

    def content(self, name: str) -> Mapping[str, Json]:
        """The content of an opening; empty if it does not open."""
        found: Mapping[str, Json] = json.loads(self.openings[name].content) if name in self.openings else {}
        return found

    def as_json(self) -> Mapping[str, Json]:
        """The answer as JSON."""
        return {
            "ok": self.holds,
            "index": self.index,
            "record": self.record.hex(),
            "leaf_hash": leaf_hash(self.leaf).hex(),
            "time": self.time,
            "kind": self.content("decision").get("kind"),
            **{name: self.content(name) for name in DECIDED},
            "findings": [{"table": each.table, "row": each.row, "what": each.what} for each in self.findings],
        }


def is_name(named: str) -> bool:
    """Whether a text may name a record."""
    return bool(_INDEX.fullmatch(named) or _HEX.fullmatch(named))


def one_record(auditor: Auditor, named: str) -> OneRecord:
    """The record of this name. Raises `NotFound` if there is none, `StoreUnavailable`."""
    tenant, keys = auditor.tenant, auditor.keys
    with reading(), snapshot(auditor.engine) as connection:
        row = connection.execute(joined_records(tenant).where(_where(tenant, named))).first()
        leaf = None if row is None else row.leaf if row.leaf is not None else row.staged_leaf
        if row is None or leaf is None:
            raise NotFound(f"no record has the name {named}, or its leaf is gone")
        leaves = tables.leaves.c
        here = select(leaves.leaf_index).where(leaves.tenant == tenant, leaves.leaf_hash == row.leaf_hash)
        index = connection.scalar(here)
        best = None if index is None else best_checkpoint(connection, auditor, index + 1)
        findings, placed = list(faults_of_record(row, tenant, keys, auditor.role, ErasureCount())), None
        if index is not None and best is not None:
            if (path := proved_path(connection, tenant, index, leaf, best)) is not None:
                placed = Placed(index, path, best.cosigned_note)
            else:
                what = "the stored nodes do not lead from it to the root of a checkpoint"
                findings.append(LedgerFinding("leaves", str(index), what))
    openings = {each.compartment: each for each in opened(row, leaf, tenant, keys)}
    return OneRecord(row.record, row.time, leaf, index, openings, tuple(findings), placed)


def best_checkpoint(connection: Connection, auditor: Auditor, size: int) -> Checkpoint | None:
    """The recent checkpoint over at least `size` leaves that most witnesses cosigned, signed by a key that counts."""
    keys = auditor.keys.log.published(int(time.time()))
    recent = cosigned_checkpoints(connection, auditor.tenant, auditor.keys, RECENT)
    for each in sorted(recent, key=lambda one: len(one.cosignatures), reverse=True):
        try:
            # The row says nothing that the note does not
            signed = TreeHead.read(open_own_note(each.note.encode(), *keys)[1])
        except SignatureInvalid:
            continue
        if signed == TreeHead(auditor.keys.origin, each.size, each.root) and size <= each.size:
            return each
    return None


def proved_path(
    connection: Connection, tenant: str, index: int, leaf: bytes, checkpoint: Checkpoint
) -> tuple[bytes, ...] | None:
    """The path from a leaf to the root of a checkpoint; None if what is stored does not prove it."""
    try:
        path = tuple(read_inclusion(connection, tenant, index, checkpoint.size))
    except (NotFound, StoreUnavailable):
        return None
    return path if includes(index, checkpoint.size, leaf_hash(leaf), path, checkpoint.root) else None


def _where(tenant: str, named: str) -> ColumnElement[bool]:
    records, leaves = tables.records.c, tables.leaves.c
    if not is_name(named):
        raise NotFound(f"{named} is none: {NAMES}")
    if not _HEX.fullmatch(named):
        here = (leaves.tenant == tenant, leaves.leaf_index == int(named))
        return records.leaf_hash == select(leaves.leaf_hash).where(*here).scalar_subquery()
    octets = bytes.fromhex(named)
    return records.leaf_hash == octets if len(octets) == HASH_BYTES else records.record == octets


# Any: nobody knows the types of a row's columns
def opened(row: Row[*tuple[Any, ...]], leaf: bytes, tenant: str, keys: LedgerKeys) -> Iterator[Opening]:
    """The openings of `sent` and `decision` that open what the leaf commits to."""
    for name in DECIDED:
        try:
            key = keys.period_key(tenant, row.time)
            opening = open_opening(key, tenant, row.record, name, getattr(row, f"{name}_opening"))
            if commitment(opening.nonce, opening.content) == read_leaf(leaf)[0][name]:
                yield opening
        except (SignatureInvalid, ValueError):
            # One of the findings says so
            continue
