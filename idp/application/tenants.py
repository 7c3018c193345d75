"""Loads and opens an installation: one configuration folder, or several tenants under one folder.

`--config DIR` is a folder that `ciconia init` makes, or one with `tenants/NAME/` folders and a `ciconia.toml` with the
settings of the process. Each tenant is an `Application` of its own: settings, keys, parties, ledger, writer, sequencer.
Tenants share the event loop. Each has its own threads (`idp.web.threads`), so a slow tenant delays no other.

A tenant that cannot be composed answers 503 on its host, and the others serve. If two tenants have the same host, key or
log name, both answer 503: nobody can say whose it is. If the database of a tenant does not answer, the tenant opens later
(`idp.application.late_databases`), and no other waits for it.

Folders are read once for a generation of workers. A worker that starts again later serves the same configuration, and
reads keys anew, of the same kinds.
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
from idp.application.load import LoadedFolder, load_whole
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

# A worker waits so long for all databases together, and once more while it composes tenants one after another; then it
# serves without the rest. At a reload the first worker waits, then the others: all of it within START_SECONDS
OPEN_SECONDS = 8.0

# Checks the database of a broker before it is composed. Raises `Misconfigured` or `StoreUnavailable`
Prepare = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class LoadedInstallation:
    """The contents of an installation at one moment: settings of the process, and each tenant's folder by its name.

    An only tenant has the name "". A tenant in both `broken` and `read` waits for its database alone. `owners` records
    which tenant had a key first, also for keys that come later.
    """

    process: ProcessSettings
    read: Mapping[str, LoadedFolder]
    broken: tuple[TenantFailure, ...] = ()
    owners: Owners = field(default_factory=Owners, compare=False)

    @property
    def many(self) -> bool:
        """Whether it has a folder `tenants/`."""
        return "" not in self.read


@dataclass
class OpenInstallation:
    """The tenants that a process serves. `process` says where it listens; `broken` are the tenants that answer 503.

    A tenant in `late` opens when its database answers. `measures` count the broken ones.
    """

    process: ProcessSettings
    asgi: ASGIApp
    tenants: Mapping[str, Application]
    broken: Sequence[TenantFailure] = field(default=())
    late: Sequence[tuple[Settings, LateTenant[Application]]] = field(default=())
    measures: Measures | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The issuers of the tenants that serve."""
        return tuple(one.settings.issuer for one in self.tenants.values())

    def __post_init__(self) -> None:
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._note(self.broken, 1)

    def start(self) -> None:
        """Start the background work of each tenant, and wait for the late ones in threads."""
        _at_once(one.start for one in self.tenants.values())
        for each in self.late:
            in_thread(partial(self._await, *each))

    def stop(self) -> None:
        """Stop each tenant, even if another one's `stop` raises."""
        with self._lock:
            self._ended.set()
        _at_once(one.stop for one in self.tenants.values())

    def _await(self, settings: Settings, late: LateTenant[Application]) -> None:
        """Serve a tenant when its database answers. After any other error it stays closed."""
        try:
            application = late.come(self._ended)
        except Exception as error:  # noqa: BLE001  any error closes this tenant alone
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
        """Serve its host from now on. The new mapping replaces the old one at once, for threads that read it."""
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
    """Do all in threads, even if one raises: several databases that hang then take no longer than one."""
    tasks = tuple(acts)
    with ThreadPoolExecutor(max(1, len(tasks))) as pool, ExitStack() as ending:
        for task in tasks:
            ending.callback(pool.submit(task).result)


def _unprepared(_settings: Settings) -> None:
    return


def load_folder(folder: Path) -> LoadedFolder:
    """Load the folder of one broker. Raises `Misconfigured`."""
    return load_whole(folder)[0]


def open_installation(
    folder: Path,
    *,
    seen: LoadedInstallation | None = None,
    clock: Callable[[], int] = system_clock,
    prepare: Prepare = _unprepared,
    measures: Measures | None = None,
) -> OpenInstallation:
    """Compose the broker or the tenants of an installation. With `seen`, the folder is not read again.

    `prepare` checks each database first, for several tenants in threads. `measures` are those of the process. A tenant
    that is broken in `seen` was logged already. Raises `Misconfigured` with every problem if no tenant can serve, and
    `StoreUnavailable` if the database of an only broker is away.
    """
    found = seen or load_installation(folder)

    def compose(name: str) -> Application:
        read = found.read[name]
        # The name in tenants/ counts: it may be a link to a folder of another name
        own = partial(found.owners.claim, name, read.settings.key_folders)
        proxies = found.process.trusted_proxies
        return Application(read.settings.folder, clock=clock, measures=measures, read=read, own=own, proxies=proxies)

    def begun_too(name: str) -> Application:
        # It must know whether it is fit before its first request
        application = compose(name)
        application.start()
        return application

    if not found.many:
        prepare(found.read[""].settings)
        application = compose("")
        return OpenInstallation(application.settings, application.asgi, {"": application})
    if seen is not None:
        # A worker that starts again cannot know which tenant was the first to have a key that came since `seen`
        found.owners.contest({name: read.settings.key_folders for name, read in found.read.items()})
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
        # Also a tenant that every worker has closed has a figure
        for name in failed:
            measures.set(READY, found.read[name].settings.tenant, figure=0)
    return opened


def _composed(
    names: Iterable[str], compose: Callable[[str], Application], failed: dict[str, BaseException]
) -> dict[str, Application]:
    """Compose one tenant after another. Errors go into `failed`; after OPEN_SECONDS of failures no other is tried."""
    tenants: dict[str, Application] = {}
    lost = 0.0
    for name in names:
        if lost > OPEN_SECONDS:
            break
        begun = time.monotonic()
        try:
            tenants[name] = compose(name)
        except Exception as error:  # noqa: BLE001  any error closes this tenant alone
            failed[name] = error
            lost += time.monotonic() - begun
    return tenants


def load_installation(
    folder: Path,
    attempt: Callable[[Path], LoadedFolder] = load_folder,
    further: Callable[[LoadedFolder], None] | None = None,
) -> LoadedInstallation:
    """Load an installation with `attempt`, which loads one tenant. Tenants that share a host, key or log name are broken.

    `further` checks the database of a tenant. Both raise `Misconfigured` or `StoreUnavailable` for a tenant that cannot
    serve. Raises `Misconfigured` with every problem of all tenants if none can serve.
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
            except Exception as error:  # noqa: BLE001  any error closes this tenant alone
                broken.append(failure_of(each, settings_of(each), error))
    failed = ask_all({name: partial(further, one) for name, one in read.items()})[1] if further else {}
    broken += _failed(read, failed, broken)
    kept = {name: one for name, one in read.items() if name not in failed or _is_away(failed[name])}
    return LoadedInstallation(process, kept, tuple(broken), owners)


def _failed(
    read: Mapping[str, LoadedFolder], failed: Mapping[str, BaseException], broken: Sequence[TenantFailure]
) -> tuple[TenantFailure, ...]:
    """Describe the tenants in `failed`. Raises `Misconfigured` with the problems of all tenants if none is left."""
    found = tuple(failure_of(read[name].settings.folder, read[name].settings, error) for name, error in failed.items())
    if len(failed) == len(read):
        raise Misconfigured(tuple(problem for one in (*broken, *found) for problem in one.problems))
    return found


def _is_away(error: BaseException) -> bool:
    """Whether the tenant may serve later with nothing changed in its folder."""
    return isinstance(error, StoreUnavailable)
