"""`ciconia party disable|enable|list`: the kill switch for a relying party, a country or an identity provider.

A named deviation of a provider has one, too: a server switches it off by itself when its messages fail.

It works while the server runs, and while the configuration is broken: settings, the ledger's keys and the database are
enough. The release ledger records each act first, with its reason (decision 0000.31).

Exit codes: 0 it is so, 1 it is refused and every reason is named, 2 it could not be tried.
"""

import difflib
import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from connectors.formats.grammar import written
from idp.cli.committing import UNPLACED, Unsure, mend, set_switch, standing, within
from idp.cli.console import plain, problems, say
from idp.cli.options import AsJson, Folder
from idp.config.folder import readable_files
from idp.config.settings import Settings, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.record_contents import MAX_REASON, is_reason
from idp.pages.search import code_of
from idp.protocols.saml.deviation_guard import switch_name
from idp.store.faults import advice, explained
from idp.store.store import Store, open_store
from idp.store.switches.switch import COUNTRY, DEVIATION, PARTY, PROVIDER, Switch
from idp.store.switches.switches import Switches
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.errors import BrokerError, Misconfigured, Problem, StoreUnavailable
from policies.load import Configuration, examine
from policies.load.table import COUNTRY as COUNTRY_CODE

REFUSED, COULD_NOT_RUN = 1, 2
SECOND = "Every worker obeys within a second."


class Kind(StrEnum):
    """What a name is the name of."""

    PARTY = PARTY
    COUNTRY = COUNTRY
    PROVIDER = PROVIDER
    DEVIATION = DEVIATION


_OTHER_KIND = (
    "Name what NAME is with --kind: party, country, provider or deviation; ciconia party list shows what there is."
)
_NONE = {
    Kind.PARTY: f"The configuration has no service. {_OTHER_KIND}",
    Kind.COUNTRY: f"The configuration has no country. {_OTHER_KIND}",
    Kind.PROVIDER: f"The configuration has no identity provider. {_OTHER_KIND}",
    Kind.DEVIATION: f"No identity provider has a deviation by its registration. {_OTHER_KIND}",
}
_NAME = "A client_id, a country's two letters, a provider's id, or PROVIDER/DEVIATION."
Name = Annotated[str, typer.Argument(metavar="NAME", help=_NAME)]
OfKind = Annotated[Kind, typer.Option(help="What NAME is.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, in a line, for the release ledger. Name no person.")]


@dataclass(frozen=True, slots=True)
class _Desk:
    """A tenant's database, what the configuration knows (as far as it can be read), and whether that is all of it."""

    settings: Settings
    ledger: LedgerKeys
    store: Store
    known: Mapping[Kind, frozenset[str]]
    whole: bool

    def nearest(self, kind: Kind, name: str, *, cutoff: float = 0.6) -> str | None:
        """The name of this kind that is most like another one; the larger the cutoff, the more alike."""
        return next(iter(difflib.get_close_matches(name, sorted(self.known[kind]), n=1, cutoff=cutoff)), None)

    def switches(self) -> Mapping[tuple[str, str], Switch]:
        """Every switch that was ever set."""
        return Switches(engine=self.store.engine, tenant=self.settings.tenant, keys=self.ledger).current()


def disable(name: Name, config: Folder, reason: Reason, kind: OfKind = Kind.PARTY, *, as_json: AsJson = False) -> None:
    """Switch a relying party, a country or an identity provider off: on all workers, within a second, for every step.

    Logins that are under way stop, codes and access tokens that are alive end. Citizens read that it is suspended, and can
    still refuse or go back. Nothing else changes: no file, no other service.

    Example: ciconia party disable permits --reason "Its secret leaked" --config city
    """
    _set(name, config, kind, reason, off=True, as_json=as_json)


def enable(name: Name, config: Folder, reason: Reason, kind: OfKind = Kind.PARTY, *, as_json: AsJson = False) -> None:
    """Switch it on again. What was alive before stays ended: whoever was stopped starts again.

    Example: ciconia party enable permits --reason "It has a new secret" --config city
    """
    _set(name, config, kind, reason, off=False, as_json=as_json)


def list_(config: Folder, *, as_json: AsJson = False) -> None:
    """List relying parties, countries and identity providers, and which of them are off, since when and why.

    Example: ciconia party list --config city
    """
    with _desk(config, as_json=as_json) as desk:
        switches = desk.switches()
    names = {(str(kind), name) for kind, of_kind in desk.known.items() for name in of_kind}
    names |= {key for key in switches if key[0] in set(Kind)}
    told = [_told(kind, name, switches.get((kind, name))) for kind, name in sorted(names)]
    if as_json:
        print(json.dumps({"ok": True, "whole": desk.whole, "switches": told}))
        return
    for one in told:
        state = f"off since {one['since']}: {one['reason']}" if one["off"] else "on"
        # A line feed in a stranger's row begins no line that looks like one of ours
        say(plain(f"{one['kind']:<9} {one['name']:<24} {state}"))
    if not told:
        say("The configuration has no service and no country yet.")
    if not desk.whole:
        say("The configuration has problems, so names may be missing: ciconia doctor.", error=True)


def _set(name: str, config: Path, kind: Kind, reason: str, *, off: bool, as_json: bool) -> None:
    with _desk(config, as_json=as_json) as desk:
        before, unread = _before(desk, kind, name, off=off)
        if found := list(_faults(desk, kind, name, reason, before, off=off)):
            _end(Misconfigured(tuple(found)), REFUSED, as_json=as_json)
        known = name in desk.known[kind]
        nearest = None if known or desk.whole else desk.nearest(kind, name, cutoff=0)
        if not known and not desk.whole:
            _say_unknown(kind, name, nearest)
        at = (desk.settings, desk.store, desk.ledger, kind, name)
        try:
            # Off for another reason is another act; on is on, and said again it would end what is alive
            already = standing(*at, off=off, reason=reason if off else "")
            act = already or set_switch(*at, off=off, reason=reason, now=system_clock())
        except Unsure as error:
            _unsure(error, kind, name, off=off, as_json=as_json)
    if as_json:
        told = {
            **_told(kind, name, act.switch if act.switch.since else None),
            "placed": act.placed,
            "known": known,
            "nearest": nearest,
            "tenant": desk.settings.tenant,
        }
        print(json.dumps({"ok": True, **told, "switches_known": not unread}))
        return
    done = f"{'Off' if off else 'On again'} and recorded"
    if already is not None:
        since = f", since {written(act.switch.since)}" if act.switch.since else ""
        done = f"It was {'off' if off else 'on'} already{since}, and nothing is recorded"
    say(f"{done}: {kind} {name}. {SECOND}")
    if not act.placed:
        say(UNPLACED, error=True)
    if unread:
        say(f"What else is off could not be read, and while it cannot be nothing is released: {unread}.", error=True)
    if off:
        enable = ["ciconia", "party", "enable", name, "--kind", kind, "--reason", "TEXT", "--config", str(config)]
        say(f"To end it: {shlex.join(enable)}")


def _before(desk: _Desk, kind: Kind, name: str, *, off: bool) -> tuple[Switch | None, str]:
    """How the switch stood, and why that could not be read, "" where it could."""
    try:
        return desk.switches().get((kind, name)), ""
    except StoreUnavailable as error:
        # To switch off needs no knowledge of what was off before
        if not off:
            raise
        return None, error.detail


def _unsure(error: Unsure, kind: Kind, name: str, *, off: bool, as_json: bool) -> NoReturn:
    """Say that nobody knows what will be, and what counts until then."""
    if as_json:
        found = {"kind": kind, "name": name, "off": error.off, "error": {"code": error.code, "detail": error.detail}}
        print(json.dumps({"ok": False, **found}))
    now = {True: "It is off now.", False: "Nothing counts as off yet.", None: "What counts now is not known."}
    wanted = "off" if off else "on again"
    fix = mend(error.detail, stops=off)
    say(f"It is not known whether {kind} {name} will be {wanted}: {error.detail}. {now[error.off]} {fix}", error=True)
    raise typer.Exit(COULD_NOT_RUN)


def _say_unknown(kind: Kind, name: str, nearest: str | None) -> None:
    read = f"The nearest name that could be read is {nearest}." if nearest else f"No {kind} could be read."
    say(
        f"No file that can be read has the {kind} {name}. It is taken all the same, since others cannot be read (ciconia "
        f"doctor): if the name is wrong, whatever you meant stays as it was. {read}",
        error=True,
    )


def _faults(desk: _Desk, kind: Kind, name: str, reason: str, before: Switch | None, *, off: bool) -> Iterator[Problem]:
    known = desk.known[kind]
    # What an earlier version took can still be switched on
    if kind is Kind.COUNTRY and COUNTRY_CODE.fullmatch(name) is None and (off or before is None):
        capital = name.upper()
        meant = capital if COUNTRY_CODE.fullmatch(capital) else code_of(name)
        fix = f"Did you mean {meant}?" if meant else "Write two capital letters, as in ISO 3166-1."
        yield Problem("party", 0, "NAME", f"{name} is no country: a country is two capital letters.", fix)
    # Where the configuration cannot be read as a whole, a name that it seems to lack may well be served
    elif name not in known and before is None and desk.whole:
        near = desk.nearest(kind, name)
        fix = f"One of {', '.join(sorted(known))}, or another --kind." if known else _NONE[kind]
        fix = f"Did you mean {near}?" if near else fix
        yield Problem("party", 0, "NAME", f"there is no {kind} {name}.", fix)
    if not is_reason(reason):
        yield Problem("party", 0, "--reason", "is no reason.", f"Give 1 to {MAX_REASON} visible characters, on one line.")


@contextmanager
def _desk(config: Path, *, as_json: bool) -> Iterator[_Desk]:
    """The opened database; whatever keeps the command from being tried ends it here with 2."""
    configure_logs()
    try:
        settings = load_settings(config)
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        files, unreadable = readable_files(config)
        configuration, faults = examine(files)
        # The first command at a database writes whose it is
        store = within(lambda: open_store(settings.database_url, tenant=settings.tenant, ledger_keys=ledger))
        try:
            yield _Desk(settings, ledger, store, _names(configuration), whole=not (unreadable or faults))
        finally:
            store.close()
    except Misconfigured as error:
        _end(error, COULD_NOT_RUN, as_json=as_json)
    except BrokerError as error:
        if as_json:
            print(json.dumps({"ok": False, "error": {"code": error.code, "detail": explained(error.detail)}}))
        say(f"It could not be tried: {error.code} ({error.detail}).{advice(error.detail)}", error=True)
        raise typer.Exit(COULD_NOT_RUN) from None


def _names(configuration: Configuration) -> Mapping[Kind, frozenset[str]]:
    providers = configuration.providers.values()
    countries = {one.country for one in providers} | {one.peer.country for one in configuration.nodes.values()}
    # What a broken file does not say is the empty name there
    return {
        Kind.PARTY: frozenset(configuration.parties) - {""},
        Kind.COUNTRY: frozenset(countries) - {""},
        Kind.PROVIDER: frozenset(configuration.providers) - {""},
        Kind.DEVIATION: frozenset(switch_name(one.provider_id, name) for one in providers for name in one.deviations),
    }


def _told(kind: str, name: str, switch: Switch | None) -> dict[str, object]:
    if switch is None:
        return {"kind": kind, "name": name, "off": False, "reason": None, "since": None}
    since = written(switch.since) if switch.since else None
    return {"kind": kind, "name": name, "off": switch.off, "reason": switch.reason, "since": since}


def _end(error: Misconfigured, code: int, *, as_json: bool) -> NoReturn:
    problems(error, as_json=as_json)
    raise typer.Exit(code) from None
