"""Many records, each with its openings and its place: the rows of a proof for somebody who need not believe us."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, and_, select

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.ledger_summary import SummarisedLedger
from idp.audit.questions.one_record import opened, proved_path
from idp.audit.questions.summary import BLOCK, BlockSummary
from idp.audit.record_proof import OPENS, RecordFilter
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import Checkpoint, Opening
from idp.receipts.inclusion_proof import Placed
from idp.store import tables
from idp.store.engine import reading, snapshot
from policies.errors import SignatureInvalid

CHUNK = 500


def spans_with(ledger: SummarisedLedger, span: tuple[int, int], asked: RecordFilter) -> Iterator[tuple[int, int]]:
    """The blocks of leaves in `span` that may have a record that `asked` takes, by their summaries."""
    for block, summary in enumerate(ledger.summaries):
        first, end = max(span[0], block * BLOCK), min(span[1], (block + 1) * BLOCK, ledger.size)
        if first < end and _may_have(summary, asked):
            yield first, end


def _may_have(summary: BlockSummary, asked: RecordFilter) -> bool:
    def fits(said: Mapping[str, str], kind: str, first: int, last: int) -> bool:
        # A row has the first and the last moment: the one that the filter takes, if it takes any between
        return asked.takes(said, {"time": max(first, min(last, asked.since or 0)), "kind": kind})

    # A summary does not say which service or purpose an act is about
    if any(_of_any_service(asked).takes({}, {"time": other.time, "kind": other.kind}) for other in summary.others):
        return True
    terms = [json.loads(text) for text in summary.tables["terms"]]
    kinds = [json.loads(text)[0] for text in summary.tables["way"]]
    columns = zip(*(summary.rows[name] for name in ("terms", "way", "first", "last")), strict=True)
    return any(
        fits({"client": terms[term][0], "purpose": terms[term][1]}, kinds[way], first, last)
        for term, way, first, last in columns
    )


def _of_any_service(asked: RecordFilter) -> RecordFilter:
    return replace(asked, client=None, purpose=None)


def records_in(
    auditor: Auditor,
    checkpoint: Checkpoint,
    span: tuple[int, int],
    asked: RecordFilter,
    ledger: SummarisedLedger | None = None,
) -> Iterator[tuple[bytes, Mapping[str, Opening], Placed]]:
    """The records from one leaf to before another that `asked` takes, placed by a checkpoint.

    With `ledger`, blocks are passed over that have none of them. Raises `SignatureInvalid` if a record does not open, or is
    not in its place: nobody may pass over it.
    """
    tenant, records, leaves = auditor.tenant, tables.records, tables.leaves
    joined = leaves.outerjoin(records, and_(records.c.tenant == leaves.c.tenant, records.c.leaf_hash == leaves.c.leaf_hash))
    opening = (records.c.record, records.c.time, records.c.sent_opening, records.c.decision_opening)
    select_rows = select(leaves.c.leaf_index, leaves.c.leaf, *opening).select_from(joined).where(leaves.c.tenant == tenant)
    spans = [span] if ledger is None else [*spans_with(ledger, span, asked)]
    if changed := [place for place in (ledger.changed if ledger else ()) if span[0] <= place < span[1]]:
        raise SignatureInvalid("commitment", f"the record of leaf {changed[0]} is not what was written")
    for begin, stop in ((at, min(at + CHUNK, end)) for first, end in spans for at in range(first, end, CHUNK)):
        taken = list[tuple[bytes, Mapping[str, Opening], Placed]]()
        # No snapshot lasts while somebody takes the rows, who may pause: leaves and their openings never change
        with reading(), snapshot(auditor.engine) as connection:
            here = leaves.c.leaf_index.between(begin, stop - 1)
            rows = {row.leaf_index: row for row in connection.execute(select_rows.where(here))}
            for index in range(begin, stop):
                row = rows.get(index)
                found = {} if row is None or row.record is None else _openings(row, tenant, auditor.keys)
                contents = [json.loads(found[name].content) for name in ("sent", "decision") if name in found]
                if row is None or [each["time"] for each in contents] != [row.time] * len(OPENS):
                    raise SignatureInvalid("commitment", f"the record of leaf {index} is not what was written")
                if not asked.takes(*contents):
                    continue
                if (path := proved_path(connection, tenant, index, row.leaf, checkpoint)) is None:
                    raise SignatureInvalid("inclusion", f"what is stored does not prove the place of leaf {index}")
                taken.append((row.leaf, found, Placed(index, path, checkpoint.cosigned_note)))
        yield from taken


# Any: nobody knows the types of a row's columns
def _openings(row: Row[*tuple[Any, ...]], tenant: str, keys: LedgerKeys) -> dict[str, Opening]:
    return {each.compartment: each for each in opened(row, row.leaf, tenant, keys)}
