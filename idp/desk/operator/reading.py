"""The operator's reading of one tenant: what is in force and what is off. The database takes no write from here."""

import shlex
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from idp.changes.bundle import Bundle
from idp.changes.history import Applied, History
from idp.changes.plan import Plan
from idp.changes.proposals import Changed, Proposals
from idp.config.settings import Settings
from idp.desk.operator.health import HealthLog
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.engine import reading
from idp.store.records.looking import looking
from idp.store.switches.switch import Name, Switch
from idp.store.switches.switches import Switches
from policies.errors import StoreUnavailable
from policies.load import Configuration, examine
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class StandingConfiguration:
    """The configuration in force at one moment, and every switch that was ever set. `applied` is None before the first."""

    applied: Applied | None
    bundle: Bundle
    configuration: Configuration
    switches: Mapping[Name, Switch]

    def off(self, kind: str, name: str) -> bool:
        """Whether a thing is switched off."""
        found = self.switches.get((kind, name))
        return found is not None and found.off


@dataclass(frozen=True, slots=True)
class OperatorQuestion:
    """The question of a page: the fields of its form, and who asks."""

    named: Mapping[str, str]
    who: str


class OperatorReader:
    """One tenant's. Methods raise `StoreUnavailable` where the database does not answer. Safe in any thread."""

    def __init__(
        self,
        settings: Settings,
        keys: LedgerKeys,
        clock: Callable[[], int],
        *,
        proposals: Proposals,
        plan_of: Callable[[Engine, Changed], Plan],
        names: Callable[[], Collection[str]],
        health: HealthLog,
    ) -> None:
        self.settings, self.keys, self.clock = settings, keys, clock
        # Of files that differ; it raises `Misconfigured` for files that nobody could serve
        self.proposals, self.plan_of = proposals, plan_of
        # Everybody who may sign in
        self.names, self.health = names, health
        self._lock = threading.Lock()
        self._examined: tuple[str, Configuration] | None = None

    @property
    def tenant(self) -> Tenant:
        """The tenant."""
        return self.settings.tenant

    @contextmanager
    def opened(self) -> Iterator[Engine]:
        """The database, which refuses every write."""
        with looking(self.settings.database_url) as engine, reading():
            if engine is None:
                raise StoreUnavailable("there is no database yet: ciconia migrate makes it")
            yield engine

    def standing(self) -> StandingConfiguration:
        """The configuration in force, and what is off."""
        with self.opened() as engine:
            history = History(engine=engine, tenant=self.tenant, keys=self.keys)
            newest = history.newest()
            bundle = history.bundle(newest.digest) if newest else Bundle({})
            if bundle is None:
                raise StoreUnavailable("a file of the configuration in force is gone: ciconia doctor says which")
            switches = Switches(engine=engine, tenant=self.tenant, keys=self.keys).current()
            return StandingConfiguration(newest, bundle, self._judged(bundle), switches)

    def line(self, *words: str) -> str:
        """A line of `ciconia` for this broker's folder."""
        return shlex.join(["ciconia", *words, "--config", str(self.settings.folder)])

    def _judged(self, bundle: Bundle) -> Configuration:
        """The configuration. To read thousands of registrations takes a second, once; an unreadable file is left out."""
        with self._lock:
            if self._examined is None or self._examined[0] != bundle.digest:
                self._examined = (bundle.digest, examine(bundle.files)[0])
            return self._examined[1]
