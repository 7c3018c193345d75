"""Was the record changed, and against what was that compared?

`verify_ledger` computes everything again, and takes minutes for millions. This compares the tree with what others hold: the
files of the witness, checkpoints that somebody kept (cosigned or not), earlier exports, and receipts. A few stored hashes
prove for each that today's tree begins with the one that it saw. Nobody notices what nobody compares.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from idp.ledger.canonical_json import Json
from idp.ledger.checkpoint import TreeHead
from idp.ledger.ledger_keys import LedgerKeys
from idp.receipts.receipt_verify import ProvedReceipt
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.stored_tree import SeenTree, extended_by
from idp.store.tree_state import TreeState
from policies.errors import StoreUnavailable
from policies.parties import Tenant

WITNESS, CHECKPOINT, RECEIPT = "witness", "checkpoint", "receipt"


@dataclass(frozen=True, slots=True)
class HeldEvidence:
    """A thing that somebody else holds: its kind, where, and a tree head or a receipt. `signers` signed it beside us."""

    kind: str
    name: str
    holds: TreeHead | ProvedReceipt
    signers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldComparison:
    """Whether our tree fits what somebody holds: how many leaves it covers, and why it does not fit."""

    held: HeldEvidence
    size: int | None
    why: str

    def as_json(self) -> Mapping[str, Json]:
        """The comparison as JSON."""
        told: dict[str, Json] = {"with": self.held.kind, "name": self.held.name, "size": self.size}
        return {**told, "signers": list(self.held.signers), "fits": not self.why, "why": self.why}

    def __str__(self) -> str:
        over = "" if self.size is None else f" over {self.size} leaves"
        by = f", signed also by {', '.join(self.held.signers)}" if self.held.signers else ""
        return f"{self.held.kind} {self.held.name}{over}{by}: {self.why or 'it fits'}"


def compare_with(
    engine: Engine, tenant: Tenant, keys: LedgerKeys, held: Sequence[HeldEvidence]
) -> tuple[HeldComparison, ...]:
    """Compare the tree as it stands with each. `held` was read before. A tree that cannot be read fits nothing."""
    if not held:
        return ()
    try:
        with reading(), snapshot(engine) as connection:
            state = SeenTree(tenant, keys).read(connection)
            return tuple(_compared(connection, tenant, state, held))
    except StoreUnavailable as error:
        return tuple(HeldComparison(each, None, error.detail) for each in held)


def _compared(
    connection: Connection, tenant: Tenant, state: TreeState | None, held: Sequence[HeldEvidence]
) -> Iterator[HeldComparison]:
    for each in held:
        head = each.holds if isinstance(each.holds, TreeHead) else each.holds.head
        why = "" if head is None else _why(connection, tenant, state, head)
        if not why and isinstance(each.holds, ProvedReceipt):
            why = _why_not_placed(connection, tenant, each.holds)
        yield HeldComparison(each, None if head is None else head.size, why)


def _why(connection: Connection, tenant: Tenant, state: TreeState | None, head: TreeHead) -> str:
    """Why our tree does not begin with this one; "" if it does."""
    size = 0 if state is None else state.size
    if head.size > size:
        return f"the ledger has {size} leaves, and the log signed {head.size}: it shrank"
    try:
        fits = head.size == 0 or (state is not None and extended_by(connection, tenant, head, state))
    except StoreUnavailable as error:
        return error.detail
    return "" if fits else f"its {head.size} leaves are not the first ones of the ledger: the log signed two trees"


def _why_not_placed(connection: Connection, tenant: Tenant, receipt: ProvedReceipt) -> str:
    leaves = tables.leaves.c
    here = (leaves.tenant == tenant, leaves.leaf_hash == receipt.leaf_hash)
    index = connection.scalar(select(leaves.leaf_index).where(*here))
    if index is None:
        return (
            "its leaf is not in the ledger" if receipt.index is not None else "its leaf is promised, and not in its place"
        )
    wrong = receipt.index is not None and index != receipt.index
    return f"its leaf stands at {index}, and the log proved {receipt.index}" if wrong else ""
