"""What an operator switched off: a relying party, a country, an identity provider, or a key of ours (decisions.md 31).

Every worker obeys within a second and none of them is told: `Switches` holds what it read for half a second by the
monotonic clock, then reads again before it answers. A worker that was stopped for a minute and woken reads first, too, also
where it was stopped while it read; where it cannot read, or not in half a second, it raises, and nothing goes on.

Whoever writes to the database and has no key of ours switches nothing on: a row that does not verify counts as switched
off, and one that this process saw does not count as gone or as older than it was. The ledger is the second witness, also
for a process that starts later (`idp.store.switch_records`): what it says is off is off, whatever became of the row. They
can switch things off; then the log says so.

Acts have numbers, by their places in the ledger. What carries how many were known when it was asked has ended where a later
one is on its party or source: no clock has a say in that. A worker that has not read the newest ones yet gives a number
that is too low, and what it asked may end once too often. A number that another worker gave, and this one has not reached,
compares as it has to: whatever this one reads next below it was known there.
"""

import hmac
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol  # Any: all columns of a table

import structlog
from sqlalchemy import Connection, Engine, Row, Select, bindparam, func, insert, select, update

from idp.ports import Commits, Unit
from idp.store import tables
from idp.store.engine import exclusively, reading, writing
from idp.store.statements import Statement
from idp.store.switch_records import Recorded, SwitchRecords
from idp.store.turn import one_turn
from idp.transparency.draft import draft_switch
from idp.transparency.keys import LedgerKeys, derived, framed
from policies.errors import StoreUnavailable
from policies.parties import Tenant

PARTY, COUNTRY, PROVIDER, KEY = "party", "country", "provider", "key"
KINDS = (PARTY, COUNTRY, PROVIDER, KEY)
# "On all workers within a second": half of it for reading, half for a step that had just asked
HOLD_SECONDS = 0.5
# One that took longer than its answer would hold is repeated once: a pause of the process, not a slow database
READS = 2
# An act stands in the ledger some milliseconds before its row: only what still differs after this was somebody else's
TELL_AFTER_SECONDS = 5.0
# An end of time that is a number of the database
NEVER = 2**62
# A moment later than this (the year 9999 begins) is no clock's, and no act could be recorded at it or after it
LAST_MOMENT = 253_370_764_800
# Each try that fails is another's act that succeeded
ATTEMPTS = 50

_Name = tuple[str, str]


def _all(_connection: Connection) -> Select[*tuple[Any, ...]]:
    return select(tables.switches).where(tables.switches.c.tenant == bindparam("tenant"))


_ALL = Statement(_all)


# Seconds by a clock that goes on while the machine is paused, where there is one: what was read before is old then. A login
# asks thirty times, so it is a function of C's and none of ours
since_boot: Callable[[], float] = time.monotonic
if sys.platform == "linux":
    since_boot = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


class Switched(Protocol):
    """What is switched off at this moment. Raises `StoreUnavailable` where nobody can say."""

    @property
    def acts(self) -> int:
        """How many acts are known, on whatever thing."""

    def off(self, kind: str, name: str, *, acts: int | None = None) -> bool:
        """Whether a thing of this kind of `KINDS` is off; for what is as old as so many `acts`, whether ever since."""


class ActLost(StoreUnavailable):
    """A record of a switch is gone or was changed: the database answers, and what is off cannot be known."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as it stands: `name` is a client id, an ISO 3166-1 code, or the id of a provider or key.

    `number` is that of its last act, -1 where the ledger has none.
    """

    kind: str
    name: str
    off: bool
    reason: str
    since: int
    number: int = -1

    @property
    def off_since(self) -> int:
        """Since when it is off, 0 where it is on. Of a row that nobody of ours wrote, as late as can be.

        A key that was revoked early enough hands back to the one before it: no stranger's row brings that one back.
        """
        return (self.since or NEVER) if self.off else 0


# When it was read by the monotonic clock, every switch, and how many acts there were
_Read = tuple[float, Mapping[_Name, Switch], int]


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
        self._engine, self._tenant, self._key = engine, tenant, _key(keys, tenant)
        self._monotonic, self._hold = monotonic, hold
        self._lock = threading.Lock()
        # One object, so that a thread without the lock sees all of it or nothing
        self._read: _Read | None = None
        self._failures = 0
        self._rows: dict[_Name, Switch] = {}
        self._records = SwitchRecords(tenant, keys)
        self._told: set[bytes | _Name] = set()
        # What differs, and since when by the monotonic clock
        self._differ: dict[_Name, float] = {}

    def off(self, kind: str, name: str, *, acts: int | None = None) -> bool:
        """As `Switched` has it. A code or token that was alive when its party was off does not come back with it."""
        read = self._read  # looked at as `_fresh` does, without its call: this is asked dozens of times in a login
        if read is None or self._monotonic() - read[0] >= self._hold:
            read = self._fresh()
        found = read[1].get((kind, name))
        return found is not None and (found.off or (acts is not None and found.number >= acts))

    @property
    def acts(self) -> int:
        """As `Switched` has it."""
        return self._fresh()[2]

    def off_since(self, kind: str, name: str) -> int:
        """Since when something is switched off (`Switch.off_since`), 0 where it is on."""
        found = self.current().get((kind, name))
        return 0 if found is None else found.off_since

    def current(self) -> Mapping[tuple[str, str], Switch]:
        """Every switch that was ever set, by kind and name, as it stood at most half a second ago.

        Raises `StoreUnavailable` where it would be older and cannot be read, or not fast enough.
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
                # Somebody tried while we waited for the lock: a database that hangs holds each thread once, not in turn
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
            # Where this process stood still since, what it read is as old as that
            if self._monotonic() - began < self._hold:
                self._read = read = (began, found, self._records.next)
                return read
        raise StoreUnavailable("reading what is switched off takes too long")

    def _found(self, now: float) -> Mapping[_Name, Switch]:
        with reading(), self._engine.connect() as connection:
            # The rows after the records: an act that came between the two has its row, and nothing seems to lack
            recorded = dict(self._records.read(connection))
            rows = _ALL.run(connection, tenant=self._tenant).all()
        if self._records.lost:
            # Whatever it switched off is not known, and a row that was turned back has no other witness
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

    def _say(self, differ: set[_Name], now: float) -> None:
        self._differ = {place: self._differ.get(place, now) for place in differ}
        for (kind, name), since in self._differ.items():
            if now - since >= TELL_AFTER_SECONDS and (kind, name) not in self._told:
                self._told.add((kind, name))
                structlog.get_logger().error("switch_row_changed", kind=kind, name=name, fix=_fix(kind, name))

    def _believed(self, row: Row[tuple[object, ...]], known: int) -> Switch:
        switch = _switch_of(row)
        if hmac.compare_digest(_seal(self._key, switch), row.seal):
            return switch
        if row.seal not in self._told:
            self._told.add(row.seal)
            fix = _fix(switch.kind, switch.name)
            structlog.get_logger().error("switch_row_changed", kind=switch.kind, name=switch.name, fix=fix)
        # As old as what was known before: whatever moment stands here, the operator's next word counts
        return replace(switch, off=True, since=known)


def merged(
    rows: Mapping[_Name, Switch], recorded: Mapping[_Name, Recorded]
) -> tuple[dict[_Name, Switch], frozenset[_Name]]:
    """What counts where the rows and the ledger are both asked, and where the two differ: off, where either says so.

    The number of the last act is the ledger's, whatever became of the row.
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
    """Kind, name and a sentence for each switch whose row is not as its last act left it, or has no seal of ours."""
    key, table = _key(keys, tenant), tables.switches
    records = SwitchRecords(tenant, keys)
    recorded = records.read(connection)
    rows: dict[_Name, Switch] = {}
    for row in connection.execute(select(table).where(table.c.tenant == tenant)):
        switch = rows[row.kind, row.name] = _switch_of(row)
        if not hmac.compare_digest(_seal(key, switch), row.seal):
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


class MemorySwitches:
    """The twin for tests: a set of what is off, and the number of the last act on each thing."""

    def __init__(self) -> None:
        self.acts = 0
        self._off: set[_Name] = set()
        self._last: dict[_Name, int] = {}

    def set_switch(self, kind: str, name: str, *, off: bool) -> None:
        """An act."""
        self._last[kind, name] = self.acts
        self.acts += 1
        (self._off.add if off else self._off.discard)((kind, name))

    def off(self, kind: str, name: str, *, acts: int | None = None) -> bool:
        """As `Switched` has it."""
        return (kind, name) in self._off or (acts is not None and self._last.get((kind, name), -1) >= acts)


class Switchboard:
    """Sets switches. Each act is in the release ledger before it counts."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys, commits: Commits) -> None:
        self._engine, self._tenant, self._ledger, self._commits = engine, tenant, keys, commits
        self._key = _key(keys, tenant)
        # The id of the record of the last act that was set here
        self.recorded = b""

    def set_switch(self, kind: str, name: str, *, off: bool, reason: str, now: int) -> Switch:
        """Switch something off or on again, for `reason` (`idp.transparency.draft.is_reason`), and return it as it stands.

        Log first: where the process dies between the two, what was to be off is off, and what was to be on stays off.
        Raises `StoreUnavailable`; ValueError for a kind that there is not, or a reason that is none.
        """
        if kind not in KINDS:
            raise ValueError(f"no such kind of switch: {kind}")
        if kind == KEY:
            # By a clock that is behind, it would count as revoked before it took over, and bring back one that is over
            now = max(now, self._newest())
        act = self._record(kind, name, off=off, reason=reason, now=now)
        switch = Switch(kind, name, off=off, reason=reason, since=act.time, number=act.number)
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            return self._put(connection, switch)

    def _record(self, kind: str, name: str, *, off: bool, reason: str, now: int) -> Recorded:
        """Record the act in the first place that is free, by a time that is later than that of the act before it."""
        for _ in range(ATTEMPTS):
            before, records = self._acts()
            last, record = before.get((kind, name)), records.record(records.next)
            act = Recorded(off, reason, now if last is None else max(now, last.time + 1), records.next)
            drafted = draft_switch(record=record, time=act.time, switch=kind, name=name, off=off, reason=reason)
            try:
                self._commits.commit(Unit(tenant=self._tenant, record=drafted))
            except StoreUnavailable:
                if self._acts()[1].next == act.number:
                    raise
                continue  # somebody else's act has this place
            # Two that write at once: who reads back the other's act tries the next place
            if self._acts()[0].get((kind, name)) == act:
                self.recorded = record
                return act
        raise StoreUnavailable("the act could not be recorded")

    def _acts(self) -> tuple[Mapping[_Name, Recorded], SwitchRecords]:
        """The last acts, and what was read of all of them."""
        records = SwitchRecords(self._tenant, self._ledger)
        with reading(), self._engine.connect() as connection:
            return records.read(connection), records

    def _newest(self) -> int:
        """The newest moment that the ledger knows (seconds since the epoch): releases were made until then."""
        head, record, staged = tables.checkpoints.c, tables.records.c, tables.staged.c
        # What somebody wrote there who is no clock must not keep an act from being recorded
        signed = select(head.time).where(head.tenant == self._tenant).where(head.time < LAST_MOMENT)
        signed = signed.order_by(head.number.desc()).limit(1)
        same = (staged.tenant == record.tenant) & (staged.record == record.record)
        waiting = select(func.max(record.time)).where(record.tenant == self._tenant).where(same)
        waiting = waiting.where(record.time < LAST_MOMENT)
        with reading(), self._engine.connect() as connection:
            return max(connection.scalar(signed) or 0, connection.scalar(waiting) or 0)

    def _put(self, connection: Connection, switch: Switch) -> Switch:
        # Two who switch for the first time would both find no row; a row that is not there cannot be locked
        exclusively(connection, tables.switches)
        table = tables.switches.c
        here = (table.tenant == self._tenant, table.kind == switch.kind, table.name == switch.name)
        row = connection.execute(select(tables.switches).where(*here).with_for_update()).first()
        if row is not None and hmac.compare_digest(_seal(self._key, _switch_of(row)), row.seal):
            # Always later than before: whoever saw that one takes this one, though a clock was set back
            switch = replace(switch, since=max(switch.since, row.since + 1))
        values = {"off": int(switch.off), "reason": switch.reason, "since": switch.since, "seal": _seal(self._key, switch)}
        if row is None:
            key = {"tenant": self._tenant, "kind": switch.kind, "name": switch.name}
            connection.execute(insert(tables.switches).values({**key, **values}))
        else:
            connection.execute(update(tables.switches).where(*here).values(values))
        return switch


def _fix(kind: str, name: str) -> str:
    quoted = shlex.quote(name)
    if kind == KEY:
        return f"ciconia keys revoke {quoted}"
    return f"Say again what it shall be: ciconia party disable or enable {quoted} --kind {shlex.quote(kind)}"


def _switch_of(row: Row[tuple[object, ...]]) -> Switch:
    return Switch(row.kind, row.name, off=row.off != 0, reason=row.reason, since=row.since)


def _key(keys: LedgerKeys, tenant: Tenant) -> bytes:
    return derived(keys.rows, b"", b"switches", tenant.encode())


def _seal(key: bytes, switch: Switch) -> bytes:
    """The MAC of a row; the key has the tenant in it."""
    texts = (switch.kind, switch.name, "off" if switch.off else "on", switch.reason, str(switch.since))
    return hmac.digest(key, framed(*(text.encode() for text in texts)), "sha256")
