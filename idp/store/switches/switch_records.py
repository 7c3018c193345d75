"""The acts on switches in the release ledger: the second witness beside the rows of `switches` (decision 0000.31).

The record id of the n-th act is a MAC of n. So the ledger's keys find each act by its number, without reading millions of
releases, and nobody else can tell an act from any other record. A row that was deleted or turned back is thereby seen.

It does not see rows of `switches` that are deleted together with the newest records; nor, if those records alone are
deleted, what the acts ended. `ciconia ledger verify` names the leaves that then have no record, but not a record that had
no leaf yet: servers place each within a second, and a command waits for the place of its own
(`idp.application.operator_acts`).
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, LargeBinary, Row, Select, bindparam, select

from idp.ledger.leaf import RECORD_BYTES, open_opening
from idp.ledger.ledger_keys import LedgerKeys, derived
from idp.ledger.record_contents import SWITCH
from idp.store import tables
from idp.store.statements import CompiledStatement
from policies.errors import SignatureInvalid
from policies.parties import Tenant

# So many places are read beyond the last known record: a record that was deleted hides none after it
AHEAD = 16


def _at(_connection: Connection) -> Select[bytes, int, bytes]:
    table = tables.records.c
    wanted = [bindparam(f"record_{place}", type_=LargeBinary) for place in range(AHEAD)]
    query = select(table.record, table.time, table.decision_opening)
    return query.where(table.tenant == bindparam("tenant"), table.record.in_(wanted))


_AT = CompiledStatement(_at)


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """The last act on one thing: whether it is off, why, when that was (seconds since the epoch), and its number."""

    off: bool
    reason: str
    time: int
    number: int


class SwitchRecords:
    """One tenant's acts, as far as they were read. Not safe in several threads."""

    def __init__(self, tenant: Tenant, keys: LedgerKeys) -> None:
        self._tenant, self._keys = tenant, keys
        self._key = derived(keys.rows, b"", b"switch records", tenant.encode())
        self._latest: dict[tuple[str, str], RecordedAct] = {}
        # The number of the next act, which is how many there are
        self.next = 0
        # Numbers whose record is gone, or is not what was written
        self.lost: set[int] = set()
        # The record ids that were asked for last: the same ones, until there is an act
        self._ids: tuple[int, Mapping[bytes, int]] = (-1, {})

    def record(self, number: int) -> bytes:
        """The record id of an act; the first act has number 0."""
        return hmac.digest(self._key, number.to_bytes(8), "sha256")[:RECORD_BYTES]

    def read(self, connection: Connection) -> Mapping[tuple[str, str], RecordedAct]:
        """The last act on each thing, by kind and name."""
        # A hole is read again, with all that came after it: it may have been mended. It stays a hole until the last
        # question is answered
        following, lost = min(self.lost, default=self.next), set[int]()
        while True:
            wanted = self._wanted(following)
            places = {f"record_{place}": record for place, record in enumerate(wanted)}
            found = {wanted[row.record]: row for row in _AT.run(connection, tenant=self._tenant, **places)}
            if not found:
                break
            for number in range(following, max(found) + 1):
                if not self._take(number, found.get(number)):
                    lost.add(number)
            following = max(found) + 1
        lost.update(range(following, self.next))
        self.next, self.lost = max(following, self.next), lost
        return self._latest

    def _wanted(self, following: int) -> Mapping[bytes, int]:
        """The next numbers, by their record ids."""
        if self._ids[0] != following:
            self._ids = following, {self.record(number): number for number in range(following, following + AHEAD)}
        return self._ids[1]

    def _take(self, number: int, row: Row[bytes, int, bytes] | None) -> bool:
        """Remember an act; returns whether there is one."""
        facts = None if row is None else self._facts(row)
        if facts is None:
            return False
        place = str(facts["switch"]), str(facts["name"])
        self._latest[place] = RecordedAct(facts["state"] != "on", str(facts["reason"]), int(str(facts["time"])), number)
        return True

    def _facts(self, row: Row[bytes, int, bytes]) -> Mapping[str, object] | None:
        """The content of a record; None if it is no switch's, or not what was written."""
        try:
            # A changed time gives another month's key, or none: the record is lost either way
            key = self._keys.period_key(self._tenant, row.time)
            opened = open_opening(key, self._tenant, row.record, "decision", row.decision_opening)
            facts = json.loads(opened.content)
        except (SignatureInvalid, ValueError):
            return None
        whole = isinstance(facts, dict) and facts.get("kind") == SWITCH and facts.get("record") == row.record.hex()
        return facts if whole else None
