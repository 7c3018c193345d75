"""Counts a deviation's failures within an hour, for all workers of a tenant.

A failure takes one of ten places in the table of marks for an hour, and a mark of the question that was answered. If an
operator switches the deviation on again, the count begins anew: the last act's number is part of a place's name.
"""

import hashlib
import secrets

from sqlalchemy import Connection, Engine, func, select

from idp.ledger.ledger_keys import framed
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import reading, upsert, writing
from idp.store.switches.switch import DEVIATION
from idp.store.switches.switches import Switches
from policies.parties import Tenant

# An oracle asks some hundred questions for one octet, and an honest provider's answers do not fail
MOST_FAILURES = 10
WITHIN_SECONDS = 3600
KIND = "deviation"
UNIT_BYTES = 16


class DeviationFailures:
    """One tenant's. Safe in any thread."""

    def __init__(self, *, engine: Engine, tenant: Tenant, switches: Switches) -> None:
        self._engine, self._tenant, self._switches = engine, tenant, switches

    def add(self, name: str, request_id: str, now: int) -> int:
        """Count a failure of this deviation; returns how many of the last hour are known, ten at the most.

        A question of ours counts once: else one attacker could switch the deviation off by posting its answer again and
        again. Raises `StoreUnavailable`.
        """
        switch = self._switches.current().get((DEVIATION, name))
        act = -1 if switch is None else switch.number
        places = [_digest(name, str(act), str(place)) for place in range(MOST_FAILURES)]
        table = tables.marks
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            known = select(func.count()).where(
                table.c.tenant == self._tenant, table.c.kind == KIND, table.c.digest.in_(places), table.c.ends > now
            )
            full = connection.scalar(known) == MOST_FAILURES
            if not full and self._took(connection, _digest(name, str(act), "request", request_id), now):
                any(self._took(connection, place, now) for place in places)
            return int(connection.scalar(known) or 0)

    def _took(self, connection: Connection, digest: bytes, now: int) -> bool:
        """Take a mark; returns whether it was free. A mark that ended is free, deleted or not."""
        table, ends = tables.marks, now + WITHIN_SECONDS
        key = {"tenant": self._tenant, "kind": KIND, "digest": digest}
        taking = upsert(connection, table).values(**key, unit=secrets.token_bytes(UNIT_BYTES), ends=ends)
        free = taking.on_conflict_do_update(
            index_elements=["tenant", "kind", "digest"], set_={"ends": ends}, where=table.c.ends <= now
        )
        return connection.execute(free.returning(table.c.ends)).first() is not None


def _digest(*texts: str) -> bytes:
    return hashlib.sha256(framed(*(text.encode() for text in texts))).digest()
