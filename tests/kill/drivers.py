"""A round's processes until they are killed: workers that decide logins and redeem codes, and sequencers."""

import base64
import hashlib
import itertools
import queue
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from idp.ports import DecisionRow, Mark, ParkedRow, RecordDraft, Unit
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import Witness
from idp.store import tables
from idp.store.attempt import Attempt
from idp.store.batch import Waiting, Written, take_marks
from idp.store.engine import open_engine
from idp.store.store import Store
from idp.store.switches.switch import KEY, PARTY
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import HOLD_SECONDS, Switches
from idp.store.tree_state import TreeState, believed, read_state
from idp.store.writer import Writer
from policies.errors import Conflict, NotFound, StoreUnavailable
from tests.idp.store.units import KEYS, NEVER, TENANT, refusal, release
from tests.kill.journal import Pen

THREADS = 3
PAUSE = 0.004
PEOPLE = tuple(bytes([number]) * 32 for number in range(1, 6))
# What codes are for: a party, and a key that sealed them. Some are switched off while the others are served
NAMES = tuple((kind, f"{kind}-{number}") for kind in (PARTY, KEY) for number in range(3))
OFF_SECONDS, ON_SECONDS = 1.6, 0.3


class EagerWriter(Writer):
    """Control: acknowledges first, and commits second."""

    def write(self, batch: Sequence[Waiting], *, again: bool = False) -> None:
        for waiting in batch:
            waiting.tell()
        super().write([Waiting(waiting.unit, waiting.prepared) for waiting in batch], again=again)


class LooseWriter(Writer):
    """Control: takes the marks in a transaction of their own, before the one that they guard."""

    def _written(self, batch: Sequence[Waiting], attempt: Attempt) -> Written:
        def take(connection: Connection) -> tuple[list[Waiting], dict[bytes, str], list[Waiting]]:
            with connection.begin():
                return take_marks(connection, batch)

        kept, lost, later = self._kept.use(take)
        threading.Event().wait(PAUSE)  # a kill meets it here
        without = [replace(one, unit=replace(one.unit, marks=())) for one in kept]
        for one in without:
            one.marks = {}  # not even one of its own
        super()._written(without, attempt)
        return lost, later


class UnfencedSequencer(Sequencer):
    """Control: believes that it holds the lease, and renews it without comparing the row that it replaces."""

    def step(self) -> bool:
        known = self._state
        try:
            return super().step()
        except StoreUnavailable:
            # The tables' own keys stopped one of two that append at once; it learns nothing from that
            self._state = known
            raise

    def _halts(self, error: StoreUnavailable) -> bool:
        del error  # it goes on, whatever it saw
        return False

    def _hold(self) -> bool:
        with self._store.engine.connect() as connection:
            row = read_state(connection, TENANT)
            found = None if row is None else believed(row, KEYS, TENANT)
        if found is None:
            return super()._hold()
        if self._state is None or self._state.size == found.size:
            self._state = self._state or found
            return True
        if self._state.size < found.size:
            # What it knows of the tree, whoever went on since
            with self._engine.begin() as connection:
                self._replace(connection, self._state, self._state)
        else:
            # Who knows more does not correct it: a kill meets it, whenever it comes
            self._stopping.wait()
        return False

    def _replace(self, connection: Connection, before: TreeState, after: TreeState) -> None:
        assert before.epoch <= after.epoch
        columns = {"size": after.size, "root": after.root, "checkpoints": after.checkpoints, "epoch": after.epoch}
        columns |= {"holder": after.holder, "lease_ends": after.lease_ends, "seal": after.seal(KEYS, TENANT)}
        connection.execute(tables.trees.update().values(columns))
        self._state = after


WRITERS = {"eager": EagerWriter, "loose": LooseWriter}


def digest(*parts: object) -> bytes:
    """32 octets that two processes make alike."""
    return hashlib.sha256(repr(parts).encode()).digest()


def decided(record: RecordDraft, login: bytes, code: bytes) -> Unit:
    """A decided login: its mark, one that is this try's alone, the row of the decision, the parked code, the record."""
    return Unit(
        tenant=TENANT,
        marks=(Mark("login", login, NEVER), Mark("response", digest(record.record), NEVER)),
        decision=DecisionRow(login, b"c" * 32, NEVER),
        parked=(ParkedRow("code", code, b"sealed", NEVER),),
        record=record,
    )


class Driver(threading.Thread):
    """Decides logins, redeems and withdraws codes, and looks at checkpoints and proofs, until the process ends."""

    def __init__(
        self, store: Store, switches: Switches, pen: Pen, number: int, codes: "queue.SimpleQueue[bytes]", name: str
    ) -> None:
        super().__init__(daemon=True)
        self._store, self._switches, self._pen, self._number, self._codes = store, switches, pen, number, codes
        self._round = name
        self._shown = b""

    def run(self) -> None:
        turn = 0
        while True:
            turn += 1
            try:
                self._turn(turn)
            except StoreUnavailable:
                threading.Event().wait(PAUSE * 5)
            threading.Event().wait(PAUSE)

    def _turn(self, turn: int) -> None:
        # Every third login is pressed in another thread, of this or another process, at the same time
        shared = turn % 3 == 0
        login = digest("login", self._round, turn) if shared else secrets.token_bytes(32)
        record = refusal() if turn % 5 == 0 else release(PEOPLE[(turn + self._number) % len(PEOPLE)])
        code = secrets.token_bytes(32)
        self._pen("try", record.record, login, code)
        try:
            self._store.commit(decided(record, login, code))
        except Conflict:
            self._pen("lost", record.record)
            return
        self._pen("ack", record.record)
        self._codes.put(code)
        self._codes.put(code)
        if turn % 4 == 1:
            self._withdraw(code)
        for _ in range(2):
            self._redeem(self._codes.get())
        if turn % 4 == 0:
            self._look(record.record)

    def _withdraw(self, code: bytes) -> None:
        self._pen("ending", code)
        self._store.commit(Unit(tenant=TENANT, removed=(code,)))
        self._pen("ended", code)

    def _redeem(self, code: bytes) -> None:
        asked, (kind, name) = f"{time.time():.6f}", NAMES[code[0] % len(NAMES)]
        if self._switches.off(kind, name):
            return
        try:
            self._store.parked(TENANT, "code", code, 0)
        except NotFound:
            return
        self._pen("yielded", code, asked)
        self._pen("redeeming", code)
        try:
            self._store.commit(Unit(tenant=TENANT, marks=(Mark("code", code, NEVER),), removed=(code,)))
        except Conflict:
            return
        self._pen("token", code, asked, kind, name)

    def _look(self, record: bytes) -> None:
        checkpoint = self._store.checkpoint(TENANT)
        if checkpoint is None:
            return
        if checkpoint.root != self._shown:
            self._shown = checkpoint.root
            self._pen("checkpoint", base64.b64encode(checkpoint.note.encode()).decode())
        leaf = self._store.leaf_of(TENANT, record)
        index = None if leaf is None else self._store.index_of(TENANT, leaf)
        if leaf is not None and index is not None and index < checkpoint.size:
            path = self._store.inclusion(TENANT, index, checkpoint.size)
            self._pen("proof", leaf, index, checkpoint.size, b"".join(path) or "-")


def work(url: str, folder: Path, name: str, control: str) -> None:
    """A worker's threads."""
    engine = open_engine(url)
    store = Store(engine=engine, writer=WRITERS.get(control, Writer)(engine=engine, keys=KEYS), tenant=TENANT)
    codes: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    hold = float("inf") if control == "deaf" else HOLD_SECONDS
    switches = Switches(engine=engine, tenant=TENANT, keys=KEYS, hold=hold)
    for number in range(THREADS):
        Driver(store, switches, Pen(folder), number, codes, name).start()


def switch(url: str, folder: Path) -> None:
    """An operator who switches one thing off after the other, and on again."""
    engine, pen = open_engine(url), Pen(folder)
    store = Store(engine=engine, writer=Writer(engine=engine, keys=KEYS), tenant=TENANT)
    board = Switchboard(engine=engine, tenant=TENANT, keys=KEYS, commits=store)

    def turn(kind: str, name: str, *, off: bool) -> None:
        while True:
            try:
                board.set_switch(kind, name, off=off, reason="a test", now=int(time.time()))
            except StoreUnavailable:
                threading.Event().wait(PAUSE * 5)
            else:
                return

    # What the one before us left off, when it was killed
    for kind, name in NAMES:
        pen("on", kind, name)
        turn(kind, name, off=False)
    for kind, name in itertools.cycle(secrets.SystemRandom().sample(NAMES, len(NAMES))):
        turn(kind, name, off=True)
        pen("off", kind, name)
        threading.Event().wait(OFF_SECONDS)
        pen("on", kind, name)
        turn(kind, name, off=False)
        threading.Event().wait(ON_SECONDS)


def sequence(url: str, folder: Path, control: str) -> None:
    """A sequencer. Its lease and its checkpoints are short, so that they are killed in their middle too."""
    engine = open_engine(url)
    store = Store(engine=engine, writer=Writer(engine=engine, keys=KEYS), tenant=TENANT)
    kind = UnfencedSequencer if control == "unfenced" else Sequencer
    witness = None if control else Witness(folder / "witness", KEYS)
    kind(store, KEYS, checkpoint_seconds=0, lease_seconds=0.1, poll_seconds=0.005, witness=witness).start()
