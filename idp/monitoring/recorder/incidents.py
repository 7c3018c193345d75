"""Incidents: what an operator has the flight recorder write down, and until when.

Each row has a MAC: whoever can write to the database and has no key of ours opens none. A row that does not verify counts
as none, and one that is gone ends its incident. The command records the act in the ledger before it writes the row.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from idp.store import tables
from idp.store.commits import durably
from idp.store.engine import reading, writing
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident, until `ends`. It is about one service or one provider where it names one, else about all sign-ins."""

    name: str
    service: str
    provider: str
    ends: int

    def covers(self, service: str, provider: str) -> bool:
        """Whether a sign-in of this service at this provider is recorded."""
        return self.service in ("", service) and self.provider in ("", provider)


class Incidents:
    """One tenant's. Every method raises `StoreUnavailable` where the database does not answer."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant = engine, tenant
        self._key = derived(keys.rows, b"", b"incidents", tenant.encode())

    def open(self, now: int) -> Sequence[Incident]:
        """Those that are open, by name."""
        table = tables.incidents
        asked = select(table).where(table.c.tenant == self._tenant, table.c.ends > now).order_by(table.c.name)
        with reading(), self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        found = [(Incident(row.name, row.service, row.provider, row.ends), bytes(row.seal)) for row in rows]
        return [one for one, seal in found if hmac.compare_digest(self._seal(one), seal)]

    def add(self, incident: Incident) -> None:
        """Open one, in place of one of the same name."""
        values: dict[str, object] = {"tenant": self._tenant, "name": incident.name, "service": incident.service}
        values |= {"provider": incident.provider, "ends": incident.ends, "seal": self._seal(incident)}
        table = tables.incidents
        with reading(), durably(writing(self._engine)) as connection:
            connection.execute(delete(table).where(table.c.tenant == self._tenant, table.c.name == incident.name))
            connection.execute(insert(table).values(values))

    def remove(self, name: str) -> None:
        """Close one. What it recorded stays for its day."""
        table = tables.incidents
        with reading(), durably(writing(self._engine)) as connection:
            connection.execute(delete(table).where(table.c.tenant == self._tenant, table.c.name == name))

    def _seal(self, one: Incident) -> bytes:
        octets = framed(*(text.encode() for text in (one.name, one.service, one.provider, str(one.ends))))
        return hmac.digest(self._key, octets, "sha256")
