"""Which keys are revoked, for a command: it asks the database as a server does, and says where that cannot tell."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from connectors.signatures.key_ring import Revoked, none_revoked
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.store.engine import database_file, database_name
from idp.store.faults import advice
from idp.store.store import open_store
from idp.store.switches.switch import KEY, ActLost
from idp.store.switches.switches import Switches
from policies.errors import Misconfigured, Problem, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Revocations:
    """Since when each key is revoked, by its id. `unknown` says why the database could not tell: then no key is.

    `none_yet`: nobody made a database here yet, so that nothing was ever revoked in it.
    """

    since: Revoked = none_revoked
    unknown: Problem | None = None
    none_yet: bool = False


def read_revocations(settings: Settings, keys: BrokerKeys) -> Revocations:
    """Asks the database which keys are revoked, and has the rings obey it."""
    try:
        store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys.ledger)
    except Misconfigured as error:
        first = error.problems[0]
        unknown = _unknown(first.file, first.what, f"{first.fix.rstrip('.')}.")
        return Revocations(unknown=unknown, none_yet=_none_yet(settings.database_url))
    except StoreUnavailable as error:
        return _silent(settings, error)
    try:
        with closing(store):
            off = Switches(engine=store.engine, tenant=settings.tenant, keys=keys.ledger).current()
    except StoreUnavailable as error:
        return _silent(settings, error)
    found: Mapping[str, int] = {name: each.off_since for (kind, name), each in off.items() if kind == KEY}
    revocations = Revocations(since=lambda key_id: found.get(key_id, 0))
    keys.obey(revocations.since)
    return revocations


def check_revocations(settings: Settings, keys: BrokerKeys) -> Revocations:
    """The same. Raises `Misconfigured` where an existing database cannot tell: somebody would rest on a stolen key."""
    found = read_revocations(settings, keys)
    if found.unknown is not None and not found.none_yet:
        raise Misconfigured((found.unknown,))
    return found


def _silent(settings: Settings, error: StoreUnavailable) -> Revocations:
    name, what = database_name(settings.database_url), f"it does not answer ({error.detail}).{advice(error.detail)}"
    if isinstance(error, ActLost):
        return Revocations(unknown=_unknown(name, "a record of a switch is gone.", "`ciconia doctor` says more."))
    return Revocations(unknown=_unknown(name, what, "`ciconia doctor` says more; try again when it answers."))


def _unknown(name: str, what: str, fix: str) -> Problem:
    return Problem(name, 0, "database", f"{what} So which keys are revoked is not known.", fix)


def _none_yet(url: str) -> bool:
    try:
        return not database_file(url).exists()
    except Misconfigured:  # PostgreSQL: its operator made the database
        return False
