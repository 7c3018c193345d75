"""The rows of `erasures`: who is to be erased, and when. A MAC keeps a writer to the database from erasing anybody."""

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, select

from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from idp.ledger.person_records import PERSON
from idp.store import tables
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class PendingErasure:
    """An erasure that waits. `officers` is empty if the person asked; `subject` is their keyed index."""

    erasure: bytes
    subject: bytes = field(repr=False)
    asked: int
    due: int
    officers: tuple[str, ...]

    @property
    def who(self) -> tuple[str, ...]:
        """Those who wanted it."""
        return self.officers or (PERSON,)

    def row(self, tenant: Tenant, keys: LedgerKeys) -> Mapping[str, object]:
        """The row of it."""
        told = json.dumps(self.officers) if self.officers else ""
        facts = {"tenant": tenant, "erasure": self.erasure, "subject": self.subject, "asked": self.asked, "due": self.due}
        parts = (self.erasure, self.subject, str(self.asked).encode(), str(self.due).encode(), told.encode())
        key = derived(keys.rows, b"", b"erasures", tenant.encode())
        return {**facts, "officers": told, "seal": hmac.digest(key, framed(*parts), "sha256")}


def believed(row: Row[tuple[object, ...]], tenant: Tenant, keys: LedgerKeys) -> PendingErasure | None:
    """The erasure that a row says, None where we did not write the row."""
    try:
        officers = tuple(map(str, json.loads(row.officers))) if row.officers else ()
    except ValueError:
        return None
    found = PendingErasure(row.erasure, row.subject, row.asked, row.due, officers)
    seal = found.row(tenant, keys)["seal"]
    return found if isinstance(seal, bytes) and hmac.compare_digest(seal, row.seal) else None


def strangers(connection: Connection, tenant: Tenant, keys: LedgerKeys) -> Iterator[bytes]:
    """The ids of rows that name a person and that we did not write."""
    table = tables.erasures.c
    query = select(tables.erasures).where(table.tenant == tenant, table.subject.is_not(None))
    yield from (row.erasure for row in connection.execute(query) if believed(row, tenant, keys) is None)
