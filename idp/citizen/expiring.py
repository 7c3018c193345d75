"""Retention: a release whose purpose's `retention` is over is nobody's any more, by itself (decision 0060).

The purpose's file of that day counts, which the citizen read. Its records are cleared as an erasure clears them, and leaves
of the kind `erasure` say how many. The person's key goes with the last of their records.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, Row

from idp.citizen.erasures import opened
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.person_records import DONE, RETENTION, draft_erasure
from idp.ledger.record_contents import new_record
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.records.clearing import clear_expired
from idp.store.records.release_record import joined_records
from policies.errors import SignatureInvalid
from policies.parties import Tenant

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")
CHUNK = 500
MONTHS, LAST_YEAR = 12, 9999
# The shortest retention is a day
SHORTEST = 86400

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
        """The records whose retention is over."""
        table = tables.records.c
        last = b""
        while True:
            query = joined_records(self._tenant).where(
                table.subject.is_not(None), table.time <= now - SHORTEST, table.record > last
            )
            with reading(), snapshot(self._engine) as connection:
                rows = connection.execute(query.order_by(table.record).limit(CHUNK)).all()
            if not rows:
                return
            last = rows[-1].record
            yield from (row.record for row in rows if self._over(row, now))

    def _over(self, row: Row[tuple[object, ...]], now: int) -> bool:
        try:
            policy = str(opened(row, self._tenant, self._keys, "sent").get("policy", ""))
        except (SignatureInvalid, ValueError):
            return False  # `ledger verify` names it
        if policy not in self._known:
            self._known[policy] = self._retention(policy)
        duration = self._known[policy]
        return bool(duration) and ends(row.time, str(duration)) <= now


def ends(time: int, duration: str) -> int:
    """When a duration of ISO 8601 is over that began at `time`. A month that has no such day ends with its last."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("no duration")
    years, months, weeks, days = (int(part or 0) for part in found.groups())
    begun = datetime.fromtimestamp(time, UTC)
    month = begun.month - 1 + months + MONTHS * years
    year, month = begun.year + month // MONTHS, month % MONTHS + 1
    if year >= LAST_YEAR:
        return 2**62
    for day in range(begun.day, begun.day - 4, -1):
        try:
            later = begun.replace(year=year, month=month, day=day)
            break
        except ValueError:
            continue
    return int((later + timedelta(weeks=weeks, days=days)).timestamp())
