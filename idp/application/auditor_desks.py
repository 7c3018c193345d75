"""Opens the auditor's desk of each tenant, in processes of their own beside the workers: one for each address of `listen`.

A question over a million records computes for a second, and no login waits for it. A desk whose tenant cannot be opened
answers 503, and is tried again. The desks of several tenants may share an address: the Host header chooses, and only the
hosts of desks are known there.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from idp.application.load import LoadedFolder, load_whole
from idp.application.mandate_desk import MandateDesk
from idp.application.recorded_act import SignInFailures, record_act
from idp.application.tenant_failures import failure_of, log_failures
from idp.audit.questions.auditor import Auditor
from idp.changes.history import History
from idp.config.setting_types import AuditorSettings
from idp.config.settings import Settings
from idp.desk.auditor.application import AuditorDesk
from idp.desk.auditor.reading import DeskReader
from idp.desk.auditor.summaries import SummaryKeeper
from idp.desk.events import SignInEvent, Told, told_to_log
from idp.desk.pages import AUDITOR_WORDS
from idp.desk.passkeys import Passkeys
from idp.desk.relying_party import desk_connector
from idp.desk.sessions import CIVIL, PASSKEY, DeskSessions, entry_of
from idp.desk.sign_in import CiconiaSignIn, Ways
from idp.desk.sign_in_routes import SignInRoutes
from idp.keys.hourly_keys import HourlyKeys
from idp.keys.keeper import KeyFolderWatch, KeyKeeper
from idp.ledger.operator_records import AUDITOR_ENROLLED
from idp.login.sealing import Sealer
from idp.pages.compiled_pages import template_digest
from idp.pages.languages import LANGUAGES
from idp.server.http import Listening, Server
from idp.store.records.passkeys import PasskeyRegister
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.store import Store, open_store
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from idp.system.clock import system_clock
from idp.web.edge import OTHER_HOST, hosts_of, named_host
from policies.errors import StoreUnavailable
from policies.parties import Tenant

AGAIN_SECONDS = 5.0
# Auditors are few
MOST_AT_ONCE = 64


def _told(tenant: Tenant, failures: SignInFailures) -> Told:
    """Writes each sign-in and failure into the log, and failures into the ledger, as far as it can be written."""
    to_log = told_to_log(tenant)

    def tell(event: SignInEvent) -> None:
        to_log(event)
        if event.what == "failed":
            with suppress(StoreUnavailable):  # nobody signed in, and the log has it
                failures.record(way=event.way, who=event.who, why=event.why)

    return tell


def _record_enrolment(store: Store, tenant: Tenant, who: str) -> None:
    record_act(store, tenant, act=AUDITOR_ENROLLED, about=who, who=who, reason="by their link")


class OpenDesk:
    """One tenant's desk and what it holds open. Raises as `Application` does where it cannot be opened."""

    def __init__(self, read: LoadedFolder, desk: AuditorSettings, clock: Callable[[], int] = system_clock) -> None:
        found, keys = load_whole(read.settings.folder, read)
        settings, tenant = found.settings, found.settings.tenant
        with ExitStack() as undo:
            store = open_store(settings.database_url, tenant=tenant, ledger_keys=keys.ledger)
            undo.callback(store.close)
            revoked = partial(Switches(engine=store.engine, tenant=tenant, keys=keys.ledger).off_since, KEY)
            keys.obey(revoked)
            rows = StoredSealingKeys(engine=store.engine, tenant=tenant)
            sealing = HourlyKeys(tenant=tenant, wrapping=keys.sealing, rows=rows, clock=clock, revoked=revoked)
            sealer = Sealer(tenant=tenant, keys=sealing)
            auditor = Auditor(
                engine=store.engine,
                tenant=tenant,
                keys=keys.ledger,
                history=History(engine=store.engine, tenant=tenant, keys=keys.ledger),
                configuration=found.configuration,
                own_attributes=found.bundle.files.get("catalogue.toml", b""),
                pages=template_digest(),
                languages=LANGUAGES,
                role=settings.role,
            )
            reader = DeskReader(auditor, settings, MandateDesk(settings, store, keys.ledger).grants, clock)
            register = PasskeyRegister(engine=store.engine, tenant=tenant, keys=keys.ledger)
            sessions = DeskSessions(tenant=tenant, url=desk.url, sealer=sealer, rows=store, listed=listed(desk, register))
            ciconia, ways = None, Ways(sealer, desk.url)
            if desk.client:
                connector = desk_connector(settings, desk, found.configuration, keys)
                ciconia = CiconiaSignIn(connector, ways, desk.client)
            enrolled = partial(_record_enrolment, store, tenant)
            passkeys = Passkeys("auditor", desk.url, register, ways, enrolled) if desk.passkeys else None
            failures = SignInFailures(store, tenant)
            doors = SignInRoutes(
                AUDITOR_WORDS, tenant, desk.url, sessions, ways, ciconia, passkeys, _told(tenant, failures), clock
            )
            self.asgi = AuditorDesk(reader=reader, doors=doors).asgi
            watch = KeyFolderWatch(keys, settings.key_folder, settings.origin, apart=settings.index_folder)
            keeper = KeyKeeper([watch], tenant=tenant)
            for each in (keeper, SummaryKeeper(auditor), failures):
                each.start()
                undo.callback(each.stop)
            self.close = undo.pop_all().close


def listed(desk: AuditorSettings, register: PasskeyRegister) -> Callable[[str, str], str | None]:
    """Finds the name of an entry of the list: of a person in the settings, or of a passkey in the database.

    A passkey whose name a person of the settings has is nobody's: a grant to that name would open to both.
    """
    persons = {entry_of(sub): name for sub, name in desk.persons.items()}
    taken = {name.casefold() for name in persons.values()}

    def name_of(way: str, entry: str) -> str | None:
        if way == CIVIL:
            return persons.get(entry)
        name = register.name_of(entry) if way == PASSKEY and desk.passkeys else None
        return None if name is None or name.casefold() in taken else name

    return name_of


class DeskHosts:
    """Gives each request to the desk of its Host header. A desk is opened when somebody first asks for it."""

    def __init__(self, desks: Mapping[str, "DeskOpener"]) -> None:
        self._openers = desks
        self._open: dict[str, OpenDesk] = {}
        self._lock, self._tried = threading.Lock(), dict.fromkeys(desks, -AGAIN_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        host = named_host(scope)
        if host not in self._openers:
            await PlainTextResponse(OTHER_HOST, 421, {"cache-control": "no-store"})(scope, receive, send)
            return
        app = self._app(host)
        if app is None:
            app = await run_in_threadpool(self._opened, host)
        await app(scope, receive, send)

    def close(self) -> None:
        """Close every desk that is open."""
        for desk in set(self._open.values()):
            desk.close()

    def _app(self, host: str) -> ASGIApp | None:
        found = self._open.get(host)
        return found.asgi if found else None

    def _opened(self, host: str) -> ASGIApp:
        with self._lock:
            if found := self._app(host):
                return found
            if time.monotonic() - self._tried[host] >= AGAIN_SECONDS:
                opener = self._openers[host]
                desk = opener()
                for each in (name for name, one in self._openers.items() if one is opener):
                    self._tried[each] = time.monotonic()
                    if desk:
                        self._open[each] = desk
            return self._app(host) or _AWAY


_AWAY = PlainTextResponse(
    "This desk cannot be opened now. The operator finds why in the broker's log.\n",
    503,
    {"cache-control": "no-store", "retry-after": "30"},
)


class DeskOpener:
    """Opens one tenant's desk, as its folder was looked at."""

    def __init__(self, read: LoadedFolder, desk: AuditorSettings) -> None:
        self._read, self._desk = read, desk

    def __call__(self) -> OpenDesk | None:
        """The open desk; None where it cannot be opened, and the log says why."""
        try:
            return OpenDesk(self._read, self._desk)
        except Exception as error:  # noqa: BLE001  any error closes this desk alone
            log_failures((failure_of(self._read.settings.folder, self._read.settings, error),))
            return None


def desks_at(listen: str, read: Iterable[LoadedFolder]) -> DeskHosts:
    """The desks that listen at this address."""
    openers: dict[str, DeskOpener] = {}
    for each in read:
        desk = each.settings.auditor
        if desk is not None and desk.listen == listen:
            openers |= dict.fromkeys(hosts_of(desk.url), DeskOpener(each, desk))
    return DeskHosts(openers)


def addresses(read: Iterable[Settings]) -> tuple[str, ...]:
    """The addresses at which the desks of these tenants listen, each once."""
    return tuple(dict.fromkeys(each.auditor.listen for each in read if each.auditor is not None))


def serve_desks(desks: DeskHosts, listening: Listening, trusted: Iterable[str]) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT. Call it in the main thread of a process of its own."""
    server = Server(desks, listening, trusted=tuple(trusted), most=MOST_AT_ONCE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    try:
        server.run()
    finally:
        desks.close()
