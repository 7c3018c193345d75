"""Several cities under one roof: a tenant is a host with its own configuration folder, as `ciconia init` makes it.

`--config DIR` is such a folder, or one with `tenants/NAME/` folders and a `ciconia.toml` that holds what the process has
once. Each tenant is an `Application` of its own: settings, keys, parties, ledger, writer, sequencer. What they share is the
event loop, so each has threads of its own (`idp.web.threads`): one that is slow holds none of another's.

A tenant that cannot be composed answers 503 on its host, and the rest serve. Two with one host, one key or one name of a
ledger are both such: nobody can say whose it is, and neither may answer for the other. One whose database does not answer
is such until it does (`idp.application.late_databases`), and no other waits for it.

Folders are read once for a generation of workers (`Seen`), but for keys: one that starts again later serves what the others
serve, with the keys of those kinds that lie there by then.
"""

import secrets
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from idp.application.app import Application
from idp.application.late_databases import Late, ask_all, in_thread
from idp.application.load import Read, load_all
from idp.application.tenant_failures import Broken, broken_by, log_broken
from idp.config.settings import (
    TENANTS,
    ProcessSettings,
    Settings,
    examine_process,
    is_many,
    tenant_folders,
)
from idp.config.tenant_conflicts import Owners, conflicts, settings_of
from idp.monitoring.families import BROKEN, READY
from idp.monitoring.measures import Measures
from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.server.http import HEALTH
from idp.system.clock import system_clock
from idp.system.logs import log_of
from idp.web.edge import LOOPBACK_HOST, OTHER_HOST, hosts_of, named_host
from idp.web.threads import Threads
from policies.errors import Misconfigured, Problem, StoreUnavailable

RETRY_AFTER = "300"
NO_CONTENT = 204
REFERENCE_BYTES = 5
REFERENCE_SECONDS = 60
# How long a worker waits for databases before it serves without some tenants, once for all and once one after another. One
# that cannot be connected to is given up sooner; at a reload the first worker waits, then the others: within START_SECONDS
OPEN_SECONDS = 8.0

# What `serve` asks of a broker before it composes it; raises `Misconfigured` or `StoreUnavailable`
Prepare = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a configuration folder said at one moment: of the process, and of each tenant by name, the only one's "".

    Of `broken` those that are in `read`, too, wait for their database alone. `owners` are told of a key that comes later.
    """

    process: ProcessSettings
    read: Mapping[str, Read]
    broken: tuple[Broken, ...] = ()
    owners: Owners = field(default_factory=Owners, compare=False)

    @property
    def many(self) -> bool:
        """Whether it is of several tenants."""
        return "" not in self.read


@dataclass
class Opened:
    """What a process serves. `process` says where it listens; `broken` are the tenants that answer 503.

    Those of them that are `late` are served when they come. `measures` are told who is broken.
    """

    process: ProcessSettings
    asgi: ASGIApp
    tenants: Mapping[str, Application]
    broken: Sequence[Broken] = field(default=())
    late: Sequence[tuple[Settings, Late[Application]]] = field(default=())
    measures: Measures | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The issuers that are served."""
        return tuple(one.settings.issuer for one in self.tenants.values())

    def __post_init__(self) -> None:
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._note(self.broken, 1)

    def start(self) -> None:
        """Begin what each tenant does beside requests, and wait in threads for those that are late."""
        _at_once(one.start for one in self.tenants.values())
        for each in self.late:
            in_thread(partial(self._await, *each))

    def stop(self) -> None:
        """End each tenant, whatever the end of another raises."""
        with self._lock:
            self._ended.set()
        _at_once(one.stop for one in self.tenants.values())

    def _await(self, settings: Settings, late: Late[Application]) -> None:
        """Serve a tenant when its database answers. Where more than that is wrong with it, it stays closed."""
        try:
            application = late.come(self._ended)
        except Exception as error:  # noqa: BLE001  whatever it is, it is this tenant's alone
            found = broken_by(settings.folder, settings, error)
            with self._lock:
                self._mended(found.name)
                self.broken = (*self.broken, found)
                self._note((found,), 1)
            log_broken((found,))
            return
        if application is None:
            return
        with self._lock:
            if not self._ended.is_set():
                self._admit(settings, application)
                return
        application.stop()

    def _admit(self, settings: Settings, application: Application) -> None:
        """From now on its host is served. Whoever reads meanwhile sees all of it, or nothing."""
        self.tenants = {**self.tenants, settings.folder.name: application}
        self._mended(settings.folder.name)
        if isinstance(self.asgi, _Hosts):
            self.asgi.admit(application)
        log_of(settings.folder.name).info("tenant_opened", issuer=settings.issuer)

    def _mended(self, name: str) -> None:
        self._note([one for one in self.broken if one.name == name], 0)
        self.broken = tuple(one for one in self.broken if one.name != name)

    def _note(self, broken: Iterable[Broken], figure: float) -> None:
        if self.measures is not None:
            for one in broken:
                self.measures.set(BROKEN, one.tenant, one.why, figure=figure)


def _at_once(acts: Iterable[Callable[[], None]]) -> None:
    """Do each in a thread of its own, and all of them whatever one raises: of databases that hang one costs what all do."""
    tasks = tuple(acts)
    with ThreadPoolExecutor(max(1, len(tasks))) as pool, ExitStack() as ending:
        for task in tasks:
            ending.callback(pool.submit(task).result)


def _unprepared(_settings: Settings) -> None:
    return


def read_all(folder: Path) -> Read:
    """What a broker's folder says, keys and all looked at. Raises `Misconfigured`."""
    settings, configuration, keys = load_all(folder)
    return Read(settings, configuration, frozenset(keys.rings))


def open_site(
    folder: Path,
    *,
    seen: Seen | None = None,
    clock: Callable[[], int] = system_clock,
    prepare: Prepare = _unprepared,
    measures: Measures | None = None,
) -> Opened:
    """Compose what lies in a configuration folder, or was `seen` there: one broker, or several.

    `prepare` is asked of each broker first, of several in threads; `measures` are the process's. Of tenants that were seen
    broken for good nothing is logged. Raises `Misconfigured` where nothing would serve, with every problem;
    `StoreUnavailable` where the only broker's database is away.
    """
    found = seen or see(folder)

    def compose(name: str) -> Application:
        read = found.read[name]
        # By its name in tenants/: what stands there may be a link to a folder of another name
        own = partial(found.owners.claim, name, read.settings.key_folder)
        proxies = found.process.trusted_proxies
        return Application(read.settings.folder, clock=clock, measures=measures, read=read, own=own, proxies=proxies)

    def begun_too(name: str) -> Application:
        # Before its first request it knows whether it is fit
        application = compose(name)
        application.start()
        return application

    if not found.many:
        prepare(found.read[""].settings)
        application = compose("")
        return Opened(application.settings, application.asgi, {"": application})
    if seen is not None:
        # A worker that starts again knows of no key that came since then who took it first
        found.owners.contest({name: read.settings.key_folder for name, read in found.read.items()})
    asking = {name: partial(prepare, read.settings) for name, read in found.read.items()}
    asked, failed = ask_all(asking, OPEN_SECONDS)
    tenants = _composed([name for name in found.read if name not in failed], compose, failed)
    for_good = tuple(one for one in found.broken if one.name not in found.read)
    fresh = _failed(found.read, failed, for_good)
    untried = {name: StoreUnavailable("others kept it waiting") for name in {*found.read} - {*failed, *tenants}}
    fresh, failed = (*fresh, *_failed(found.read, untried, ())), {**failed, **untried}
    broken = (*for_good, *fresh)
    away = {name: found.read[name] for name, error in failed.items() if _is_away(error)}
    late = [(read.settings, Late(asked[name], asking[name], partial(begun_too, name))) for name, read in away.items()]
    opened = Opened(found.process, _Hosts(tenants, broken), tenants, broken, late, measures)
    log_broken(fresh if seen else broken)
    if measures is not None:
        # A tenant that every worker has closed is told, too
        for name in failed:
            measures.set(READY, found.read[name].settings.tenant, figure=0)
    return opened


def _composed(
    names: Iterable[str], compose: Callable[[str], Application], failed: dict[str, BaseException]
) -> dict[str, Application]:
    """Compose one tenant after another. Who cannot be goes into `failed`; where that took long, nobody else is tried."""
    tenants: dict[str, Application] = {}
    lost = 0.0
    for name in names:
        if lost > OPEN_SECONDS:
            break
        begun = time.monotonic()
        try:
            tenants[name] = compose(name)
        except Exception as error:  # noqa: BLE001  whatever it is, it is this tenant's alone
            failed[name] = error
            lost += time.monotonic() - begun
    return tenants


def see(folder: Path, attempt: Callable[[Path], Read] = read_all, further: Callable[[Read], None] | None = None) -> Seen:
    """What a configuration folder says, as `attempt` reads each tenant that shares nothing with another, and who is broken.

    `further` asks databases. Both raise `Misconfigured` or `StoreUnavailable` for one that does not serve. Raises
    `Misconfigured`, with every problem of all of them, where none serves.
    """
    if not is_many(folder):
        only = attempt(folder)
        if further is not None:
            further(only)
        return Seen(only.settings, {"": only})
    process, problems = examine_process(folder)
    folders = tenant_folders(folder)
    if not folders:
        fix = f"Make one: ciconia init {shlex.quote(str(folder / TENANTS / 'NAME'))}"
        problems = (*problems, Problem(str(folder / TENANTS), 0, TENANTS, "there is no tenant.", fix))
    if problems or process is None:
        raise Misconfigured(tuple(problems))
    owners = Owners()
    between = conflicts(folders, owners)
    read: dict[str, Read] = {}
    broken = [
        broken_by(each, settings_of(each), Misconfigured(between[each.name])) for each in folders if each.name in between
    ]
    for each in folders:
        if each.name not in between:
            try:
                read[each.name] = attempt(each)
            except Exception as error:  # noqa: BLE001  whatever it is, it is this tenant's alone
                broken.append(broken_by(each, settings_of(each), error))
    failed = ask_all({name: partial(further, one) for name, one in read.items()})[1] if further else {}
    broken += _failed(read, failed, broken)
    kept = {name: one for name, one in read.items() if name not in failed or _is_away(failed[name])}
    return Seen(process, kept, tuple(broken), owners)


def _failed(read: Mapping[str, Read], failed: Mapping[str, BaseException], broken: Sequence[Broken]) -> tuple[Broken, ...]:
    """Those that failed, beside who is `broken`. Raises `Misconfigured` with all their problems where nobody is left."""
    found = tuple(broken_by(read[name].settings.folder, read[name].settings, error) for name, error in failed.items())
    if len(failed) == len(read):
        raise Misconfigured(tuple(problem for one in (*broken, *found) for problem in one.problems))
    return found


def _is_away(error: BaseException) -> bool:
    """Whether it may serve by itself in a while, with nothing changed in its folder."""
    return isinstance(error, StoreUnavailable)


class _Hosts:
    """The tenant of each request, by its Host header alone: nothing else of a request chooses one."""

    def __init__(self, tenants: Mapping[str, Application], broken: Sequence[Broken]) -> None:
        self._served: dict[str, tuple[ASGIApp, Threads]] = {}
        self._tenants: tuple[Application, ...] = ()
        pages = Pages()
        for one in broken:
            page = _Closed(one.tenant, pages)
            for host in hosts_of(one.issuer):
                self._served[host] = (page, Threads())
        for application in tenants.values():
            self.admit(application)

    def admit(self, application: Application) -> None:
        """Serve one more. What its host answered until now is over."""
        threads = Threads()
        for host in hosts_of(application.settings.issuer):
            self._served[host] = (application.asgi, threads)
        self._tenants = (*self._tenants, application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, to the tenant whose host it names."""
        if scope["type"] != "http":
            return
        host = named_host(scope)
        if scope["path"] == HEALTH and LOOPBACK_HOST.fullmatch(host):
            # A proxy asks after the worker, not after a city: one that serves any is not to be passed over
            fit = any(application.vitals.fit for application in self._tenants)
            await _send(send, NO_CONTENT if fit else 503, b"", {"cache-control": "no-store"})
            return
        found = self._served.get(host)
        if found is None:
            await _send(send, 421, OTHER_HOST, {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"})
            return
        application, threads = found
        with threads.used():
            await application(scope, receive, send)


class _Closed:
    """What a broken tenant answers to everything: one page that says whose move it is, and nothing of what is wrong.

    No limit stands before it. So a flood makes a page for each language, and one line of the log, once a minute; the line
    holds nothing that a stranger wrote, and no path, since that may have the id of a login.
    """

    def __init__(self, tenant: str, pages: Pages, clock: Callable[[], float] = time.monotonic) -> None:
        self._tenant, self._pages, self._clock = tenant, pages, clock
        self._made: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        self._reference, self._until = "", 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  nothing is read
        """503, in the reader's language."""
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"), "")
        body, told = self._page(choose_language((), accept))
        await _send(send, 503, body, told)

    def _page(self, language: str) -> tuple[bytes, Mapping[str, str]]:
        if not self._reference or self._clock() >= self._until:
            self._reference, self._until = secrets.token_hex(REFERENCE_BYTES), self._clock() + REFERENCE_SECONDS
            self._made.clear()
            log_of(self._tenant).error("refused", code=Misconfigured.code, reference=self._reference)
        made = self._made.get(language)
        if made is None:
            view = ErrorView(language, Misconfigured.code, self._reference)
            told = {"content-type": "text/html; charset=utf-8", "retry-after": RETRY_AFTER, **headers(view.kind)}
            made = self._made[language] = self._pages.error(view).encode(), told
        return made


async def _send(send: Send, status: int, body: bytes, told: Mapping[str, str]) -> None:
    listed = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    if status != NO_CONTENT:  # RFC 9110 §8.6
        listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
