"""Switches a provider's deviation off when its messages fail too often, on all workers: until an operator says otherwise.

AES-CBC authenticates nothing. Whoever could have many answers opened, and learn which of them fail, could decrypt one. The
signature around the ciphertext keeps strangers from that; ten failures within an hour are either a provider that encrypts
to another key, or somebody who found a way past it. Both need a person.
"""

import shlex
import threading
from collections.abc import Callable
from typing import Protocol

from connectors.connector import Ask, Expectation, Inbound, Outbound
from connectors.saml_sp.logout import HeardLogout, SamlAsking
from idp.store.deviation_failures import MOST_FAILURES, WITHIN_SECONDS
from idp.store.switches.switch import DEVIATION, Switch, Switched
from idp.store.switches.switches import since_boot
from idp.system.logs import log_of
from policies.authentication import Assertion, SourceSession
from policies.errors import AssertionRejected, StoreUnavailable
from policies.parties import ProviderId, Tenant

REASON = f"answers to {MOST_FAILURES} sign-ins within an hour could not be opened"


class Failures(Protocol):
    """The failures that all workers remember: `idp.store.deviation_failures`."""

    def add(self, name: str, request_id: str, now: int) -> int:
        """One more; returns how many of the last hour are known, up to `MOST_FAILURES`. Raises `StoreUnavailable`."""


class SwitchOff(Protocol):
    """Sets a switch: `idp.store.switches.switchboard`."""

    def set_switch(self, kind: str, name: str, *, off: bool, reason: str, now: int) -> Switch:
        """Raises `StoreUnavailable`."""


def switch_name(provider_id: ProviderId, deviation: str) -> str:
    """The name of a provider's deviation in `ciconia party enable NAME --kind deviation`. No id has a slash."""
    return f"{provider_id}/{deviation}"


class DeviationGuard:
    """One tenant's, in one worker. For any thread."""

    def __init__(self, *, tenant: Tenant, switches: Switched, failures: Failures, switchboard: SwitchOff) -> None:
        self._tenant, self._switches, self._failures, self._switchboard = tenant, switches, failures, switchboard
        self._lock = threading.Lock()
        # Until when, by a clock that nobody sets, this worker takes none whose failure it could not count
        self._closed: dict[str, float] = {}

    def suspended(self, provider_id: ProviderId) -> Callable[[str], bool]:
        """Whether a deviation of this provider is switched off now. It raises `StoreUnavailable`."""

        def off(deviation: str) -> bool:
            name = switch_name(provider_id, deviation)
            return since_boot() < self._closed.get(name, 0.0) or self._switches.any_off((DEVIATION, name))

        return off

    def failed(self, provider_id: ProviderId, deviation: str, request_id: str, now: int) -> None:
        """A message failed by a deviation. Whatever becomes of the count, the message stays refused: nothing is raised."""
        name = switch_name(provider_id, deviation)
        happened, detail = "", REASON
        with self._lock:  # ten at once in one worker are one switch
            try:
                if self._failures.add(name, request_id, now) >= MOST_FAILURES and not self._switches.any_off(
                    (DEVIATION, name)
                ):
                    self._switchboard.set_switch(DEVIATION, name, off=True, reason=REASON, now=now)
                    happened = "deviation_switched_off"
            except StoreUnavailable as error:
                self._closed[name] = since_boot() + WITHIN_SECONDS
                happened, detail = "deviation_closed_here", error.detail
        if happened:
            command = f'ciconia party enable {shlex.quote(name)} --kind {DEVIATION} --reason "..."'
            closed = "Mend the database. This worker takes none for an hour; a restart ends that."
            fix = closed if happened == "deviation_closed_here" else f"Find out why, then: {command}"
            log_of(self._tenant).error(happened, deviation=deviation, peer=provider_id, detail=detail, fix=fix)


class GuardedConnector:
    """A connector whose failures by a deviation are counted. Implements `connectors.connector.Connector`."""

    def __init__(self, connector: SamlAsking, provider_id: ProviderId, guard: DeviationGuard) -> None:
        self._connector, self._provider_id, self._guard = connector, provider_id, guard

    @property
    def is_away(self) -> bool:
        """See `connectors.saml_sp.logout.SamlAsking`."""
        return self._connector.is_away

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        """See `Connector`."""
        return self._connector.request(ask, now)

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """See `Connector`."""
        try:
            return self._connector.receive(inbound, expectation, now)
        except AssertionRejected as error:
            if error.deviation:
                self._guard.failed(self._provider_id, error.deviation, expectation.request_id, now)
            raise

    def logged_out(self, inbound: Inbound, here: str, now: int) -> HeardLogout:
        """See `connectors.saml_sp.logout.HearsLogout`. Nothing of a logout is encrypted."""
        return self._connector.logged_out(inbound, here, now)

    def logout_answered(self, inbound: Inbound, here: str, asked: str, now: int) -> bool:
        """See `connectors.saml_sp.logout.HearsLogout`."""
        return self._connector.logout_answered(inbound, here, asked, now)

    def log_out(self, session: SourceSession, now: int) -> tuple[Outbound, str] | None:
        """See `connectors.saml_sp.logout.HearsLogout`."""
        return self._connector.log_out(session, now)
