"""`init`, `serve` and `migrate`: from nothing to a running broker."""

import json
import os
import shutil
import signal
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from idp.app import Application
from idp.cli.console import problems, say, taken
from idp.configuration import load_configuration
from idp.doctor.case import lines_of_settings
from idp.doctor.production import ENVIRONMENT, production_faults
from idp.keys.folder import create_keys, load_keys
from idp.logs import configure_logs
from idp.server import Server, bind
from idp.settings import SETTINGS_FILE, Settings, examine_settings, load_settings
from idp.store.migrate import migrate as migrate_database
from policies.errors import Misconfigured, Problem, StoreUnavailable

Folder = Annotated[Path, typer.Option("--config", help="The configuration folder.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
FOLDERS = ("purposes", "parties", "providers", "metadata")
NODE_FOLDERS = ("nodes", "providers", "metadata")
EXAMPLE_ISSUER = "https://login.city.example"
EXAMPLE_NODE = "https://node.country.example"
# ISO 3166-1 leaves XX to its users: no country will ever have it
NO_COUNTRY = "XX"


class Role(StrEnum):
    """What a broker is for."""

    CITY = "city"
    NODE = "node"


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    issuer: Annotated[
        str, typer.Option(help="The https address under which browsers will reach the broker.", show_default=EXAMPLE_ISSUER)
    ] = "",
    role: Annotated[
        Role, typer.Option(help="city: serves relying parties. node: answers other countries about its own citizens.")
    ] = Role.CITY,
    *,
    as_json: AsJson = False,
) -> None:
    """Write a commented configuration with fresh keys, and no party yet.

    Example: ciconia init city && ciconia serve --config city
    """
    issuer = issuer or (EXAMPLE_NODE if role is Role.NODE else EXAMPLE_ISSUER)
    if taken(directory):
        say(f"{directory} is not an empty folder: name a new one, so that nothing of yours is overwritten.", error=True)
        raise typer.Exit(2)
    try:
        settings = _make(directory, issuer, role)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(2) from None
    except OSError as error:
        say(f"{error.filename or directory} cannot be written: {error.strerror}.", error=True)
        raise typer.Exit(2) from None
    if as_json:
        print(json.dumps({"directory": str(directory.resolve()), "issuer": settings.issuer, "listen": settings.listen}))
        return
    lacks = "no identity provider and no country that may ask" if role is Role.NODE else "no country and no service"
    say(f"Made {directory}: settings in {SETTINGS_FILE}, fresh keys in keys/, and {lacks} yet.")
    say(f"Next: ciconia serve --config {directory}")


def _text(role: Role, issuer: str) -> str:
    """The settings of a role: what all have, then its own."""
    here = resources.files("idp.cli")
    text = "".join(here.joinpath(name).read_text(encoding="utf-8") for name in ("init.toml", f"init_{role}.toml"))
    return text.replace("@ISSUER@", issuer).replace("@ROLE@", role).replace("@COUNTRY@", NO_COUNTRY)


def _make(directory: Path, issuer: str, role: Role) -> Settings:
    """Write the whole folder, or leave nothing of ours in it."""
    folders = NODE_FOLDERS if role is Role.NODE else FOLDERS
    made_here = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        (directory / SETTINGS_FILE).write_text(_text(role, issuer), encoding="utf-8")
        settings = load_settings(directory)
        create_keys(
            settings.key_folder,
            settings.origin,
            settings.tenant,
            demo=settings.demo,
            saml_encryption=role is Role.CITY,
        )
        for name in folders:
            (directory / name).mkdir()
    except (Misconfigured, OSError):
        # It was new or empty, so everything in it is ours: half a configuration would only be in the way of the next try
        for name in ("keys", *folders):
            shutil.rmtree(directory / name, ignore_errors=True)
        (directory / SETTINGS_FILE).unlink(missing_ok=True)
        if made_here:
            directory.rmdir()
        raise
    return settings


def serve(config: Folder) -> None:
    """Run the broker until Ctrl-C or SIGTERM, behind a proxy that speaks https. `ciconia.toml` says where it listens.

    What would leak or lose is refused: `ciconia doctor` explains it, and looks further.

    Example: ciconia serve --config city
    """
    configure_logs()
    try:
        settings = _safe_settings(config)
        nodes = load_configuration(config).nodes
        migrate_database(settings.database_url)
        application = Application(config)
    except Misconfigured as error:
        problems(error)
        raise typer.Exit(1) from None
    except StoreUnavailable as error:
        say(
            f"The database {settings.database} cannot be used: {error.detail}. Is the disk full, or the file read-only?",
            error=True,
        )
        raise typer.Exit(1) from None
    try:
        listening = bind(settings.host, settings.port)
    except OSError as error:
        application.stop()
        say(
            f"Cannot listen on {settings.listen}: {os.strerror(error.errno or 0)}. Change listen in ciconia.toml.",
            error=True,
        )
        raise typer.Exit(1) from None
    say(f"{settings.issuer} is served at http://{settings.listen}. Ctrl-C ends it.")
    if settings.role == "node" and not nodes:
        say("Nobody may ask it yet: put a file for each country's node into nodes/.")
    server = Server(application.asgi, listening, trusted=settings.trusted_proxies)
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn sends itself the signal once more when it has ended: with its default, SIGTERM would kill us there,
        # before the ledger's lease is given back
        signal.signal(number, lambda *_: server.stop())
    application.start()
    try:
        server.run()
    finally:
        application.stop()


def _safe_settings(config: Path) -> Settings:
    """The settings, if nothing about them would leak or lose.

    Raises `Misconfigured` with every problem of them, and then of the configuration and the keys too: one look is enough.
    """
    settings, problems = examine_settings(config)
    if settings is None:
        raise Misconfigured(problems)
    found, lines = [*problems], lines_of_settings(config)
    for fault in production_faults(settings, os.environ):
        file = ENVIRONMENT if fault.of_environment else str(config / SETTINGS_FILE)
        line = 0 if fault.of_environment or lines is None else lines.line((fault.key,))
        found.append(Problem(file, line, fault.key, f"{fault.what} {fault.why}", fault.fix))
    if not found:
        return settings
    for load in (lambda: load_configuration(config), lambda: load_keys(settings.key_folder, settings.origin)):
        try:
            load()
        except Misconfigured as error:
            found += error.problems
    raise Misconfigured(tuple(found))


def migrate(config: Folder, *, as_json: AsJson = False) -> None:
    """Bring the database to this version's tables. `serve` does the same before it listens.

    Example: ciconia migrate --config city
    """
    try:
        settings = load_settings(config)
        revision = migrate_database(settings.database_url)
    except (Misconfigured, StoreUnavailable) as error:
        if isinstance(error, Misconfigured):
            problems(error, as_json=as_json)
        else:
            say(f"The database cannot be changed: {error.detail}.", error=True)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps({"database": settings.database, "revision": revision}))
    else:
        say(f"{settings.database} is at revision {revision}.")
