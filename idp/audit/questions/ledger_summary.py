"""Reads a whole ledger by the summaries of its blocks, and makes those that are missing.

1. the tree's state has our seal, the stored right edge gives its root, and the hashes of the blocks give the right edge
2. a summary counts if it opens for its block's hash (`idp.ledger.summary_seal`); any other is made from its leaves, each
   checked against what it commits to (`opened`), and their hashes against the block's
3. the leaves behind the last block are read each time, and their hashes checked against the right edge

So an answer is about the tree of that root. A record that is not what was written is named as such and stays out: it is a
finding, and no outage. Only whoever asks makes summaries: a login pays nothing for them (decision 0054).
"""

import multiprocessing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, Engine, func, select

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.opened import OpenedLeaf, open_leaves, open_records
from idp.audit.questions.summary import BLOCK, LEVEL, BlockSummary, summarised, unpacked
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import CompactRange, Position, positions
from idp.ledger.summary_seal import open_summary, seal_summary, summaries_key
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import disposed, open_engine, reading, snapshot, upsert, writing
from idp.store.stored_tree import SeenTree, broken, right_edge
from idp.store.tree_state import TreeState
from idp.system.cores import cores
from policies.errors import SignatureInvalid, StoreUnavailable

# Fewer blocks are made in this process: to start others takes a second
ALONE = 4
# Blocks that one process makes before it hands them over
TOGETHER = 2


@dataclass(frozen=True, slots=True)
class SummarisedLedger:
    """The tree of `size` leaves and this root: the summaries of its blocks in order, and of the leaves behind them.

    `changed` has the places of leaves that are not what was written.
    """

    size: int
    root: bytes
    summaries: tuple[BlockSummary, ...]
    changed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Leaves:
    """How to read leaves, in any process."""

    tenant: str
    openings: bytes = field(repr=False)
    pages: str

    def read(
        self, connection: Connection, first: int, last: int, lost: Callable[[Sequence[bytes]], Collection[int]]
    ) -> BlockSummary:
        """The figures of the leaves from one place up to another. `lost` finds those whose hashes are not the tree's."""
        found = open_leaves(connection, self.tenant, self.openings, first, last)
        foreign = lost(found.hashes)
        opened = [leaf for leaf in found.leaves if leaf is not None and leaf.place not in foreign]
        near = {leaf.record.hex(): leaf for leaf in opened}

        def about(record: str) -> OpenedLeaf | None:
            further = open_records(connection, self.tenant, self.openings, {bytes.fromhex(record)})
            return near.get(record) or next(further, None)

        changed = {*range(first, last)} - {leaf.place for leaf in opened}
        return replace(summarised(opened, self.pages, about), changed=tuple(sorted(changed)))


class NotReadYet(StoreUnavailable):
    """So many `leaves` have no summary: more than whoever asks waits for."""

    def __init__(self, leaves: int) -> None:
        super().__init__(f"{leaves} leaves are not read yet")
        self.leaves = leaves


# A block that was read, and its packed summary
_Made = tuple[int, bytes]


def _unseen(_more: int) -> None:
    """Nobody looks how far it is."""


def unread(auditor: Auditor) -> int:
    """About how many leaves `summarise` has to read before it answers. Raises `StoreUnavailable`."""
    with reading(), auditor.engine.connect() as connection:
        size = connection.scalar(select(tables.trees.c.size).where(tables.trees.c.tenant == auditor.tenant)) or 0
        table = tables.summaries
        made = connection.scalar(select(func.count()).select_from(table).where(table.c.tenant == auditor.tenant)) or 0
    return max(0, int(size) // BLOCK - made) * BLOCK


def summarise(
    auditor: Auditor,
    *,
    processes: int = 0,
    advance: Callable[[int], None] = _unseen,
    again: bool = True,
    most: int | None = None,
) -> SummarisedLedger:
    """Read the ledger as it stands, beside a running broker. `advance` hears how many more leaves were read.

    So many `processes` read the blocks that have no summary; 0 is one a core. A block with changed leaves is read `again`:
    somebody may have put them back. Raises `NotReadYet` where that is more than `most` leaves, and `StoreUnavailable` with
    the code `BROKEN` for a tree that is not the one that we wrote.
    """
    leaves = _Leaves(auditor.tenant, auditor.keys.openings, auditor.pages)
    with reading(), snapshot(auditor.engine) as connection:
        state = SeenTree(auditor.tenant, auditor.keys).read(connection)
        state = state or TreeState()
        blocks = _block_hashes(connection, auditor.tenant, state.size // BLOCK)
        edge = _edge(connection, auditor.tenant, state)
        of_blocks = {position: hashed for position, hashed in edge.items() if position[0] >= LEVEL}
        of_rest = {position: hashed for position, hashed in edge.items() if position[0] < LEVEL}
        if _foreign(of_blocks, LEVEL, 0, blocks):
            raise broken("the stored nodes do not give the tree's root: run ciconia ledger verify")
        made = {
            block: summary
            for block, summary in _kept(connection, auditor.tenant, auditor.keys, blocks)
            if not (again and summary.changed)
        }
        missing = [(block, hashed) for block, hashed in enumerate(blocks) if block not in made]
        if most is not None and len(missing) * BLOCK > most:
            raise NotReadYet(len(missing) * BLOCK)
        begin = len(blocks) * BLOCK
        behind = leaves.read(connection, begin, state.size, lambda hashes: _foreign(of_rest, 0, begin, hashes))
    # Not in the snapshot, for it may take minutes: leaves never change
    for block, content in _make(auditor.engine, leaves, missing, processes or cores()):
        if (summary := unpacked(content)) is not None:
            made[block] = summary
        _keep(auditor, block, content, blocks[block])
        advance(BLOCK)
    summaries = (*(made[block] for block in range(len(blocks))), behind)
    changed = tuple(place for summary in summaries for place in summary.changed)
    return SummarisedLedger(state.size, state.root, summaries, changed)


def _block_hashes(connection: Connection, tenant: str, number: int) -> list[bytes]:
    """The stored hashes of the first blocks."""
    table = tables.nodes.c
    query = select(table.node_index, table.hash).where(table.tenant == tenant, table.level == LEVEL)
    found = {row.node_index: row.hash for row in connection.execute(query.where(table.node_index < number))}
    if len(found) != number:
        raise broken("the hash of a block is not there: run ciconia ledger verify")
    return [found[block] for block in range(number)]


def _edge(connection: Connection, tenant: str, state: TreeState) -> dict[Position, bytes]:
    """The stored right edge, which gives the root."""
    return dict(zip(positions([(0, state.size)]), right_edge(connection, tenant, state), strict=True)) if state.size else {}


def _foreign(above: Mapping[Position, bytes], level: int, first: int, hashes: Sequence[bytes]) -> set[int]:
    """The places of the nodes of a level, whose hashes begin at place `first`, that do not give the nodes above them."""
    found: set[int] = set()
    for (height, index), hashed in above.items():
        under = range(index << (height - level), (index + 1) << (height - level))
        if _folded(hashes[under.start - first : under.stop - first]) != hashed:
            found.update(under)
    return found


def _folded(hashes: Sequence[bytes]) -> bytes:
    tree = CompactRange()
    for each in hashes:
        tree.append(each)
    return tree.root()


def _kept(
    connection: Connection, tenant: str, keys: LedgerKeys, blocks: Sequence[bytes]
) -> Iterator[tuple[int, BlockSummary]]:
    """The summaries that are ours, and of these very blocks."""
    key, table = summaries_key(keys.openings, tenant), tables.summaries.c
    query = select(table.block, table.content).where(table.tenant == tenant, table.block.between(0, len(blocks) - 1))
    for block, content in connection.execute(query):
        try:
            summary = unpacked(open_summary(key, block, blocks[block], content))
        except SignatureInvalid:
            continue
        if summary is not None:
            yield block, summary


def _keep(auditor: Auditor, block: int, packed: bytes, hashed: bytes) -> None:
    key = summaries_key(auditor.keys.openings, auditor.tenant)
    content = seal_summary(key, block, hashed, packed)
    table = tables.summaries
    with reading(), one_turn(auditor.engine), writing(auditor.engine).begin() as connection:
        fresh = upsert(connection, table).values(tenant=auditor.tenant, block=block, content=content)
        connection.execute(fresh.on_conflict_do_update(index_elements=["tenant", "block"], set_={"content": content}))


def _make(engine: Engine, leaves: _Leaves, missing: Sequence[tuple[int, bytes]], processes: int) -> Iterator[_Made]:
    if len(missing) <= ALONE or processes == 1:
        for block, hashed in missing:
            with reading(), snapshot(engine) as connection:
                yield _of_block(connection, leaves, block, hashed)
        return
    url = engine.url.render_as_string(hide_password=False)
    portions = [missing[start : start + TOGETHER] for start in range(0, len(missing), TOGETHER)]
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
    try:
        for done in as_completed([pool.submit(_of_blocks, url, leaves, portion) for portion in portions]):
            yield from done.result()
    finally:
        # Whoever interrupts waits for what has begun, and for nothing else
        pool.shutdown(cancel_futures=True)


def _of_blocks(url: str, leaves: _Leaves, blocks: Sequence[tuple[int, bytes]]) -> list[_Made]:
    """In a process of its own."""
    with disposed(open_engine(url)) as engine, reading(), snapshot(engine) as connection:
        return [_of_block(connection, leaves, block, hashed) for block, hashed in blocks]


def _of_block(connection: Connection, leaves: _Leaves, block: int, hashed: bytes) -> _Made:
    first = block * BLOCK
    above = {(LEVEL, block): hashed}
    summary = leaves.read(connection, first, first + BLOCK, lambda hashes: _foreign(above, 0, first, hashes))
    return block, summary.packed()
