"""Records an act of an operator or an administrator, before it counts (`idp.ledger.operator_records.draft_act`)."""

import os
import pwd
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress

from idp.application.operator_acts import opened_store, place, within
from idp.config.settings import Settings
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import MAX_REASON, SIGN_IN_FAILED, draft_act, is_reason
from idp.ledger.record_contents import new_record
from idp.ports import Commits, Unit
from idp.store.store import Store
from idp.system.clock import system_clock
from idp.system.repeated import Repeated
from policies.errors import StoreUnavailable
from policies.parties import Tenant

NO_REASON = "none was given"
# Failed sign-ins that a desk records each by itself in an hour: strangers must not fill the ledger. What is beyond is one
# record an hour and way, with how many and why. The log has all of them
FAILURES_AN_HOUR = 30
_HOUR = 3600.0
LOOK_SECONDS, STOP_SECONDS = 60.0, 5.0


def account() -> str:
    """The account of this machine that runs a command, for whom there is no other name."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = ""
    return name if is_reason(name) else f"uid {os.getuid()}"


def record_act(
    commits: Commits, tenant: Tenant, *, act: str, about: str, who: str, reason: str, now: int | None = None
) -> bytes:
    """Record an act of `operator_records.ACTS`; returns the record's id. Raises `StoreUnavailable`, and ValueError."""
    time_of = system_clock() if now is None else now
    draft = draft_act(record=new_record(), time=time_of, act=act, about=about, who=who, reason=reason or NO_REASON)
    commits.commit(Unit(tenant=tenant, record=draft))
    return draft.record


def record_by_command(settings: Settings, ledger: LedgerKeys, *, act: str, about: str, reason: str) -> bool:
    """Record an act of a command, by its account; returns whether the record has its place. Raises `StoreUnavailable`."""
    with opened_store(settings, ledger) as store:
        return record_in(settings, store, ledger, act=act, about=about, reason=reason)


def record_in(settings: Settings, store: Store, ledger: LedgerKeys, *, act: str, about: str, reason: str) -> bool:
    """The same in a store that is open."""
    record = within(lambda: record_act(store, settings.tenant, act=act, about=about, who=account(), reason=reason))
    return within(lambda: place(settings, store, ledger, record))


class SignInFailures(Repeated):
    """Records failed sign-ins of administrators, at most `FAILURES_AN_HOUR` in an hour of this process. For any thread.

    Those beyond are counted, and `tell_more` records their numbers once an hour.
    """

    def __init__(self, commits: Commits, tenant: Tenant, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__("sign-in failures", LOOK_SECONDS, STOP_SECONDS)
        self._commits, self._tenant, self._monotonic = commits, tenant, monotonic
        self._times: deque[float] = deque(maxlen=FAILURES_AN_HOUR)
        self._more, self._since = Counter[tuple[str, str]](), 0.0
        self._lock = threading.Lock()

    def record(self, *, way: str, who: str, why: str) -> bool:
        """Record one: by which way, the listed name ("" for a stranger), and the check that failed. False beyond the limit.

        Raises `StoreUnavailable`.
        """
        reason = why if is_reason(why) else NO_REASON
        with self._lock:
            now = self._monotonic()
            if len(self._times) == FAILURES_AN_HOUR and now - self._times[0] < _HOUR:
                self._since = self._since if self._more else now
                self._more[way, reason] += 1
                return False
            self._times.append(now)
        self._tell(way, who if is_reason(who) else "", reason)
        return True

    def tell_more(self, *, at_once: bool = False) -> None:
        """Record how many more failed, an hour after the first of them or `at_once`. Raises `StoreUnavailable`."""
        with self._lock:
            due = at_once or self._monotonic() - self._since >= _HOUR
            more, self._more = (self._more, Counter[tuple[str, str]]()) if due else (Counter[tuple[str, str]](), self._more)
        for way in sorted({way for way, _ in more}):
            why = {key: count for key, count in more.most_common() if key[0] == way}
            told = ", ".join(f"{reason} {count}" for (_, reason), count in why.items())
            try:
                self._tell(way, "", f"{sum(why.values())} more within an hour: {told}"[:MAX_REASON])
            except StoreUnavailable:
                with self._lock:
                    self._more.update(more)  # this way, and those after it
                raise
            for key in why:
                del more[key]

    def step(self) -> None:
        """Look once whether an hour is over."""
        with suppress(StoreUnavailable):  # they are counted on, and told at the next look
            self.tell_more()

    def stop(self) -> None:
        """End, and record what was counted as far as the ledger can be written."""
        super().stop()
        with suppress(StoreUnavailable):
            self.tell_more(at_once=True)

    def _tell(self, way: str, who: str, reason: str) -> None:
        record_act(self._commits, self._tenant, act=SIGN_IN_FAILED, about=way[:MAX_REASON], who=who, reason=reason)
