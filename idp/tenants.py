"""Several cities under one roof: a tenant is a host with its own configuration folder, as `ciconia init` makes it.

`--config DIR` is such a folder, or one with `tenants/NAME/` folders and a `ciconia.toml` that holds what the process has
once. Each tenant is an `Application` of its own: settings, keys, parties, ledger, writer, sequencer. What they share is the
event loop, so each has threads of its own (`idp.endpoints.threads`): one that is slow holds none of another's.

A tenant that cannot be composed answers 503 on its host, and the rest serve. Two with one host, one key or one name of a
ledger are both such: nobody can say whose it is, and neither may answer for the other.

Folders are read once for a generation of workers (`Seen`): one that starts again later serves what the others serve.
"""

import secrets
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from idp.app import Application, system_clock
from idp.endpoints.edge import LOOPBACK_HOST, OTHER_HOST
from idp.endpoints.threads import Threads
from idp.keys.file import fingerprint
from idp.loading import Read, load_all
from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.server import HEALTH
from idp.settings import (
    NO_ISSUER,
    SETTINGS_FILE,
    TENANTS,
    ProcessSettings,
    Settings,
    examine_process,
    examine_settings,
    is_many,
    tenant_folders,
)
from idp.watching.board import Measures
from policies.errors import Misconfigured, Problem, StoreUnavailable

RETRY_AFTER = "300"
NO_CONTENT = 204
REFERENCE_BYTES = 5
REFERENCE_SECONDS = 60

T = TypeVar("T")

# What `serve` asks of a broker before it composes it; raises `Misconfigured` or `StoreUnavailable`
Prepare = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class Broken:
    """A tenant that does not serve: its folder's name, the hosts that it would have had ("" for none), and why."""

    name: str
    issuer: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a configuration folder said at one moment: of the process, and of each tenant by name, the only one's ""."""

    process: ProcessSettings
    read: Mapping[str, Read]
    broken: tuple[Broken, ...] = ()

    @property
    def many(self) -> bool:
        """Whether it is of several tenants."""
        return "" not in self.read


@dataclass
class Opened:
    """What a process serves. `process` says where it listens; `broken` are the tenants that answer 503."""

    process: ProcessSettings
    asgi: ASGIApp
    tenants: Mapping[str, Application]
    broken: Sequence[Broken] = field(default=())

    @property
    def addresses(self) -> tuple[str, ...]:
        """The issuers that are served."""
        return tuple(one.settings.issuer for one in self.tenants.values())

    def __post_init__(self) -> None:
        self._gates = {host: one.gate for one in self.tenants.values() for host in _hosts(one.settings.issuer)}

    def refused(self, scope: Scope, client: Callable[[], str]) -> bytes:
        """The whole answer for a request that its tenant's gate refuses; empty octets where it does not."""
        named = [value for name, value in scope["headers"] if name == b"host"]
        gate = self._gates.get(named[0].decode("latin-1")) if len(named) == 1 else None
        return gate.at_once(scope, client) if gate else b""

    def start(self) -> None:
        """Begin what each tenant does beside requests."""
        for one in self.tenants.values():
            one.start()

    def stop(self) -> None:
        """End each tenant, whatever the end of another raises."""
        with ExitStack() as ending:
            for one in self.tenants.values():
                ending.callback(one.stop)


def _unprepared(_settings: Settings) -> None:
    return


def read_all(folder: Path) -> Read:
    """What a broker's folder says, keys and all looked at. Raises `Misconfigured`."""
    settings, configuration, _ = load_all(folder)
    return Read(settings, configuration)


def open_site(
    folder: Path,
    *,
    seen: Seen | None = None,
    clock: Callable[[], int] = system_clock,
    prepare: Prepare = _unprepared,
    measures: Measures | None = None,
) -> Opened:
    """Compose what lies in a configuration folder, or was `seen` there: one broker, or several.

    `prepare` is asked of each broker first; `measures` are the process's. Of tenants that were seen broken nothing is
    logged. Raises `Misconfigured` where nothing would serve, with every problem; `StoreUnavailable` where the only broker's
    database is away.
    """
    found = seen or see(folder)

    def compose(each: Path, read: Read) -> Application:
        prepare(read.settings)
        return Application(each, clock=clock, measures=measures, read=read)

    if not found.many:
        application = compose(folder, found.read[""])
        return Opened(application.settings, application.asgi, {"": application})
    with ExitStack() as undo:

        def tenant(each: Path) -> Application:
            made = compose(each, found.read[each.name])
            # Whoever tries another folder after this one must find neither a thread nor a file of it open
            undo.callback(made.store.close)
            return made

        folders = [folder / TENANTS / name for name in found.read]
        tenants, broken = _each(folders, tenant, found.broken, lambda each: found.read[each.name].settings)
        opened = Opened(found.process, _Hosts(tenants, broken), tenants, broken)
        undo.pop_all()
    log_broken(one for one in broken if seen is None or one not in seen.broken)
    return opened


def see(folder: Path, attempt: Callable[[Path], Read] = read_all) -> Seen:
    """What a configuration folder says, as `attempt` reads each tenant that shares nothing with another, and who is broken.

    `attempt` raises `Misconfigured` or `StoreUnavailable` for one that does not serve. Raises `Misconfigured`, with every
    problem of all of them, where none serves.
    """
    if not is_many(folder):
        only = attempt(folder)
        return Seen(only.settings, {"": only})
    process, problems = examine_process(folder)
    folders = tenant_folders(folder)
    if not folders:
        fix = f"Make one: ciconia init {shlex.quote(str(folder / TENANTS / 'NAME'))}"
        problems = (*problems, Problem(str(folder / TENANTS), 0, TENANTS, "there is no tenant.", fix))
    if problems or process is None:
        raise Misconfigured(tuple(problems))
    between = conflicts(folders)
    alike = tuple(
        _broken(each, _settings(each), Misconfigured(between[each.name])) for each in folders if each.name in between
    )
    read, broken = _each([each for each in folders if each.name not in between], attempt, alike)
    return Seen(process, read, broken)


def _settings(folder: Path) -> Settings | None:
    """What can be read of a tenant's settings. One that no reader of ours foresaw says nothing, and stops no other."""
    try:
        return examine_settings(folder)[0]
    except Exception:  # noqa: BLE001  whoever tries it says what it is
        return None


def _each(
    folders: Iterable[Path],
    attempt: Callable[[Path], T],
    broken: tuple[Broken, ...],
    settings: Callable[[Path], Settings | None] = _settings,
) -> tuple[Mapping[str, T], tuple[Broken, ...]]:
    """What `attempt` makes of each folder, and who is broken besides. Raises `Misconfigured` where nothing comes of any."""
    made: dict[str, T] = {}
    for each in folders:
        try:
            made[each.name] = attempt(each)
        except Exception as error:  # noqa: BLE001  whatever it is, it is this tenant's alone
            broken = (*broken, _broken(each, settings(each), error))
    if not made:
        raise Misconfigured(tuple(problem for one in broken for problem in one.problems))
    return made, broken


def log_broken(broken: Iterable[Broken]) -> None:
    """One line of the log for each tenant that does not serve."""
    for one in broken:
        told = [str(problem) for problem in one.problems]
        structlog.get_logger().error("tenant_broken", tenant=one.name, issuer=one.issuer, problems=told)


def conflicts(folders: Sequence[Path]) -> dict[str, tuple[Problem, ...]]:
    """What tenants have in common that none may share, by the names of their folders: a host, a ledger's name, a key."""
    holders: dict[tuple[str, str], list[tuple[Path, Path]]] = {}
    for each in folders:
        for what, mark, file in _unique(each):
            holders.setdefault((what, mark), []).append((each, file))
    found: dict[str, list[Problem]] = {}
    for (what, _), shared in holders.items():
        if len({folder for folder, _ in shared}) > 1:
            for folder, file in shared:
                others = ", ".join(sorted({other.name for other, _ in shared} - {folder.name}))
                problem = Problem(str(file), 0, what, f"{others} has the same.", _FIXES[what])
                found.setdefault(folder.name, []).append(problem)
    return {name: tuple(problems) for name, problems in found.items()}


_FIXES = {
    "issuer": "Each tenant has a host of its own, which is the name of its ledger, too.",
    "keys": "Make fresh keys: ciconia init in a new folder. A key that two have lets one answer for the other.",
}


def _unique(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """What only this tenant may have: kind, a text that tells it apart, and the file that says so."""
    settings = _settings(folder)
    if settings is None:
        return
    if settings.issuer != NO_ISSUER:
        # The tenant in every key is the host alone, whatever the port; and it begins the ledger's name
        yield "issuer", settings.tenant, folder / SETTINGS_FILE
    try:
        files = sorted(settings.key_folder.iterdir())
    except OSError:
        return  # who loads the keys says it better
    for file in files:
        try:
            content = file.read_bytes().strip()
        except OSError:
            continue  # a key that cannot be read serves nobody, and hides none that can
        if content:
            yield "keys", fingerprint(content), file


def _broken(folder: Path, settings: Settings | None, error: Exception) -> Broken:
    issuer = "" if settings is None or settings.issuer == NO_ISSUER else settings.issuer
    if isinstance(error, Misconfigured):
        return Broken(folder.name, issuer, error.problems)
    if isinstance(error, StoreUnavailable):
        what, fix = f"the database cannot be used: {error.detail}.", "Mend it, and send the server SIGHUP."
        return Broken(folder.name, issuer, (Problem(str(folder / SETTINGS_FILE), 0, "database", what, fix),))
    # Its text may quote a password
    what = f"the broker has a defect: nobody foresaw a {type(error).__name__} here."
    fix = "Take back what changed last in this folder, and report it with this name."
    return Broken(folder.name, issuer, (Problem(str(folder), 0, "", what, fix),))


class _Hosts:
    """The tenant of each request, by its Host header alone: nothing else of a request chooses one."""

    def __init__(self, tenants: Mapping[str, Application], broken: Sequence[Broken]) -> None:
        self._served: dict[str, tuple[ASGIApp, Threads]] = {}
        self._tenants = tuple(tenants.values())
        pages = Pages()
        for one in broken:
            page = _Closed(one.name, pages)
            for host in _hosts(one.issuer):
                self._served[host] = (page, Threads())
        for application in tenants.values():
            threads = Threads()
            for host in _hosts(application.settings.issuer):
                self._served[host] = (application.asgi, threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, to the tenant whose host it names."""
        if scope["type"] != "http":
            return
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if scope["path"] == HEALTH and len(named) == 1 and LOOPBACK_HOST.fullmatch(named[0]):
            # A proxy asks after the worker, not after a city: one that serves any is not to be passed over
            fit = any(application.vitals.fit for application in self._tenants)
            await _send(send, NO_CONTENT if fit else 503, b"", {"cache-control": "no-store"})
            return
        found = self._served.get(named[0]) if len(named) == 1 else None
        if found is None:
            await _send(send, 421, OTHER_HOST, {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"})
            return
        application, threads = found
        with threads.used():
            await application(scope, receive, send)


def _hosts(issuer: str) -> set[str]:
    parts = urlsplit(issuer)
    return {parts.netloc, parts.hostname or ""} - {""}


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
            log = structlog.get_logger()
            log.error("refused", tenant=self._tenant, code=Misconfigured.code, reference=self._reference)
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
