"""The log as a file for auditors: every leaf in its place, and the checkpoint over them, as JSON lines.

    {"v": 1, "log": origin, "size": n}
    {"leaf": base64 of the leaf's octets}               n of these, from place 0 on
    {"checkpoint": the signed note over these n leaves, with the lines of witnesses}

Leaves commit to what was released and open nothing. From the file anybody computes the tree's root, and sees whether the
log ever showed them another (`export_verify`).
"""

from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import Engine, select

from idp.ledger.canonical_json import jcs
from idp.ledger.checkpoint import open_own_note
from idp.ledger.cosignature import NOBODY_NAMED, WitnessPolicy
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import Checkpoint
from idp.receipts.inclusion_proof import encoded
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.records.cosignatures import cosigned_checkpoints
from idp.store.store import RECENT
from policies.errors import NotFound, SignatureInvalid

VERSION = 1
CHUNK = 500


def newest_checkpoint(
    engine: Engine, tenant: str, keys: LedgerKeys | None = None, policy: WitnessPolicy = NOBODY_NAMED
) -> Checkpoint:
    """The newest checkpoint, with its cosignatures if the log's `keys` are given.

    The very newest may wait for its witnesses: a recent one that fulfils `policy` goes before it. Raises `NotFound` before
    the first, and `StoreUnavailable`.
    """
    with reading(), engine.connect() as connection:
        recent = cosigned_checkpoints(connection, tenant, keys, RECENT)
    if not recent:
        raise NotFound("the log has no checkpoint yet")
    for each in recent:
        if keys is None:
            break
        with suppress(SignatureInvalid):
            text = open_own_note(each.note.encode(), *keys.log.known)[1]
            policy.assert_met(policy.judge(text, each.cosignatures))
            return each
    return recent[0]


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
    yield jcs({"checkpoint": checkpoint.cosigned_note}) + b"\n"
