"""The look of `ciconia serve` at one broker's folder, or one with several tenants: before it forks, and at SIGHUP."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from idp.application.auditor_desks import addresses, desks_at, serve_desks
from idp.application.load import LoadedFolder
from idp.application.tenant_failures import log_failures
from idp.application.tenants import LoadedInstallation, load_folder, load_installation, open_installation
from idp.cli.console import problems, say
from idp.cli.migrate import migrate_ours, told_database
from idp.config.folder import load_configuration
from idp.config.setting_types import AuditorSettings
from idp.config.settings import SETTINGS_FILE, TENANTS, ProcessSettings, Settings, examine_settings, is_many, load_settings
from idp.desk.pages import AUDITOR_WORDS
from idp.doctor.examination import lines_of_settings
from idp.doctor.production import ENVIRONMENT, production_faults
from idp.keys.file import forget_gone_keys
from idp.keys.folder import load_keys
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.monitoring.measures import SharedMeasures
from idp.pages.compiled_pages import compiled
from idp.server.http import Listening
from idp.server.rate_limits import check_valkey
from idp.server.workers.slots import Board
from idp.server.workers.worker import Generation
from idp.store.engine import database_file, is_postgres, open_engine, reading
from idp.store.faults import explained
from idp.store.migrate import serves
from idp.store.switches.switches import faults_of_switches
from idp.system.logs import log_of, put_on_every_line
from policies.errors import Misconfigured, Problem, StoreUnavailable

# Fixed by a start: the socket is bound, and logins under way and switches belong to this issuer and this database
FIXED = ("listen", "metrics_listen", "issuer", "database")
FIXED_OF_A_TENANT = ("issuer", "database")


@dataclass(frozen=True, slots=True)
class Looked:
    """A folder that may be served, and whether nobody may ask it yet.

    `closed`: by name, the settings of each tenant that answers 503 now and was whole at an earlier look; they stay fixed.
    """

    seen: LoadedInstallation
    nobody_may_ask: bool = False
    closed: Mapping[str, Settings] = field(default_factory=dict)

    @property
    def process(self) -> ProcessSettings:
        """The settings of the process."""
        return self.seen.process

    @property
    def fixed(self) -> Mapping[str, Settings]:
        """The settings of each tenant by name, parts of which no reload may change; "" names the only tenant."""
        return {**self.closed, **{name: each.settings for name, each in self.seen.read.items()}}

    @property
    def desks(self) -> tuple[AuditorSettings, ...]:
        """The auditors' desks of the tenants that are not closed."""
        closed = {one.name for one in self.seen.broken}
        found = (each.settings.auditor for name, each in self.seen.read.items() if name not in closed)
        return tuple(each for each in found if each is not None)

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers that are not closed."""
        closed = {one.name for one in self.seen.broken}
        return tuple(each.settings.issuer for name, each in self.seen.read.items() if name not in closed)


def look(folder: Path) -> Looked:
    """Looks at everything that can be seen without serving, and brings the databases to this version's tables.

    Raises `Misconfigured` and `StoreUnavailable` for one broker. A broken tenant answers 503, and the log says so once; if
    all tenants are broken, it raises `Misconfigured` with every problem. A tenant whose database is away is left to the
    workers, which try again.
    """
    found = _looked(folder, _prepare)
    # Slow, and the same in every worker
    compiled()
    if found.desks:
        AUDITOR_WORDS.compiled()
    return found


def _looked(folder: Path, further: Callable[[LoadedFolder], None] | None = None) -> Looked:
    seen = load_installation(folder, _files, further)
    log_failures(seen.broken)
    nobody = all(each.settings.role == "node" and not each.configuration.nodes for each in seen.read.values())
    return Looked(seen, nobody)


def look_again(folder: Path, served: Looked) -> Looked:
    """Looks at SIGHUP at all but the databases: the supervisor must not wait for them, the first new worker does.

    Raises `Misconfigured` too where something changed that only a start can change.
    """
    try:
        now = _looked(folder)
    finally:
        forget_gone_keys()
    if not now.seen.many:
        check_valkey(now.seen.read[""].settings)
    _assert_unchanged(folder / SETTINGS_FILE, now.process, served.process, FIXED)
    fixed = served.fixed
    for name in {*now.fixed} & {*fixed}:
        file = folder / TENANTS / name / SETTINGS_FILE
        _assert_unchanged(file, now.fixed[name], fixed[name], FIXED_OF_A_TENANT)
    _assert_bound(folder, now, addresses(fixed.values()))
    broken = {one.name for one in now.seen.broken}
    before = served.seen.read
    read = {
        name: replace(each, since=before[name].settled.number)
        if name in before and each.bundle != before[name].bundle
        else each
        for name, each in now.seen.read.items()
    }
    now = replace(now, seen=replace(now.seen, read=read))
    return replace(now, closed={name: each for name, each in fixed.items() if name in broken})


def _assert_bound(folder: Path, now: Looked, bound: Collection[str]) -> None:
    """A desk listens where one listened at the start: a socket is bound before the workers are forked."""
    for name, settings in now.fixed.items():
        if settings.auditor is not None and settings.auditor.listen not in bound:
            file = folder / TENANTS / name / SETTINGS_FILE if now.seen.many else folder / SETTINGS_FILE
            what = f"no desk listened at {settings.auditor.listen} when the broker started, and a reload opens no socket."
            raise Misconfigured((Problem(str(file), 0, "auditor.listen", what, "Restart the broker, or change it back."),))


def _assert_unchanged(file: Path, now: ProcessSettings, served: ProcessSettings, keys: Sequence[str]) -> None:
    for key in keys:
        if getattr(now, key, "") != getattr(served, key, ""):
            what = "it differs from what is served, and a reload cannot change it."
            fix = "Restart the broker, or change it back."
            raise Misconfigured((Problem(str(file), 0, key, what, fix),))


def plan(
    folder: Path,
    looked: Looked,
    metrics: SharedMeasures | None,
    drain_seconds: float,
    desks: Mapping[str, Listening] = MappingProxyType({}),
) -> Generation:
    """The plan of a generation of workers. Each worker counts in its own part of `metrics`, if there are any.

    `desks` are the sockets of auditors' desks by their addresses, each of which gets a process.

    All serve what was looked at, whenever they start, whatever stands in the folder by then. One of them migrates the
    database of a tenant that came with a reload: a worker that waits too long for a lock is ended, and the old ones serve.
    """

    def prepare(settings: Settings) -> None:
        migrate_where_needed(settings)

    return Generation(
        compose=lambda number: open_installation(
            folder, seen=looked.seen, prepare=prepare, measures=metrics.worker(number) if metrics else None
        ),
        tell=lambda error: tell(folder, error),
        again=lambda: plan(folder, look_again(folder, looked), metrics, drain_seconds, desks),
        trusted=looked.process.trusted_proxies,
        beside=[partial(_desks, looked, address, listening) for address, listening in desks.items()],
        drain_seconds=drain_seconds,
    )


def _desks(looked: Looked, address: str, listening: Listening, _board: Board) -> None:
    """Serve the desks at one address, in a process of its own."""
    put_on_every_line(desk=address)
    serve_desks(desks_at(address, looked.seen.read.values()), listening, looked.process.trusted_proxies)


def tell(folder: Path, error: Misconfigured | StoreUnavailable) -> None:
    """Says why nothing is served."""
    if isinstance(error, Misconfigured):
        problems(error)
        return
    database = "of a tenant" if is_many(folder) else told_database(load_settings(folder))
    say(f"The database {database} cannot be used: {explained(error.detail)}.", error=True)


def safe_settings(folder: Path) -> Settings:
    """The settings, if they would neither leak nor lose anything.

    Else raises `Misconfigured` with every problem, also of the configuration and the keys: one look is enough.
    """
    settings, problems = examine_settings(folder)
    if settings is None:
        raise Misconfigured(problems)
    found, lines = [*problems], lines_of_settings(folder)
    for fault in production_faults(settings, os.environ):
        file = ENVIRONMENT if fault.of_environment else str(folder / SETTINGS_FILE)
        line = 0 if fault.of_environment or lines is None else lines.line((fault.key,))
        found.append(Problem(file, line, fault.key, f"{fault.what} {fault.why}", fault.fix))
    if not found:
        return settings
    keys = partial(load_keys, settings.key_folder, settings.origin, settings.index_folder)
    for load in (lambda: load_configuration(folder), keys):
        try:
            load()
        except Misconfigured as error:
            found += error.problems
    raise Misconfigured(tuple(found))


def migrate_where_needed(settings: Settings) -> None:
    """Migrates a database that this program may not serve yet. Where it may, nothing is locked, and no key is read."""
    engine = open_engine(settings.database_url)
    try:
        # To ask an SQLite file that is not there would make one, readable to all
        ready = (is_postgres(engine) or database_file(settings.database_url).exists()) and serves(engine)
    finally:
        engine.dispose()
    if not ready:
        migrate_ours(settings)


def _files(folder: Path) -> LoadedFolder:
    settings = safe_settings(folder)
    return replace(load_folder(folder), settings=settings)


def _prepare(read: LoadedFolder) -> None:
    settings = read.settings
    check_valkey(settings)
    # Before the switches: another installation's rows would read as changed ones
    migrate_ours(settings)
    if found := _switches(settings, load_ledger_keys(settings.key_folder, settings.origin)):
        log_of(settings.tenant).error("switch_rows_changed", found=found, fix="ciconia doctor")


def _switches(settings: Settings, ledger: LedgerKeys) -> list[str]:
    """The faults in the rows of the switches. The broker may serve: a thing that the ledger says is off counts as off."""
    engine = open_engine(settings.database_url)
    try:
        with reading(), engine.connect() as connection:
            faults = faults_of_switches(connection, tenant=settings.tenant, keys=ledger)
            return [f"{kind} {name}: {what}" for kind, name, what in faults]
    finally:
        engine.dispose()
