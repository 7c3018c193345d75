"""`ciconia party token` and `ciconia party registered`: services that register themselves, and what an operator says to it.

They need settings, the ledger's keys and the database, and no server.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from connectors.formats.grammar import written
from idp.application.operator_acts import opened_store, within
from idp.cli.console import CommandRefused, answer, plain, trying
from idp.cli.options import AsJson, Folder
from idp.config.settings import Settings, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.operator_records import draft_approval
from idp.ledger.record_contents import new_record
from idp.ports import Unit
from idp.protocols.oidc.metadata import REGISTRATION_PATH
from idp.store.peer_copies import NOTHING
from idp.store.registered_clients import ClientRegister, StoredClient
from idp.store.store import Store
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.parties import EntityId

DAY = 24 * 3600
MOST_DAYS, MOST_USES = 90, 100
SECOND = "Every worker obeys within a second."
ClientName = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="Its client_id, as `registered list` shows it.")]

registered = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Services that registered themselves: see, approve, remove."
)


@dataclass(frozen=True, slots=True)
class _RegistrationDesk:
    """The settings, the database, and the clients in it."""

    settings: Settings
    store: Store
    register: ClientRegister

    def record(self, name: str, digest: str) -> None:
        """Record what of a client an operator accepts from now on, as of a country's metadata, before it counts."""
        peer = EntityId(f"{self.settings.issuer}{REGISTRATION_PATH}/{name}")
        draft = draft_approval(record=new_record(), time=system_clock(), peer=peer, digest=digest)
        self.store.commit(Unit(tenant=self.settings.tenant, record=draft))


def token(
    config: Folder,
    count: Annotated[int, typer.Option(min=1, max=MOST_USES, help="How many services may register with it.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days it lives.")] = 7,
    *,
    as_json: AsJson = False,
) -> None:
    """Make an initial access token, by which services register themselves. It is shown once.

    Example: ciconia party token --count 3 --days 7 --config city
    """
    with _desk(config, as_json=as_json) as desk:
        if not desk.settings.registered_clients:
            what, fix = "no service may register itself.", "write how many may: registered_clients = 10."
            raise CommandRefused("party", "registered_clients", what, fix)
        made, now = secrets.token_urlsafe(32), system_clock()
        ends = now + days * DAY
        within(lambda: desk.register.add_token(hashlib.sha256(made.encode()).digest(), count, ends, now))
    until = written(ends)
    told = {"initial_access_token": made, "count": count, "ends": until}
    answer(told, made, f"For {count} of them, until {until}. It is shown here and nowhere else.", as_json=as_json)


@registered.command(name="list")
def list_(config: Folder, *, as_json: AsJson = False) -> None:
    """List the services that registered themselves, and what each wants to change.

    Example: ciconia party registered list --config city
    """
    with _desk(config, as_json=as_json) as desk:
        found = within(desk.register.clients)
    lines = []
    for one in found:
        lines.append(plain(f"{one.client_id}  since {written(one.since)}  {one.metadata}"))
        if one.proposed:
            lines.append(plain(f"  waits for approval ({_shown(one)}): {one.proposed}"))
    told = [{"client_id": one.client_id, "since": written(one.since), **_texts(one)} for one in found]
    answer({"registered": told}, *(lines or ["No service has registered itself."]), as_json=as_json)


@registered.command()
def approve(
    name: ClientName,
    config: Folder,
    digest: Annotated[str, typer.Option(metavar="HEX", help="What `registered list` shows beside the change.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Let what a service wants to change count, as it was looked at, and record that.

    Example: ciconia party registered approve c-0123 --digest 5d3f --config city
    """
    with _desk(config, as_json=as_json) as desk:
        client = _found(desk, name)
        fits = client.proposed and digest == _shown(client)
        if fits:
            within(lambda: desk.record(name, _digest(client)))
        if not fits or not within(lambda: desk.register.approve(client)):
            what, fix = f"{name} does not propose that.", "See what it proposes: ciconia party registered list."
            raise CommandRefused("party", "--digest", what, fix)
    answer({"client_id": name, "approved": digest}, f"{name} is changed. {SECOND}", as_json=as_json)


@registered.command()
def remove(name: ClientName, config: Folder, *, as_json: AsJson = False) -> None:
    """End the registration of a service, and record that: its logins, codes and tokens end with it.

    Example: ciconia party registered remove c-0123 --config city
    """
    with _desk(config, as_json=as_json) as desk:
        _found(desk, name)
        within(lambda: desk.record(name, NOTHING))
        within(lambda: desk.register.remove(name))
    answer({"client_id": name, "removed": True}, f"{name} is registered no more. {SECOND}", as_json=as_json)


def _texts(client: StoredClient) -> dict[str, object]:
    proposed: object = json.loads(client.proposed) if client.proposed else None
    return {"metadata": json.loads(client.metadata), "proposed": proposed, "digest": _shown(client) if proposed else None}


def _digest(client: StoredClient) -> str:
    return hashlib.sha256(client.proposed.encode()).hexdigest()


def _shown(client: StoredClient) -> str:
    return _digest(client)[:16]


def _found(desk: _RegistrationDesk, name: str) -> StoredClient:
    client = within(lambda: desk.register.client(name))
    if client is None:
        what = f"no service of the name {name} has registered itself."
        raise CommandRefused("party", "CLIENT_ID", what, "ciconia party registered list shows them.")
    return client


@contextmanager
def _desk(config: Path, *, as_json: bool) -> Iterator[_RegistrationDesk]:
    """The opened database. Ends the command with 2 where it cannot be tried."""
    configure_logs()
    with trying(as_json=as_json):
        settings = load_settings(config)
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        with opened_store(settings, ledger) as store:
            register = ClientRegister(engine=store.engine, tenant=settings.tenant, keys=ledger)
            yield _RegistrationDesk(settings, store, register)
