"""The acts on switches in the release ledger: the second witness beside the rows of `switches` (decision 0000.31).

The record id of the n-th act is a MAC of n. So the ledger's keys find each act by its number, without reading millions of
releases, and nobody else can tell an act from any other record. A row that was deleted or turned back is thereby seen.

It does not see rows of `switches` that are deleted together with the newest records; nor, if those records alone are
deleted, what the acts ended. `ciconia ledger verify` names the leaves that then have no record, but not a record that had
no leaf yet: servers place each within a second, and a command waits for the place of its own
(`idp.application.operator_acts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import SWITCH
from idp.store.records.numbered_records import Facts, NumberedRecords
from policies.parties import Tenant


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
        self._records = NumberedRecords(tenant, keys, b"switch records", SWITCH)
        self._latest: dict[tuple[str, str], RecordedAct] = {}
        # The number of the next act, which is how many there are
        self.next = 0
        # Numbers whose record is gone, or is not what was written
        self.lost: set[int] = set()

    def record(self, number: int) -> bytes:
        """The record id of an act; the first act has number 0."""
        return self._records.record(number)

    def read(self, connection: Connection) -> Mapping[tuple[str, str], RecordedAct]:
        """The last act on each thing, by kind and name."""
        # A hole is read again, with all that came after it: it may have been mended. It stays a hole until the last
        # question is answered
        following, lost = min(self.lost, default=self.next), set[int]()
        while True:
            found = self._records.read(connection, following)
            if not found:
                break
            for number in range(following, max(found) + 1):
                if not self._take(number, found.get(number)):
                    lost.add(number)
            following = max(found) + 1
        lost.update(range(following, self.next))
        self.next, self.lost = max(following, self.next), lost
        return self._latest

    def _take(self, number: int, facts: Facts | None) -> bool:
        """Remember an act; returns whether there is one."""
        if facts is None:
            return False
        place = str(facts["switch"]), str(facts["name"])
        self._latest[place] = RecordedAct(facts["state"] != "on", str(facts["reason"]), int(str(facts["time"])), number)
        return True
