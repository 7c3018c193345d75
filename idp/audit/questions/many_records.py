"""Many records, each with its openings and its place: the rows of a proof for somebody who need not believe us."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Row, and_, select

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.one_record import opened, proved_path
from idp.audit.record_proof import OPENS, RecordFilter
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import Checkpoint, Opening
from idp.receipts.inclusion_proof import Placed
from idp.store import tables
from idp.store.engine import reading, snapshot
from policies.errors import SignatureInvalid

CHUNK = 500


def records_in(
    auditor: Auditor, checkpoint: Checkpoint, span: tuple[int, int], asked: RecordFilter
) -> Iterator[tuple[bytes, Mapping[str, Opening], Placed]]:
    """The records from one leaf to before another that `asked` takes, placed by a checkpoint.

    Raises `SignatureInvalid` if one does not open, or is not in its place: nobody may pass over a record.
    """
    tenant, records, leaves = auditor.tenant, tables.records, tables.leaves
    joined = leaves.outerjoin(records, and_(records.c.tenant == leaves.c.tenant, records.c.leaf_hash == leaves.c.leaf_hash))
    opening = (records.c.record, records.c.time, records.c.sent_opening, records.c.decision_opening)
    select_rows = select(leaves.c.leaf_index, leaves.c.leaf, *opening).select_from(joined).where(leaves.c.tenant == tenant)
    first, end = span
    with reading(), snapshot(auditor.engine) as connection:
        for begin in range(first, end, CHUNK):
            here = leaves.c.leaf_index.between(begin, min(begin + CHUNK, end) - 1)
            rows = {row.leaf_index: row for row in connection.execute(select_rows.where(here))}
            for index in range(begin, min(begin + CHUNK, end)):
                row = rows.get(index)
                found = {} if row is None or row.record is None else _openings(row, tenant, auditor.keys)
                contents = [json.loads(found[name].content) for name in ("sent", "decision") if name in found]
                if row is None or [each["time"] for each in contents] != [row.time] * len(OPENS):
                    raise SignatureInvalid("commitment", f"the record of leaf {index} is not what was written")
                if not asked.takes(*contents):
                    continue
                if (path := proved_path(connection, tenant, index, row.leaf, checkpoint)) is None:
                    raise SignatureInvalid("inclusion", f"what is stored does not prove the place of leaf {index}")
                yield row.leaf, found, Placed(index, path, checkpoint.cosigned_note)


# Any: nobody knows the types of a row's columns
def _openings(row: Row[*tuple[Any, ...]], tenant: str, keys: LedgerKeys) -> dict[str, Opening]:
    return {each.compartment: each for each in opened(row, row.leaf, tenant, keys)}
