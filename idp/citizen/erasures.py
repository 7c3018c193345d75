"""Erasures that were asked for: by the person themselves, or by two officers for them. Each waits, and can be withdrawn.

Every step is in the release ledger in the same transaction: asked, withdrawn, refused. `idp.citizen.erasing` does what is
due.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os import urandom

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from idp.ledger.leaf import commitment, open_opening, read_leaf
from idp.ledger.ledger_keys import DAY, LedgerKeys, framed
from idp.ledger.person_records import ASKED, ERASURE, PERSON, REFUSED, WITHDRAWN, draft_erasure
from idp.ledger.record_contents import new_record
from idp.store import tables
from idp.store.commits import durably
from idp.store.engine import reading, snapshot, upsert, writing
from idp.store.records.clearing import write_record
from idp.store.records.erasure_rows import PendingErasure, believed
from idp.store.records.release_record import joined_records
from policies.assurance import LevelOfAssurance, level_named
from policies.errors import ErasureRefused, SignatureInvalid
from policies.parties import Tenant

# So long an erasure waits from the end of its day, as the keys of that day's backups do; then until three o'clock (UTC),
# since the tables may have to be written anew
DELAY, HOUR_OF_DAY = 14 * DAY, 3 * 3600
TOO_LOW = "the level of the sign-in is below the highest on record"
# A sign-in is fresh for so long
FRESH_SECONDS = 600
ERASURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in of somebody who asks: their keyed index, the level, and when they signed in."""

    subject: bytes = field(repr=False)
    loa: LevelOfAssurance
    at: int


class Erasures:
    """One tenant's. Methods raise `StoreUnavailable`, and `ErasureRefused` as they say."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant, self._keys = engine, tenant, keys

    def pending(self, subject: bytes) -> PendingErasure | None:
        """The erasure of this person that waits."""
        return next((one for one in self.listed() if one.subject == subject), None)

    def listed(self) -> tuple[PendingErasure, ...]:
        """All that wait, the first due first. A row that we did not write does not count."""
        table = tables.erasures.c
        query = select(tables.erasures).where(table.tenant == self._tenant, table.subject.is_not(None))
        with reading(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(table.due, table.erasure)).all()
        return tuple(one for row in rows if (one := believed(row, self._tenant, self._keys)) is not None)

    def ask(self, sign_in: SignIn, now: int) -> PendingErasure:
        """The person asks, after a fresh sign-in at the highest level on record. Asking again changes nothing.

        Raises `ErasureRefused`; that a level was too low is on record, once a day.
        """
        self._check(sign_in, now)
        return self._begin(sign_in.subject, (), now)

    def stop(self, sign_in: SignIn, now: int) -> None:
        """The person withdraws theirs, after a sign-in that could have asked for it. Raises `ErasureRefused` as `ask`."""
        self._check(sign_in, now)
        pending = self.pending(sign_in.subject)
        self.withdraw(pending.erasure if pending else b"", PERSON, now, subject=sign_in.subject)

    def _check(self, sign_in: SignIn, now: int) -> None:
        if not 0 <= now - sign_in.at <= FRESH_SECONDS:
            raise ErasureRefused("the sign-in is older than ten minutes")
        if sign_in.loa < self.highest(sign_in.subject):
            with reading(), durably(writing(self._engine)) as connection:
                if self._first_today(connection, REFUSED, sign_in.subject, now):
                    self._write(connection, REFUSED, (PERSON,), now, b"", TOO_LOW)
            raise ErasureRefused(TOO_LOW)

    def ask_for(self, record: bytes, officers: Sequence[str], now: int) -> PendingErasure:
        """Two officers ask for the person whom a record is about. Raises `ErasureRefused` where it is about nobody."""
        if len({*officers}) != 2:  # noqa: PLR2004  four eyes
            raise ErasureRefused("an erasure that the person did not ask for needs two officers")
        return self._begin(self.person_of(record), tuple(officers), now)

    def withdraw(self, erasure: bytes, who: str, now: int, *, subject: bytes = b"") -> None:
        """Withdraw an erasure: the person theirs (`subject`), an officer one that officers began.

        Raises `ErasureRefused` where there is none, or it is done already.
        """
        table = tables.erasures.c
        here = (table.tenant == self._tenant, table.erasure == erasure, table.subject.is_not(None))
        with reading(), durably(writing(self._engine)) as connection:
            row = connection.execute(select(tables.erasures).where(*here).with_for_update()).first()
            pending = None if row is None else believed(row, self._tenant, self._keys)
            if pending is None or (pending.subject != subject if subject else not pending.officers):
                raise ErasureRefused("no erasure of this name waits: it is done, was withdrawn, or is somebody else's")
            connection.execute(delete(tables.erasures).where(*here))
            self._write(connection, WITHDRAWN, (who,), now, erasure)

    def refuse(self, who: Iterable[str], reason: str, now: int) -> None:
        """Put on record that an erasure was refused."""
        self._record(REFUSED, who, now, reason=reason)

    def highest(self, subject: bytes) -> LevelOfAssurance:
        """The highest level of a person's records. One that does not open counts as high."""
        table = tables.records.c
        with reading(), snapshot(self._engine) as connection:
            rows = connection.execute(joined_records(self._tenant).where(table.subject == subject)).all()
        return max(map(self._level, rows), default=LevelOfAssurance.LOW)

    def person_of(self, record: bytes) -> bytes:
        """The keyed index of the person whom a record is about. Raises `ErasureRefused`."""
        table = tables.records.c
        query = select(table.subject).where(table.tenant == self._tenant, table.record == record)
        with reading(), self._engine.connect() as connection:
            found: bytes | None = connection.scalar(query)
        if found is None:
            raise ErasureRefused("there is no such record, or it is about nobody (any more)")
        return found

    def _begin(self, subject: bytes, officers: tuple[str, ...], now: int) -> PendingErasure:
        table = tables.erasures.c
        pending = PendingErasure(urandom(ERASURE_BYTES), subject, now, due_of(now), officers)
        with reading(), durably(writing(self._engine)) as connection:
            found = connection.execute(
                select(tables.erasures).where(table.tenant == self._tenant, table.subject == subject)
            )
            before = found.first()
            if before is not None and (standing := believed(before, self._tenant, self._keys)) is not None:
                return standing
            if before is not None:
                connection.execute(delete(tables.erasures).where(table.tenant == self._tenant, table.subject == subject))
            if not officers and not self._first_today(connection, ASKED, subject, now):
                raise ErasureRefused("it was asked for and stopped today already")
            connection.execute(insert(tables.erasures).values(dict(pending.row(self._tenant, self._keys))))
            self._write(connection, ASKED, pending.who, now, pending.erasure)
        return pending

    def _first_today(self, connection: Connection, act: str, subject: bytes, now: int) -> bool:
        """Whether a person does this for the first time today: each time makes a record for good."""
        end = (now // DAY + 1) * DAY
        digest = hashlib.sha256(framed(act.encode(), subject, end.to_bytes(8))).digest()
        row = {"tenant": self._tenant, "kind": ERASURE, "digest": digest, "unit": b"", "ends": end}
        fresh = upsert(connection, tables.marks).values(row).on_conflict_do_nothing()
        return connection.execute(fresh.returning(tables.marks.c.ends)).first() is not None

    def _record(self, act: str, who: Iterable[str], now: int, *, reason: str) -> None:
        with reading(), durably(writing(self._engine)) as connection:
            self._write(connection, act, who, now, b"", reason)

    def _write(
        self, connection: Connection, act: str, who: Iterable[str], now: int, erasure: bytes, reason: str = ""
    ) -> None:
        draft = draft_erasure(record=new_record(), time=now, act=act, who=[*who], erasure=erasure, reason=reason)
        write_record(connection, self._tenant, self._keys, draft)

    def _level(self, row: Row[tuple[object, ...]]) -> LevelOfAssurance:
        try:
            sent = opened(row, self._tenant, self._keys, "sent")
            return level_named(str(sent["loa"])) or LevelOfAssurance.HIGH
        except (SignatureInvalid, ValueError, KeyError):
            return LevelOfAssurance.HIGH


def due_of(asked: int) -> int:
    """When an erasure is done that was asked for at this time."""
    return (asked // DAY + 1) * DAY + DELAY + HOUR_OF_DAY


def opened(row: Row[tuple[object, ...]], tenant: Tenant, keys: LedgerKeys, compartment: str) -> dict[str, object]:
    """An opening of a row of `joined_records`. Raises `SignatureInvalid`, ValueError."""
    leaf = row.leaf if row.leaf is not None else row.staged_leaf
    sealed = getattr(row, f"{compartment}_opening")
    if leaf is None or sealed is None:
        raise ValueError("no leaf, or no such opening")
    found = open_opening(keys.period_key(tenant, row.time), tenant, row.record, compartment, sealed)
    if commitment(found.nonce, found.content) != read_leaf(leaf)[0][compartment]:
        raise ValueError("another commitment")
    content = json.loads(found.content)
    if not isinstance(content, dict):
        raise ValueError("no object")  # noqa: TRY004  bad content, not a caller's mistake
    return content
