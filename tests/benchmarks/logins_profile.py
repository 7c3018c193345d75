"""Where the CPU of a login goes: one broker and its driver in this process, each part timed by its thread's own clock.

A part's time is its own: what it calls that is a part, too, is taken out. All of it comes from one run; "the rest" is what
the process spent and no part did. Every timer costs half a microsecond, which is in the parts.
"""

import asyncio
import functools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from statistics import median
from typing import Any  # Any: whatever is timed keeps its types
from unittest.mock import patch

from connectors.saml import SamlConnector
from connectors.signatures.keys import PinnedKey
from idp.app import Application
from idp.codec import Codec
from idp.endpoints import threads
from idp.keys.file import FileSigner
from idp.logs import configure_logs
from idp.pages.render import Pages
from idp.pages.sheets import Sheet
from idp.record import Recorder
from idp.seal import Sealer
from idp.server import Server, bind
from idp.store import writer
from idp.store.engine import create_file
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.writer import Writer
from tests.benchmarks.logins_peers import Connection
from tests.benchmarks.logins_stage import HOST, Stage
from tests.benchmarks.measure import Figure

KEYS, XML, DATABASE = "raw key operations", "XML", "database"
SEALS, PAGES, LEDGER = "seals and codecs", "pages", "the ledger's record"
OURS, FRAMEWORK, REST = "policy, OpenID, cookies", "server and framework", "the rest: queues, threads beside"
PARTS = (KEYS, XML, DATABASE, SEALS, PAGES, LEDGER, OURS, FRAMEWORK, REST)

# Where each part is: the owner of a function, and its name
_TIMED: tuple[tuple[str, object, tuple[str, ...]], ...] = (
    (KEYS, FileSigner, ("sign",)),
    (KEYS, PinnedKey, ("verifies",)),
    (XML, SamlConnector, ("receive", "request")),
    (DATABASE, Writer, ("write",)),
    (DATABASE, Store, ("parked", "decision")),
    (SEALS, Sealer, ("seal", "open", "park", "unpark", "derive")),
    (SEALS, Codec, ("dump", "load")),
    (PAGES, Pages, ("_page",)),
    (PAGES, Sheet, ("filled",)),
    (LEDGER, writer, ("prepare", "complete")),
    (LEDGER, Recorder, ("release",)),
    (OURS, threads._Call, ("run",)),  # whatever an endpoint does in its thread
)

Login = Callable[[Connection], Any]  # Any: a coroutine


class Meter:
    """Sums the CPU of parts, in nanoseconds."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._local = threading.local()
        self._lock = threading.Lock()

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:  # Any: see the import
        """The function, timed."""

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:  # Any: see the import
            outer: int = getattr(self._local, "inner", 0)
            self._local.inner = 0
            begin = time.thread_time_ns()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.thread_time_ns() - begin
                with self._lock:
                    self.spent[part] += took - self._local.inner
                self._local.inner = outer + took

        return called


@contextmanager
def _served(stage: Stage) -> Iterator[threading.Thread]:
    """The broker of a stage in threads of this process, and the one that its event loop has."""
    application = Application(stage.folder)
    server = Server(application.asgi, bind("127.0.0.1", stage.port), trusted=("127.0.0.1",))
    loop = threading.Thread(target=server.run, daemon=True)
    application.start()
    loop.start()
    try:
        yield loop
    finally:
        server.stop()
        loop.join()
        application.stop()


def profile(stage: Stage, login: Login, *, logins: int = 20, turns: int = 15) -> list[Figure]:
    """The least and the median of the turns for each part, in µs a login. The stage is not served by anybody else."""
    database = f"sqlite:///{stage.folder / 'ciconia.db'}"
    create_file(database)
    migrate(database)
    meter = Meter()
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    with ExitStack() as changed:
        lines = changed.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        with redirect_stderr(lines):  # each line is made, and goes nowhere
            configure_logs()
        for part, owner, names in _TIMED:
            for name in names:
                changed.enter_context(patch.object(owner, name, meter.timed(part, getattr(owner, name))))
        loop = changed.enter_context(_served(stage))
        asyncio.run(_drive(login, stage.port, 2 * logins))
        for _ in range(turns):
            for part, taken in _turn(meter, loop, lambda: asyncio.run(_drive(login, stage.port, logins))).items():
                found[part].append(taken / logins / 1000)
    figures = []
    for part, each in found.items():
        figures.append(Figure(f"part: {part}, least", round(min(each), 1), "µs"))
        figures.append(Figure(f"part: {part}, median", round(median(each), 1), "µs"))
    return figures


def _turn(meter: Meter, loop: threading.Thread, drive: Callable[[], None]) -> dict[str, float]:
    """What each part spent while somebody drives, in ns. The driver is this thread."""
    clock = time.pthread_getcpuclockid(loop.ident or 0)
    meter.spent.clear()
    process, served, own = time.process_time_ns(), time.clock_gettime_ns(clock), time.thread_time_ns()
    drive()
    own = time.thread_time_ns() - own
    meter.spent[FRAMEWORK] = time.clock_gettime_ns(clock) - served
    whole = time.process_time_ns() - process - own
    meter.spent[REST] = max(0, whole - meter.spent.total())
    return {part: float(meter.spent[part]) for part in PARTS}


async def _drive(login: Login, port: int, logins: int) -> None:
    browser = Connection(HOST, port)
    try:
        for _ in range(logins):
            browser.fresh()
            await login(browser)
    finally:
        browser.close()
