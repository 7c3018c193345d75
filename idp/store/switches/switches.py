"""Switches as a worker reads them: the rows, and beside them what the ledger says."""

import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any  # Any: nobody knows the types of a table's columns

from sqlalchemy import Connection, Engine, Row, Select, bindparam, select

from idp.ledger.ledger_keys import LedgerKeys
from idp.store import tables
from idp.store.engine import reading
from idp.store.statements import CompiledStatement
from idp.store.switches.switch import KEY, ActLost, Name, Switch, is_ours, key_of, switch_of
from idp.store.switches.switch_records import RecordedAct, SwitchRecords
from idp.system.logs import log_of
from policies.errors import StoreUnavailable
from policies.parties import Tenant

# "On all workers within a second": half of it for reading, half for a step that had just asked
HOLD_SECONDS = 0.5
# A read that took longer than its answer holds is repeated once: the process may have paused
READS = 2
# An act stands in the ledger some milliseconds before its row: only a difference that lasts is a stranger's
TELL_AFTER_SECONDS = 5.0


def _all(_connection: Connection) -> Select[*tuple[Any, ...]]:
    return select(tables.switches).where(tables.switches.c.tenant == bindparam("tenant"))


_ALL = CompiledStatement(_all)


# Seconds by a clock that goes on while the machine is paused, if there is one: what was read before is old then. A login
# asks two dozen times, so it is one of C's functions
since_boot: Callable[[], float] = time.monotonic
if sys.platform == "linux":
    since_boot = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


# The monotonic clock at the read, every switch, and how many acts there were
_Read = tuple[float, Mapping[Name, Switch], int]


class Switches:
    """One tenant's switches, as a worker reads them. Safe in any thread; while what it read is fresh, it asks nobody."""

    def __init__(
        self,
        *,
        engine: Engine,
        tenant: Tenant,
        keys: LedgerKeys,
        monotonic: Callable[[], float] = since_boot,
        hold: float = HOLD_SECONDS,
    ) -> None:
        self._engine, self._tenant, self._key = engine, tenant, key_of(keys, tenant)
        self._monotonic, self._hold = monotonic, hold
        self._lock = threading.Lock()
        # One object, so that a thread without the lock sees all of it or nothing
        self._read: _Read | None = None
        self._failures = 0
        self._rows: dict[Name, Switch] = {}
        self._records = SwitchRecords(tenant, keys)
        self._told: set[bytes | Name] = set()
        # The switches that differ, and since when by the monotonic clock
        self._differ: dict[Name, float] = {}

    def any_off(self, *things: Name, acts: int | None = None) -> bool:
        """`Switched.any_off`, for all things as they stood at one moment."""
        read = self._read  # as `_fresh` does, without its call: a login asks this a dozen times
        if read is None or self._monotonic() - read[0] >= self._hold:
            read = self._fresh()
        for thing in things:
            found = read[1].get(thing)
            if found is not None and (found.off or (acts is not None and found.number >= acts)):
                return True
        return False

    def off(self, kind: str, name: str, *, acts: int | None = None) -> bool:
        """Whether one thing is off."""
        return self.any_off((kind, name), acts=acts)

    @property
    def acts(self) -> int:
        """`Switched.acts`."""
        return self._fresh()[2]

    def off_since(self, kind: str, name: str) -> int:
        """Since when a thing is off (`Switch.off_since`); 0 if it is on."""
        read = self._read  # as above: each use of a key asks
        if read is None or self._monotonic() - read[0] >= self._hold:
            read = self._fresh()
        found = read[1].get((kind, name))
        return 0 if found is None else found.off_since

    def current(self) -> Mapping[tuple[str, str], Switch]:
        """Every switch that was ever set, by kind and name, as it stood at most half a second ago.

        Raises `StoreUnavailable` if the rows cannot be read, or not fast enough.
        """
        return self._fresh()[1]

    def _fresh(self) -> _Read:
        read = self._read
        if read is not None and self._monotonic() - read[0] < self._hold:
            return read
        failures = self._failures
        with self._lock:
            read = self._read
            if read is not None and self._monotonic() - read[0] < self._hold:
                return read
            if self._failures != failures:
                # Another thread tried while we waited: a database that hangs must not hold the threads one after another
                raise StoreUnavailable("what is switched off cannot be read")
            try:
                return self._again()
            except StoreUnavailable:
                self._failures += 1
                raise

    def _again(self) -> _Read:
        for _ in range(READS):
            began = self._monotonic()
            found = self._found(began)
            # If this process stood still since, what it read is as old as that
            if self._monotonic() - began < self._hold:
                self._read = read = (began, found, self._records.next)
                return read
        raise StoreUnavailable("reading what is switched off takes too long")

    def _found(self, now: float) -> Mapping[Name, Switch]:
        with reading(), self._engine.connect() as connection:
            # The rows after the records: an act that comes between the two has its row
            recorded = dict(self._records.read(connection))
            rows = _ALL.run(connection, tenant=self._tenant).all()
        if self._records.lost:
            # What it switched off is unknown, and a row that was turned back has no other witness
            raise ActLost("a record of a switch is gone, so nobody knows what is off: `ciconia doctor`")
        for row in rows:
            known = self._rows.get((row.kind, row.name))
            switch = self._believed(row, 0 if known is None else known.since)
            if known is None or switch.since >= known.since:
                self._rows[switch.kind, switch.name] = switch
        found, differ = merged(self._rows, recorded)
        gone = self._rows.keys() - {(row.kind, row.name) for row in rows}
        self._say({*gone, *differ}, now)
        return found

    def _say(self, differ: set[Name], now: float) -> None:
        self._differ = {place: self._differ.get(place, now) for place in differ}
        for (kind, name), since in self._differ.items():
            if now - since >= TELL_AFTER_SECONDS and (kind, name) not in self._told:
                self._told.add((kind, name))
                log_of(self._tenant).error("switch_row_changed", kind=kind, name=name, fix=fix_of_switch(kind, name))

    def _believed(self, row: Row[tuple[object, ...]], known: int) -> Switch:
        switch = switch_of(row)
        if is_ours(self._key, row):
            return switch
        if row.seal not in self._told:
            self._told.add(row.seal)
            fix = fix_of_switch(switch.kind, switch.name)
            log_of(self._tenant).error("switch_row_changed", kind=switch.kind, name=switch.name, fix=fix)
        # As old as what was known before, so that the operator's next act counts, whatever moment stands here
        return replace(switch, off=True, since=known)


def merged(rows: Mapping[Name, Switch], recorded: Mapping[Name, RecordedAct]) -> tuple[dict[Name, Switch], frozenset[Name]]:
    """Each switch by rows and ledger together, off if either says so; and the switches in which the two differ.

    The number of the last act is the ledger's.
    """
    found, differ = dict(rows), set()
    for (kind, name), act in recorded.items():
        row = rows.get((kind, name))
        if row is None or (act.off and not row.off) or row.since < act.time:
            differ.add((kind, name))
            since = act.time if row is None else max(row.since, act.time)
            off = act.off or (row is not None and row.off)
            row = Switch(kind, name, off=off, reason=act.reason, since=since)
        found[kind, name] = replace(row, number=act.number)
    return found, frozenset(differ)


def faults_of_switches(connection: Connection, *, tenant: Tenant, keys: LedgerKeys) -> Iterator[tuple[str, str, str]]:
    """Kind, name and a sentence for each switch whose row is not as its last act left it."""
    key, table = key_of(keys, tenant), tables.switches
    records = SwitchRecords(tenant, keys)
    recorded = records.read(connection)
    rows: dict[Name, Switch] = {}
    for row in connection.execute(select(table).where(table.c.tenant == tenant)):
        switch = rows[row.kind, row.name] = switch_of(row)
        if not is_ours(key, row):
            rows[row.kind, row.name] = replace(switch, off=True)
            yield row.kind, row.name, "its row has no seal of ours: it counts as off."
    _, differ = merged(rows, recorded)
    for kind, name in sorted(differ):
        act, gone = recorded[kind, name], (kind, name) not in rows
        became = "its row is gone" if gone else "its row is an older one"
        counts = "off" if act.off or (not gone and rows[kind, name].off) else "on"
        yield kind, name, f"the ledger has it {'off' if act.off else 'on'}, and {became}: it counts as {counts}."
    if records.lost:
        yield "ledger", "", f"{len(records.lost)} records of switches are gone: what they switched off is not known."


def fix_of_switch(kind: str, name: str) -> str:
    """The operator's remedy for a stranger's row."""
    quoted = shlex.quote(name)
    if kind == KEY:
        return f"ciconia keys revoke {quoted}"
    return f"Say again what it shall be: ciconia party disable or enable {quoted} --kind {shlex.quote(kind)}"
