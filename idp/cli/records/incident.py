"""`ciconia incident open|close|list`: what the flight recorder writes down, and until when."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from idp.application.operator_acts import UNPLACED, opened_store
from idp.application.recorded_act import record_in
from idp.cli.console import CommandRefused, answer, plain, trying
from idp.cli.options import AsJson, Folder, Reason
from idp.config.folder import readable_files
from idp.config.settings import Settings, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import INCIDENT_CLOSED, INCIDENT_OPENED, MAX_REASON, is_reason
from idp.monitoring.recorder.incidents import Incident, Incidents
from idp.receipts.receipt_record import time_text
from idp.store.migrate import assert_current
from idp.store.store import Store
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.federations import family_of
from policies.load import Configuration, examine
from policies.load.table import IDENTIFIER
from policies.parties import ProviderId

LONGEST_HOURS = 72
_SECONDS = {"m": 60, "h": 3600, "d": 24 * 3600}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_FILE = "incident"
IncidentName = Annotated[str, typer.Argument(metavar="NAME", help="A name of its own, for the record.")]

incident = typer.Typer(no_args_is_help=True, add_completion=False)


@incident.callback()
def group() -> None:
    """Incidents: for their time the steps of sign-ins are recorded, and ciconia why tells them."""
    configure_logs()


@incident.command(name="open")
def open_(
    name: IncidentName,
    config: Folder,
    reason: Reason,
    lasting: Annotated[str, typer.Option("--for", metavar="DURATION", help="Such as 90m, 4h or 2d; 3d at the most.")],
    service: Annotated[str, typer.Option("--service", metavar="ID", help="Sign-ins of this service alone.")] = "",
    provider: Annotated[str, typer.Option("--provider", metavar="ID", help="Sign-ins at this provider alone.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Record the steps of sign-ins for a while: on all workers, within two seconds. It ends by itself.

    The ledger records it first, with your account and the reason. The recorder keeps no value and no name of a citizen,
    and each step for 24 hours.

    Example: ciconia incident open ee-down --for 2h --provider demo-ee --reason "Ticket 4711" --config city

    Exit codes: 0 it is open, 1 it is refused, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        now = system_clock()
        wanted = Incident(name, service, provider, now + _seconds(lasting))
        opened.check(wanted, reason, now)
        until = time_text(wanted.ends)
        of = f" at {provider}" if provider else f" of {service}" if service else ""
        placed = opened.record(INCIDENT_OPENED, f"{name}, until {until}{of}", reason)
        opened.incidents.add(wanted)
    told = f"{name} is open until {until}: sign-ins{of} are recorded from within two seconds on."
    lines = [told, "ciconia why REFERENCE tells one. To end it: ciconia incident close.", *([] if placed else [UNPLACED])]
    answer(_told(wanted), *lines, as_json=as_json)


@incident.command()
def close(name: IncidentName, config: Folder, reason: Reason, *, as_json: AsJson = False) -> None:
    """Close an incident before its end. Its steps are shown until their 24 hours are over.

    Example: ciconia incident close ee-down --reason "They renewed their key" --config city

    Exit codes: 0 it is closed, 1 there is no such incident, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        if name not in {one.name for one in opened.incidents.open(system_clock())}:
            raise CommandRefused(_FILE, "NAME", f"no incident {plain(name)} is open.", "ciconia incident list names them.")
        _check_reason(reason)
        placed = opened.record(INCIDENT_CLOSED, name, reason)
        opened.incidents.remove(name)
    answer({"name": name}, f"{name} is closed.", *([] if placed else [UNPLACED]), as_json=as_json)


@incident.command(name="list")
def list_(config: Folder, *, as_json: AsJson = False) -> None:
    """List the incidents that are open.

    Example: ciconia incident list --config city

    Exit codes: 0 they are listed, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        found = opened.incidents.open(system_clock())
    lines = [f"{one.name:<24} until {time_text(one.ends)}  {_scope(one)}" for one in found]
    answer({"incidents": [_told(one) for one in found]}, *(lines or ["No incident is open."]), as_json=as_json)


def _scope(one: Incident) -> str:
    return f"service {one.service}" if one.service else f"provider {one.provider}" if one.provider else "all sign-ins"


def _told(one: Incident) -> dict[str, object]:
    return {"name": one.name, "service": one.service, "provider": one.provider, "until": time_text(one.ends)}


def _seconds(lasting: str) -> int:
    found = _DURATION.fullmatch(lasting)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= LONGEST_HOURS * 3600:
        what = "it is no duration, or a longer one than three days."
        raise CommandRefused(_FILE, "--for", what, "Write a number and m, h or d, such as 90m, 4h or 2d.")
    return seconds


def _check_reason(reason: str) -> None:
    if not is_reason(reason):
        raise CommandRefused(_FILE, "--reason", "is no reason.", f"Give 1 to {MAX_REASON} visible characters, on one line.")


@dataclass(frozen=True, slots=True)
class _Opened:
    """A tenant's incidents, its ledger, and the names of its configuration."""

    settings: Settings
    store: Store
    keys: LedgerKeys
    incidents: Incidents
    configuration: Configuration
    # Whether no file of the configuration is missing from it
    whole: bool

    def check(self, wanted: Incident, reason: str, now: int) -> None:
        """Raises `CommandRefused`."""
        if not IDENTIFIER.fullmatch(wanted.name):
            fix = "Write 1 to 64 letters, digits, dots, hyphens and underscores."
            raise CommandRefused(_FILE, "NAME", f"{plain(wanted.name)} is no name.", fix)
        if wanted.service and wanted.provider:
            raise CommandRefused(
                _FILE, "--provider", "an incident is about one of the two.", "Name a service or a provider."
            )
        _check_reason(reason)
        if wanted.name in {one.name for one in self.incidents.open(now)}:
            raise CommandRefused(_FILE, "NAME", f"{wanted.name} is open already.", "Close it first, or take another name.")
        parties, providers = self.configuration.parties, self.configuration.providers
        self._check_known("--service", wanted.service, wanted.service, {*parties, *self.configuration.nodes})
        self._check_known("--provider", wanted.provider, family_of(ProviderId(wanted.provider)), set(providers))

    def record(self, act: str, about: str, reason: str) -> bool:
        """Record an act before it counts; returns whether it has its place."""
        return record_in(self.settings, self.store, self.keys, act=act, about=about, reason=reason)

    def _check_known(self, option: str, name: str, family: str, known: set[str]) -> None:
        # Services that registered themselves have no file
        registering = option == "--service" and self.settings.registered_clients > 0
        if not name or family in known or (IDENTIFIER.fullmatch(name) and (registering or not self.whole)):
            return
        near = get_close_matches(name, sorted(known), n=1)
        fix = f"Did you mean {near[0]}?" if near else "Name one by the id in its file."
        raise CommandRefused(_FILE, option, f"no file has {plain(name)}.", fix)


@contextmanager
def _opened(config: Path) -> Iterator[_Opened]:
    settings = load_settings(config)
    keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    files, unreadable = readable_files(config)
    configuration, faults = examine(files)
    with opened_store(settings, keys) as store:
        assert_current(store.engine)
        incidents = Incidents(engine=store.engine, tenant=settings.tenant, keys=keys)
        yield _Opened(settings, store, keys, incidents, configuration, whole=not (unreadable or faults))
