"""`ciconia init`: a folder with settings and fresh keys, from which a broker can begin."""

import re
import shlex
import shutil
import signal
from contextlib import suppress
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.console import answer, end, say, taken, trying, unwritable
from idp.cli.options import AsJson
from idp.config.setting_types import NO_COUNTRY
from idp.config.settings import SETTINGS_FILE, TENANTS, Settings, load_settings
from idp.demo.practice import HOME, PRACTICE_LANDS, practice_sign_in, register_practice
from idp.keys.file import write_private
from idp.keys.folder import create_keys
from idp.system.ownership import assert_own_way
from idp.system.toml_text import quoted
from policies.errors import Misconfigured, Problem

WITNESS = "witness"
FOLDERS = ("purposes", "parties", "providers", "metadata", WITNESS)
NODE_FOLDERS = ("nodes", "providers", "metadata", WITNESS)
EXAMPLE_ISSUER = "https://login.city.example"
EXAMPLE_NODE = "https://node.country.example"
PRACTICE, PRACTICE_NODE = "http://login.localhost:8400", "http://node.localhost:8400"
PRACTISED = "a made-up country in providers/practice.toml; no service"
# `*.localhost` is this machine to every browser, and nobody else's
DEMO = "# Practice on this machine alone: http is taken on *.localhost, so nobody else can ever be served.\ndemo = true\n\n"


class BrokerRole(StrEnum):
    """The role of a broker."""

    CITY = "city"
    NODE = "node"


def init(
    directory: Annotated[Path, typer.Argument(readable=False, metavar="DIR", help="A folder that is new or empty.")],
    issuer: Annotated[
        str | None,
        typer.Option(help="The https address under which browsers will reach the broker.", show_default=EXAMPLE_ISSUER),
    ] = None,
    role: Annotated[
        BrokerRole, typer.Option(help="city: serves relying parties. node: answers other countries about its own citizens.")
    ] = BrokerRole.CITY,
    country: Annotated[
        str, typer.Option(metavar="CC", help="Its country, as other countries' nodes are told it: two capital letters.")
    ] = "",
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="To practise on this machine: http on *.localhost, and a made-up country.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented configuration with fresh keys, and no party yet.

    Example: ciconia init city && ciconia serve --config city
    """
    node = role is BrokerRole.NODE
    if country and re.fullmatch("[A-Z]{2}", country) is None:
        raise typer.BadParameter("--country is two capital letters (ISO 3166-1 alpha-2), such as EE.")
    if node and demo and (country := country or HOME) not in PRACTICE_LANDS:
        raise typer.BadParameter(f"--demo has made-up citizens of {' and '.join(PRACTICE_LANDS)}: name one of them.")
    if issuer is None:
        issuer = (PRACTICE_NODE if demo else EXAMPLE_NODE) if node else PRACTICE if demo else EXAMPLE_ISSUER
    # As Ctrl-C, so that no half of a folder stays
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with trying(as_json=as_json):
        try:
            settings = _make(directory, _text(role, issuer, country, demo=demo), role, demo=demo)
        except _TakenError:
            detail = f"{directory} is not an empty folder: name a new one, so that nothing of yours is overwritten."
            end("taken", detail, as_json=as_json)
        except OSError as error:
            end("unwritable", unwritable(directory, error), as_json=as_json)
    _warn_root(directory)
    lacks = "no identity provider and no country that may ask" if node else "no country and no service"
    if demo:
        lacks = "made-up citizens in providers/national.toml; no country that may ask" if node else PRACTISED
    lines = [f"Made {directory}: settings in {SETTINGS_FILE}, fresh keys in keys/, and {lacks} yet."]
    if demo:
        metadata, port = practice_sign_in(directory)
        start = f"python -m idp.demo.practice {shlex.quote(str(directory))} {shlex.quote(str(metadata))} {port}"
        lines.append(f"Its sign-in, in a terminal of its own: {start}")
    lines.append(f"Next: ciconia serve --config {shlex.quote(str(_served(directory)))}")
    told = {"directory": str(directory.resolve()), "issuer": settings.issuer, "listen": settings.listen}
    answer(told, *lines, as_json=as_json)


def _warn_root(directory: Path) -> None:
    """Warns where root made the folder in that of another account, which cannot read it."""
    try:
        assert_own_way(directory, "DIR")
    except Misconfigured as error:
        for around in error.problems:
            of = f"{directory} is root's alone, and lies in another account's folder, {around.file}."
            say(f"{of} If that account is to serve it, remove it and begin anew. {around.fix}", error=True)


def _served(directory: Path) -> Path:
    """The folder to serve: this one, or the one around `tenants/` where it lies in there."""
    if directory.parent.name == TENANTS:
        return directory.parent.parent
    around = directory.resolve().parent
    return around.parent if around.name == TENANTS else directory


def _text(role: BrokerRole, issuer: str, country: str = "", *, demo: bool = False) -> str:
    """The text of the settings for a role. To practise, it listens where browsers reach it, with no proxy in front."""
    here = resources.files("idp.cli")
    text = DEMO if demo else ""
    text += "".join(here.joinpath(name).read_text(encoding="utf-8") for name in ("init.toml", f"init_{role}.toml"))
    if country and role is BrokerRole.CITY:
        # A city with a country asks other countries' nodes, which have to be told who runs it
        text = re.sub(
            r"^# \[organization\]\n(?:# .*\n)+", lambda found: found[0].replace("# ", ""), text, flags=re.MULTILINE
        )
    try:
        words = {"@ISSUER@": quoted(issuer), "@ROLE@": role.value, "@PORT@": "8400", "@PROBE@": "2.0" if demo else "30.0"}
    except ValueError as error:
        problem = Problem("init", 0, "--issuer", "is no text.", "write https://HOST, as browsers reach the broker.")
        raise Misconfigured((problem,)) from error
    words["@COUNTRY@"] = country or (NO_COUNTRY if role is BrokerRole.NODE else "")
    if demo and (port := re.search(r":(\d{1,5})$", issuer)):
        words["@PORT@"] = port[1]
    # All at once: an issuer that holds another word is written as it is
    return re.sub(r"@[A-Z]+@", lambda found: words[found[0]], text)


class _TakenError(Exception):
    """Somebody else's files stand where a folder was to be made."""


def _begin(directory: Path, text: str) -> None:
    """Writes the settings; of several commands at once only one can. Raises `_TakenError`, and leaves nothing then."""
    file = directory / SETTINGS_FILE
    try:
        # An address of a database may get a password
        write_private(file, text.encode())
    except FileExistsError:
        raise _TakenError from None
    if any(each.name != file.name for each in directory.iterdir()):
        file.unlink()
        raise _TakenError


def _make(directory: Path, text: str, role: BrokerRole, *, demo: bool) -> Settings:
    """Writes the whole folder, or leaves nothing of ours in it. Raises `_TakenError` where it holds other files."""
    if taken(directory):
        raise _TakenError
    folders = NODE_FOLDERS if role is BrokerRole.NODE else FOLDERS
    made_here = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    ours: tuple[str, ...] = ()
    try:
        _begin(directory, text)
        ours = ("keys", *folders)
        settings = load_settings(directory)
        encrypts = role is BrokerRole.CITY
        create_keys(settings.key_folder, settings.origin, settings.tenant, demo=settings.demo, saml_encryption=encrypts)
        for name in folders:
            (directory / name).mkdir()
        if demo:
            register_practice(directory)
    except BaseException:
        # A Ctrl-C, too: half a folder would be in the way of the next command. The settings last, which keep others out
        for name in ours:
            shutil.rmtree(directory / name, ignore_errors=True)
        if ours:
            (directory / SETTINGS_FILE).unlink(missing_ok=True)
        if made_here:
            with suppress(OSError):  # it is somebody else's by now
                directory.rmdir()
        raise
    return settings
