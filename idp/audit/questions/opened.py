"""Leaves with what they say: each opening is decrypted, and counts only if it opens what its leaf commits to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple  # Any: nobody knows the types of a row's columns

from sqlalchemy import Connection, Row, Select, and_, select

from idp.ledger.leaf import commitment, open_opening, read_leaf
from idp.ledger.ledger_keys import DAY, period_key
from idp.ledger.merkle_tree import leaf_hash
from idp.store import tables
from policies.errors import SignatureInvalid

# The hash of a leaf that is not there: no leaf has it
NOTHING = bytes(32)

Content = Mapping[str, Any]  # Any: JSON


class OpenedLeaf(NamedTuple):
    """The leaf at a place, opened: the id of its record, and its `sent` and `decision` (`idp.ledger.record_contents`)."""

    place: int
    record: bytes
    sent: Content
    decision: Content


@dataclass(frozen=True, slots=True)
class OpenedLeaves:
    """Leaves in their order: the stored hash of each, and what it says; None if that is not what was written."""

    hashes: tuple[bytes, ...]
    leaves: tuple[OpenedLeaf | None, ...]


def open_leaves(connection: Connection, tenant: str, openings: bytes, first: int, last: int) -> OpenedLeaves:
    """Open the leaves from one place up to another, which is not among them. `openings` is the master of openings."""
    leaves = tables.leaves.c
    query = _joined(tenant).where(leaves.leaf_index >= first, leaves.leaf_index < last)
    rows = {row.leaf_index: row for row in connection.execute(query)}
    keys = _PeriodKeys(tenant, openings)
    found = [_opened(rows.get(index), keys) for index in range(first, last)]
    return OpenedLeaves(tuple(hashed for hashed, _ in found), tuple(opened for _, opened in found))


def open_records(connection: Connection, tenant: str, openings: bytes, records: set[bytes]) -> Iterator[OpenedLeaf]:
    """Open the leaves of these records, as far as they are in the tree and are what was written."""
    keys = _PeriodKeys(tenant, openings)
    for record in sorted(records):
        row = connection.execute(_joined(tenant).where(tables.records.c.record == record)).first()
        if row is not None and (opened := _opened(row, keys)[1]) is not None:
            yield opened


def open_impersonal(
    connection: Connection, tenant: str, openings: bytes, first: int, most: int
) -> Iterator[tuple[int, OpenedLeaf | None]]:
    """The leaves from a place on that are no person's, at most so many: each place, and what it says.

    None where that is not what was written.
    """
    keys, records, leaves = _PeriodKeys(tenant, openings), tables.records.c, tables.leaves.c
    mine = (leaves.leaf_index >= first, records.subject.is_(None), records.login_opening.is_(None))
    query = _joined(tenant).where(*mine).order_by(leaves.leaf_index).limit(most)
    for row in connection.execute(query):
        yield row.leaf_index, _opened(row, keys)[1]


class _PeriodKeys:
    """The tenant's keys of openings, each derived once a day of theirs."""

    def __init__(self, tenant: str, openings: bytes) -> None:
        self.tenant, self._openings = tenant, openings
        self._known: dict[int, bytes] = {}

    def at(self, time: int) -> bytes:
        """The key at a time. Raises ValueError as `period_key` does."""
        if (known := self._known.get(time // DAY)) is None:
            known = self._known[time // DAY] = period_key(self._openings, self.tenant, time)
        return known


def _joined(tenant: str) -> Select[*tuple[Any, ...]]:
    leaves, records = tables.leaves, tables.records
    of_leaf = and_(records.c.tenant == leaves.c.tenant, records.c.leaf_hash == leaves.c.leaf_hash)
    mine = (records.c.record, records.c.time, records.c.sent_opening, records.c.decision_opening)
    query = select(leaves.c.leaf_index, leaves.c.leaf, leaves.c.leaf_hash, *mine)
    return query.select_from(leaves.outerjoin(records, of_leaf)).where(leaves.c.tenant == tenant)


def _opened(row: Row[*tuple[Any, ...]] | None, keys: _PeriodKeys) -> tuple[bytes, OpenedLeaf | None]:
    if row is None:
        return NOTHING, None
    # The stored hash keeps the tree whole where somebody changed the leaf alone
    hashed = row.leaf_hash
    if row.record is None or hashed != leaf_hash(row.leaf):
        return hashed, None
    try:
        committed = read_leaf(row.leaf)[0]
        key, tenant = keys.at(row.time), keys.tenant
        sent = _content(key, tenant, row.record, "sent", row.sent_opening, committed["sent"])
        decision = _content(key, tenant, row.record, "decision", row.decision_opening, committed["decision"])
        if not all((one["record"], one["time"]) == (row.record.hex(), row.time) for one in (sent, decision)):
            return hashed, None
    except (SignatureInvalid, ValueError, TypeError, KeyError):
        return hashed, None
    return hashed, OpenedLeaf(row.leaf_index, row.record, sent, decision)


def _content(key: bytes, tenant: str, record: bytes, compartment: str, sealed: bytes, committed: bytes) -> Content:
    opening = open_opening(key, tenant, record, compartment, sealed)
    if commitment(opening.nonce, opening.content) != committed:
        raise ValueError("another commitment")
    content = json.loads(opening.content)
    if not isinstance(content, dict):
        raise TypeError("a record's part is an object")
    return content
