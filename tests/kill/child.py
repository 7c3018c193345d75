"""A store under load that can be killed many times a minute: everything is imported once, each round is a fork.

`python -m tests.kill.child [eager]` reads folders from stdin, one a line. For each it forks a process that opens the
folder's database, runs the sequencer and commits units from several threads until it is killed; each acknowledged record's
id is written to `journal` in that folder with one system call, which outlives the process. stdout says `running PID` and
`ended`.
`eager` is the control: its writer acknowledges what it has not committed.
"""

import os
import secrets
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from idp.store.engine import open_engine
from idp.store.store import Store
from idp.store.writer import Waiting, Writer
from idp.transparency.sequencer import Sequencer
from policies.errors import Conflict, StoreUnavailable
from tests.idp.store.units import KEYS, NEVER, TENANT, marks, parked, refusal, release, unit

THREADS = 4
PAUSE = 0.01
PEOPLE = tuple(bytes([number]) * 32 for number in range(1, 6))


class EagerWriter(Writer):
    """Acknowledges first, and commits second: the fault that the checker must catch."""

    def write(self, batch: Sequence[Waiting], *, again: bool = False) -> None:
        for waiting in batch:
            waiting.tell()
        super().write([Waiting(waiting.unit, waiting.prepared) for waiting in batch], again=again)


def stream(store: Store, journal: int, number: int) -> None:
    """Commit unit after unit. Every fourth wants a mark that the next thread wants too; one of the two gets it."""
    names = iter(range(10**9))
    while True:
        turn = next(names)
        shared = f"{os.getpid()} {turn} {number // 2}" if turn % 4 == 0 else secrets.token_hex(15)
        record = refusal() if turn % 5 == 0 else release(PEOPLE[(turn + number) % len(PEOPLE)])
        one = unit(*marks(shared, end=NEVER), record=record, parked=[parked(secrets.token_bytes(32), end=NEVER)], end=NEVER)
        try:
            store.commit(one)
        except (Conflict, StoreUnavailable):
            continue
        os.write(journal, record.record.hex().encode() + b"\n")
        threading.Event().wait(PAUSE)


def run(folder: Path, *, eager: bool) -> None:
    """Until it is killed."""
    engine = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    writer = EagerWriter(engine=engine, keys=KEYS) if eager else Writer(engine=engine, keys=KEYS)
    store = Store(engine=engine, writer=writer, tenant=TENANT)
    journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # short, so that leases, appends and signatures are killed in their middle too
    Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=0.05, poll_seconds=0.005).start()
    for number in range(THREADS):
        threading.Thread(target=stream, args=(store, journal, number), daemon=True).start()
    threading.Event().wait()


def main() -> None:
    eager = "eager" in sys.argv[1:]
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(Path(line.strip()), eager=eager)
            os._exit(1)
        print(f"running {child}", flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main()
