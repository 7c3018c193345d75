"""`ciconia party disable|enable|list`: the kill switch for a relying party, a country or an identity provider.

A named deviation of a provider has a switch, too: a server switches it off by itself when its messages fail.

It works while the server runs, and with a broken configuration: settings, the ledger's keys and the database are enough.
The release ledger records each act first, with its reason (decision 0000.31).
"""

import difflib
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from connectors.formats.grammar import written
from idp.application.operator_acts import UNPLACED, Unsure, mend, opened_store, set_switch, standing, within
from idp.cli.console import NO, answer, end, plain, problems, say, trying
from idp.cli.options import AsJson, Folder, Reason
from idp.config.folder import readable_files
from idp.config.settings import Settings, load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import MAX_REASON, is_reason
from idp.pages.search import code_of
from idp.protocols.saml.deviation_guard import switch_name
from idp.store.registered_clients import ClientRegister
from idp.store.store import Store
from idp.store.switches.switch import COUNTRY, DEVIATION, PARTY, PROVIDER, REGISTER, Switch
from idp.store.switches.switches import Switches
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.errors import Misconfigured, Problem, StoreUnavailable
from policies.federations import MEMBER_ID, family_of
from policies.load import Configuration, examine
from policies.load.table import COUNTRY as COUNTRY_CODE
from policies.parties import ProviderId

SECOND = "Every worker obeys within a second."


class SwitchKind(StrEnum):
    """The kinds of things that have a switch."""

    PARTY = PARTY
    COUNTRY = COUNTRY
    PROVIDER = PROVIDER
    DEVIATION = DEVIATION
    REGISTER = REGISTER


_OTHER_KIND = (
    "Name what NAME is with --kind: party, country, provider, deviation or register. ciconia party list shows all."
)
_NONE = {
    SwitchKind.PARTY: f"The configuration has no service. {_OTHER_KIND}",
    SwitchKind.COUNTRY: f"The configuration has no country. {_OTHER_KIND}",
    SwitchKind.PROVIDER: f"The configuration has no identity provider. {_OTHER_KIND}",
    SwitchKind.REGISTER: f"The configuration has no register. {_OTHER_KIND}",
    SwitchKind.DEVIATION: f"No identity provider has a deviation by its registration. {_OTHER_KIND}",
}
_NAME = "A client_id, a country's two letters, the id of a provider or register, or PROVIDER/DEVIATION."
Name = Annotated[str, typer.Argument(metavar="NAME", help=_NAME)]
OfKind = Annotated[SwitchKind, typer.Option(help="What NAME is.")]


@dataclass(frozen=True, slots=True)
class _SwitchDesk:
    """A tenant's database, the names in its configuration as far as it can be read, and whether that is the whole."""

    settings: Settings
    ledger: LedgerKeys
    store: Store
    known: Mapping[SwitchKind, frozenset[str]]
    whole: bool

    def nearest(self, kind: SwitchKind, name: str, *, cutoff: float = 0.6) -> str | None:
        """The known name of this kind that is most like `name`; the larger the cutoff, the more alike."""
        return next(iter(difflib.get_close_matches(name, sorted(self.known[kind]), n=1, cutoff=cutoff)), None)

    def switches(self) -> Mapping[tuple[str, str], Switch]:
        """Every switch that was ever set."""
        return Switches(engine=self.store.engine, tenant=self.settings.tenant, keys=self.ledger).current()


def disable(
    name: Name, config: Folder, reason: Reason, kind: OfKind = SwitchKind.PARTY, *, as_json: AsJson = False
) -> None:
    """Switch a relying party, a country or an identity provider off: on all workers, within a second, for every step.

    Logins under way stop, and live codes and access tokens end. Citizens read that it is suspended, and can still refuse or
    go back. Nothing else changes: no file, no other service.

    Example: ciconia party disable permits --reason "Its secret leaked" --config city
    """
    _set(name, config, kind, reason, off=True, as_json=as_json)


def enable(name: Name, config: Folder, reason: Reason, kind: OfKind = SwitchKind.PARTY, *, as_json: AsJson = False) -> None:
    """Switch it on again. Logins, codes and tokens that ended stay ended: citizens start again.

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
    names |= {key for key in switches if key[0] in set(SwitchKind)}
    told = [_told(kind, name, switches.get((kind, name))) for kind, name in sorted(names)]
    lines = []
    for one in told:
        state = f"off since {one['since']}: {one['reason']}" if one["off"] else "on"
        # A line feed in a stranger's row begins no line that looks like one of ours
        lines.append(plain(f"{one['kind']:<9} {one['name']:<24} {state}"))
    lines = lines or ["The configuration has no service and no country yet."]
    answer({"whole": desk.whole, "switches": told}, *lines, as_json=as_json)
    if not desk.whole and not as_json:
        say("The configuration has problems, so names may be missing: ciconia doctor.", error=True)


def _set(name: str, config: Path, kind: SwitchKind, reason: str, *, off: bool, as_json: bool) -> None:
    with _desk(config, as_json=as_json) as desk:
        before, unread = _before(desk, kind, name, off=off)
        if found := list(_faults(desk, kind, name, reason, before, off=off)):
            problems(Misconfigured(tuple(found)), as_json=as_json)
            raise typer.Exit(NO)
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
    done = f"{'Off' if off else 'On again'} and recorded"
    if already is not None:
        since = f", since {written(act.switch.since)}" if act.switch.since else ""
        done = f"It was {'off' if off else 'on'} already{since}, and nothing is recorded"
    told = _told(kind, name, act.switch if act.switch.since else None)
    told |= {"placed": act.placed, "known": known, "nearest": nearest, "tenant": desk.settings.tenant}
    answer({**told, "switches_known": not unread}, f"{done}: {kind} {name}. {SECOND}", as_json=as_json)
    if as_json:
        return
    if not act.placed:
        say(UNPLACED, error=True)
    if unread:
        say(f"What else is off could not be read, and while it cannot be nothing is released: {unread}.", error=True)
    if off:
        enable = ["ciconia", "party", "enable", name, "--kind", kind, "--reason", "TEXT", "--config", str(config)]
        say(f"To end it: {shlex.join(enable)}")


def _before(desk: _SwitchDesk, kind: SwitchKind, name: str, *, off: bool) -> tuple[Switch | None, str]:
    """The switch as it stood; and why it could not be read, "" where it could."""
    try:
        return desk.switches().get((kind, name)), ""
    except StoreUnavailable as error:
        # To switch off needs no knowledge of what was off before
        if not off:
            raise
        return None, error.detail


def _unsure(error: Unsure, kind: SwitchKind, name: str, *, off: bool, as_json: bool) -> NoReturn:
    """Ends the command with 2, and says what counts until the outcome is known."""
    now = {True: "It is off now.", False: "Nothing counts as off yet.", None: "What counts now is not known."}
    wanted = "off" if off else "on again"
    fix = mend(error.detail, stops=off)
    text = f"It is not known whether {kind} {name} will be {wanted}: {error.detail}. {now[error.off]} {fix}"
    end(error.code, error.detail, as_json=as_json, text=text, kind=kind, name=name, off=error.off)


def _say_unknown(kind: SwitchKind, name: str, nearest: str | None) -> None:
    read = f"The nearest name that could be read is {nearest}." if nearest else f"No {kind} could be read."
    say(
        f"No file that can be read has the {kind} {name}. The command goes on, since other files cannot be read (ciconia "
        f"doctor): if the name is wrong, the one you meant stays as it was. {read}",
        error=True,
    )


def _faults(
    desk: _SwitchDesk, kind: SwitchKind, name: str, reason: str, before: Switch | None, *, off: bool
) -> Iterator[Problem]:
    known = desk.known[kind]
    # What an earlier version took can still be switched on
    if kind is SwitchKind.COUNTRY and COUNTRY_CODE.fullmatch(name) is None and (off or before is None):
        capital = name.upper()
        meant = capital if COUNTRY_CODE.fullmatch(capital) else code_of(name)
        fix = f"Did you mean {meant}?" if meant else "Write two capital letters, as in ISO 3166-1."
        yield Problem("party", 0, "NAME", f"{name} is no country: a country is two capital letters.", fix)
    # A name that a partly unreadable configuration seems to lack may be served all the same
    elif name not in known and before is None and desk.whole and not _is_member(kind, name, known):
        near = desk.nearest(kind, name)
        fix = f"One of {', '.join(sorted(known))}, or another --kind." if known else _NONE[kind]
        fix = f"Did you mean {near}?" if near else fix
        yield Problem("party", 0, "NAME", f"there is no {kind} {name}.", fix)
    if not is_reason(reason):
        yield Problem("party", 0, "--reason", "is no reason.", f"Give 1 to {MAX_REASON} visible characters, on one line.")


def _is_member(kind: SwitchKind, name: str, known: Collection[str]) -> bool:
    """Whether it is the id of a member of a provider that is known: who is one now stands in the federation's metadata."""
    return kind is SwitchKind.PROVIDER and MEMBER_ID.fullmatch(name) is not None and family_of(ProviderId(name)) in known


@contextmanager
def _desk(config: Path, *, as_json: bool) -> Iterator[_SwitchDesk]:
    """The opened database. Ends the command with 2 where it cannot be tried."""
    configure_logs()
    with trying(as_json=as_json):
        settings = load_settings(config)
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        files, unreadable = readable_files(config)
        configuration, faults = examine(files)
        with opened_store(settings, ledger) as store:
            names = _names(configuration, _registered(settings, store, ledger))
            yield _SwitchDesk(settings, ledger, store, names, whole=not (unreadable or faults))


def _registered(settings: Settings, store: Store, ledger: LedgerKeys) -> Iterable[str]:
    """The services that registered themselves; none where they cannot be read: an act on another thing goes on."""
    register = ClientRegister(engine=store.engine, tenant=settings.tenant, keys=ledger)
    try:
        return [one.client_id for one in within(register.clients)] if settings.registered_clients else []
    except StoreUnavailable:
        return []


def _names(configuration: Configuration, registered: Iterable[str]) -> Mapping[SwitchKind, frozenset[str]]:
    providers = configuration.providers.values()
    countries = {one.country for one in providers} | {one.peer.country for one in configuration.nodes.values()}
    # A broken file may leave an empty name
    return {
        SwitchKind.PARTY: frozenset({*configuration.parties, *registered}) - {""},
        SwitchKind.COUNTRY: frozenset(countries) - {""},
        SwitchKind.PROVIDER: frozenset(configuration.providers) - {""},
        SwitchKind.REGISTER: frozenset(configuration.registers) - {""},
        SwitchKind.DEVIATION: frozenset(switch_name(one.provider_id, name) for one in providers for name in one.deviations),
    }


def _told(kind: str, name: str, switch: Switch | None) -> dict[str, object]:
    if switch is None:
        return {"kind": kind, "name": name, "off": False, "reason": None, "since": None}
    since = written(switch.since) if switch.since else None
    return {"kind": kind, "name": name, "off": switch.off, "reason": switch.reason, "since": since}
