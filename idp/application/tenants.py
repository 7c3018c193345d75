"""Several cities under one roof: a tenant is a host with its own configuration folder, as `ciconia init` makes it.

`--config DIR` is such a folder, or one with `tenants/NAME/` folders and a `ciconia.toml` that holds what the process has
once. Each tenant is an `Application` of its own: settings, keys, parties, ledger, writer, sequencer. What they share is the
event loop, so each has threads of its own (`idp.web.threads`): one that is slow holds none of another's.

A tenant that cannot be composed answers 503 on its host, and the rest serve. Two with one host, one key or one name of a
ledger are both such: nobody can say whose it is, and neither may answer for the other. One whose database does not answer
is such until it does (`idp.application.late_databases`), and no other waits for it.

Folders are read once for a generation of workers, but for keys: one that starts again later serves what the others
serve, with the keys of those kinds that lie there by then.
"""

import shlex
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from idp.application.app import Application
from idp.application.hosts import TenantHosts
from idp.application.late_databases import LateTenant, ask_all, in_thread
from idp.application.load import LoadedFolder, load_all
from idp.application.tenant_failures import TenantFailure, failure_of, log_failures
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
from idp.system.clock import system_clock
from idp.system.logs import log_of
from policies.errors import Misconfigured, Problem, StoreUnavailable

# How long a worker waits for databases before it serves without some tenants, once for all and once one after another. One
# that cannot be connected to is given up sooner; at a reload the first worker waits, then the others: within START_SECONDS
OPEN_SECONDS = 8.0

# What `serve` asks of a broker before it composes it; raises `Misconfigured` or `StoreUnavailable`
Prepare = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class LoadedInstallation:
    """What a configuration folder said at one moment: of the process, and of each tenant by name, the only one's "".

    Of `broken` those that are in `read`, too, wait for their database alone. `owners` are told of a key that comes later.
    """

    process: ProcessSettings
    read: Mapping[str, LoadedFolder]
    broken: tuple[TenantFailure, ...] = ()
    owners: Owners = field(default_factory=Owners, compare=False)

    @property
    def many(self) -> bool:
        """Whether it is of several tenants."""
        return "" not in self.read


@dataclass
class OpenInstallation:
    """What a process serves. `process` says where it listens; `broken` are the tenants that answer 503.

    Those of them that are `late` are served when they come. `measures` are told who is broken.
    """

    process: ProcessSettings
    asgi: ASGIApp
    tenants: Mapping[str, Application]
    broken: Sequence[TenantFailure] = field(default=())
    late: Sequence[tuple[Settings, LateTenant[Application]]] = field(default=())
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

    def _await(self, settings: Settings, late: LateTenant[Application]) -> None:
        """Serve a tenant when its database answers. Where more than that is wrong with it, it stays closed."""
        try:
            application = late.come(self._ended)
        except Exception as error:  # noqa: BLE001  whatever it is, it is this tenant's alone
            found = failure_of(settings.folder, settings, error)
            with self._lock:
                self._mended(found.name)
                self.broken = (*self.broken, found)
                self._note((found,), 1)
            log_failures((found,))
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
        if isinstance(self.asgi, TenantHosts):
            self.asgi.admit(application)
        log_of(settings.folder.name).info("tenant_opened", issuer=settings.issuer)

    def _mended(self, name: str) -> None:
        self._note([one for one in self.broken if one.name == name], 0)
        self.broken = tuple(one for one in self.broken if one.name != name)

    def _note(self, broken: Iterable[TenantFailure], figure: float) -> None:
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


def load_folder(folder: Path) -> LoadedFolder:
    """What a broker's folder says, keys and all looked at. Raises `Misconfigured`."""
    settings, configuration, keys = load_all(folder)
    return LoadedFolder(settings, configuration, frozenset(keys.rings))


def open_installation(
    folder: Path,
    *,
    seen: LoadedInstallation | None = None,
    clock: Callable[[], int] = system_clock,
    prepare: Prepare = _unprepared,
    measures: Measures | None = None,
) -> OpenInstallation:
    """Compose what lies in a configuration folder, or was `seen` there: one broker, or several.

    `prepare` is asked of each broker first, of several in threads; `measures` are the process's. Of tenants that were seen
    broken for good nothing is logged. Raises `Misconfigured` where nothing would serve, with every problem;
    `StoreUnavailable` where the only broker's database is away.
    """
    found = seen or load_installation(folder)

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
        return OpenInstallation(application.settings, application.asgi, {"": application})
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
    late = [(read.settings, LateTenant(asked[name], asking[name], partial(begun_too, name))) for name, read in away.items()]
    opened = OpenInstallation(found.process, TenantHosts(tenants, broken), tenants, broken, late, measures)
    log_failures(fresh if seen else broken)
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


def load_installation(
    folder: Path,
    attempt: Callable[[Path], LoadedFolder] = load_folder,
    further: Callable[[LoadedFolder], None] | None = None,
) -> LoadedInstallation:
    """What a configuration folder says, as `attempt` reads each tenant that shares nothing with another, and who is broken.

    `further` asks databases. Both raise `Misconfigured` or `StoreUnavailable` for one that does not serve. Raises
    `Misconfigured`, with every problem of all of them, where none serves.
    """
    if not is_many(folder):
        only = attempt(folder)
        if further is not None:
            further(only)
        return LoadedInstallation(only.settings, {"": only})
    process, problems = examine_process(folder)
    folders = tenant_folders(folder)
    if not folders:
        fix = f"Make one: ciconia init {shlex.quote(str(folder / TENANTS / 'NAME'))}"
        problems = (*problems, Problem(str(folder / TENANTS), 0, TENANTS, "there is no tenant.", fix))
    if problems or process is None:
        raise Misconfigured(tuple(problems))
    owners = Owners()
    between = conflicts(folders, owners)
    read: dict[str, LoadedFolder] = {}
    broken = [
        failure_of(each, settings_of(each), Misconfigured(between[each.name])) for each in folders if each.name in between
    ]
    for each in folders:
        if each.name not in between:
            try:
                read[each.name] = attempt(each)
            except Exception as error:  # noqa: BLE001  whatever it is, it is this tenant's alone
                broken.append(failure_of(each, settings_of(each), error))
    failed = ask_all({name: partial(further, one) for name, one in read.items()})[1] if further else {}
    broken += _failed(read, failed, broken)
    kept = {name: one for name, one in read.items() if name not in failed or _is_away(failed[name])}
    return LoadedInstallation(process, kept, tuple(broken), owners)


def _failed(
    read: Mapping[str, LoadedFolder], failed: Mapping[str, BaseException], broken: Sequence[TenantFailure]
) -> tuple[TenantFailure, ...]:
    """Those that failed, beside who is `broken`. Raises `Misconfigured` with all their problems where nobody is left."""
    found = tuple(failure_of(read[name].settings.folder, read[name].settings, error) for name, error in failed.items())
    if len(failed) == len(read):
        raise Misconfigured(tuple(problem for one in (*broken, *found) for problem in one.problems))
    return found


def _is_away(error: BaseException) -> bool:
    """Whether it may serve by itself in a while, with nothing changed in its folder."""
    return isinstance(error, StoreUnavailable)
