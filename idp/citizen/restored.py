"""Writes anew what citizens took back, from the record of their acts: a backup has no approvals (decision 0064).

A person's own act is a record under their key without a login: it is found without opening anything of a person. Then the
records of that person are read in their order. What a page asked and they agreed to after the act stands again.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any  # Any: nobody knows the types of a row's columns

from sqlalchemy import Connection, Engine, Row, select

from idp.citizen.erasing import Uses
from idp.ledger.leaf import open_opening
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.person_records import DISOWNED, OBJECTION, WITHDRAWAL
from idp.ledger.record_contents import RELEASE, DecidedBy
from idp.login.approvals import Approvals
from idp.ports import ApprovalRow
from idp.store import tables
from idp.store.engine import reading
from policies.errors import SignatureInvalid
from policies.parties import PurposeId, ServiceId, Tenant

Pair = tuple[ServiceId, PurposeId]


class Restored:
    """One tenant's database that is restored: `LiveThings` without sessions, and with what was taken back."""

    def __init__(self, *, tenant: Tenant, keys: LedgerKeys) -> None:
        self._tenant, self._keys = tenant, keys
        self._approvals = Approvals(tenant=tenant, subjects=keys.subjects, decisions=_NoRows())

    def stops(self, source: Engine, now: int) -> list[ApprovalRow]:
        """The rows of what stands taken back in a backup's records. Raises `StoreUnavailable`."""
        table = tables.records.c
        acts = (table.tenant == self._tenant, table.subject.is_not(None), table.login_opening.is_(None))
        found = list[ApprovalRow]()
        with reading(), source.connect() as connection:
            for subject in connection.scalars(select(table.subject).where(*acts).distinct()).all():
                for pair in sorted(self._stopped(connection, subject)):
                    found += self._approvals.taken_back(subject, *pair, now).written
        return found

    def end_sessions(self, subject: bytes, now: int) -> None:
        """`LiveThings.end_sessions`."""

    def linked(self, subject: bytes, now: int) -> Sequence[bytes]:  # noqa: ARG002 - a backup has no links
        """`LiveThings.linked`."""
        return ()

    def end_linked(self, linked: Sequence[bytes], now: int) -> None:
        """`LiveThings.end_linked`."""

    def approvals(self, subject: bytes, uses: Uses) -> Iterable[bytes]:
        """`LiveThings.approvals`."""
        for service, purpose in uses:
            yield from self._approvals.digests(subject, ServiceId(service), PurposeId(purpose))

    def _stopped(self, connection: Connection, subject: bytes) -> set[Pair]:
        stopped, table = set[Pair](), tables.records.c
        mine = (table.tenant == self._tenant, table.subject == subject)
        for kind, pair in self._read(connection.execute(select(tables.records).where(*mine).order_by(table.position))):
            if kind == RELEASE:
                stopped.discard(pair)
            else:
                stopped.add(pair)
        return stopped

    def _read(self, rows: Iterable[Row[tuple[Any, ...]]]) -> Iterator[tuple[str, Pair]]:
        """Find what was taken back, and what a page asked and was agreed to. A record that does not open gives nothing."""
        for row in rows:
            key = self._keys.period_key(self._tenant, row.time)
            try:
                decision, sent = (
                    json.loads(open_opening(key, self._tenant, row.record, part, getattr(row, f"{part}_opening")).content)
                    for part in ("decision", "sent")
                )
            except (SignatureInvalid, ValueError):
                continue
            kind = decision["kind"]
            if kind in {WITHDRAWAL, OBJECTION, DISOWNED} or (kind == RELEASE and decision["path"] == DecidedBy.PAGE):
                yield kind, (ServiceId(sent["client"]), PurposeId(sent["purpose"]))


class _NoRows:
    """A backup has none."""

    def approvals(self, tenant: Tenant, digests: Collection[bytes]) -> Sequence[ApprovalRow]:  # noqa: ARG002
        """`Remembered.approvals`."""
        return ()
