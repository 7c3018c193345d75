"""`ciconia console`: the operator's pages, and who may sign in there."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from idp.application.operator_acts import UNPLACED
from idp.application.operator_console import administrators, serve_console
from idp.application.recorded_act import record_by_command
from idp.cli.console import CommandRefused, answer, plain, say, trying
from idp.cli.desks.holders import state_of
from idp.cli.options import AsJson, Folder
from idp.config.settings import Settings, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import ADMINISTRATOR_ADDED, ADMINISTRATOR_REMOVED
from idp.server.http import bind
from idp.store.records.passkeys import PasskeyRegister, link_digest
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.load.table import IDENTIFIER

ENROL_PATH = "/enrol"
TOKEN_BYTES = 32
LINK_HOURS = 1
_ANOTHER = "name somebody else, or take the other one out first: ciconia console remove."
Name = Annotated[str, typer.Argument(metavar="NAME", help="Their name: that of their key in operators/, if they have one.")]

console = typer.Typer(no_args_is_help=True, add_completion=False)


@console.callback()
def group() -> None:
    """The operator's pages: serve them, and say who may sign in. Pages change nothing; `ciconia apply` does."""
    configure_logs()


@console.command()
def serve(config: Folder) -> None:
    """Serve the operator's pages until Ctrl-C or SIGTERM, at 127.0.0.1:8600 unless ciconia.toml says something else.

    Example: ciconia console serve --config city

    Exit codes: 0 it was ended, 1 its address is taken, 2 it could not be tried.
    """
    with trying(as_json=False):
        settings = load_settings(config)
        address = settings.console.listen
        host, _, port = address.rpartition(":")
        try:
            listening = bind(host.strip("[]"), int(port))
        except OSError as error:
            taken = "End what listens there, or change" if error.errno == errno.EADDRINUSE else "Change"
            fix = f"{taken} listen of [console] in ciconia.toml."
            what = f"nobody can listen there: {os.strerror(error.errno or 0)}."
            raise CommandRefused("ciconia.toml", f"console.listen {address}", what, fix) from None
        with listening:
            serve_console(settings, listening, lambda: say(f"{settings.console.address} is served. Ctrl-C ends it."))


@console.command()
def add(name: Name, config: Folder, *, as_json: AsJson = False) -> None:
    """Add an administrator, and print a link by which they enrol a passkey: once, within an hour.

    Whoever opens it first is that administrator. The ledger records that they were added, and by whom.

    Example: ciconia console add mari --config city

    Exit codes: 0 it is added, 1 the name is taken or is none, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        if not IDENTIFIER.fullmatch(name):
            fix = "write 1 to 64 letters, digits, dots, hyphens and underscores: proposals name them so."
            raise CommandRefused("console", "name", f"{plain(name)} is no name of an administrator.", fix)
        token, now = secrets.token_urlsafe(TOKEN_BYTES), system_clock()
        ends = now + LINK_HOURS * 3600
        if name.casefold() in {one.name.casefold() for one in opened.register.holders()} or opened.register.has(name):
            raise CommandRefused("console", "name", f"there is an administrator {plain(name)} already.", _ANOTHER)
        placed = opened.record(ADMINISTRATOR_ADDED, name)
        if not opened.register.add(name, link_digest(token), ends, now):
            raise CommandRefused("console", "name", f"there is an administrator {plain(name)} already.", _ANOTHER)
        # Behind the #: no server and no proxy gets it, and no log has it
        link = f"{opened.settings.console.address}{ENROL_PATH}#{token}"
        until = datetime.fromtimestamp(ends, UTC).isoformat()
    lines = [f"{plain(name)} enrols a passkey once, until {until}:", f"  {link}", *([] if placed else [UNPLACED])]
    answer({"name": name, "link": link, "ends": ends}, *lines, as_json=as_json)


@console.command("list")
def list_administrators(config: Folder, *, as_json: AsJson = False) -> None:
    """List the administrators, and who of them has not enrolled a passkey yet.

    Example: ciconia console list --config city

    Exit codes: 0 they are listed, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        found = opened.register.holders()
    told = [
        {"name": one.name, "enrolled": bool(one.credential), "since": one.since, "link_ends": one.link_ends}
        for one in found
    ]
    now = system_clock()
    lines = [f"{plain(one.name):<40} {state_of(one, now)}" for one in found]
    answer({"administrators": told}, *(lines or ["Nobody signs in: ciconia console add NAME."]), as_json=as_json)


@console.command()
def remove(name: Name, config: Folder, *, as_json: AsJson = False) -> None:
    """Take an administrator out of the list. Their session ends with their next request, and the ledger records it.

    Example: ciconia console remove mari --config city

    Exit codes: 0 they are out, 1 there is no such administrator, 2 it could not be tried.
    """
    with trying(as_json=as_json), _opened(config) as opened:
        if not opened.register.has(name):
            raise CommandRefused(
                "console", "name", f"there is no administrator {plain(name)}.", "See: ciconia console list"
            )
        # Out first: whoever is removed in an emergency must not stay because the ledger is away
        opened.register.remove(name)
        placed = opened.record(ADMINISTRATOR_REMOVED, name)
    answer({"name": name}, f"{plain(name)} is out.", *([] if placed else [UNPLACED]), as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A tenant's list of administrators, and its ledger."""

    settings: Settings
    keys: LedgerKeys
    register: PasskeyRegister

    def record(self, act: str, name: str) -> bool:
        """Record an act about an administrator; returns whether it has its place."""
        return record_by_command(self.settings, self.keys, act=act, about=name, reason="")


@contextmanager
def _opened(config: Folder) -> Iterator[_Opened]:
    settings = load_settings(config)
    keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    with administrators(settings, keys) as register:
        yield _Opened(settings, keys, register)
