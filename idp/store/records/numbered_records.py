"""Records of the release ledger that are numbered: an operator's acts of one kind, found without reading all releases.

The record id of the n-th one is a MAC of n: the ledger's keys find it by its number, and nobody else can tell it from any
other record.
"""

import hmac
import json
from collections.abc import Mapping

from sqlalchemy import Connection, LargeBinary, Row, Select, bindparam, select

from idp.ledger.leaf import RECORD_BYTES, open_opening
from idp.ledger.ledger_keys import LedgerKeys, derived
from idp.store import tables
from idp.store.statements import CompiledStatement
from policies.errors import SignatureInvalid
from policies.parties import Tenant

# So many places are read at once, also beyond the last known record: a record that was deleted hides none after it
AHEAD = 16

# The content of a record's decision
Facts = Mapping[str, object]


def _at(_connection: Connection) -> Select[bytes, int, bytes]:
    table = tables.records.c
    wanted = [bindparam(f"record_{place}", type_=LargeBinary) for place in range(AHEAD)]
    query = select(table.record, table.time, table.decision_opening)
    return query.where(table.tenant == bindparam("tenant"), table.record.in_(wanted))


_AT = CompiledStatement(_at)


class NumberedRecords:
    """One tenant's records of one kind. `label` derives the key of their ids."""

    def __init__(self, tenant: Tenant, keys: LedgerKeys, label: bytes, kind: str) -> None:
        self._tenant, self._keys, self._kind = tenant, keys, kind
        self._key = derived(keys.rows, b"", label, tenant.encode())
        # The record ids that were asked for last: the same ones, until there is an act
        self._ids: tuple[int, Mapping[bytes, int]] = (-1, {})

    def record(self, number: int) -> bytes:
        """The record id of an act."""
        return hmac.digest(self._key, number.to_bytes(8), "sha256")[:RECORD_BYTES]

    def read(self, connection: Connection, following: int) -> Mapping[int, Facts | None]:
        """The facts of the next `AHEAD` numbers that have a record; None of one that is not what was written."""
        wanted = self._wanted(following)
        places = {f"record_{place}": record for place, record in enumerate(wanted)}
        return {wanted[row.record]: self._facts(row) for row in _AT.run(connection, tenant=self._tenant, **places)}

    def _wanted(self, following: int) -> Mapping[bytes, int]:
        """The next numbers, by their record ids."""
        if self._ids[0] != following:
            self._ids = following, {self.record(number): number for number in range(following, following + AHEAD)}
        return self._ids[1]

    def _facts(self, row: Row[bytes, int, bytes]) -> Facts | None:
        try:
            # A changed time gives another month's key, or none: the record is lost either way
            key = self._keys.period_key(self._tenant, row.time)
            opened = open_opening(key, self._tenant, row.record, "decision", row.decision_opening)
            facts = json.loads(opened.content)
        except (SignatureInvalid, ValueError):
            return None
        whole = isinstance(facts, dict) and facts.get("kind") == self._kind and facts.get("record") == row.record.hex()
        return facts if whole else None
