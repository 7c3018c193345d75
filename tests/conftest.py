"""The base of every test: sockets closed except on loopback, the mark that names a clause, and the table of the peers."""

import functools
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NoReturn  # Any: a socket address has no narrower type, nor has what SQLAlchemy takes

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine, create_engine
from structlog.testing import LogCapture
from structlog.typing import EventDict

import connectors.signatures.decryption_keys
import idp.doctor.key_files
import idp.keys.file
from idp.store import engine
from tests.e2e.browser import launch

# Every process of a run collects all tests, and hundreds of commands start anew: what is compiled once is kept
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine is no failure, and no example has a clock
settings.register_profile("properties", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("properties")

# The threads of a broker that look after something, whoever asks or not
BESIDE = ("watch ", "vitals", "retention", "keys", "ledger-sequencer", "recorder")

# OpenSSL checks a key of RSA for 60 ms, and thousands of tests load those of one folder: the same octets give the same key
for _module in (idp.keys.file, idp.doctor.key_files, connectors.signatures.decryption_keys):
    _module.load_pem_private_key = functools.cache(load_pem_private_key)  # type: ignore[attr-defined] # that it imports


class KeyPool:
    """RSA keys that `idp.keys.file` makes: after a test or a module another one has them again.

    OpenSSL looks for the primes of one for a quarter of a second. What a fixture of the session has is nobody else's, and
    so is what was made outside of tests; at any time each key is another one.
    """

    def __init__(self) -> None:
        self.free: list[rsa.RSAPrivateKey] = []
        self.lent: dict[str, list[rsa.RSAPrivateKey]] = {"function": [], "module": []}
        # Whose scope it is that makes keys now, the innermost last
        self.scopes = ["session"]

    def generate_private_key(self, public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        scope = self.scopes[-1]
        if (public_exponent, key_size) != (65537, 3072) or scope not in self.lent:
            return rsa.generate_private_key(public_exponent, key_size)
        key = self.free.pop() if self.free else rsa.generate_private_key(public_exponent, key_size)
        self.lent[scope].append(key)
        return key

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        self.scopes.append(scope)
        try:
            yield
        finally:
            self.scopes.pop()

    def give_back(self, scope: str) -> None:
        self.free += self.lent[scope]
        self.lent[scope].clear()


POOL = KeyPool()
idp.keys.file.rsa = SimpleNamespace(  # type: ignore[attr-defined,assignment] # the module, but for one function
    **{**vars(rsa), "generate_private_key": POOL.generate_private_key}
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    with POOL.within("function"):
        made = yield
    POOL.give_back("function")
    return made


class ScopesOfKeys:
    """Tells the pool which scope makes keys. It is a plugin: pytest asks no conftest about fixtures of the session."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
        with POOL.within(fixturedef.scope):
            return (yield)


@pytest.fixture(autouse=True, scope="module")
def keys_of_a_module() -> Iterator[None]:
    """Give back the keys of the module's fixtures."""
    yield
    POOL.give_back("module")


_connect = socket.socket.connect
LOOPBACK = ("127.", "::1")


def _loopback_only(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
        raise AssertionError(f"a test may connect to loopback alone, not to {address[0]}")
    _connect(self, address)


_configure = structlog.configure


@functools.wraps(_configure)
def _uncached(**settings: Any) -> None:  # Any: as structlog has it
    """Keep no logger: a stage that first speaks beside a command of this process would have that command's log for good."""
    _configure(**{**settings, "cache_logger_on_first_use": False})


structlog.configure = _uncached  # type: ignore[assignment] # it takes what the other takes


@pytest.fixture(autouse=True, scope="session")
def sockets_on_loopback_only() -> Iterator[None]:
    """Refuse every connection that would leave the machine."""
    socket.socket.connect = _loopback_only  # type: ignore[method-assign,assignment] # the guard stands in for the method
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign] # as above


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Undo what a command in this process did to the logs: its stderr is closed when its test ends."""
    handlers = list(logging.getLogger().handlers)
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        for handler in logging.getLogger().handlers[:]:
            if handler not in handlers and type(handler) is logging.StreamHandler:
                logging.getLogger().removeHandler(handler)


@pytest.fixture(autouse=True)
def lines_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that plays on beside a test may speak at any moment of what it does by itself: no line of this test."""
    before = {thread for thread in threading.enumerate() if thread.name.startswith(BESIDE)}
    captured = LogCapture.__call__

    def capture(self: LogCapture, logger: object, name: str, event: EventDict) -> NoReturn:
        if threading.current_thread() in before:
            raise structlog.DropEvent
        captured(self, logger, name, event)

    monkeypatch.setattr(LogCapture, "__call__", capture)


@pytest.fixture(autouse=True)
def no_file_stays_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what SQLite's engines of a test keep open: from Python 3.13 on such connections warn where nobody did.

    Those to PostgreSQL always warned. One that is out while its engine is disposed of would be closed by nobody.
    """
    made: list[Engine] = []

    def create(*arguments: Any, **options: Any) -> Engine:  # Any: see the import
        made.append(create_engine(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(engine, "create_engine", create)
    yield
    for each in made:
        each.dispose()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for a module: while Playwright runs, no other event loop can in this process."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


PEER_ROW = "peer_row"
# What a test says under this name (`record_property`) stands at the end of a run, also where tests run in several processes
COUNTED = "counted"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(ScopesOfKeys())
    config.addinivalue_line("markers", f"{PEER_ROW}(peer, what): a cell of the table of peers at the end of a run")
    # A shell that runs us in the background has us ignore Ctrl-C, and so would every program that a test starts
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A process for each processor: each holds the whole program and the list of all tests."""
    return os.cpu_count() or 1


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let the mark travel with the test's report: the table is made by another process where tests run in several."""
    for mark in item.iter_markers(PEER_ROW):
        item.user_properties.append((PEER_ROW, tuple(mark.args)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted; and peers that nobody here wrote, one a row: what they do with us, and we with them."""
    cells: dict[str, dict[str, set[str]]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, cell in getattr(report, "user_properties", []):
                if name == COUNTED and report.when == "call":
                    terminalreporter.write_line(str(cell))
                if name == PEER_ROW and (report.when == "call" or outcome != "passed"):
                    cells.setdefault(cell[0], {}).setdefault(cell[1], set()).add(outcome)
    if not cells:
        return
    columns = list(dict.fromkeys(what for row in cells.values() for what in row))
    terminalreporter.section("peers: nobody here wrote them")
    terminalreporter.write_line(f"{'':<40}" + " | ".join(columns))
    for peer, row in sorted(cells.items()):
        said = (f"{_cell(row.get(what, set())):<{len(what)}}" for what in columns)
        terminalreporter.write_line(f"{peer:<40}" + " | ".join(said))


def _cell(outcomes: set[str]) -> str:
    if not outcomes:
        return "-"
    return "yes" if outcomes == {"passed"} else "/".join(sorted(outcomes)).upper()
