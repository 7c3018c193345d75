"""Composes the counts, log lines and limits of one tenant's endpoints."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from idp.config.setting_types import Limits
from idp.config.settings import Settings
from idp.login.states import Decided, Grant
from idp.monitoring.families import (
    COMMIT,
    DISOWNED,
    LIMITED,
    LOGOUTS,
    OVERASKED,
    REGISTER_SECONDS,
    REGISTERS,
    TURNED_AWAY,
    UNFORESEEN,
    VERIFICATION,
)
from idp.monitoring.measures import OTHER, Measures
from idp.monitoring.recorder.recorder import LoginParties, Recorder
from idp.monitoring.refusals import Refusals
from idp.monitoring.steps import LoginStep, Steps, steps_key
from idp.monitoring.successes import Successes
from idp.ports import Commits, Unit
from idp.server.rate_limits import Rates, Shared
from idp.server.wrong_answers import Tries
from idp.system.logs import log_of
from policies.errors import RegisterAway
from policies.federations import family_of
from policies.load import Configuration
from policies.parties import ProviderId, RegisterId
from policies.release import OVER_ASKED


@dataclass(frozen=True, slots=True)
class Watched:
    """One tenant's counts, steps and limits."""

    tenant: str
    measures: Measures
    steps: Steps
    refusals: Refusals
    rates: Rates
    tries: Tries
    countries: Mapping[ProviderId, str]
    recorder: Recorder
    successes: Successes

    def among(self, configuration: Configuration) -> "Watched":
        """The same counts and limits, for another configuration of the tenant."""
        of_providers, countries = _countries(configuration)
        return replace(self, steps=self.steps.among(countries), countries=of_providers)

    def redeemed(self, grant: Grant) -> None:
        """A code of this login was redeemed: its last step."""
        country = self.countries.get(family_of(grant.provider_id), "")
        self.steps.step(LoginStep.TOKEN, grant.reference, grant.origin.service, country)
        self.recorder.step(grant.reference, LoginParties(grant.origin.service, grant.provider_id), LoginStep.TOKEN)

    def decided(self, decided: Decided) -> None:
        """A login is on record: each attribute of which nobody could have given the service what it asked for."""
        over = [one.name for one in decided.decision.rulings if one.reason in OVER_ASKED]
        for name in (*over, *([OTHER] if decided.request.unknown else [])):
            self.measures.count(OVERASKED, self.tenant, decided.request.origin.service, name)

    def register_told(self, register: RegisterId, outcome: str, check: str, seconds: float) -> None:
        """A register was asked in a login, and this came of it. `check` names what failed, else ""."""
        self.measures.count(REGISTERS, self.tenant, register, outcome)
        if seconds:
            self.measures.observe(REGISTER_SECONDS, self.tenant, register, seconds=seconds)
        if check:
            self.refusals.line(
                {"code": RegisterAway.code, "register": register, "outcome": outcome, "check": check}, anybodys=True
            )

    def verified(self, seconds: float) -> None:
        """Judging an answer and deciding took so long."""
        self.measures.observe(VERIFICATION, self.tenant, seconds=seconds)

    def logout(self, outcome: str) -> None:
        """A logout token was sent: it was taken, the try failed, or it is given up."""
        self.measures.count(LOGOUTS, self.tenant, outcome)

    def disowned(self, record: str) -> None:
        """Somebody says that they did not make a sign-in that is on record. Nothing here says who."""
        self.measures.count(DISOWNED, self.tenant)
        log_of(self.tenant).critical(
            "sign_in_disowned", record=record, fix="Ask the country's sign-in service how this sign-in came about."
        )

    def unforeseen(self) -> None:
        """A request ended in a defect of ours. Its line in the log has the kind and the places in the code."""
        self.measures.count(UNFORESEEN, self.tenant)

    def turned_away(self, lane: str) -> None:
        """A request was answered 503."""
        self.measures.count(TURNED_AWAY, self.tenant, lane)


def watched(
    settings: Settings,
    configuration: Configuration,
    measures: Measures,
    master: bytes,
    proxies: Sequence[str] | None = None,
    clock: Callable[[], float] = time.time,
    successes: Successes | None = None,
) -> Watched:
    """Compose one tenant's. `master` is a secret of the tenant that all its workers have.

    `proxies` are not limited: those that the process trusts, by these settings where it serves nobody else.
    """
    tenant, key = settings.tenant, steps_key(master)
    of_providers, countries = _countries(configuration)
    shared = Shared(settings.valkey, key=steps_key(key)) if settings.valkey else None
    rates = Rates(
        settings.limits,
        exempt=settings.trusted_proxies if proxies is None else proxies,
        shared=shared,
        refused=lambda limit: measures.count(LIMITED, tenant, limit),
    )
    return Watched(
        tenant=tenant,
        measures=measures,
        steps=Steps(tenant=tenant, key=key, measures=measures, countries=countries),
        refusals=Refusals(tenant=tenant),
        rates=rates,
        tries=Tries(rates),
        countries=of_providers,
        recorder=Recorder(clock),
        successes=successes or Successes(),
    )


def _countries(configuration: Configuration) -> tuple[Mapping[ProviderId, str], set[str]]:
    """The country of each provider, and every country that a label may name."""
    of_providers = {name: provider.country for name, provider in configuration.providers.items()}
    return of_providers, {*of_providers.values(), *(node.peer.country for node in configuration.nodes.values())}


def unwatched() -> Watched:
    """For a site that nobody watches: its own counts, and references that mean nothing elsewhere."""
    measures = Measures()
    steps = Steps(tenant="", key=secrets.token_bytes(32), measures=measures, countries=())
    refusals, rates = Refusals(tenant=""), Rates(Limits())
    return Watched(
        tenant="",
        measures=measures,
        steps=steps,
        refusals=refusals,
        rates=rates,
        tries=Tries(rates),
        countries={},
        recorder=Recorder(),
        successes=Successes(),
    )


class TimedCommits:
    """`Commits`, timed. One that failed counts as long as it took."""

    def __init__(self, commits: Commits, measures: Measures, tenant: str) -> None:
        self._commits, self._measures, self._tenant = commits, measures, tenant

    def commit(self, unit: Unit) -> None:
        """Commit, and note how long it took until the unit was durable."""
        begun = time.perf_counter()
        try:
            self._commits.commit(unit)
        finally:
            self._measures.observe(COMMIT, self._tenant, seconds=time.perf_counter() - begun)
