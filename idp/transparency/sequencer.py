"""The sequencer: one at a time, whoever holds the lease, gives staged leaves their place and signs the tree.

A step: take or renew the lease; append what is staged, in batches of one transaction each; sign a checkpoint where one is
due. The lease's epoch is the fence: every transaction compares the row that it read with the row that it replaces, so a
holder whose lease ran out while it slept changes nothing. Signing comes after the commit, and only a tree that extends the
newest checkpoint is signed. What stops between commit and checkpoint is signed after the next start, as the tree then is.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import structlog
from sqlalchemy import Connection, delete, insert, select

from idp.ports import Checkpoint
from idp.store import tables
from idp.store.engine import reading, writing
from idp.store.reads import as_checkpoint, read_hashes
from idp.store.store import Store
from idp.transparency.checkpoint import TreeHead, open_note, sign_note
from idp.transparency.keys import LedgerKeys
from idp.transparency.state import (
    NOBODY,
    TreeState,
    believed,
    checkpoint_seal,
    create_state,
    read_state,
    replace_state,
)
from idp.transparency.tree import (
    CompactRange,
    consistency_spans,
    extends,
    leaf_hash,
    positions,
    proof_hashes,
    tree_root,
)
from policies.errors import SignatureInvalid, StoreUnavailable

logger = logging.getLogger(__name__)

BATCH = 512
LEASE_SECONDS = 10.0
CHECKPOINT_SECONDS = 10.0  # decisions.md 22
POLL_SECONDS = 0.2
PURGE_SECONDS = 60
HOLDER_BYTES = 16
# The ledger in the database is not what we wrote: nothing more is appended or signed until an operator looked
BROKEN = "ledger_broken"
LEASE_LOST = "lease_lost"


class Sequencer:
    """`start` runs it in a thread, `stop` ends that and gives the lease back; `step` is one round of it."""

    def __init__(
        self,
        store: Store,
        keys: LedgerKeys,
        *,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._engine = writing(store.engine)
        self._tenant = store.tenant
        self._keys = keys
        self._checkpoint_seconds = checkpoint_seconds
        self._lease = int(lease_seconds * 1000)
        self._poll = poll_seconds
        self._clock = clock
        self._me = secrets.token_bytes(HOLDER_BYTES)
        self._state: TreeState | None = None
        self._highest = (0, b"")  # size and root that we saw committed; never forgotten while we run
        self._purged = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.broken = ""  # why it stopped, where the ledger is not what we wrote

    def start(self) -> None:
        """Run in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="ledger-sequencer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its step, and give the lease back so that the next one need not wait for its end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        try:
            with reading():
                self._give_back()
        except StoreUnavailable:
            logger.warning("ledger: the lease was not given back; it ends by itself")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step()
            except StoreUnavailable as error:
                if error.code == BROKEN:
                    self.broken = error.detail
                    self._store.halt(error.detail)
                    structlog.get_logger().critical("ledger_broken", detail=error.detail, fix="ciconia ledger verify")
                    return
                # Locked or full: the thread outlives it, and staged leaves wait
                logger.warning("ledger: %s (%s), trying again", error.code, error.detail)
            self._stopping.wait(self._poll)

    def step(self) -> bool:
        """One round; whether we hold the lease. Raises `StoreUnavailable`, with the code `BROKEN` where that is why."""
        try:
            with reading():
                return self._step()
        except StoreUnavailable:
            self._state = None  # whether the last transaction was written is not known: read again
            raise

    def _step(self) -> bool:
        now = self._clock()
        if not self._hold():
            return False
        while self._append() and not self._stopping.is_set():
            pass
        self._sign(int(self._clock()))
        if now - self._purged >= PURGE_SECONDS:
            self._purged = now
            self._store.purge(int(now))
        return True

    # -- the lease

    def _hold(self) -> bool:
        """Take the lease where it is free or ours, renew it where half of it is over."""
        now = int(self._clock() * 1000)
        ends = now + self._lease
        if self._state is not None and self._state.lease_ends - now > self._lease // 2:
            return True
        with self._store.engine.connect() as connection:
            found = self._read(connection)
        ours = found is not None and found.holder == self._me
        if found is not None and not ours and found.holder != NOBODY and found.lease_ends > now:
            self._state = None
            return False
        with self._engine.begin() as connection:
            if found is None:
                self._state = TreeState(epoch=1, holder=self._me, lease_ends=ends)
                create_state(connection, self._tenant, self._state, self._keys)
            else:
                epoch = found.epoch if ours else found.epoch + 1
                self._replace(connection, found, replace(found, holder=self._me, lease_ends=ends, epoch=epoch))
        return True

    def _give_back(self) -> None:
        state = self._state
        if state is not None:
            with self._engine.begin() as connection:
                freed = replace(state, holder=NOBODY, lease_ends=0)
                replace_state(connection, self._tenant, state, freed, self._keys)
            self._state = None

    def _read(self, connection: Connection) -> TreeState | None:
        row = read_state(connection, self._tenant)
        if row is None:
            table = tables.leaves.c
            if connection.scalar(select(table.leaf_index).where(table.tenant == self._tenant).limit(1)) is not None:
                raise _broken("there are leaves, and no state of the tree")
            return None
        state = believed(row, self._keys, self._tenant)
        if state is None:
            raise _broken("the state of the tree was changed by somebody else")
        size, root = self._highest
        if state.size < size or (size and state.size == size and state.root != root):
            # An old state has a valid seal too: signing on it would fork the log
            raise _broken("the tree is older than one that we have seen")
        self._highest = (state.size, state.root)
        return state

    def _replace(self, connection: Connection, before: TreeState, after: TreeState) -> None:
        """Compare and swap, and remember. Raises where somebody else holds the lease by now: the transaction rolls back."""
        if not replace_state(connection, self._tenant, before, after, self._keys):
            self._state = None
            raise StoreUnavailable("the lease is another's", code=LEASE_LOST)
        self._state = after

    # -- the tree

    def _append(self) -> bool:
        """Append one batch of staged leaves; whether more may wait."""
        table = tables.staged.c
        query = (
            # In order of the random record id: a serial number would have gaps and races, and tell the order of arrival
            select(table.record, table.leaf).where(table.tenant == self._tenant).order_by(table.record).limit(BATCH)
        )
        with self._store.engine.connect() as connection:
            staged = connection.execute(query).all()
        state = self._state
        if not staged or state is None:
            return False
        with self._engine.begin() as connection:
            tree = CompactRange(state.size, self._peaks(connection, state))
            leaves: list[dict[str, object]] = []
            nodes: list[dict[str, object]] = []
            for row in staged:
                hashed = leaf_hash(row.leaf)
                leaves.append({"tenant": self._tenant, "leaf_index": tree.size, "leaf": row.leaf, "leaf_hash": hashed})
                nodes.extend(
                    {"tenant": self._tenant, "level": level, "node_index": index, "hash": node}
                    for (level, index), node in tree.append(hashed)
                )
            ends = int(self._clock() * 1000) + self._lease
            self._replace(connection, state, replace(state, size=tree.size, root=tree.root(), lease_ends=ends))
            gone = delete(tables.staged).where(
                table.tenant == self._tenant, table.record.in_([row.record for row in staged])
            )
            if connection.execute(gone).rowcount != len(staged):
                raise _broken("a staged leaf went away while it was appended")
            connection.execute(insert(tables.leaves), leaves)
            if nodes:
                connection.execute(
                    insert(tables.nodes), sorted(nodes, key=lambda node: (node["level"], node["node_index"]))
                )
        if self._state is not None:
            self._highest = (self._state.size, self._state.root)
        return len(staged) == BATCH

    def _peaks(self, connection: Connection, state: TreeState) -> list[bytes]:
        """The right edge as stored, which must give the root that we wrote."""
        wanted = positions([(0, state.size)])
        hashes = read_hashes(connection, self._tenant, wanted)
        if len(hashes) != len(wanted) or tree_root(state.size, hashes) != state.root:
            raise _broken("the stored nodes do not give the tree's root")
        return [hashes[position] for position in wanted]

    # -- the checkpoint

    def _sign(self, now: int) -> None:
        """Sign the tree as it stands, where it grew since the newest checkpoint and that one is old enough."""
        state = self._state
        if state is None:
            return
        with self._store.engine.connect() as connection:
            newest = self._newest(connection, state)
            if state.size == (newest.size if newest is not None else 0):
                return
            # A clock that went back waits until it has caught up: time in checkpoints only grows
            if newest is not None and now < newest.time + self._checkpoint_seconds:
                return
            self._assert_extends(connection, state, newest)
        note = sign_note(TreeHead(self._keys.origin, state.size, state.root).text, self._keys.origin, self._keys.signer)
        checkpoint = Checkpoint(size=state.size, root=state.root, note=note, time=now)
        number = state.checkpoints + 1
        with self._engine.begin() as connection:
            self._replace(connection, state, replace(state, checkpoints=number))
            row = {
                "tenant": self._tenant,
                "number": number,
                "size": checkpoint.size,
                "root": checkpoint.root,
                "time": checkpoint.time,
                "note": note.encode(),
                "seal": checkpoint_seal(self._keys, self._tenant, number, checkpoint),
            }
            connection.execute(insert(tables.checkpoints), [row])

    def _newest(self, connection: Connection, state: TreeState) -> Checkpoint | None:
        """The checkpoint that our count names. Its seal binds number and time, beyond what its signature says."""
        table = tables.checkpoints.c
        query = select(tables.checkpoints).where(table.tenant == self._tenant).order_by(table.number.desc()).limit(1)
        row = connection.execute(query).first()
        if row is None and state.checkpoints == 0:
            return None
        if row is None or row.seal != checkpoint_seal(self._keys, self._tenant, state.checkpoints, as_checkpoint(row)):
            raise _broken("the newest checkpoint is not the one that we wrote")
        return as_checkpoint(row)

    def _assert_extends(self, connection: Connection, state: TreeState, newest: Checkpoint | None) -> None:
        """The last look before signing: a log that once signed two trees is worth nothing, whoever changed the database."""
        try:
            head = TreeHead(self._keys.origin, 0, tree_root(0, {}))
            if newest is not None:
                head = TreeHead.read(open_note(newest.note.encode(), self._keys.verifier))
            if head.origin != self._keys.origin or head.size > state.size:
                raise _broken("the newest checkpoint is of another log, or of a larger tree")
            spans = consistency_spans(head.size, state.size)
            hashes = read_hashes(connection, self._tenant, positions(spans))
            proof = proof_hashes(spans, hashes)
        except (SignatureInvalid, KeyError) as error:
            raise _broken("the newest checkpoint or a node that proves its place is not there") from error
        if not extends(head.size, head.root, state.size, state.root, proof):
            raise _broken("the tree does not extend the newest checkpoint")


def _broken(what: str) -> StoreUnavailable:
    return StoreUnavailable(what, code=BROKEN)
