"""Failures of a deviation within an hour, as all workers of a tenant count them.

Each takes one of ten places in the table of marks until an hour later: however often somebody fails, no more rows are
written. When an operator switches the deviation on again the count begins anew, since the number of the last act is part of
a place's name.
"""

import hashlib
import secrets

from sqlalchemy import Engine, func, select

from idp.store import tables
from idp.store.engine import reading, upsert, writing
from idp.store.switches import DEVIATION, Switches
from idp.store.turn import one_turn
from idp.transparency.keys import framed
from policies.parties import Tenant

# An oracle asks some hundred questions for one octet; of a provider that is right no answer fails
MOST_FAILURES = 10
WITHIN_SECONDS = 3600
KIND = "deviation"
UNIT_BYTES = 16


class DeviationFailures:
    """One tenant's. Safe in any thread."""

    def __init__(self, *, engine: Engine, tenant: Tenant, switches: Switches) -> None:
        self._engine, self._tenant, self._switches = engine, tenant, switches

    def add(self, name: str, now: int) -> int:
        """One more failure of the deviation of this name; returns how many of the last hour are known: ten at the most.

        Raises `StoreUnavailable`.
        """
        switch = self._switches.current().get((DEVIATION, name))
        act = -1 if switch is None else switch.number
        texts = ((name, str(act), str(place)) for place in range(MOST_FAILURES))
        places = [hashlib.sha256(framed(*(text.encode() for text in each))).digest() for each in texts]
        table, ends = tables.marks, now + WITHIN_SECONDS
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            for digest in places:
                key = {"tenant": self._tenant, "kind": KIND, "digest": digest}
                taking = upsert(connection, table).values(**key, unit=secrets.token_bytes(UNIT_BYTES), ends=ends)
                # One that ended and was not deleted yet is free
                free = taking.on_conflict_do_update(
                    index_elements=["tenant", "kind", "digest"], set_={"ends": ends}, where=table.c.ends <= now
                )
                if connection.execute(free.returning(table.c.ends)).first() is not None:
                    break
            alive = select(func.count()).where(
                table.c.tenant == self._tenant, table.c.kind == KIND, table.c.digest.in_(places), table.c.ends > now
            )
            return int(connection.scalar(alive) or 0)
