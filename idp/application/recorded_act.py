"""Records an act of an operator or an administrator, before it counts (`idp.ledger.operator_records.draft_act`)."""

import os
import pwd
import threading
import time
from collections import deque
from collections.abc import Callable

from idp.application.operator_acts import opened_store, place, within
from idp.config.settings import Settings
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import MAX_REASON, SIGN_IN_FAILED, draft_act, is_reason
from idp.ledger.record_contents import new_record
from idp.ports import Commits, Unit
from idp.store.store import Store
from idp.system.clock import system_clock
from policies.parties import Tenant

NO_REASON = "none was given"
# Failed sign-ins that a desk records in an hour: strangers must not fill the ledger. The log has all of them
FAILURES_AN_HOUR = 30
_HOUR = 3600.0


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


class SignInFailures:
    """Records failed sign-ins of administrators, at most `FAILURES_AN_HOUR` in an hour of this process. For any thread."""

    def __init__(self, commits: Commits, tenant: Tenant, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._commits, self._tenant, self._monotonic = commits, tenant, monotonic
        self._times: deque[float] = deque(maxlen=FAILURES_AN_HOUR)
        self._lock = threading.Lock()

    def record(self, *, way: str, who: str, why: str) -> bool:
        """Record one: by which way, the listed name ("" for a stranger), and the check that failed. False beyond the limit.

        Raises `StoreUnavailable`.
        """
        with self._lock:
            now = self._monotonic()
            if len(self._times) == FAILURES_AN_HOUR and now - self._times[0] < _HOUR:
                return False
            self._times.append(now)
        named = who if is_reason(who) else ""
        reason = why if is_reason(why) else NO_REASON
        record_act(self._commits, self._tenant, act=SIGN_IN_FAILED, about=way[:MAX_REASON], who=named, reason=reason)
        return True
