"""The log as a file for auditors: every leaf in its place, and the checkpoint over them, as JSON lines.

    {"v": 1, "log": origin, "size": n}
    {"leaf": base64 of the leaf's octets}               n of these, from place 0 on
    {"checkpoint": the signed note over these n leaves}

Leaves commit to what was released and open nothing. From the file anybody computes the tree's root, and sees whether the
log ever showed them another (`export_verify`).
"""

from collections.abc import Iterator

from sqlalchemy import Engine, select

from idp.ledger.canonical_json import jcs
from idp.ports import Checkpoint
from idp.receipts.inclusion_proof import encoded
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.reads import read_checkpoint
from policies.errors import NotFound

VERSION = 1
CHUNK = 500


def newest_checkpoint(engine: Engine, tenant: str) -> Checkpoint:
    """The checkpoint that an export ends with. Raises `NotFound` before the first, `StoreUnavailable`."""
    with reading(), engine.connect() as connection:
        found = read_checkpoint(connection, tenant)
    if found is None:
        raise NotFound("the log has no checkpoint yet")
    return found


def export_lines(engine: Engine, *, tenant: str, origin: str, checkpoint: Checkpoint) -> Iterator[bytes]:
    """The lines of the export up to `checkpoint`. Memory does not grow with the log.

    Raises `NotFound` if a leaf is missing, `StoreUnavailable` if the database cannot be read.
    """
    yield jcs({"v": VERSION, "log": origin, "size": checkpoint.size}) + b"\n"
    table = tables.leaves.c
    query = (
        select(table.leaf_index, table.leaf)
        .where(table.tenant == tenant, table.leaf_index < checkpoint.size)
        .order_by(table.leaf_index)
    )
    place = 0
    with reading(), snapshot(engine) as connection:
        for index, leaf in connection.execute(query, execution_options={"yield_per": CHUNK}):
            if index != place:
                break
            yield jcs({"leaf": encoded(leaf)}) + b"\n"
            place += 1
    if place != checkpoint.size:
        raise NotFound(f"leaf {place} is not there: run ciconia ledger verify")
    yield jcs({"checkpoint": checkpoint.note}) + b"\n"
