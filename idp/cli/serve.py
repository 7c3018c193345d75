"""`init`, `serve` and `migrate`: from nothing to a running broker."""

import json
import os
import shlex
import shutil
import signal
from contextlib import suppress
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.answer import UnheardError
from idp.cli.console import failed, problems, say, taken, unwritable
from idp.cli.serve_plan import look, look_again, metrics_board, plan, tell
from idp.keys.file import write_private
from idp.keys.folder import create_keys
from idp.logs import configure_logs
from idp.server import Listening, bind
from idp.serving.board import Board, Phase
from idp.serving.supervisor import Supervisor
from idp.settings import SETTINGS_FILE, TENANTS, Settings, is_many, load_settings, shut, tenant_folders
from idp.store.migrate import migrate as migrate_database
from idp.watching.listener import serve as watched
from policies.errors import Misconfigured, StoreUnavailable

Folder = Annotated[Path, typer.Option("--config", readable=False, help="The configuration folder.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
MAX_WORKERS = 60
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
    directory: Annotated[Path, typer.Argument(readable=False, metavar="DIR", help="A folder that is new or empty.")],
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
    # As Ctrl-C, so that no half of a folder stays
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = _make(directory, issuer, role)
    except _TakenError:
        detail = f"{directory} is not an empty folder: name a new one, so that nothing of yours is overwritten."
        failed("taken", detail, as_json=as_json)
        raise typer.Exit(2) from None
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(2) from None
    except OSError as error:
        failed("unwritable", unwritable(directory, error), as_json=as_json)
        raise typer.Exit(2) from None
    if as_json:
        print(json.dumps({"directory": str(directory.resolve()), "issuer": settings.issuer, "listen": settings.listen}))
        return
    lacks = "no identity provider and no country that may ask" if role is Role.NODE else "no country and no service"
    say(f"Made {directory}: settings in {SETTINGS_FILE}, fresh keys in keys/, and {lacks} yet.")
    say(f"Next: ciconia serve --config {shlex.quote(str(directory))}")


def _text(role: Role, issuer: str) -> str:
    """The settings of a role: what all have, then its own."""
    here = resources.files("idp.cli")
    text = "".join(here.joinpath(name).read_text(encoding="utf-8") for name in ("init.toml", f"init_{role}.toml"))
    return text.replace("@ISSUER@", issuer).replace("@ROLE@", role).replace("@COUNTRY@", NO_COUNTRY)


class _TakenError(Exception):
    """Somebody else's files stand where a folder was to be made."""


def _begin(directory: Path, text: str) -> None:
    """Write the settings: of several who begin at once one alone can. Raises `_TakenError`, and leaves nothing then."""
    file = directory / SETTINGS_FILE
    try:
        # An address of a database may get a password
        write_private(file, text.encode())
    except FileExistsError:
        raise _TakenError from None
    if any(each.name != file.name for each in directory.iterdir()):
        file.unlink()
        raise _TakenError


def _make(directory: Path, issuer: str, role: Role) -> Settings:
    """Write the whole folder, or leave nothing of ours in it. Raises `_TakenError` where somebody else has files there."""
    if taken(directory):
        raise _TakenError
    folders = NODE_FOLDERS if role is Role.NODE else FOLDERS
    made_here = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    ours: tuple[str, ...] = ()
    try:
        _begin(directory, _text(role, issuer))
        ours = ("keys", *folders)
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
    except BaseException:
        # A Ctrl-C, too: half of it would be in the way of the next one. The settings last, which keep others out
        for name in ours:
            shutil.rmtree(directory / name, ignore_errors=True)
        if ours:
            (directory / SETTINGS_FILE).unlink(missing_ok=True)
        if made_here:
            with suppress(OSError):  # it is somebody else's by now
                directory.rmdir()
        raise
    return settings


def serve(
    config: Folder,
    workers: Annotated[
        int, typer.Option(min=1, max=MAX_WORKERS, metavar="N", help="How many processes answer requests.")
    ] = 1,
    drain: Annotated[
        float, typer.Option(min=0, max=600, metavar="SECONDS", help="After SIGTERM, how long the proxy has to notice.")
    ] = 0.0,
) -> None:
    """Run the broker until Ctrl-C or SIGTERM, behind a proxy that speaks https. `ciconia.toml` says where it listens.

    What would leak or lose is refused: `ciconia doctor` explains it, and looks further. SIGHUP reads the configuration
    anew; where it is broken, the former one goes on serving.

    Example: ciconia serve --config city --workers 4
    """
    configure_logs()
    try:
        looked = look(config)
    except (Misconfigured, StoreUnavailable) as error:
        tell(config, error)
        raise typer.Exit(2 if shut(config) else 1) from None
    process = looked.process
    listening = _listen("listen", process.listen)
    metrics = metrics_board(looked, workers)
    beside = None
    if process.metrics_listen:
        told = _listen("metrics_listen", process.metrics_listen)

        def beside(board: Board) -> None:
            watched(metrics, told, lambda: board.phase is Phase.DRAINING)

    def ready() -> None:
        are = "is" if len(looked.issuers) == 1 else "are"
        with suppress(UnheardError):  # it serves, whoever reads this
            say(f"{', '.join(looked.issuers)} {are} served at http://{process.listen}. Ctrl-C ends it.")
            if looked.nobody_may_ask:
                say("Nobody may ask it yet: put a file for each country's node into nodes/.")

    supervisor = Supervisor(
        listening,
        workers=workers,
        load=lambda: plan(config, look_again(config, looked), metrics, drain),
        ready=ready,
        beside=beside,
        watching=metrics,
    )
    raise typer.Exit(supervisor.run(plan(config, looked, metrics, drain)))


def _listen(key: str, address: str) -> Listening:
    host, _, port = address.rpartition(":")
    try:
        return bind(host.strip("[]"), int(port))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        say(f"Cannot listen on {address}: {why}. Change {key} in ciconia.toml.", error=True)
        raise typer.Exit(1) from None


def migrate(config: Folder, *, as_json: AsJson = False) -> None:
    """Bring the database to this version's tables, of several tenants each one's. `serve` does the same before it listens.

    Example: ciconia migrate --config city
    """
    if found := shut(config):
        problems(Misconfigured(found), as_json=as_json)
        raise typer.Exit(2)
    folders = tenant_folders(config)
    if not folders:
        failed("not_found", f"There is no tenant in {config / TENANTS}.", as_json=as_json)
    done = [_migrated(folder, folder.name if is_many(config) else "", as_json=as_json) for folder in folders]
    raise typer.Exit(0 if done and all(done) else 1)


def _migrated(folder: Path, tenant: str, *, as_json: bool) -> bool:
    """Whether the database of one folder is at this version, which is said with the tenant's name where it has one."""
    of, named = (f" of {tenant}", {"tenant": tenant}) if tenant else ("", {})
    try:
        settings = load_settings(folder)
        revision = migrate_database(settings.database_url)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        return False
    except StoreUnavailable as error:
        failed(error.code, f"The database{of} cannot be changed: {error.detail}.", as_json=as_json, **named)
        return False
    if as_json:
        print(json.dumps({"database": settings.database, "revision": revision, **named}))
    else:
        say(f"{settings.database}{of} is at revision {revision}.")
    return True
