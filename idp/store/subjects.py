"""How many records each person has in the ledger: counted in one statement a batch, which holds the person's row."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection, Insert

from idp.ledger.leaf import new_salt
from idp.ledger.ledger_keys import LedgerKeys
from idp.store import tables
from idp.store.engine import Upsert
from idp.store.statements import Inserting

# Tenant and keyed index
Subject = tuple[str, bytes]


def _counting(fresh: Upsert) -> Insert:
    table = tables.subjects.c
    return fresh.on_conflict_do_update(
        index_elements=[table.tenant, table.subject], set_={"counter": table.counter + fresh.excluded.counter}
    ).returning(table.tenant, table.subject, table.salt, table.counter)


_COUNT = Inserting(tables.subjects, _counting)


def count_subjects(
    connection: Connection, recorded: Iterable[tuple[str, bytes | None]], keys: LedgerKeys
) -> dict[Subject, tuple[bytes, int]]:
    """Count the new records of each subject; returns its salt, and its counter as it was *before* them.

    `recorded` has tenant and subject of each record, None where it has none.
    """
    new = Counter((tenant, subject) for tenant, subject in recorded if subject is not None)
    if not new:
        return {}
    rows = [(tenant, subject, new_salt(keys, tenant, subject), count) for (tenant, subject), count in sorted(new.items())]
    found: dict[Subject, tuple[bytes, int]] = {}
    for tenant, subject, salt, counter in _COUNT.run(connection, rows):
        found[tenant, subject] = (salt, counter - new[tenant, subject])
    return found
