"""Where the CPU of a login goes: a broker in a process of its own, each part timed by its thread's own clock.

A part's time is its own: what it calls that is a part, too, is taken out. All of it comes from one run; "the rest" is what
the process spent and no part did. Every timer costs half a microsecond, which is in the parts. The process runs as a worker
does, and its driver in another one: beside a driver that wants Python's lock, too, a login costs a tenth more.
"""

import asyncio
import functools
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from multiprocessing.connection import Connection as Connector
from pathlib import Path
from statistics import median
from typing import Any  # Any: whatever is timed keeps its types

from connectors.saml import SamlConnector
from connectors.signatures.keys import PinnedKey
from idp.app import Application
from idp.city import CityRole
from idp.codec import Codec
from idp.endpoints import threads
from idp.keys.file import FileSigner
from idp.logs import configure_logs
from idp.pages.render import Pages
from idp.seal import Sealer
from idp.server import Server, bind
from idp.serving.worker import settle
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
    (LEDGER, writer, ("prepare", "complete")),
    (LEDGER, CityRole, ("release_record",)),
    (OURS, threads, ("_called",)),  # whatever an endpoint does in its thread
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


def profile(stage: Stage, login: Login, *, logins: int = 20, turns: int = 15) -> list[Figure]:
    """The least and the median of the turns for each part, in µs a login. The stage is not served by anybody else."""
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    forks = multiprocessing.get_context("fork")
    ours, theirs = forks.Pipe()
    broker = forks.Process(target=_broker, args=(stage, theirs, ours), daemon=True)
    broker.start()
    theirs.close()
    try:
        ours.recv()  # it serves
        asyncio.run(_drive(login, stage.port, 2 * logins))
        for _ in range(turns):
            ours.send("measure")
            ours.recv()
            asyncio.run(_drive(login, stage.port, logins))
            ours.send("tell")
            for part, taken in ours.recv().items():
                found[part].append(taken / logins / 1000)
    finally:
        ours.close()
        broker.join()
    figures = []
    for part, each in found.items():
        figures.append(Figure(f"part: {part}, least", round(min(each), 1), "µs"))
        figures.append(Figure(f"part: {part}, median", round(median(each), 1), "µs"))
    return figures


def _broker(stage: Stage, told: Connector, others: Connector) -> None:
    """The broker's process. It ends where nobody tells it anything any more."""
    others.close()
    settle(min(os.sched_getaffinity(0)))
    database = f"sqlite:///{stage.folder / 'ciconia.db'}"
    create_file(database)
    migrate(database)
    meter = Meter()
    for part, owner, names in _TIMED:
        for name in names:
            setattr(owner, name, meter.timed(part, getattr(owner, name)))
    with Path(os.devnull).open("w", encoding="utf-8") as lines, redirect_stderr(lines), suppress(EOFError):
        configure_logs()  # each line is made, and goes nowhere
        with _served(stage) as loop:
            told.send("serves")
            while told.recv():
                _turn(meter, loop, told)


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


def _turn(meter: Meter, loop: threading.Thread, told: Connector) -> None:
    """Tell what each part spent while somebody drives, in ns."""
    clock = time.pthread_getcpuclockid(loop.ident or 0)
    meter.spent.clear()
    process, served = time.process_time_ns(), time.clock_gettime_ns(clock)
    told.send("measures")
    told.recv()
    meter.spent[FRAMEWORK] = time.clock_gettime_ns(clock) - served
    meter.spent[REST] = max(0, time.process_time_ns() - process - meter.spent.total())
    told.send({part: float(meter.spent[part]) for part in PARTS})


async def _drive(login: Login, port: int, logins: int) -> None:
    browser = Connection(HOST, port)
    try:
        for _ in range(logins):
            browser.fresh()
            await login(browser)
    finally:
        browser.close()
