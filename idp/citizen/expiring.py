"""Retention: a release whose purpose's `retention` is over is nobody's any more, by itself (decision 0060).

The purpose's file of that day counts, which the citizen read. Its records are cleared as an erasure clears them, and leaves
of the kind `erasure` say how many. The person's key goes with the last of their records.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, Row

from idp.citizen.erasures import opened
from idp.ledger.ledger_keys import DAY, LedgerKeys
from idp.ledger.person_records import DONE, RETENTION, draft_erasure
from idp.ledger.record_contents import new_record
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.records.clearing import clear_expired
from idp.store.records.release_record import joined_records
from policies.errors import SignatureInvalid
from policies.parties import Tenant
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")
CHUNK = 500
MONTHS, LAST_YEAR = 12, 9999
# A refresh token may live as long, and an erasure ends it by the record
SHORTEST = LONGEST_REFRESH_LIFE
NEVER = 2**62

# The retention in the purpose's file of this hash (hex), "" for none, None where nobody knows the file any more
RetentionOf = Callable[[str], str | None]


class Retentions:
    """One tenant's. Raises `StoreUnavailable`."""

    def __init__(
        self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys, retention: RetentionOf, backups_end: Callable[[int], int]
    ) -> None:
        self._engine, self._tenant, self._keys = engine, tenant, keys
        self._retention, self._backups_end = retention, backups_end
        self._known: dict[str, str | None] = {}
        # When the first record of a day is over, of each day that was read
        self._later: dict[int, int] = {}

    def run(self, now: int) -> int:
        """Clear what is over; how many records that were."""
        due, count = [*self._due(now)], 0
        for begin in range(0, len(due), CHUNK):
            some = due[begin : begin + CHUNK]
            count += clear_expired(
                self._engine,
                self._tenant,
                self._keys,
                some,
                draft=lambda leaves: draft_erasure(
                    record=new_record(),
                    time=now,
                    act=DONE,
                    who=[RETENTION],
                    leaves=leaves,
                    backups=self._backups_end(now),
                ),
            )
        return count

    def _due(self, now: int) -> Iterator[bytes]:
        """The records whose retention is over. Opens only those of a day that may have one."""
        table = tables.records.c
        waiting = [day for day, first in self._later.items() if first > now]
        may_be_due = (table.subject.is_not(None), table.time <= now - SHORTEST, (table.time // DAY).not_in(waiting))
        last, first_of = b"", dict[int, int]()
        while True:
            query = joined_records(self._tenant).where(*may_be_due, table.record > last)
            with reading(), snapshot(self._engine) as connection:
                rows = connection.execute(query.order_by(table.record).limit(CHUNK)).all()
            for row in rows:
                end, day = self._end(row), row.time // DAY
                first_of[day] = min(end, first_of.get(day, end))
                if end <= now:
                    yield row.record
            if not rows:
                break
            last = rows[-1].record
        # A day that is not over may get more
        self._later |= {day: first for day, first in first_of.items() if day < (now - SHORTEST) // DAY}

    def _end(self, row: Row[tuple[object, ...]]) -> int:
        try:
            policy = str(opened(row, self._tenant, self._keys, "sent").get("policy", ""))
        except (SignatureInvalid, ValueError):
            return NEVER  # `ledger verify` names it
        if policy not in self._known:
            self._known[policy] = self._retention(policy)
        duration = self._known[policy]
        return ends(row.time, duration) if duration else NEVER


def ends(time: int, duration: str) -> int:
    """When a duration of ISO 8601 is over that began at `time`. A month that has no such day ends with its last.

    What is no duration, or is beyond every calendar, never ends.
    """
    found = _DURATION.fullmatch(duration)
    if found is None:
        return NEVER
    years, months, weeks, days = (int(part or 0) for part in found.groups())
    begun = datetime.fromtimestamp(time, UTC)
    month = begun.month - 1 + months + MONTHS * years
    year, month = begun.year + month // MONTHS, month % MONTHS + 1
    if year >= LAST_YEAR:
        return NEVER
    for day in range(begun.day, begun.day - 4, -1):
        try:
            later = begun.replace(year=year, month=month, day=day)
            break
        except ValueError:
            continue
    try:
        return int((later + timedelta(weeks=weeks, days=days)).timestamp())
    except OverflowError:
        return NEVER
