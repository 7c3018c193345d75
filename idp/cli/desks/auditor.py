"""`ciconia auditor`: who may sign in at the auditor's desk with a passkey."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from idp.application.mandate_desk import MandateDesk
from idp.application.operator_acts import UNPLACED, opened_store
from idp.application.recorded_act import record_in
from idp.cli.console import CommandRefused, answer, plain, trying
from idp.cli.desks.holders import state_of
from idp.cli.options import AsJson, Folder
from idp.config.setting_types import AuditorSettings
from idp.config.settings import Settings, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import AUDITOR_ADDED, AUDITOR_REMOVED
from idp.store.migrate import assert_current
from idp.store.records.passkeys import PasskeyRegister, link_digest
from idp.store.store import Store
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.load.table import IDENTIFIER
from policies.operators import is_officer

ENROL_PATH = "/enrol"
TOKEN_BYTES = 32
LINK_HOURS = 24
_ANOTHER = "name somebody else, or take the other one out first: ciconia auditor remove."
AuditorName = Annotated[str, typer.Argument(metavar="NAME", help="The name that the record and other auditors see.")]

auditor = typer.Typer(no_args_is_help=True, add_completion=False)


@auditor.callback()
def group() -> None:
    """Auditors who sign in at the desk with a passkey: enrol, list, remove."""
    configure_logs()


@auditor.command()
def add(name: AuditorName, config: Folder, *, as_json: AsJson = False) -> None:
    """Add an auditor, and print a link by which they enrol a passkey: once, within a day.

    Hand the link over in person, or by a way that nobody else reads. Whoever opens it first is that auditor. The ledger
    records that they were added, and by whom.

    Example: ciconia auditor add liis --config /etc/ciconia

    Exit codes: 0 it is added, 1 the name is taken or is none, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        if not IDENTIFIER.fullmatch(name):
            fix = "write 1 to 64 letters, digits, dots, hyphens and underscores: a grant names them so."
            raise CommandRefused("auditor", "name", f"{plain(name)} is no name of an auditor.", fix)
        token, now = secrets.token_urlsafe(TOKEN_BYTES), system_clock()
        ends = now + LINK_HOURS * 3600
        if taken := opened.taken(name, now):
            raise CommandRefused("auditor", "name", f"{taken[0]} {plain(name)} already.", taken[1])
        placed = opened.record(AUDITOR_ADDED, name)
        if not opened.register.add(name, link_digest(token), ends, now):
            raise CommandRefused("auditor", "name", f"there is an auditor {plain(name)} already.", _ANOTHER)
        # Behind the #: no server and no proxy gets it, and no log has it
        link = f"{opened.desk.url}{ENROL_PATH}#{token}"
        until = datetime.fromtimestamp(ends, UTC).isoformat()
    lines = [f"{plain(name)} enrols a passkey once, until {until}:", f"  {link}", *([] if placed else [UNPLACED])]
    answer({"name": name, "link": link, "ends": ends}, *lines, as_json=as_json)


@auditor.command("list")
def list_auditors(config: Folder, *, as_json: AsJson = False) -> None:
    """List the auditors with a passkey, and those who have not enrolled one yet.

    Example: ciconia auditor list --config /etc/ciconia

    Exit codes: 0 they are listed, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        found = opened.register.holders()
    now = system_clock()
    told = [
        {"name": one.name, "enrolled": bool(one.credential), "since": one.since, "link_ends": one.link_ends}
        for one in found
    ]
    lines = [f"{plain(one.name):<40} {state_of(one, now)}" for one in found]
    answer({"auditors": told}, *(lines or ["Nobody signs in with a passkey."]), as_json=as_json)


@auditor.command()
def remove(name: AuditorName, config: Folder, *, as_json: AsJson = False) -> None:
    """Take an auditor out of the list. Their session ends with their next request, and the ledger records it.

    Example: ciconia auditor remove liis --config /etc/ciconia

    Exit codes: 0 they are out, 1 there is no such auditor, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        if not opened.register.has(name):
            fix = "ciconia auditor list names all; those by number stand in ciconia.toml."
            raise CommandRefused("auditor", "name", f"there is no auditor {plain(name)}.", fix)
        placed = opened.record(AUDITOR_REMOVED, name)
        opened.register.remove(name)
    answer({"name": name}, f"{plain(name)} is out.", *([] if placed else [UNPLACED]), as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A tenant's list of auditors with a passkey, and its ledger."""

    settings: Settings
    desk: AuditorSettings
    store: Store
    keys: LedgerKeys
    register: PasskeyRegister

    def taken(self, name: str, now: int) -> tuple[str, str] | None:
        """The thing that has a name already, and what to do; None where nobody has it, in capitals or not."""
        mandates, wanted = MandateDesk(self.settings, self.store, self.keys), name.casefold()
        if self.register.has(name) or wanted in {one.name.casefold() for one in self.register.holders()}:
            return "there is an auditor", _ANOTHER
        if wanted in {person.casefold() for person in self.desk.persons.values()}:
            return "[auditor] of ciconia.toml lists", "name somebody else: a grant to one name would open to both."
        if is_officer(name, mandates.operators()):
            return "operators/ has an officer", "name somebody else: who signs grants must not use them."
        if any(one.auditor.casefold() == wanted and one.state(now) != "ended" for one in mandates.grants.listed()):
            return "a grant is open, or asked for, to", "end it first: ciconia ledger grant end."
        return None

    def record(self, act: str, name: str) -> bool:
        """Record an act about an auditor, before it counts; returns whether it has its place."""
        return record_in(self.settings, self.store, self.keys, act=act, about=name, reason="")


@contextmanager
def _opened(config: Folder) -> Iterator[_Opened]:
    settings = load_settings(config)
    if settings.auditor is None or not settings.auditor.passkeys:
        fix = "write [auditor] with passkeys = true, and restart the broker."
        raise CommandRefused("auditor", "auditor.passkeys", "this broker's desk takes no passkeys.", fix)
    keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    with opened_store(settings, keys) as store:
        assert_current(store.engine)
        register = PasskeyRegister(engine=store.engine, tenant=settings.tenant, keys=keys)
        yield _Opened(settings, settings.auditor, store, keys, register)
