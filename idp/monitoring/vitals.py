"""A look every few seconds at what a worker lives by: database, ledger, keys, metadata, switches. In a thread of its own.

What it finds becomes gauges, and how long the worker counts as ready: until `FRESH_SECONDS` from a look that found nothing
lacking. A worker whose looks hang is not ready soon after, without anybody saying so.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Engine, func, select

from idp.monitoring import families
from idp.monitoring.measures import Measures
from idp.store import tables
from idp.store.clock_drift import ALLOWED, FIX, clock_drift, drift_text
from idp.store.engine import reading
from idp.system.logs import log_of, writable
from policies.errors import BrokerError, is_of_database

SECONDS = 5.0
# The pause while something lacks: a start that waits for readiness need not wait for a whole turn
SOON = 0.5
FRESH_SECONDS = 15.0
# Metadata is fetched after the start: until then its lack is no news, and only readiness tells
FETCHING_SECONDS = 30.0
# More than this waits: how many more says nothing more, and counting them would cost
MAX_COUNTED = 10_000
STOP_SECONDS = 0.5
# A worker that has not looked yet is not ready: a proxy that asks would send everybody elsewhere
FIRST_SECONDS = 2.0
# By how much nearer a clock has to come to be right again: seconds are whole, and at the edge it would come and go
STEADY = 2


@dataclass(frozen=True, slots=True)
class Looks:
    """Questions to a worker, each a function of the time (seconds since the epoch). They may raise a `BrokerError`.

    `closed` gives for how many seconds nothing is taken yet after a restore: a login that begins then comes to nothing.
    `halted` says why no release is recorded any more, "" where they are, `stands_still` whether a transaction does not end.

    `keys` and `metadata` give when each ends, `available` whether citizens are sent to each country, `witnesses` when each
    cosigned last, `federations` when each ends and how many fetches of it were refused in a row, `off` how much of each
    kind is switched off, `queue` how many are at work and how many wait in each lane. `have_keys` raises where there are
    none to serve with.
    """

    have_keys: Callable[[int], None] = lambda _now: None
    keys: Callable[[int], Mapping[str, int]] = lambda _now: {}
    metadata: Callable[[int], Mapping[str, int]] = lambda _now: {}
    available: Callable[[int], Mapping[str, bool]] = lambda _now: {}
    federations: Callable[[], Mapping[str, tuple[int, int]]] = dict
    off: Callable[[int], Mapping[str, int]] = lambda _now: {}
    queue: Callable[[], tuple[int, Mapping[str, int]]] = lambda: (0, {})
    witnesses: Callable[[], Mapping[str, int]] = dict
    closed: Callable[[], int] = lambda: 0
    halted: Callable[[], str] = lambda: ""
    stands_still: Callable[[], bool] = lambda: False
    shared_limits: Callable[[], bool | None] = field(default=lambda: None)


class Vitals:
    """One tenant's in one worker. `providers` is how many identity providers are pinned: they need no metadata."""

    def __init__(
        self,
        *,
        engine: Engine,
        tenant: str,
        measures: Measures,
        looks: Looks,
        clock: Callable[[], int],
        pinned: int,
        seconds: float = SECONDS,
    ) -> None:
        self._engine, self._tenant, self._measures, self._looks = engine, tenant, measures, looks
        self._clock, self._pinned, self._seconds = clock, pinned, seconds
        self._until = 0.0
        self._lacks: tuple[str, ...] | None = None
        # How far our clock is from the database's at this look, and whether it was too far at the last one
        self._apart: int | None = None
        self._off = False
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)

    @property
    def fit(self) -> bool:
        """Whether a look that is not old found nothing lacking."""
        return time.monotonic() < self._until

    def follow(self, looks: Looks, pinned: int) -> None:
        """Look from now on at another configuration."""
        self._looks, self._pinned = looks, pinned

    def start(self) -> None:
        """Begin to look, and return when it has once, or that takes long."""
        self._thread.start()
        self._looked.wait(FIRST_SECONDS)

    def stop(self) -> None:
        """End soon, whatever hangs."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def look(self) -> tuple[str, ...]:
        """Look once, and say what lacks: `database`, a right `clock`, `keys`, `metadata`, a `ledger` that is not halted.

        `restored` while closed.
        """
        now = self._clock()
        lacks = ["ledger"] if self._looks.halted() else []
        with suppress(BrokerError):
            lacks += ["restored"] if self._looks.closed() else []
        looks = (
            ("database", self._ledger),
            ("clock", self._right),
            ("keys", self._keys),
            ("metadata", self._metadata),
        )
        for name, look in looks:
            try:
                fine = look(now)
            except BrokerError as error:
                # Whether keys count is asked of the database: where that is gone, nobody knows anything against them
                fine = name == "keys" and "database" in lacks and is_of_database(error)
            if not fine:
                lacks.append(name)
        with suppress(BrokerError):
            for kind, count in self._looks.off(now).items():
                self._set(families.SWITCHED_OFF, kind, figure=count)
        with suppress(BrokerError):
            for name, signed in self._looks.witnesses().items():
                self._set(families.COSIGNED, name, figure=signed)
        self._tell_queue()
        if (reachable := self._looks.shared_limits()) is not None:
            self._set(families.SHARED_LIMITS, figure=reachable)
        self._set(families.LOG, figure=writable())
        self._until = 0.0 if lacks else time.monotonic() + FRESH_SECONDS
        self._set(families.READY, figure=self._until)
        self._say(tuple(lacks))
        return tuple(lacks)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                lacks = self.look()
            except Exception as error:  # noqa: BLE001 - a thread that died would leave us unready, and nobody would know why
                lacks = ("program",)
                with suppress(Exception):
                    log_of(self._tenant).error("vitals_failed", kind=type(error).__name__)
            self._looked.set()
            self._stopping.wait(SOON if lacks else self._seconds)

    def _ledger(self, now: int) -> bool:
        """The database answers; how much waits for the sequencer, and since when; what the last checkpoint covers."""
        staged, records, checkpoints = tables.staged.c, tables.records.c, tables.checkpoints.c
        trees = tables.trees.c
        waiting = (
            select(records.time)
            .join_from(
                tables.staged,
                tables.records,
                (records.tenant == staged.tenant) & (records.record == staged.record),
            )
            .where(staged.tenant == self._tenant)
            .limit(MAX_COUNTED)
            .subquery()
        )
        self._set(families.DATABASE, figure=0.0)
        self._apart = None
        with reading(), self._engine.connect() as connection:
            count, oldest = connection.execute(select(func.count(), func.min(waiting.c.time)).select_from(waiting)).one()
            placed = connection.scalar(select(trees.size).where(trees.tenant == self._tenant)) or 0
            signed = connection.execute(
                select(checkpoints.time, checkpoints.size)
                .where(checkpoints.tenant == self._tenant)
                .order_by(checkpoints.number.desc())
                .limit(1)
            ).first()
            self._apart = clock_drift(connection, self._clock)
        self._set(families.DATABASE, figure=time.monotonic() + FRESH_SECONDS)
        self._set(families.STAGED, figure=count)
        self._set(families.OLDEST_STAGED, figure=max(0, now - oldest) if oldest is not None else 0)
        # With those that wait: where nothing is placed any more nothing is signed either
        covered = signed.size if signed is not None else 0
        self._set(families.UNSIGNED, figure=count + max(0, placed - covered))
        if signed is not None:
            self._set(families.CHECKPOINT, figure=signed.time)
        # It reads, and that is half of it
        return not self._looks.stands_still()

    def _right(self, _now: int) -> bool:
        """Our clock is not far from the database's, where that one said something just now; the first that is, is told."""
        if self._apart is None:
            return True
        before, off = self._off, abs(self._apart)
        self._off = off > (ALLOWED - STEADY if before else ALLOWED)
        self._set(families.CLOCK_APART, figure=off)
        if self._off and not before:
            log_of(self._tenant).error("clock_apart", seconds=self._apart, detail=drift_text(self._apart), fix=FIX)
        return not self._off

    def _keys(self, now: int) -> bool:
        for name, ends in self._looks.keys(now).items():
            self._set(families.KEY_ENDS, name, figure=ends)
        self._looks.have_keys(now)
        return True

    def _metadata(self, now: int) -> bool:
        """Whether somebody can be asked of all that are registered: one dead country takes nobody out of service."""
        ends, available = self._looks.metadata(now), self._looks.available(now)
        for country, moment in ends.items():
            self._set(families.METADATA_ENDS, country, figure=moment)
        for country, is_there in available.items():
            self._set(families.AVAILABLE, country, figure=is_there)
        for name, (moment, refused) in self._looks.federations().items():
            self._set(families.FEDERATION_ENDS, name, figure=moment)
            self._set(families.FEDERATION_REFUSED, name, figure=refused)
        return bool(self._pinned) or not available or any(moment > now for moment in ends.values())

    def _tell_queue(self) -> None:
        at_work, lanes = self._looks.queue()
        self._set(families.AT_WORK, figure=at_work)
        for lane, count in lanes.items():
            self._set(families.WAITING, lane, figure=count)

    def _set(self, name: str, *labels: str, figure: float) -> None:
        self._measures.set(name, self._tenant, *labels, figure=float(figure))

    def _say(self, lacks: tuple[str, ...]) -> None:
        """One line when it changes."""
        if lacks == self._lacks:
            return
        if self._lacks is None and lacks == ("metadata",) and time.monotonic() - self._began < FETCHING_SECONDS:
            return
        log = log_of(self._tenant)
        if lacks:
            log.warning("not_ready", lacks=list(lacks))
        else:
            log.info("ready")
        self._lacks = lacks
