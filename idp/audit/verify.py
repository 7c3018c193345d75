"""The check of the whole release ledger: everything is computed again from the database, and what does not fit is named.

1. the file is sound (SQLite's own check), and nothing in the database acts by itself (`idp.store.schema.check`)
2. every leaf is in its place and has its hash, every stored node is the hash of what is below it
3. the leaves have the root of each head that a witness saw, and the tree's state has their size and root
4. every checkpoint is signed by the log's key, says its row, and has the root of the leaves at its size: so each one
   extends the one before
5. every record has one leaf, its openings open that leaf's commitments and say what the row says, its tag is that of its
   subject's counter, and the ledger's role writes such records (`verify_records`)

Since a year it begins with the stored right edge, which must give the root of the final checkpoint of the year before.
Every later leaf, node, checkpoint and record is computed again. What stands before is not, and neither are the counters of
persons and erasures, which run over all years.

One read transaction sees one state, so a broker may serve meanwhile. Other processes, which check records, have one each: a
record and its leaf are always of one state. Memory does not grow with the ledger.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import count
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, Engine, Integer, Row, Table, and_, cast, func, not_, select
from sqlalchemy.exc import DBAPIError, OperationalError

from idp.audit.verify_records import CHUNK, MAX_FINDINGS, Role, verify_records
from idp.audit.verify_years import faults_of_years
from idp.ledger.checkpoint import TreeHead, UnknownSigner, open_note
from idp.ledger.findings import LedgerFinding, LedgerReport
from idp.ledger.leaf import read_leaf
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import CompactRange, Position, leaf_hash
from idp.ports import Checkpoint
from idp.store import tables
from idp.store.engine import is_postgres, reading, snapshot
from idp.store.reads import as_checkpoint
from idp.store.records.tiles import published_size
from idp.store.records.years import FinalCheckpoint
from idp.store.schema.check import faults_of_schema
from idp.store.stored_tree import right_edge
from idp.store.tree_state import TreeState, believed, checkpoint_seal, read_state
from policies.errors import SignatureInvalid, StoreUnavailable
from policies.parties import Tenant

MAX_LEVEL = 61

Node = tuple[Position, bytes]


def _unseen(_more: int) -> None:
    """Nobody looks how far the check is."""


def verify_ledger(
    engine: Engine,
    *,
    tenant: Tenant,
    keys: LedgerKeys,
    role: Role | None = None,
    heads: Sequence[TreeHead] = (),
    blind: Callable[[], str] = str,
    advance: Callable[[int], None] = _unseen,
    processes: int = 1,
    since: FinalCheckpoint | None = None,
) -> LedgerReport:
    """Check one tenant's ledger; with `role`, also that this role writes such records.

    `heads` are those of a witness, read before this: the leaves must extend them. If there are none but checkpoints,
    `blind` says whether that is still so, and where: the witness may not be mounted. `advance` hears how many more of
    `steps_of` were done, a few hundred at a time. So many `processes` check the records. With `since` the check begins with
    that checkpoint. Raises `StoreUnavailable` if the database cannot be read at all.
    """
    with reading(), snapshot(engine) as connection:
        return _Verification(connection, tenant, keys, role, heads, blind, advance, processes, since).report()


def steps_of(engine: Engine, tenant: Tenant, since: FinalCheckpoint | None = None) -> int:
    """How many rows the check goes through: leaves, checkpoints and records. Raises `StoreUnavailable`."""
    with reading(), snapshot(engine) as connection:
        if since is not None:
            return 2 * (published_size(connection, tenant) - since.checkpoint.size)
        return sum(_count(connection, table, tenant) for table in (tables.leaves, tables.checkpoints, tables.records))


class _Verification:
    """One run over one snapshot."""

    def __init__(
        self,
        connection: Connection,
        tenant: str,
        keys: LedgerKeys,
        role: Role | None,
        heads: Sequence[TreeHead],
        blind: Callable[[], str],
        advance: Callable[[int], None],
        processes: int,
        since: FinalCheckpoint | None,
    ) -> None:
        self._processes = processes
        self._since = since
        # The first leaf and the first checkpoint that are computed again
        self._start, self._first = (since.checkpoint.size, since.number) if since else (0, 1)
        self._done, self._advance = count(1), advance
        self._seen, self._blind = frozenset(heads), blind
        self._connection = connection
        self._role = role
        self._tenant = tenant
        self._keys = keys
        self._tree = CompactRange()
        self._heads: dict[int, bytes] = {}  # size -> recomputed root, for the size of each checkpoint and head

    def report(self) -> LedgerReport:
        findings: list[LedgerFinding] = []
        try:
            for finding in self._findings():
                findings.append(finding)
                if len(findings) == MAX_FINDINGS:
                    findings.append(LedgerFinding("database", "", "there is more that does not fit"))
                    break
            records, staged, checkpoints = (
                self._count(table) for table in (tables.records, tables.staged, tables.checkpoints)
            )
        except OperationalError:
            raise
        except DBAPIError as error:
            # The file is damaged: that is a finding, not a failure of the check
            findings.append(LedgerFinding("database", "", f"it cannot be read to its end ({type(error.orig).__name__})"))
            records = staged = checkpoints = 0
        return LedgerReport(self._tree.size, self._tree.root(), checkpoints, records, staged, tuple(findings))

    def _count(self, table: Table) -> int:
        return _count(self._connection, table, self._tenant)

    def _step(self) -> None:
        """One row more; `advance` hears of whole chunks."""
        if next(self._done) % CHUNK == 0:
            self._advance(CHUNK)

    def _findings(self) -> Iterator[LedgerFinding]:
        # PostgreSQL has checksums of its pages, and refuses to read what they do not fit
        if not is_postgres(self._connection) and self._since is None:
            for (line,) in self._connection.exec_driver_sql("PRAGMA integrity_check"):
                if line != "ok":
                    yield LedgerFinding("database", "", f"SQLite's own check says: {line}")
        yield from (LedgerFinding("database", name, what) for name, what in faults_of_schema(self._connection))
        if self._since is not None and (what := self._unfounded(self._since)):
            yield LedgerFinding("nodes", "", what)
            return
        yield from self._leaves()
        yield from self._witnessed()
        yield from self._state()
        yield from self._checkpoints()
        yield from verify_records(
            self._connection,
            self._tenant,
            self._keys,
            self._role,
            self._step,
            processes=self._processes,
            leaves=(self._start, self._tree.size) if self._since else None,
        )
        yield from faults_of_years(self._connection, Tenant(self._tenant), self._keys)

    def _unfounded(self, since: FinalCheckpoint) -> str:
        """Why the check cannot begin with a final checkpoint; "" once it has."""
        state = TreeState(size=self._start, root=since.checkpoint.root)
        try:
            self._tree = CompactRange(self._start, right_edge(self._connection, self._tenant, state))
        except StoreUnavailable:
            return f"they do not give the root of the final checkpoint of {since.year}"
        self._heads[self._start] = since.checkpoint.root
        return ""

    # -- leaves and nodes

    def _leaves(self) -> Iterator[LedgerFinding]:
        table = tables.leaves.c
        here = (table.tenant == self._tenant, table.leaf_index >= self._start)
        query = select(table.leaf_index, table.leaf, table.leaf_hash).where(*here)
        sizes = self._checkpoint_sizes()
        expected = _Expected(self._stored_nodes())
        rows = self._connection.execute(query.order_by(table.leaf_index), execution_options={"yield_per": CHUNK})
        for row in rows:
            self._step()
            if row.leaf_index != self._tree.size:
                yield LedgerFinding("leaves", str(row.leaf_index), f"place {self._tree.size} should come here")
            if leaf_hash(row.leaf) != row.leaf_hash:
                yield LedgerFinding("leaves", str(row.leaf_index), "its hash is not that of its bytes")
            try:
                read_leaf(row.leaf)
            except ValueError:
                yield LedgerFinding("leaves", str(row.leaf_index), "its bytes are no leaf")
            for node in self._tree.append(row.leaf_hash):
                yield from expected.meet(node)
            if self._tree.size in sizes:
                self._heads[self._tree.size] = self._tree.root()
        yield from expected.rest()
        if self._since is None:
            yield from self._impossible_nodes()

    def _checkpoint_sizes(self) -> frozenset[int]:
        table = tables.checkpoints.c
        here = (table.tenant == self._tenant, table.number >= self._first)
        signed = self._connection.scalars(select(table.size).where(*here))
        return frozenset({*signed, *(head.size for head in self._seen)})

    def _stored_nodes(self) -> Iterator[Node]:
        """The stored nodes in the order in which a growing tree completes them."""
        if self._since is not None:
            yield from merge(*map(self._later_nodes, range(1, MAX_LEVEL + 1)), key=lambda node: _order(node[0]))
            return
        table = tables.nodes.c
        query = select(table.level, table.node_index, table.hash).where(table.tenant == self._tenant, _possible())
        done = (table.node_index + 1).op("<<")(_bits(table.level))
        rows = self._connection.execute(query.order_by(done, table.level), execution_options={"yield_per": CHUNK})
        for level, index, hashed in rows:
            yield (level, index), hashed

    def _later_nodes(self, level: int) -> Iterator[Node]:
        """The stored nodes of a level that the first leaves do not complete."""
        table = tables.nodes.c
        here = (table.tenant == self._tenant, table.level == level, table.node_index >= self._start >> level)
        query = select(table.node_index, table.hash).where(*here).order_by(table.node_index)
        for index, hashed in self._connection.execute(query, execution_options={"yield_per": CHUNK}):
            yield (level, index), hashed

    def _impossible_nodes(self) -> Iterator[LedgerFinding]:
        table = tables.nodes.c
        query = select(table.level, table.node_index).where(table.tenant == self._tenant, not_(_possible()))
        for level, index in self._connection.execute(query):
            yield LedgerFinding("nodes", _place((level, index)), "no tree has such a node")

    def _witnessed(self) -> Iterator[LedgerFinding]:
        # Asked again: the first may have been signed meanwhile
        if not self._seen and self._count(tables.checkpoints) and (witness := self._blind()):
            fix = "If it is, put the newest checkpoint into it first (docs/back-up-and-restore.md)"
            meanwhile = "Nothing is signed meanwhile, and a broker that starts releases nothing"
            yield LedgerFinding(
                "checkpoints", "", f"the witness {witness} has none of them: is it mounted? {fix}. {meanwhile}"
            )
        # Those below the first leaf are compared by their proofs (`idp.audit.questions.compared`)
        seen = (head for head in self._seen if head.size >= self._start)
        for head in sorted(seen, key=attrgetter("size", "root")):
            if head.size > self._tree.size:
                yield LedgerFinding(
                    "leaves", "", f"there are {self._tree.size}, and the witness saw {head.size}: it is an older ledger"
                )
            elif head.size and self._heads[head.size] != head.root:
                yield LedgerFinding("leaves", "", f"the first {head.size} are not those that the witness saw")

    # -- the state of the tree

    def _state(self) -> Iterator[LedgerFinding]:
        row = read_state(self._connection, self._tenant)
        if row is None:
            if self._tree.size or self._count(tables.checkpoints):
                yield LedgerFinding("trees", self._tenant, "there are leaves or checkpoints, and no state of the tree")
            return
        if believed(row, self._keys, self._tenant) is None:
            yield LedgerFinding("trees", self._tenant, "its seal does not hold: somebody else changed the row")
        stated = TreeState(row.size, row.root, row.checkpoints)
        if stated != TreeState(self._tree.size, self._tree.root(), self._count(tables.checkpoints)):
            yield LedgerFinding("trees", self._tenant, "its size, root or number of checkpoints is not what is there")

    # -- checkpoints

    def _checkpoints(self) -> Iterator[LedgerFinding]:
        table = tables.checkpoints.c
        here = (table.tenant == self._tenant, table.number >= self._first)
        query = select(tables.checkpoints).where(*here).order_by(table.number)
        before: Checkpoint | None = None
        for number, row in enumerate(self._connection.execute(query, execution_options={"yield_per": CHUNK}), self._first):
            self._step()
            if row.number != number:
                yield LedgerFinding("checkpoints", str(row.number), f"checkpoint {number} should come here")
            for what in faults_of_checkpoint(row, before, self._keys, self._tenant):
                yield LedgerFinding("checkpoints", str(row.number), what)
            if self._heads.get(row.size) != row.root:
                yield LedgerFinding("checkpoints", str(row.number), "its root is not that of the leaves at its size")
            before = as_checkpoint(row)


def _count(connection: Connection, table: Table, tenant: str) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(table.c.tenant == tenant)) or 0


def faults_of_checkpoint(
    row: Row[tuple[object, ...]], before: Checkpoint | None, keys: LedgerKeys, tenant: str
) -> Iterator[str]:
    """The faults of a row of `checkpoints`, without its root, which takes all leaves. `before` is the row before."""
    found = as_checkpoint(row)
    if checkpoint_seal(keys, tenant, row.number, found) != row.seal:
        yield "its seal does not hold: somebody else changed the row"
    try:
        head = TreeHead.read(open_note(row.note, *keys.log.known))
    except UnknownSigner:
        yield "no key of this folder signed its note: restore log.vkey, which lists every key that ever did"
    except SignatureInvalid as error:
        yield f"its note is not signed by the log's key ({error.check})"
    else:
        if head != TreeHead(keys.origin, found.size, found.root):
            yield "its note says another log, size or root than its row"
    # Two have one size if the key of the first was revoked; each root is compared with the leaves
    if before is not None and not (before.size <= found.size and before.time <= found.time):
        yield "it does not come after the one before, in size and time"


class _Expected:
    """Compares two streams of nodes in the order of completion: those that the leaves give, and those that are stored."""

    def __init__(self, stored: Iterator[Node]) -> None:
        self._stored = stored
        self._next = next(stored, None)

    def meet(self, node: Node) -> Iterator[LedgerFinding]:
        """One node that the leaves give."""
        position, hashed = node
        while self._next is not None and _order(self._next[0]) < _order(position):
            yield self._stray()
        if self._next is None or self._next[0] != position:
            yield LedgerFinding("nodes", _place(position), "it is not there")
            return
        if self._next[1] != hashed:
            yield LedgerFinding("nodes", _place(position), "it is not the hash of what is below it")
        self._next = next(self._stored, None)

    def rest(self) -> Iterator[LedgerFinding]:
        """The stored nodes beyond the leaves."""
        while self._next is not None:
            yield self._stray()

    def _stray(self) -> LedgerFinding:
        place = _place(self._next[0]) if self._next is not None else ""
        self._next = next(self._stored, None)
        return LedgerFinding("nodes", place, "no leaves complete it")


def _order(position: Position) -> tuple[int, int]:
    level, index = position
    return (index + 1) << level, level


def _possible() -> ColumnElement[bool]:
    """Nodes of trees with a size of 64 bits: the order of others would overflow."""
    table = tables.nodes.c
    small = table.node_index.op(">>")(_bits(MAX_LEVEL - table.level)) == 0
    return and_(table.level.between(1, MAX_LEVEL), table.node_index >= 0, small)


def _bits(level: ColumnElement[int]) -> ColumnElement[int]:
    """How far to shift: PostgreSQL shifts by 32-bit numbers, and judges a level that no tree has as well."""
    return cast(level % 64, Integer)


def _place(position: Position) -> str:
    return f"{position[0]}/{position[1]}"
