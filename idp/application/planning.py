"""Reads a configuration folder and what is in force, and makes the plan between them. It needs no key and no server.

Everything that a start would refuse is found here, as far as it can be without the broker's own keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect

from connectors.metadata.pinned_provider import pinned_provider
from connectors.metadata.pinned_service import pinned_service
from connectors.oidc.metadata import pinned_metadata
from idp.application.certificate_proxy import proxy_of
from idp.changes.bundle import Bundle, bundle_with
from idp.changes.history import Applied, History, kept_bundle, unverified_newest
from idp.changes.plan import NOTHING, Plan, PlanBase, base_of, make_plan
from idp.changes.proposals import Proposal
from idp.config.folder import assert_folder, readable_files
from idp.config.settings import NO_ISSUER, SETTINGS_FILE, Settings, assert_one, examine_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.pages.theme import read_theme
from idp.ports import Unit
from idp.protocols.oidc.certificates import ANY_PROXY, CertificateProxy
from idp.protocols.oidc.client import Clients
from idp.store import tables
from idp.store.engine import database_file, is_postgres, open_engine, reading
from policies.errors import Misconfigured, Problem, StoreUnavailable
from policies.load import Configuration, examine
from policies.load.roles import problems_of_role
from policies.operators import Operators

GONE = "a file of the configuration in force is gone from the database: `ciconia doctor` says which"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that was judged, and is not in force. `settings` is None of a folder without `ciconia.toml`."""

    settings: Settings | None
    bundle: Bundle
    configuration: Configuration
    # of the operator's pages; None of a folder, and of an earlier configuration
    proposal: Proposal | None = None

    @property
    def issuer(self) -> str:
        """The broker that it is for; "" for none."""
        return self.settings.issuer if self.settings else ""


def judged(settings: Settings, bundle: Bundle) -> Candidate:
    """A configuration that was kept, judged as a start would. Raises `Misconfigured` with every problem."""
    configuration, faults = examine(bundle.files)
    # Of two persons it needs those of then, if they were needed then
    settings = settings.model_copy(update={"four_eyes": bundle.four_eyes})
    if found := (*faults, *further_problems(settings, configuration)):
        raise Misconfigured(found)
    return Candidate(settings, bundle, configuration)


def read_candidate(folder: Path) -> Candidate:
    """Reads and judges a folder. Raises `Misconfigured` with every problem of settings, files and metadata at once."""
    assert_folder(folder)
    assert_one(folder)
    settings, problems = examine_settings(folder) if (folder / SETTINGS_FILE).exists() else (None, ())
    files, unreadable = readable_files(folder)
    configuration, faults = examine(files)
    found = [*problems, *unreadable, *faults, *read_theme(folder)[1], *further_problems(settings, configuration)]
    if found:
        raise Misconfigured(tuple(found))
    return Candidate(settings, bundle_with(settings, files), configuration)


def further_problems(settings: Settings | None, configuration: Configuration) -> Iterator[Problem]:
    """Problems that well-formed files have all the same: nobody could serve them."""
    proxy = proxy_of(settings) if settings else ANY_PROXY
    yield from unservable(settings.issuer if settings else NO_ISSUER, configuration, proxy)
    if settings:
        known = settings.organization is not None
        yield from problems_of_role(configuration, settings.role, settings.country, organization=known)
        yield from _persons(settings, configuration.operators)


def assert_composable(issuer: str, configuration: Configuration) -> None:
    """Raises `Misconfigured` with all that `unservable` finds."""
    if found := tuple(unservable(issuer, configuration)):
        raise Misconfigured(found)


def unservable(issuer: str, configuration: Configuration, proxy: CertificateProxy = ANY_PROXY) -> Iterator[Problem]:
    """The problems that keep every broker from composing a configuration, whatever its role and keys."""
    try:
        Clients(issuer=issuer, parties=configuration.clients, proxy=proxy)
    except Misconfigured as error:
        yield from error.problems
    for party in configuration.parties.values():
        if party.saml is not None and not party.saml.federation:
            try:
                pinned_service(party.saml, party.source, party.federation.marks)
            except Misconfigured as error:
                yield from error.problems
    for one in configuration.providers.values():
        if one.peer is None and one.metadata:
            try:
                if one.openid is not None:
                    pinned_metadata(one, demo=True)
                else:
                    pinned_provider(one.metadata, one.entity_id, one.source)
            except Misconfigured as error:
                yield from error.problems


def _persons(settings: Settings, operators: Operators) -> Iterator[Problem]:
    if settings.four_eyes and len(set(operators.values())) < len(("planner", "approver")):
        what = "needs two persons, and operators/ names fewer: nobody could approve anything."
        yield Problem(SETTINGS_FILE, 0, "four_eyes", what, "put the public key of each person into operators/NAME.pub.")


def plan_against(history: History, candidate: Candidate) -> tuple[Plan, Applied | None]:
    """The plan against what is in force. Raises `StoreUnavailable`, also where a file of that is gone."""
    newest = history.newest()
    base = NOTHING if newest is None else _standing(newest, history.bundle(newest.digest, candidate.bundle))
    return make_plan(candidate.issuer, base, candidate.bundle, candidate.configuration), newest


def plan_alone(candidate: Candidate) -> Plan:
    """The plan of a command that may lack every key, and writes nothing. Raises `Misconfigured`, `StoreUnavailable`."""
    base = in_force(candidate.settings, candidate.bundle) if candidate.settings else NOTHING
    return make_plan(candidate.issuer, base, candidate.bundle, candidate.configuration)


def in_force(settings: Settings, like: Bundle) -> PlanBase:
    """The configuration in force in these settings' database. Verifies its seal where the ledger's keys are here."""
    engine = open_engine(settings.database_url)
    try:
        if not _has_history(settings, engine):
            return NOTHING
        newest = _newest(settings, engine)
        if newest is None:
            return NOTHING
        return _standing(newest, kept_bundle(engine, settings.tenant, newest.digest, like))
    finally:
        engine.dispose()


def _has_history(settings: Settings, engine: Engine) -> bool:
    # To ask an SQLite file that is not there would make one
    if not is_postgres(engine) and not database_file(settings.database_url).exists():
        return False
    with reading(), engine.connect() as connection:
        return inspect(connection).has_table(tables.applied.name)


def _newest(settings: Settings, engine: Engine) -> Applied | None:
    try:
        keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    except Misconfigured:
        return unverified_newest(engine, settings.tenant)
    return History(engine=engine, tenant=settings.tenant, keys=keys, commits=_Nothing()).newest()


class _Nothing:
    """Commits nothing: a plan only reads."""

    def commit(self, unit: Unit) -> None:
        """Raise `StoreUnavailable`."""
        raise StoreUnavailable(f"a plan writes nothing, and so no record {unit.record}")


def _standing(applied: Applied, bundle: Bundle | None) -> PlanBase:
    if bundle is None:
        raise StoreUnavailable(GONE)
    return base_of(applied.number, bundle)
