"""What `serve` looks at before it forks, and again at SIGHUP: one broker's folder, or one with several tenants."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from idp.app import load_all
from idp.cli.console import problems, say
from idp.configuration import load_configuration
from idp.doctor.case import lines_of_settings
from idp.doctor.production import ENVIRONMENT, production_faults
from idp.keys.folder import load_keys
from idp.rates import check_valkey
from idp.serving.worker import Plan
from idp.settings import SETTINGS_FILE, ProcessSettings, Settings, examine_settings, is_many, load_settings
from idp.store.engine import database_file, is_postgres, open_engine, reading
from idp.store.migrate import migrate, serves
from idp.store.switches import faults_of_switches
from idp.tenants import log_broken, open_site, tried
from idp.transparency.keys import LedgerKeys
from idp.watching.board import Board
from policies.errors import Misconfigured, Problem, StoreUnavailable

# What a start fixes: the socket is bound, and logins under way are of this issuer and in this database
FIXED = ("listen", "metrics_listen", "issuer", "database")


@dataclass(frozen=True, slots=True)
class Looked:
    """A folder that may be served: what the process needs of it, the issuers in it, and who cannot be asked yet.

    `broken` names the tenants that answer 503, of which the log knows.
    """

    process: ProcessSettings
    issuers: tuple[str, ...]
    nobody_may_ask: bool = False
    broken: frozenset[str] = frozenset()


def look(folder: Path) -> Looked:
    """Look at everything that can be seen without serving, and bring the databases to this version's tables.

    Raises `Misconfigured` and `StoreUnavailable` for one broker. Of several, those that are broken answer 503, and the log
    says so once; where all of them are, it raises `Misconfigured` with every problem.
    """
    return _looked(folder, _prepare)


def _looked(folder: Path, prepare: Callable[[Path], Settings]) -> Looked:
    if not is_many(folder):
        settings = prepare(folder)
        check_valkey(settings)
        nobody = settings.role == "node" and not load_configuration(folder).nodes
        return Looked(settings, (settings.issuer,), nobody)
    process, tenants, broken = tried(folder, prepare)
    log_broken(broken)
    issuers = tuple(settings.issuer for settings in tenants.values())
    return Looked(process, issuers, broken=frozenset(one.name for one in broken))


def look_again(folder: Path, served: Looked) -> Looked:
    """At SIGHUP: all but the databases, which a supervisor must not wait for. The first new worker looks at them.

    Raises `Misconfigured` too where something changed that only a start can change.
    """
    now = _looked(folder, _files)
    for key in FIXED:
        if getattr(now.process, key, "") != getattr(served.process, key, ""):
            what = "it differs from what is served, and a reload cannot change it."
            fix = "Restart the broker, or change it back."
            raise Misconfigured((Problem(str(folder / SETTINGS_FILE), 0, key, what, fix),))
    return now


def plan(folder: Path, looked: Looked, metrics: Board, drain_seconds: float) -> Plan:
    """What a generation of workers is made of. Each worker counts in its own part of `metrics`.

    One brings a database to its tables where a tenant came with a reload: a worker that waits for a lock is
    ended in time, and the former ones serve.
    """

    def prepare(each: Path) -> None:
        migrate_where_needed(safe_settings(each).database_url)

    return Plan(
        compose=lambda number: open_site(folder, prepare=prepare, measures=metrics.worker(number), said=looked.broken),
        tell=lambda error: tell(folder, error),
        trusted=looked.process.trusted_proxies,
        drain_seconds=drain_seconds,
    )


def tell(folder: Path, error: Misconfigured | StoreUnavailable) -> None:
    """Say why nothing is served."""
    if isinstance(error, Misconfigured):
        problems(error)
        return
    database = "of a tenant" if is_many(folder) else load_settings(folder).database
    say(f"The database {database} cannot be used: {error.detail}. Is the disk full, or the file read-only?", error=True)


def safe_settings(folder: Path) -> Settings:
    """The settings, if nothing about them would leak or lose.

    Raises `Misconfigured` with every problem of them, and then of the configuration and the keys too: one look is enough.
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
    for load in (lambda: load_configuration(folder), lambda: load_keys(settings.key_folder, settings.origin)):
        try:
            load()
        except Misconfigured as error:
            found += error.problems
    raise Misconfigured(tuple(found))


def migrate_where_needed(url: str) -> None:
    """Migrate a database that this program may not serve yet. Nothing is locked where it may."""
    engine = open_engine(url)
    try:
        # Whoever asks a file of SQLite that is not there makes one, readable to all
        ready = (is_postgres(engine) or database_file(url).exists()) and serves(engine)
    finally:
        engine.dispose()
    if not ready:
        migrate(url)


def _files(folder: Path) -> Settings:
    settings = safe_settings(folder)
    load_all(folder)
    return settings


def _prepare(folder: Path) -> Settings:
    settings = safe_settings(folder)
    _, _, keys = load_all(folder)
    migrate(settings.database_url)
    if found := _switches(settings, keys.ledger):
        structlog.get_logger().error("switch_rows_changed", tenant=settings.tenant, found=found, fix="ciconia doctor")
    return settings


def _switches(settings: Settings, ledger: LedgerKeys) -> list[str]:
    """What is wrong with the rows of the switches. What the ledger says is off counts as off, so the broker may serve."""
    engine = open_engine(settings.database_url)
    try:
        with reading(), engine.connect() as connection:
            faults = faults_of_switches(connection, tenant=settings.tenant, keys=ledger)
            return [f"{kind} {name}: {what}" for kind, name, what in faults]
    finally:
        engine.dispose()
