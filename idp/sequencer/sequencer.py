"""The sequencer: the one worker that holds the lease gives staged leaves their place and signs the tree.

A step takes or renews the lease, appends the staged leaves, a batch a transaction, and signs a checkpoint if one is due.
The lease's epoch is the fence: every transaction compares the row that it read with the row that it replaces, so a holder
whose lease ran out while it slept changes nothing. Signing comes after the commit, and only a tree that extends the newest
checkpoint is signed.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from idp.ledger.checkpoint import TreeHead, sign_note
from idp.ledger.leaf import is_leaf
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import CompactRange, leaf_hash
from idp.ports import Checkpoint
from idp.sequencer.witness import OLDER, Witness
from idp.sequencer.years import YearEnds
from idp.store import tables
from idp.store.commits import durably
from idp.store.engine import reading, writing
from idp.store.read_back import act_now
from idp.store.schema.check import schema_faults
from idp.store.statements import plain
from idp.store.store import Store
from idp.store.stored_tree import BROKEN, SeenTree, assert_extends, broken, extended_by, right_edge
from idp.store.tree_state import (
    NOBODY,
    TreeState,
    add_checkpoint,
    create_state,
    newest_checkpoint,
    read_placed,
    read_staged,
    replace_state,
    unstage,
)
from idp.system.logs import log_of
from policies.errors import StoreUnavailable

BATCH = 512
# Renewed after a third, so a holder may be late by four seconds, or its clock before another's. Another worker takes over
# after six seconds; with a step's length, and a worker that the supervisor must kill first, within ten.
LEASE_SECONDS = 6.0
# How long `stop` waits for a step, and for the lease to be given back
STOP_SECONDS = 10.0
CHECKPOINT_SECONDS = 10.0  # decision 0000.22
POLL_SECONDS = 1.0  # a step costs the logins beside it some milliseconds
FOLD_SECONDS = 10.0  # one takes ten milliseconds, however little there is to fold
HOLDER_BYTES = 16
CHANGED, LEASE_LOST = "schema_changed", "lease_lost"
# Codes that end the sequencer and all releases, each with the operator's remedy
HALTING = {
    BROKEN: "ciconia ledger verify",
    OLDER: "serve the newest copy of the database: see docs/back-up-and-restore.md",
    CHANGED: "ciconia doctor",
}

_LEAVES, _NODES = plain(tables.leaves), plain(tables.nodes)


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
        monotonic: Callable[[], float] = time.monotonic,
        witness: Witness | None = None,
    ) -> None:
        self._store, self._witness, self._keys = store, witness, keys
        self._engine, self._tenant = writing(store.engine), store.tenant
        self._checkpoint_seconds, self._poll = checkpoint_seconds, poll_seconds
        self._lease = int(lease_seconds * 1000)
        self._clock, self._monotonic = clock, monotonic
        self._waits = ""  # why it cannot go on at the moment
        self._looked = 0.0  # when the witness was last asked; 0: not yet
        self._renewed = 0.0
        self._seen = (b"", 0.0)  # the seal of another's lease, and since when it has not changed
        self._me = secrets.token_bytes(HOLDER_BYTES)
        self._state: TreeState | None = None
        self._seen_tree = SeenTree(store.tenant, keys)
        self._folded = 0.0
        # By the steady clock: when another was last found to hold the lease, and when we last signed
        self._another, self._signed = -lease_seconds, -checkpoint_seconds
        self._years = YearEnds(store, keys)
        self._ended: float | None = None  # when we had signed as ends of years were last looked for
        self._ahead = False  # whether the newest checkpoint is of a time that has not come
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.broken = ""  # why it ended

    def start(self) -> None:
        """Run in a thread until `stop`. A ledger that is older than the witness's halts the store before this returns."""
        try:
            with reading():
                self._look(self._clock())
        except StoreUnavailable as error:
            if self._halts(error):
                return
            # Whether it is older is not known yet, so nothing is released
            self._store.halt(error.detail)
        self._thread = threading.Thread(target=self._run, name="ledger-sequencer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its step, and give the lease back so that the next worker need not wait for its end.

        A COMMIT may wait for a standby without end: it is left behind after `STOP_SECONDS`.
        """
        self._stopping.set()
        ending = threading.Thread(target=self._end, name="ledger-sequencer-end", daemon=True)
        ending.start()
        ending.join(STOP_SECONDS)
        if ending.is_alive():
            log_of(self._tenant).warning("lease_not_given_back", detail="a transaction does not end; the lease does")

    def _end(self) -> None:
        if self._thread is not None:
            self._thread.join()
        try:
            with reading():
                self._give_back()
        except StoreUnavailable:
            log_of(self._tenant).warning("lease_not_given_back", detail="it ends by itself")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step()
            except StoreUnavailable as error:
                if self._halts(error):
                    return
            except Exception as error:  # noqa: BLE001 - a thread that died would place nothing, and nobody would know
                self._state = None
                self._halts(StoreUnavailable(type(error).__name__))
            else:
                self._waits = ""
            self._stopping.wait(self._poll)

    def _halts(self, error: StoreUnavailable) -> bool:
        """Whether it is the end. Else the database is locked or full: leaves wait, and the cause is logged once."""
        if error.code in HALTING:
            self.broken = error.detail
            self._store.halt(error.detail)
            log_of(self._tenant).critical(error.code, detail=error.detail, fix=HALTING[error.code])
            return True
        if error.code != LEASE_LOST and error.detail != self._waits:
            log_of(self._tenant).warning("ledger_waits", code=error.code, detail=error.detail)
            self._waits = error.detail
        return False

    def step(self) -> bool:
        """One round; returns whether we hold the lease. Raises `StoreUnavailable`."""
        try:
            with reading():
                return self._step()
        except StoreUnavailable:
            self._state = None  # whether the last transaction was written is not known: read again
            raise

    def _step(self) -> bool:
        now = self._clock()
        if abs(now - self._looked) >= self._checkpoint_seconds:
            for name, what in schema_faults(self._store.engine).items():
                raise StoreUnavailable(f"the database is not as we made it: {name}: {what}", code=CHANGED)
            # A worker without the lease looks, too: it releases, and may have got an older database meanwhile
            self._look(now)
        if not self._hold():
            return False
        if abs(now - self._folded) >= FOLD_SECONDS:
            self._folded = now
            self._store.fold()
        while self._append() and not self._stopping.is_set():
            pass
        self._sign(int(self._clock()))
        if self._ended != self._signed:
            self._years.record(int(self._clock()))
            self._ended = self._signed
        return True

    # -- the lease

    @property
    def leads(self) -> bool:
        """Whether we hold the lease, as far as we know."""
        return self._state is not None

    def follows(self) -> bool:
        """Whether we saw within a lease's length that another worker holds it."""
        return self._monotonic() - self._another < self._lease / 1000

    def _hold(self) -> bool:
        """Take the lease if it is free, renew it if a third of it is over; returns whether it is ours."""
        now, steady = int(self._clock() * 1000), self._monotonic()
        ends, fresh = now + self._lease, steady - self._renewed < self._lease / 3000
        if self._state is not None and fresh and self._state.lease_ends - now > self._lease // 2:
            return True
        with self._store.engine.connect() as connection:
            found = self._seen_tree.read(connection)
        ours = found is not None and found.holder == self._me
        if found is not None and found.lease_ends == ends:
            ends += 1  # others know a renewal by the change
        if found is not None and not ours and not self._over(found, now, steady):
            self._state, self._another, self._ended = None, steady, None
            return False
        if found is None:
            self._look(self._clock())  # a new tree is signed in a moment: the witness is asked before
        with durably(self._engine) as connection:
            if found is None:
                self._state = TreeState(epoch=1, holder=self._me, lease_ends=ends)
                create_state(connection, self._tenant, self._state, self._keys)
            else:
                epoch = found.epoch if ours else found.epoch + 1
                self._replace(connection, found, replace(found, holder=self._me, lease_ends=ends, epoch=epoch))
        self._committed()
        self._renewed = steady
        return True

    def _over(self, found: TreeState, now: int, steady: float) -> bool:
        """Whether another's lease is over: by its end, or because nobody renewed it for its length."""
        seal = found.seal(self._keys, self._tenant)
        if seal != self._seen[0]:
            self._seen = (seal, steady)
        return found.holder == NOBODY or found.lease_ends <= now or steady - self._seen[1] > self._lease / 1000

    def _give_back(self) -> None:
        if (state := self._state) is not None:
            with durably(self._engine) as connection:
                freed = replace(state, holder=NOBODY, lease_ends=0)
                replace_state(connection, self._tenant, state, freed, self._keys)
            self._state = None

    def _replace(self, connection: Connection, before: TreeState, after: TreeState) -> None:
        """Compare and swap, and remember. Raises if another worker holds the lease by now: the transaction rolls back."""
        if not replace_state(connection, self._tenant, before, after, self._keys):
            self._state = None
            raise StoreUnavailable("the lease is another's", code=LEASE_LOST)
        self._state = after

    def _committed(self) -> None:
        """The tree that our transaction left counts from its COMMIT on."""
        if self._state is not None:
            self._seen_tree.remember(self._state)

    @contextmanager
    def _awake(self, state: TreeState) -> Iterator[None]:
        """A holder that slept may see what does not fit its state: then it lost the lease, and nothing is broken."""
        try:
            yield
        except StoreUnavailable as error:
            with self._store.engine.connect() as connection:
                if error.code == BROKEN and self._seen_tree.read(connection) != state:
                    raise StoreUnavailable("the lease is another's", code=LEASE_LOST) from error
            raise

    # -- the witness, and the tables

    def _look(self, now: float) -> None:
        """Compare the tree with the witness."""
        if self._witness is not None:
            # Read before the tree: another holder may sign meanwhile, and the tree must be the newer of the two
            heads = self._witness.seen()
            with self._store.engine.connect() as connection:
                state = self._seen_tree.read(connection) or TreeState()
                self._witness.assert_extended(heads, state, lambda head: extended_by(connection, self._tenant, head, state))
        if not self._looked:
            self._store.halt("")
        self._looked = now

    # -- the tree

    def _append(self) -> bool:
        """Append one batch of staged leaves; returns whether more may wait."""
        state = self._state
        with self._store.engine.connect() as connection:
            if state is None or not (staged := read_staged(connection, self._tenant, BATCH)):
                return False
            tree = CompactRange(state.size, right_edge(connection, self._tenant, state))
        # Hash before the transaction: while that is open no login is recorded
        leaves: list[tuple[object, ...]] = []
        nodes: list[tuple[str, int, int, bytes]] = []
        for record, leaf, hashed in staged:
            if leaf_hash(leaf) != hashed or not is_leaf(leaf):
                # In the tree it would stay for ever, and the receipt of the true one would prove nothing
                raise broken(f"the staged leaf of record {record.hex()} was changed by somebody else")
            leaves.append((self._tenant, tree.size, leaf, hashed))
            nodes.extend((self._tenant, level, index, node) for (level, index), node in tree.append(hashed))
        nodes.sort()
        with durably(self._engine) as connection:
            ends = int(self._clock() * 1000) + self._lease
            self._replace(connection, state, replace(state, size=tree.size, root=tree.root(), lease_ends=ends))
            if not unstage(connection, self._tenant, [record for record, *_ in staged]):
                raise broken("a staged leaf went away while it was appended")
            _LEAVES.run(connection, leaves)
            _NODES.run(connection, nodes)
            act_now(connection)
            placed = read_placed(connection, self._tenant, state.size, tree.size - 1)
            if [(self._tenant, place, leaf, hashed) for place, leaf, hashed in placed] != leaves:
                raise broken("the database did not keep the leaves that were appended")
        self._committed()
        return len(staged) == BATCH

    # -- the checkpoint

    def _sign(self, now: int) -> None:
        """Sign the tree if it grew since the newest checkpoint and that is old enough, or if that one's key was revoked."""
        state = self._state
        if state is None:
            return
        with self._store.engine.connect() as connection, self._awake(state):
            try:
                newest = newest_checkpoint(connection, self._tenant, state, self._keys)
            except ValueError as error:
                raise broken("the newest checkpoint is not the one that we wrote") from error
            grown = state.size != (newest.size if newest is not None else 0)
            if not grown and (newest is None or self._keys.log.stands(newest.note.encode(), now)):
                return
            if newest is not None and (now := self._due(now, newest.time)) == 0:
                return
            # The last look before signing: a log that once signed two trees is worth nothing
            assert_extends(connection, self._tenant, self._keys, state, newest)
        self._look(self._clock())
        head = TreeHead(self._keys.origin, state.size, state.root)
        # The key of the clock, not of the checkpoint's time: after a clock that was ahead, that is the turn of a key to
        # come
        note = sign_note(head.text, head.origin, self._keys.log.at(int(self._clock())).signer)
        checkpoint, number = Checkpoint(state.size, state.root, note, now), state.checkpoints + 1
        if self._witness is not None:
            # Before the commit, so that nothing public is forgotten; not inside it: a share may stand still
            self._witness.keep(note)
        with durably(self._engine) as connection:
            self._replace(connection, state, replace(state, checkpoints=number))
            add_checkpoint(connection, self._tenant, number, checkpoint, self._keys)
            self._signed = self._monotonic()
        self._committed()

    def _due(self, now: int, last: int) -> int:
        """The time of the next checkpoint, 0 if none is due. It only grows.

        After a clock that was ahead it goes on from that one's time: else none came until the right clock has caught up.
        """
        ahead = last - now > self._checkpoint_seconds
        if ahead and not self._ahead:
            log_of(self._tenant).error("checkpoint_ahead", seconds=last - now, fix="look at the machines' clocks")
        self._ahead = ahead
        if ahead:
            return last + 1 if self._monotonic() - self._signed >= self._checkpoint_seconds else 0
        return now if now >= last + self._checkpoint_seconds else 0
