"""`ciconia demo`: a whole login on loopback, to click through in a browser, or walked and told by the command."""

import json
import shlex
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from idp.cli.console import NO, doing, end, say, taken, trying, unwritable
from idp.demo.border import LANDS, Border
from idp.demo.browser import WalkError
from idp.demo.city import PERMIT
from idp.demo.countries import COUNTRIES, CountryWalk, broken_ledgers, walk_countries
from idp.demo.library import NAME
from idp.demo.stage_servers import demo_database
from idp.demo.templates import write_new
from idp.demo.walk import visit_all, walk, walk_card
from idp.demo.walked import OPENID, Walked
from idp.demo.words import SERVICES
from idp.keys.ledger_files import LOG_VKEY
from idp.store.faults import explained
from idp.system.logs import configure_logs
from idp.system.ownership import assert_own_way
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.errors import BrokerError, Misconfigured
from policies.forms import form_title, parse_form


class Upstream(StrEnum):
    """The source that vouches for the citizen of `--once`."""

    SAML = "saml"
    OIDC = "oidc"


class CityService(StrEnum):
    """The service at which the citizen of `--once` signs in."""

    PARKING = "parking"
    FARES = "fares"
    BUDGET = "budget"
    SAML = "saml"


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Walk one login by itself, tell it, and end.")] = False,
    keep: Annotated[
        Path | None, typer.Option(readable=False, metavar="DIR", help="Leave the configuration and record in a new DIR.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: one JSON object on stdout.")] = False,
    show_values: Annotated[bool, typer.Option("--show-values", help="With --once: the made-up values too.")] = False,
    database: Annotated[
        str,
        typer.Option(
            metavar="URL", help="One database for all nodes: postgresql://USER@HOST/NAME, or a new sqlite:///FILE."
        ),
    ] = "",
    upstream: Annotated[
        Upstream, typer.Option(help="With --once: who vouches: a country by SAML, or the city's card by OpenID Connect.")
    ] = Upstream.SAML,
    service: Annotated[
        CityService, typer.Option(help="With --once: where they sign in; `saml` is the library, which speaks SAML.")
    ] = CityService.PARKING,
    countries: Annotated[
        bool, typer.Option("--countries", help="Four countries that each speak another way, also for companies.")
    ] = False,
) -> None:
    """Two demo countries, three nodes and a city, on this machine. Fresh keys on each run; nothing stays without --keep.

    Example: ciconia demo --once
    """
    if countries and (show_values or upstream is not Upstream.SAML or service is not CityService.PARKING):
        raise typer.BadParameter("--countries walks to one service: leave --upstream, --service and --show-values out.")
    if as_json and not once:
        raise typer.BadParameter(
            "--json is for --once, which ends. Without it the demo stays, and tells its address in text."
        )
    configure_logs()
    # As Ctrl-C, so that the folder goes with us
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _trying(keep, as_json=as_json):
        if keep is not None:
            _assert_free(keep, as_json=as_json)
        with (
            _folder(keep, as_json=as_json) as folder,
            _database(database, keep=keep is not None) as named,
            _open(folder, fixed=not once, database=named, as_json=as_json, countries=countries) as border,
        ):
            if not once:
                _stay(border, countries=countries)
                return
            if countries:
                with doing(as_json=as_json) as told:
                    walks = walk_countries(border, told)
                    told("Checking the whole record of each node")
                    broken = broken_ledgers(border)
                _tell_countries(walks, broken, as_json=as_json)
                return
            with doing(as_json=as_json) as told:
                card = upstream is Upstream.OIDC
                where = NAME if service is CityService.SAML else str(service)
                # A record that is kept is of one sign-in, which its reader follows through
                others = visit_all(border, where) if keep is None else ()
                told("Signing a holder of the city's card in" if card else "Signing a citizen of Estonia in")
                walked = walk_card(border, service=where) if card else walk(border, service=where)
                walked = replace(walked, services=(*walked.services, *others))
            kept = _keep(walked, folder) if keep is not None else None
    if as_json:
        print(json.dumps(walked.as_json(show_values=show_values, kept=kept), ensure_ascii=False))
    else:
        _tell(walked, show_values=show_values, kept=kept)


@contextmanager
def _trying(keep: Path | None, *, as_json: bool) -> Iterator[None]:
    """Ends the command and says why: with 1 where the login does not go through, with 2 where the demo cannot run."""
    with trying(as_json=as_json):
        try:
            yield
        except WalkError as error:
            end("not_through", f"The login did not go through: {error}", as_json=as_json, code=NO)
        except Misconfigured:
            raise
        except (BrokerError, OSError) as error:
            if keep is not None and isinstance(error, PermissionError):
                end("unwritable", unwritable(keep, error), as_json=as_json)
            code = error.code if isinstance(error, BrokerError) else "file"
            end(code, f"The demo could not run: {explained(str(error))}", as_json=as_json)


def _assert_free(keep: Path, *, as_json: bool) -> None:
    """Ends the command with 2 unless it may write into the folder. Raises `Misconfigured` for root in another's folder.

    Each folder around it counts: its owner could put another one in its place meanwhile.
    """
    try:
        assert_own_way(keep, "--keep")
        if taken(keep):
            end("taken", f"{keep} is not an empty folder: name a new one.", as_json=as_json)
    except OSError as error:
        end("unwritable", unwritable(keep, error), as_json=as_json)


def _keep(walked: Walked, folder: Path) -> tuple[Path, Path]:
    """Writes the citizen's receipt and the log's key beside each other; returns their paths."""
    receipt, key = folder / "receipt.json", folder / LOG_VKEY
    write_new(receipt, walked.receipt)
    write_new(key, walked.log_key.encode())
    return receipt, key


@contextmanager
def _folder(keep: Path | None, *, as_json: bool) -> Iterator[Path]:
    """The folder of the demo: the one to keep, or a temporary one."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        found = keep.resolve()
        # Again: somebody else may have made it meanwhile, or put a link in its place
        _assert_free(found, as_json=as_json)
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="ciconia-demo-") as temporary:
        yield Path(temporary)


@contextmanager
def _database(url: str, *, keep: bool) -> Iterator[str]:
    """The database in each node's settings: a file in its folder, unless a URL was given."""
    if not url:
        yield "ciconia.db"
        return
    with demo_database(url, keep=keep) as named:
        yield named


@contextmanager
def _open(folder: Path, *, fixed: bool, database: str, as_json: bool, countries: bool) -> Iterator[Border]:
    lands = COUNTRIES if countries else LANDS
    with ExitStack() as stack:
        with doing(as_json=as_json) as told:
            border = Border(
                folder, fixed=fixed, database=database, card=not countries, permit=countries, lands=lands, told=told
            )
            stack.callback(border.close)
            border.open()
        yield border


def _stay(border: Border, *, countries: bool) -> None:
    """Prints one address, or one for each country, and stays until Ctrl-C."""
    try:
        if countries:
            begin = f"{border.city_base}/{PERMIT}/login"
            say("\n".join(f"{land.name} ({land.profile}): {begin}, and choose {land.name}" for land in border.lands))
        say(f"Open {border.city_base}/ in Chromium or Firefox (Safari keeps no Secure cookie on http). Ctrl-C ends it.")
        threading.Event().wait()
    except KeyboardInterrupt:
        say("The demo has ended.")


REASONS = {
    "least_sufficient": "its registered purpose needs no more",
    "source_has_less": "the country knows no more",
    "not_needed": "its registered purpose does not need it",
    "not_registered": "the service is not registered for it",
    "not_available": "the country did not send it",
    "not_in_register": "the register has nothing about the citizen",
    "register_not_asked": "the register was not asked",
    "register_away": "the register did not answer",
    "source_unsure": "its source does not vouch for it surely enough",
    "not_chosen": "the citizen did not tick it",
    "not_asked": "the citizen did not tick it, so the country was not asked for it",
    "no_common_form": "no form of it was both asked for and allowed",
    "assurance_too_low": "the sign-in was not strong enough",
    "other_sphere": "it may not cross the border of two legal spheres",
    "source_wants_more": "its source gives only to services with another category",
    "identity_unassured": "the person's identity is not as sure as the service wants",
    "other_category": "the service's entity categories have no place for it",
    "purpose_not_registered": "this purpose is not registered for the service",
}


def _tell_countries(walks: Sequence[CountryWalk], broken: Sequence[str], *, as_json: bool) -> None:
    """Prints how each walk ended, and ends the command with 1 unless all is as it has to be."""
    ok = not broken and not any(one.faults for one in walks)
    if as_json:
        print(json.dumps({"ok": ok, "countries": [one.as_json() for one in walks]}))
    for one in walks:
        who = f"{one.land.name} ({one.land.profile}), {PERSONS[one.person]}"
        for fault in one.faults:
            say(f"{who}: {fault}", error=True)
        if not as_json and one.walked is not None and not one.faults:
            came, gone = (", ".join(map(_title, names)) for names in (one.walked.arrived, sorted(one.walked.released)))
            say(f"{who}\n  its node sent: {came}\n  the service got: {gone}")
    for host in broken:
        say(f"The record of {host} does not verify.", error=True)
    if not ok:
        raise typer.Exit(NO)
    if not as_json:
        say(f"All {len(walks)} sign-ins ended as they have to, and the record of each node verifies.")


PERSONS = {"natural": "a citizen for themself", "representative": "the same for their company"}


def _tell(walked: Walked, *, show_values: bool, kept: tuple[Path, Path] | None) -> None:
    """Prints the story of the login, for somebody who decides about it."""
    out = Console(emoji=False, highlight=False, soft_wrap=True)

    def heading(text: str) -> None:
        out.print(f"\n{text}", style="bold")

    heading("Who asked")
    say(f"  {walked.service}, for: {walked.purpose}")
    by_card = "What the city's card said to the city's node"
    by_node = "What the node of the citizen's country sent to the city's node, encrypted"
    heading(f"{by_card if walked.upstream == OPENID else by_node} (assurance {walked.loa})")
    say(f"  {', '.join(_title(name) for name in walked.arrived)}")
    if walked.upstream != OPENID:
        out.print(
            "  Names, birth date and identifier always travel between nodes. They stay there, and end with the sign-in."
        )
    heading("What was weakened before it went on, and why")
    for one in walked.weakened:
        given = f"{_title(one.attribute)}: only {_form(one.given)}, for {_why(one.reason)}"
        say(f"  {given}")
    heading("What was withheld, and why")
    for stayed in walked.withheld:
        say(f"  {_title(stayed.attribute)}: {_why(stayed.reason)}")
    heading("What the city's service got, and nothing else")
    for name, (form, value) in sorted(walked.released.items()):
        shown = f" = {json.dumps(value, ensure_ascii=False)}" if show_values else ""
        say(f"  {name}{shown}, {SUB if name == 'sub' else _form(form)}")
    heading("The proof")
    for node, proved in walked.ledgers.items():
        leaves = f"{proved.size} {'leaf' if proved.size == 1 else 'leaves'}"
        out.print(f"  The {node} node's record is in its log: {leaves}, root {proved.root[:16]}…, signed, checked here.")
    say(f"  Witness of the city's log: {walked.witness}. One counts if another operator runs it.")
    out.print("  The citizen has a receipt of it, without any value. It was checked here with the log's key alone.")
    if kept:
        say(f"  Check it yourself, without a network: ciconia audit verify {shlex.quote(str(kept[0]))}")
    heading("What each service decided")
    say("\n".join(f"  {SERVICES[one.service].title['en']}: {one.decided}" for one in walked.services))
    table = Table(title="\nStep by step", title_justify="left", box=None)
    for column in ("who", "what", "ms"):
        table.add_column(column, justify="right" if column == "ms" else "left")
    for step in walked.steps:
        table.add_row(step.node, step.step, f"{step.ms:.0f}")
    out.print(table)


SUB = "a name for the citizen that only this service's sector knows"


def _why(reason: str) -> str:
    return REASONS.get(reason, reason)


def _title(name: str) -> str:
    known = STANDARD.attributes.get(AttributeName(name))
    return known.title["en"].lower() if known else name.replace("_", " ")


def _form(text: str) -> str:
    form = parse_form(text)
    return form_title(form) if form else text
