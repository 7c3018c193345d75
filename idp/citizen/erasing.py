"""Does the erasures that are due: in a thread of its own, for as long as the process lives, and once before it serves.

Each step is whole or not at all, and is done again after a crash. First the person's sessions end. Then, in one
transaction, their key goes, their records are cleared, what was issued ends, and the ledger has the record of it. Then the
files are looked after. The row of an erasure stays until the last.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, delete, select

from idp.citizen.erasures import HOUR_OF_DAY, Erasures
from idp.citizen.expiring import Retentions
from idp.keys.backup_files import backups_end, destroy_old
from idp.ledger.leaf import open_opening
from idp.ledger.ledger_keys import DAY, LedgerKeys
from idp.ledger.person_records import DONE, draft_erasure
from idp.ledger.record_contents import new_record
from idp.login.ended_persons import ended_row
from idp.ports import RecordDraft
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import is_postgres, reading, writing
from idp.store.records.clearing import Cleared, Records, Traces, clear_person, scrub
from idp.store.records.erasure_rows import PendingErasure
from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import BrokerError, SignatureInvalid, StoreUnavailable
from policies.parties import Tenant

LOOK_SECONDS, STOP_SECONDS = 60.0, 1.0

# A service and a purpose of it
Uses = frozenset[tuple[str, str]]


class LiveThings(Protocol):
    """The things that a running broker has of a person beside the ledger."""

    def end_sessions(self, subject: bytes, now: int) -> None:
        """End every session of the person, and tell the services."""

    def linked(self, subject: bytes, now: int) -> Sequence[bytes]:
        """The new identities that services know by this one's name."""

    def end_linked(self, linked: Sequence[bytes], now: int) -> None:
        """End their sessions, and what was issued to them under that name."""

    def approvals(self, subject: bytes, uses: Uses) -> Iterable[bytes]:
        """The digests of approvals that may be remembered: for these uses, and for all that are registered."""


@dataclass(frozen=True, slots=True)
class Done:
    """Erasures that were carried out, how many leaves they covered, and whether no file has a trace any more."""

    erasures: int
    leaves: int
    scrubbed: bool


class EraseDue:
    """One tenant's. Raises `StoreUnavailable`."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys, beside: LiveThings) -> None:
        self._engine, self._tenant, self._keys, self._beside = engine, tenant, keys, beside
        self._erasures = Erasures(engine=engine, tenant=tenant, keys=keys)
        # What each erasure leaves to look for in files: in memory alone
        self._needles: dict[bytes, tuple[bytes, ...]] = {}
        self._rests = 0  # until when PostgreSQL's tables are not rewritten again

    def clear(self, now: int) -> Sequence[Cleared]:
        """Clear whoever is due. If one erasure fails, the others are done all the same before it is said."""
        found, failure = self._clear(now)
        if failure is not None:
            raise failure
        return found

    def _clear(self, now: int) -> tuple[Sequence[Cleared], StoreUnavailable | None]:
        found, failed = list[Cleared](), list[str]()
        for one in self._erasures.listed():
            if one.due > now:
                break
            try:
                cleared = self._cleared(one, now)
            except Exception as error:  # noqa: BLE001  whatever it is, it is of this person, and others wait
                failed.append(f"{one.erasure.hex()} ({_told(error)})")
            else:
                found += [cleared] if cleared is not None else []
        return found, StoreUnavailable(f"erasures were not done: {', '.join(failed)}") if failed else None

    def scrub(self) -> bool:
        """Look after the files, and forget the erasures that are done. False if that has to be tried again."""
        table = tables.erasures.c
        done = (table.tenant == self._tenant, table.subject.is_(None))
        with reading(), self._engine.connect() as connection:
            left = list(connection.scalars(select(table.erasure).where(*done)))
        if not left:
            return True
        known = [self._needles.get(one) for one in left]
        needles = None if None in known else [each for one in known if one for each in one]
        if not scrub(self._engine, needles):
            return False
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            connection.execute(delete(tables.erasures).where(*done, table.erasure.in_(left)))
        for one in left:
            self._needles.pop(one, None)
        return True

    def run(self, now: int) -> Done:
        """All of it."""
        cleared, failure = self._clear(now)
        scrubbed = now >= self._rests and self.scrub()
        if not scrubbed and now >= self._rests and is_postgres(self._engine):
            # A rewrite closes the tables to sign-ins. Whoever holds old rows (a standby, a long query) may do so for hours
            self._rests = _next_run(now)
        if failure is not None:
            raise failure
        return Done(len(cleared), sum(one.leaves for one in cleared), scrubbed=scrubbed)

    def _cleared(self, one: PendingErasure, now: int) -> Cleared | None:
        linked = self._beside.linked(one.subject, now)
        self._beside.end_sessions(one.subject, now)
        self._beside.end_linked(linked, now)

        def traces(found: Records) -> Traces:
            uses, logins, moment = set[tuple[str, str]](), set[tuple[str, str]](), now
            for row in found:
                sent, login = self._opened(row, "sent"), self._opened(row, "login")
                uses.add((str(sent.get("client", "")), str(sent.get("purpose", ""))))
                if login:
                    logins.add((str(login["aud"]), str(login["sub"])))
                    # It may have been decided while others were erased
                    moment = max(moment, row.time)
            ended = [ended_row(service, sub, moment) for service, sub in logins]
            return Traces({*self._beside.approvals(one.subject, frozenset(uses))}, ended)

        def draft(leaves: int) -> RecordDraft:
            return draft_erasure(
                record=new_record(),
                time=now,
                act=DONE,
                who=one.who,
                erasure=one.erasure,
                leaves=leaves,
                backups=backups_end(now),
            )

        cleared = clear_person(self._engine, self._tenant, self._keys, one.erasure, traces=traces, draft=draft)
        if cleared is not None:
            self._needles[one.erasure] = cleared.needles
            # Again: of a sign-in that came between
            self._beside.end_sessions(one.subject, now)
            self._beside.end_linked(linked, now)
        return cleared

    def _opened(self, row: object, compartment: str) -> dict[str, object]:
        """An opening of a record; empty if it is not what was written: the record is cleared all the same."""
        record, moment, sealed = (getattr(row, name) for name in ("record", "time", f"{compartment}_opening"))
        try:
            key = self._keys.period_key(self._tenant, moment)
            found: dict[str, object] = json.loads(
                open_opening(key, self._tenant, record, compartment, sealed or b"").content
            )
        except (SignatureInvalid, ValueError):
            return {}
        return found


class Erasing(Repeated):
    """`start` runs it in a thread until `stop`; `elsewhere` says whether another worker does it."""

    def __init__(
        self,
        due: EraseDue,
        tenant: Tenant,
        *,
        elsewhere: Callable[[], bool],
        expiring: Retentions | None = None,
        backup_keys: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("erasing", LOOK_SECONDS, STOP_SECONDS)
        self._due, self._tenant, self._elsewhere, self._clock = due, tenant, elsewhere, clock
        # The last day of it: it begins at the next three o'clock
        self._expiring, self._expired = expiring, _day(clock())
        self._backup_keys = backup_keys
        self._said = ""  # why the last look failed

    def begin(self) -> None:
        """Clear whoever is due before anybody is served: a backup may have brought them back."""
        now = int(self._clock())
        self._say(self._destroy(now))
        self._due.clear(now)

    def step(self) -> None:
        """One look. A failure is logged once."""
        now = int(self._clock())
        # Each machine has a folder of keys. What was asked for comes last: the files are looked after once
        steps = (self._destroy,) if self._elsewhere() else (self._destroy, self._expire, self._erase)
        self._say(". ".join(filter(None, [self._told(step, now) for step in steps])))

    def _destroy(self, now: int) -> str:
        left = destroy_old(self._backup_keys, now) if self._backup_keys is not None else ()
        return f"keys/backups/ still has {', '.join(left)}" if left else ""

    def _expire(self, now: int) -> str:
        if self._expiring is not None and self._expired != (day := _day(now)):
            self._expiring.run(now)
            self._expired = day
        return ""

    def _erase(self, now: int) -> str:
        done = self._due.run(now)
        return "" if done.scrubbed else "files of the database are in use: what was erased is not overwritten yet"

    def _told(self, step: Callable[[int], str], now: int) -> str:
        """The error in words."""
        try:
            return step(now)
        except Exception as error:  # noqa: BLE001  a thread that died would erase nobody again, and nobody would know
            return _told(error)

    def _say(self, what: str) -> None:
        if self._said != what and what:
            # The log itself may fail (a full disk)
            with suppress(Exception):
                log_of(self._tenant).warning(
                    "erasure_failed", detail=what, fix="Look at the database and at keys/backups/."
                )
        self._said = what


def _told(error: Exception) -> str:
    return error.detail if isinstance(error, BrokerError) else type(error).__name__


def _next_run(now: int) -> int:
    """The next three o'clock (UTC)."""
    return (_day(now) + 1) * DAY + HOUR_OF_DAY


def _day(now: float) -> int:
    """The day since the epoch, which begins at three o'clock."""
    return int(now - HOUR_OF_DAY) // DAY
