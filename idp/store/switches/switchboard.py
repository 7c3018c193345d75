"""Setting a switch: the act is recorded, then its row is written."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, Engine, func, insert, select, update

from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import draft_switch
from idp.ports import Commits, Unit
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import exclusively, reading, writing
from idp.store.switches.switch import KEY, KINDS, Name, Switch, is_ours, key_of, seal_of
from idp.store.switches.switch_records import RecordedAct, SwitchRecords
from policies.errors import StoreUnavailable
from policies.parties import Tenant

# No clock says a later moment (the year 9999 begins), and no act could be recorded then
LAST_MOMENT = 253_370_764_800
# A try fails only if another's act succeeds
ATTEMPTS = 50


class Switchboard:
    """Sets switches. Each act is in the release ledger before it counts."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys, commits: Commits) -> None:
        self._engine, self._tenant, self._ledger, self._commits = engine, tenant, keys, commits
        self._key = key_of(keys, tenant)
        # The record id of the last act of this object
        self.recorded = b""

    def set_switch(self, kind: str, name: str, *, off: bool, reason: str, now: int) -> Switch:
        """Switch a thing off or on again, for `reason` (`operator_records.is_reason`), and return the switch.

        Log first: if the process dies between record and row, the thing is off in either case. Raises `StoreUnavailable`;
        ValueError for an unknown kind, or a reason that is none.
        """
        if kind not in KINDS:
            raise ValueError(f"no such kind of switch: {kind}")
        if kind == KEY:
            # By a clock that is behind, the key would be revoked before it took over, and bring back one that is over
            now = max(now, self._newest())
        act = self._record(kind, name, off=off, reason=reason, now=now)
        switch = Switch(kind, name, off=off, reason=reason, since=act.time, number=act.number)
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            return self._put(connection, switch)

    def _record(self, kind: str, name: str, *, off: bool, reason: str, now: int) -> RecordedAct:
        """Record the act in the first free place, at a later time than the act before it."""
        for _ in range(ATTEMPTS):
            before, records = self._acts()
            last, record = before.get((kind, name)), records.record(records.next)
            act = RecordedAct(off, reason, now if last is None else max(now, last.time + 1), records.next)
            drafted = draft_switch(record=record, time=act.time, switch=kind, name=name, off=off, reason=reason)
            try:
                self._commits.commit(Unit(tenant=self._tenant, record=drafted))
            except StoreUnavailable:
                if self._acts()[1].next == act.number:
                    raise
                continue  # somebody else's act has this place
            # If two write at once, the one that reads back the other's act tries the next place
            if self._acts()[0].get((kind, name)) == act:
                self.recorded = record
                return act
        raise StoreUnavailable("the act could not be recorded")

    def _acts(self) -> tuple[Mapping[Name, RecordedAct], SwitchRecords]:
        """The last acts, and the records of all of them."""
        records = SwitchRecords(self._tenant, self._ledger)
        with reading(), self._engine.connect() as connection:
            return records.read(connection), records

    def _newest(self) -> int:
        """The newest moment that the ledger knows (seconds since the epoch)."""
        head, record, staged = tables.checkpoints.c, tables.records.c, tables.staged.c
        # A stranger's moment must not keep an act from being recorded
        signed = select(head.time).where(head.tenant == self._tenant).where(head.time < LAST_MOMENT)
        signed = signed.order_by(head.number.desc()).limit(1)
        same = (staged.tenant == record.tenant) & (staged.record == record.record) & (record.time < LAST_MOMENT)
        # From what waits to its record: the other way round, as SQLite would join them, it reads all records ever made
        waiting = select(func.max(record.time)).select_from(tables.staged.outerjoin(tables.records, same))
        waiting = waiting.where(staged.tenant == self._tenant)
        with reading(), self._engine.connect() as connection:
            return max(connection.scalar(signed) or 0, connection.scalar(waiting) or 0)

    def _put(self, connection: Connection, switch: Switch) -> Switch:
        # Two who switch for the first time would both find no row; a row that is not there cannot be locked
        exclusively(connection, tables.switches)
        table = tables.switches.c
        here = (table.tenant == self._tenant, table.kind == switch.kind, table.name == switch.name)
        row = connection.execute(select(tables.switches).where(*here).with_for_update()).first()
        if row is not None and is_ours(self._key, row):
            # Always later than before, so that workers take it, though a clock was set back
            switch = replace(switch, since=max(switch.since, row.since + 1))
        seal = seal_of(self._key, switch)
        values = {"off": int(switch.off), "reason": switch.reason, "since": switch.since, "seal": seal}
        if row is None:
            key = {"tenant": self._tenant, "kind": switch.kind, "name": switch.name}
            connection.execute(insert(tables.switches).values({**key, **values}))
        else:
            connection.execute(update(tables.switches).where(*here).values(values))
        return switch
