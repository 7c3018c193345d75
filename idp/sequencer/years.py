"""The end of a year: whoever holds the lease records its final checkpoint, as a leaf (decision 0068).

It comes after the first checkpoint of a later year. A crash in between loses nothing: the next holder looks again, and
finds the same final checkpoint, whatever its clock says.
"""

from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import YEAR_ENDED, draft_act
from idp.ports import Mark, Unit
from idp.store.engine import reading
from idp.store.records.years import ended_years, final_checkpoint, year_records
from idp.store.store import Store
from idp.system.logs import log_of
from policies.errors import Closed, Conflict

REASON = "the year ended (UTC)"
# How long two holders may be apart that want to record one year
APART_SECONDS = 86400


class YearEnds:
    """Records the ends of years of one log."""

    def __init__(self, store: Store, keys: LedgerKeys) -> None:
        self._store, self._records = store, year_records(store.tenant, keys)

    def record(self, now: int) -> None:
        """Record each year that ended and has no record. Raises `StoreUnavailable`."""
        with reading(), self._store.engine.connect() as connection:
            years = ended_years(connection, self._store.tenant)
            missing = [
                year for year in years if self._store.leaf_of(self._store.tenant, self._records.record(year)) is None
            ]
            finals = [final_checkpoint(connection, self._store.tenant, year) for year in missing]
        for final in finals:
            record = self._records.record(final.year)
            draft = draft_act(record=record, time=now, act=YEAR_ENDED, about=final.about, who="", reason=REASON)
            mark = Mark("year", record.ljust(32, b"\0"), now + APART_SECONDS)
            try:
                self._store.commit(Unit(tenant=self._store.tenant, record=draft, marks=(mark,)))
            except (Conflict, Closed):
                continue  # another holder did, or nothing is taken after a restore: the next checkpoint looks again
            log_of(self._store.tenant).info("year_ended", year=final.year, size=final.checkpoint.size)
