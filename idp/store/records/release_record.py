"""Reads one release from the ledger: its leaf, and its openings decrypted with the ledger's keys.

The leaf may still be staged: a receipt does not wait for the sequencer.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any  # Any: nobody knows the types of a row's columns

from sqlalchemy import Engine, Row, Select, and_, select

from idp.ledger.leaf import commitment, open_opening, read_leaf
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.record_contents import CANCELLATION, OPENED, REFUSAL, RELEASE
from idp.ports import Opening
from idp.store import tables
from idp.store.engine import reading
from policies.errors import NotFound, SignatureInvalid, StoreUnavailable

DECIDED = ("sent", "decision")
OF_LOGINS = (RELEASE, REFUSAL, CANCELLATION)
CHANGED = "a record that is not what was written: run ciconia ledger verify"


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A release: its time, its leaf, and the openings of `sent`, `decision`, `login` and `subject`."""

    record: bytes
    time: int
    leaf: bytes
    openings: Mapping[str, Opening] = field(repr=False)


class Releases:
    """Reads releases of one tenant."""

    def __init__(self, *, engine: Engine, tenant: str, keys: LedgerKeys) -> None:
        self._engine = engine
        self._tenant = tenant
        self._keys = keys

    def release(self, record: bytes) -> ReleaseRecord:
        """The release of this id.

        Raises `NotFound` if there is none or its subject was erased, `StoreUnavailable` if its row is not what was written.
        """
        with reading(), self._engine.connect() as connection:
            query = joined_records(self._tenant).where(tables.records.c.record == record)
            row = connection.execute(query).first()
        leaf = None if row is None else row.leaf if row.leaf is not None else row.staged_leaf
        if row is None or leaf is None or row.subject_opening is None or row.salt is None:
            raise NotFound("no release with this id")
        try:
            commitments = read_leaf(leaf)[0]
            openings = {name: self._opening(row, name, commitments[name]) for name in OPENED}
        except (SignatureInvalid, ValueError) as error:
            raise StoreUnavailable(CHANGED) from error
        if json.loads(openings["sent"].content)["time"] != row.time:
            # The log's promise of a place counts from this time, and the row's encryption binds the month alone
            raise StoreUnavailable(CHANGED)
        return ReleaseRecord(record=record, time=row.time, leaf=leaf, openings=openings)

    def login(self, record: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """All that a city's login of this id sent, and how it was decided: `sent` and `decision` of `record_contents`.

        Raises `NotFound` if there is none, `StoreUnavailable` if its row is not what was written.
        """
        with reading(), self._engine.connect() as connection:
            row = connection.execute(joined_records(self._tenant).where(tables.records.c.record == record)).first()
        leaf = None if row is None else row.leaf if row.leaf is not None else row.staged_leaf
        if row is None or leaf is None:
            raise NotFound("no record with this id")
        try:
            commitments = read_leaf(leaf)[0]
            sent, decision = (json.loads(self._opening(row, name, commitments[name]).content) for name in DECIDED)
        except (SignatureInvalid, ValueError) as error:
            raise StoreUnavailable(CHANGED) from error
        if decision["kind"] not in OF_LOGINS or "client" not in sent:
            raise NotFound("the record of this id is of no login to a service")
        return sent, decision

    def _opening(self, row: Row[tuple[object, ...]], name: str, committed: bytes) -> Opening:
        if name == "subject":
            key = self._keys.subject_key(self._tenant, row.subject, row.salt)
        else:
            key = self._keys.period_key(self._tenant, row.time)
        opening = open_opening(key, self._tenant, row.record, name, getattr(row, f"{name}_opening"))
        if commitment(opening.nonce, opening.content) != committed:
            raise ValueError("another commitment")
        return opening


def joined_records(tenant: str) -> Select[*tuple[Any, ...]]:
    """The tenant's records, each with its leaf in place (`leaf`), its `staged_leaf`, and its subject's `salt`."""
    records, leaves, staged, subjects = tables.records, tables.leaves, tables.staged, tables.subjects
    in_place = and_(leaves.c.tenant == records.c.tenant, leaves.c.leaf_hash == records.c.leaf_hash)
    waiting = and_(staged.c.tenant == records.c.tenant, staged.c.record == records.c.record)
    person = and_(subjects.c.tenant == records.c.tenant, subjects.c.subject == records.c.subject)
    joined = records.outerjoin(leaves, in_place).outerjoin(staged, waiting).outerjoin(subjects, person)
    columns = (records, leaves.c.leaf, staged.c.leaf.label("staged_leaf"), subjects.c.salt)
    return select(*columns).select_from(joined).where(records.c.tenant == tenant)
