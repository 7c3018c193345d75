"""Opens and serves the operator's pages: a process of its own, which writes to its own folder alone.

The broker's database refuses its writes, and the configuration is read from there. Who may sign in stands in a file of its
own folder, sealed with the keys of the ledger. A session lies in the memory of the process.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from sqlalchemy import Engine

from idp.application.proposed import plan_over, proposals_of
from idp.config.settings import TENANTS, Settings, examine_process
from idp.desk.events import told_to_log
from idp.desk.operator.application import OperatorDesk
from idp.desk.operator.health import HealthLog
from idp.desk.operator.memory import ProcessKeys, SessionMemory
from idp.desk.operator.reading import OperatorReader
from idp.desk.pages import OPERATOR_WORDS
from idp.desk.passkeys import Passkeys
from idp.desk.sessions import PASSKEY, DeskSessions
from idp.desk.sign_in import Ways
from idp.desk.sign_in_routes import SignInRoutes
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.login.sealing import Sealer
from idp.server.http import App, Listening, Server
from idp.store import tables
from idp.store.engine import create_file, disposed, open_engine, url_of_file
from idp.store.records.passkeys import ADMINISTRATORS, PasskeyRegister
from idp.system.clock import system_clock
from policies.errors import Misconfigured, Problem

KIND = "console"
FILE = "passkeys.db"
# Administrators are few
MOST_AT_ONCE = 32


@contextmanager
def administrators(settings: Settings, keys: LedgerKeys) -> Iterator[PasskeyRegister]:
    """The list of those who may sign in, in a file of its own. Raises `Misconfigured` where it cannot be made."""
    folder = settings.console_folder
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        fix = "Write folder in [console] of ciconia.toml: one that this account can write to."
        raise Misconfigured((Problem(str(folder), 0, "console.folder", f"{error.strerror}.", fix),)) from None
    url = url_of_file(folder / FILE)
    create_file(url)
    with disposed(open_engine(url)) as engine:
        _made(engine)
        yield PasskeyRegister(engine=engine, tenant=settings.tenant, keys=keys, of=ADMINISTRATORS)


def _made(engine: Engine) -> None:
    with engine.begin() as connection:
        tables.auditors.create(connection, checkfirst=True)


@contextmanager
def opened_console(settings: Settings, clock: Callable[[], int] = system_clock) -> Iterator[App]:
    """The application. Raises `Misconfigured` where keys or the extra `desk` are missing."""
    OPERATOR_WORDS.compiled()
    keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    with administrators(settings, keys) as register, ExitStack() as stack:
        tenant, url = settings.tenant, settings.console.address
        sealer = Sealer(tenant=tenant, keys=ProcessKeys())

        def listed(way: str, entry: str) -> str | None:
            return register.name_of(entry) if way == PASSKEY else None

        sessions = DeskSessions(tenant=tenant, url=url, sealer=sealer, rows=SessionMemory(), listed=listed, kind=KIND)
        ways = Ways(sealer, url, KIND)
        # The link is on record since `ciconia console add`; this process writes no record
        passkeys = Passkeys(KIND, url, register, ways, lambda _who: None)
        doors = SignInRoutes(
            OPERATOR_WORDS, tenant, url, sessions, ways, None, passkeys, told_to_log(tenant, "administrator"), clock
        )
        health = HealthLog(metrics_port(settings), tenant)
        health.step()
        health.start()
        stack.callback(health.stop)
        reader = OperatorReader(
            settings,
            keys,
            clock,
            proposals=proposals_of(settings, keys),
            plan_of=partial(plan_over, settings, keys),
            names=lambda: {one.name for one in register.holders()},
            health=health,
        )
        yield OperatorDesk(reader=reader, doors=doors).asgi


def metrics_port(settings: Settings) -> int:
    """The port at which this machine's metrics are told; 0 where they are not, or at another address alone."""
    folder, found = settings.folder, settings.metrics_listen
    if folder.parent.name == TENANTS:
        process = examine_process(folder.parent.parent)[0]
        found = process.metrics_listen if process else ""
    host, _, port = found.rpartition(":")
    return int(port) if host in ("127.0.0.1", "localhost", "0.0.0.0", "[::]") else 0  # noqa: S104 - it only asks


def serve_console(settings: Settings, listening: Listening, ready: Callable[[], None] = lambda: None) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT. Call it in the main thread."""
    with opened_console(settings) as app:
        server = Server(app, listening, trusted=tuple(settings.trusted_proxies), most=MOST_AT_ONCE)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        ready()
        server.run()
