"""A broker that can be killed many times a minute: everything is imported once, and each round is a fork of its own.

`python -m tests.kill.runner DIR [hasty] [socket=N]` reads lines from stdin. Each line makes one process that serves DIR
until it is killed; stdout says `listening PID`, and `ended` when the process is gone. The sequencer's lease and checkpoints
are short, so that appending and signing are killed in their middle too; all else is what `ciconia serve` runs. `hasty` is
the control: its store says that a unit is committed, and commits it a little later. `socket=N` names a listening socket
that the runner inherited, in place of the address in DIR's settings.
"""

import os
import queue
import select
import socket
import sys
import threading
import time
from pathlib import Path

import idp.application.app
from idp.application.app import Application
from idp.config.settings import load_settings
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import Unit
from idp.sequencer.sequencer import Sequencer
from idp.server.http import Server, bind
from idp.store.store import Store, open_store
from idp.system.logs import configure_logs
from policies.errors import Conflict, StoreUnavailable
from policies.parties import Tenant

HASTE_SECONDS = 0.5


class HastyStore(Store):
    """Acknowledges before the commit."""

    _later: "queue.Queue[Unit]"

    def commit(self, unit: Unit) -> None:
        self._later.put(unit)

    def hurry(self) -> None:
        """Commit in the background what was acknowledged."""
        self._later = queue.Queue()

        def commit() -> None:
            while True:
                unit = self._later.get()
                time.sleep(HASTE_SECONDS)
                try:
                    super(HastyStore, self).commit(unit)
                except (Conflict, StoreUnavailable):
                    continue

        threading.Thread(target=commit, daemon=True).start()


def open_hasty_store(url: str, *, tenant: Tenant, ledger_keys: LedgerKeys) -> Store:
    honest = open_store(url, tenant=tenant, ledger_keys=ledger_keys)
    store = HastyStore(engine=honest.engine, writer=honest._writer, tenant=tenant)
    store.hurry()
    return store


def serve(folder: Path, *, hasty: bool, descriptor: int | None) -> None:
    """One round's process, from a fork to its violent end."""
    configure_logs()
    if hasty:
        # The name that the composition root uses
        setattr(idp.application.app, "open_store", open_hasty_store)  # noqa: B010 - as an assignment it would be a type error, rightly
    application = Application(folder)
    application.sequencer = Sequencer(
        application.store, application.keys.ledger, checkpoint_seconds=0.1, lease_seconds=0.2, poll_seconds=0.01
    )
    settings = load_settings(folder)
    listening = socket.socket(fileno=descriptor) if descriptor is not None else bind(settings.host, settings.port)
    application.start()
    threading.Thread(target=end_with_the_test, daemon=True).start()
    print(f"listening {os.getpid()}", flush=True)
    Server(application.asgi, listening, trusted=settings.trusted_proxies).run()


def end_with_the_test() -> None:
    """Nobody holds the other end of stdin: the test is gone, and we must not serve on."""
    ours = select.poll()
    ours.register(sys.stdin.fileno(), 0)
    ours.poll()
    os._exit(1)


def main(folder: Path, *, hasty: bool, descriptor: int | None) -> None:
    """One fork for each line."""
    print("ready", flush=True)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            serve(folder, hasty=hasty, descriptor=descriptor)
            return
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    named = dict(option.partition("=")[::2] for option in sys.argv[2:])
    main(Path(sys.argv[1]), hasty="hasty" in named, descriptor=int(named["socket"]) if "socket" in named else None)
