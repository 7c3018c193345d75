"""The check of years: each record that names a final checkpoint names the one that is there."""

from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import Connection

from idp.ledger.findings import LedgerFinding
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.records.years import ended_years, final_checkpoint, year_records
from policies.errors import StoreUnavailable
from policies.parties import Tenant


def faults_of_years(connection: Connection, tenant: Tenant, keys: LedgerKeys) -> Iterator[LedgerFinding]:
    """A year without its record is none: whoever holds the lease writes it in a moment."""
    records = year_records(tenant, keys)
    with suppress(StoreUnavailable):  # a checkpoint that is not there is a finding of its own
        for year in ended_years(connection, tenant):
            facts = records.read(connection, year).get(year)
            if facts is not None and facts.get("about") != final_checkpoint(connection, tenant, year).about:
                what = f"it names another final checkpoint of {year} than the one that is there"
                yield LedgerFinding("records", records.record(year).hex(), what)
