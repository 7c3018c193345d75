"""Reads a whole ledger by the summaries of its blocks, and makes those that are missing.

1. the tree's state has our seal, and the hashes of the blocks and of the leaves behind the last one give its root
2. a summary counts if it opens for its block's hash (`idp.ledger.summary_seal`); any other is made from its leaves, each
   checked against what it commits to (`opened`), and their hashes against the block's
3. the leaves behind the last block are read each time

So an answer is about the tree of that root. A record that is not what was written is counted as such and stays out; a block
with one has no summary. Only whoever asks makes summaries: a login pays nothing for them (decision 0054).
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, func, select

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.opened import OpenedLeaf, OpenedLeaves, open_leaves, open_records
from idp.audit.questions.summary import BLOCK, LEVEL, BlockSummary, summarised, unpacked
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import CompactRange, Position, tree_root
from idp.ledger.summary_seal import open_summary, seal_summary, summaries_key
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import disposed, open_engine, reading, snapshot, upsert, writing
from idp.store.stored_tree import SeenTree, broken
from idp.system.cores import cores
from policies.errors import SignatureInvalid

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

    def read(self, connection: Connection, first: int, last: int) -> tuple[OpenedLeaves, BlockSummary]:
        """The leaves from one place up to another, and what they say."""
        found = open_leaves(connection, self.tenant, self.openings, first, last)
        opened = [leaf for leaf in found.leaves if leaf is not None]
        near = {leaf.record.hex(): leaf for leaf in opened}

        def about(record: str) -> OpenedLeaf | None:
            further = open_records(connection, self.tenant, self.openings, {bytes.fromhex(record)})
            return near.get(record) or next(further, None)

        return found, summarised(opened, self.pages, about)


@dataclass(frozen=True, slots=True)
class _Made:
    """A block that was read: its packed summary, and the places of leaves that are not what was written."""

    block: int
    content: bytes
    changed: tuple[int, ...]


def _unseen(_more: int) -> None:
    """Nobody looks how far it is."""


def unread(auditor: Auditor) -> int:
    """About how many leaves `summarise` has to read before it answers. Raises `StoreUnavailable`."""
    with reading(), auditor.engine.connect() as connection:
        size = connection.scalar(select(tables.trees.c.size).where(tables.trees.c.tenant == auditor.tenant)) or 0
        table = tables.summaries
        made = connection.scalar(select(func.count()).select_from(table).where(table.c.tenant == auditor.tenant)) or 0
    return max(0, int(size) // BLOCK - made) * BLOCK


def summarise(auditor: Auditor, *, processes: int = 0, advance: Callable[[int], None] = _unseen) -> SummarisedLedger:
    """Read the ledger as it stands, beside a running broker. `advance` hears how many more leaves were read.

    So many `processes` read the blocks that have no summary; 0 is one a core. Raises `StoreUnavailable`, with the code
    `BROKEN` for a tree that is not the one that we wrote.
    """
    leaves = _Leaves(auditor.tenant, auditor.keys.openings, auditor.pages)
    with reading(), snapshot(auditor.engine) as connection:
        state = SeenTree(auditor.tenant, auditor.keys).read(connection)
        size, root = (state.size, state.root) if state is not None else (0, CompactRange().root())
        blocks = _block_hashes(connection, auditor.tenant, size // BLOCK)
        rest, behind = leaves.read(connection, len(blocks) * BLOCK, size)
        if _root(size, blocks, rest.hashes) != root:
            raise broken("the stored nodes and leaves do not give the tree's root: run ciconia ledger verify")
        made = dict(_kept(connection, auditor.tenant, auditor.keys, blocks))
    missing = [(block, hashed) for block, hashed in enumerate(blocks) if block not in made]
    changed = list(_changed(rest, len(blocks) * BLOCK))
    # Not in the snapshot, for it may take minutes: leaves never change
    for one in _make(auditor.engine, leaves, missing, processes or cores()):
        if (summary := unpacked(one.content)) is not None:
            made[one.block] = summary
        changed += one.changed
        if not one.changed:
            _keep(auditor, one, blocks[one.block])
        advance(BLOCK)
    return SummarisedLedger(size, root, (*(made[block] for block in range(len(blocks))), behind), tuple(sorted(changed)))


def _block_hashes(connection: Connection, tenant: str, number: int) -> list[bytes]:
    """The stored hashes of the first blocks."""
    table = tables.nodes.c
    query = select(table.node_index, table.hash).where(table.tenant == tenant, table.level == LEVEL)
    found = {row.node_index: row.hash for row in connection.execute(query.where(table.node_index < number))}
    if len(found) != number:
        raise broken("the hash of a block is not there: run ciconia ledger verify")
    return [found[block] for block in range(number)]


def _root(size: int, blocks: Sequence[bytes], rest: Sequence[bytes]) -> bytes:
    """The root of the tree with these blocks, and these leaves behind them."""
    hashes: dict[Position, bytes] = {}
    for of_level, first, row in ((LEVEL, 0, blocks), (0, len(blocks) * BLOCK, rest)):
        tree = CompactRange()
        for index, hashed in enumerate(row):
            completed = [((0, index), hashed), *tree.append(hashed)]
            hashes |= {(of_level + level, (first >> level) + at): node for (level, at), node in completed}
    return tree_root(size, hashes)


def _changed(found: OpenedLeaves, first: int) -> Iterator[int]:
    return (first + place for place, leaf in enumerate(found.leaves) if leaf is None)


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


def _keep(auditor: Auditor, made: _Made, hashed: bytes) -> None:
    key = summaries_key(auditor.keys.openings, auditor.tenant)
    content = seal_summary(key, made.block, hashed, made.content)
    table = tables.summaries
    with reading(), one_turn(auditor.engine), writing(auditor.engine).begin() as connection:
        fresh = upsert(connection, table).values(tenant=auditor.tenant, block=made.block, content=content)
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
    found, summary = leaves.read(connection, first, first + BLOCK)
    tree = CompactRange()
    for each in found.hashes:
        tree.append(each)
    if tree.root() != hashed:
        # Leaves of another tree: none of them counts
        return _Made(block, summarised((), leaves.pages, lambda _: None).packed(), tuple(range(first, first + BLOCK)))
    return _Made(block, summary.packed(), tuple(_changed(found, first)))
