"""`ciconia import`: registrations and providers from the configuration of another broker, and what was left.

Exit codes: 0 all of it is carried, 3 something was left, 1 it is refused and nothing is written, 2 it could not be tried.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from idp.application.imports.found import Found, Unreadable
from idp.application.imports.keycloak import read_keycloak
from idp.application.imports.satosa import read_satosa
from idp.application.imports.simplesamlphp import read_simplesamlphp
from idp.application.imports.writing import Choices, Import
from idp.application.load import load_all
from idp.cli.console import COULD_NOT_RUN, NO, CommandRefused, end, problems, say, trying
from idp.cli.options import AsJson, Folder
from idp.system.files import MAX_FILE, read_whole
from policies.errors import Misconfigured
from policies.load.table import COUNTRY, nearest

SOMETHING_LEFT = 3
File = Annotated[Path, typer.Argument(metavar="FILE", help="The peer's file.")]
Purposes = Annotated[
    list[str] | None,
    typer.Option("--purpose", metavar="[NAME=]ID", help="The purpose of one service, or of all others; again for another."),
]
Countries = Annotated[
    list[str] | None,
    typer.Option(
        "--country", metavar="[NAME=]CC", help="The country of one provider, or of all others; again for another."
    ),
]

importing = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Registrations and providers from another broker's configuration."
)


@importing.command()
def satosa(
    file: File, config: Folder, purpose: Purposes = None, country: Countries = None, *, as_json: AsJson = False
) -> None:
    """Import from SATOSA's proxy_conf.yaml, and from the plugins, metadata and client database that it names.

    Example: ciconia import satosa /etc/satosa/proxy_conf.yaml --purpose permit --country EE --config city
    """
    _import(lambda: read_satosa(file), config, Choices(_by_name(purpose), _by_name(country)), as_json=as_json)


@importing.command()
def keycloak(
    file: File, config: Folder, purpose: Purposes = None, country: Countries = None, *, as_json: AsJson = False
) -> None:
    """Import from the export of a realm, as `kc.sh export --realm NAME --file FILE` writes it, with its secrets.

    Example: ciconia import keycloak realm.json --purpose parking=permit --config city
    """

    def read() -> Found:
        try:
            return read_keycloak(str(file), read_whole(file, MAX_FILE))
        except OSError as error:
            raise Unreadable(str(file), f"cannot be read: {error.strerror}.") from error

    _import(read, config, Choices(_by_name(purpose), _by_name(country)), as_json=as_json)


@importing.command()
def simplesamlphp(
    file: File, config: Folder, purpose: Purposes = None, country: Countries = None, *, as_json: AsJson = False
) -> None:
    """Import from saml20-sp-remote.php, saml20-idp-remote.php or authsources.php, or from a folder that has all three.

    Example: ciconia import simplesamlphp /var/simplesamlphp --purpose permit --country EE --config city
    """
    _import(lambda: read_simplesamlphp(file), config, Choices(_by_name(purpose), _by_name(country)), as_json=as_json)


def _by_name(given: list[str] | None) -> dict[str, str]:
    """`NAME=ID` by its name, `ID` alone under "". An entity id may have a `=` itself."""
    pairs = [one.rpartition("=") for one in given or ()]
    return {name: chosen for name, _, chosen in pairs}


def _import(read: Callable[[], Found], config: Path, choices: Choices, *, as_json: bool) -> None:
    with trying(as_json=as_json):
        settings, configuration, _ = load_all(config)
        for chosen in choices.purposes.values():
            if chosen not in configuration.purposes:
                known = nearest(chosen, configuration.purposes)
                raise CommandRefused("import", "--purpose", f"`{chosen}` is not a purpose.", known)
        for chosen in choices.countries.values():
            if not COUNTRY.fullmatch(chosen):
                raise CommandRefused("import", "--country", f"`{chosen}` is no country.", "write two capitals, as EE.")
    try:
        made = Import(read(), choices, settings, configuration)
    except Unreadable as error:
        end("unreadable", str(error), as_json=as_json)
    try:
        if unused := made.unused():
            what = f"nothing in the file is called {unused[0]}."
            raise CommandRefused("import", "--purpose or --country", what, "name a client_id, an alias or an entity id.")
        made.write(config)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(NO) from None
    except OSError as error:
        detail = f"{error.filename or config} cannot be written: {error.strerror}."
        end("unwritable", detail, as_json=as_json, code=COULD_NOT_RUN)
    _tell(made, as_json=as_json)
    if made.left:
        raise typer.Exit(SOMETHING_LEFT)


def _tell(made: Import, *, as_json: bool) -> None:
    if as_json:
        written = [
            {"kind": one.kind, "name": one.name, "file": one.file, "draft": one.is_draft, "purpose": one.purpose or None}
            for one in made.imported
        ]
        left = [asdict(one) for one in made.left]
        print(json.dumps({"ok": True, "complete": not left, "written": written, "files": sorted(made.files), "left": left}))
        return
    for one in made.imported:
        say(f"{'Draft' if one.is_draft else 'Wrote'} {one.file}{f', for {one.purpose}' if one.purpose else ''}")
    if made.left:
        say(f"\nNot carried ({len(made.left)}):")
    for each in made.left:
        say(" ".join(f"{each.of}: {each.what} To do: {each.fix}".split()))
    say("\nThe configuration was loaded again and holds. Identifiers of citizens are others than at the old broker.")
