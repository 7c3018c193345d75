"""The one place that hears of every sign-in at the desk, and of every one that failed."""

from collections.abc import Callable
from dataclasses import dataclass

from idp.system.logs import log_of
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class SignInEvent:
    """A sign-in, a sign-out or a failure. `who` is the name in the list, "" where nobody in it signed in.

    `why` is the stable name of the check that failed, "" for a sign-in that went well.
    """

    what: str  # "signed_in", "signed_out", "enrolled" or "failed"
    way: str  # "ciconia" or "passkey"
    who: str = ""
    why: str = ""


Told = Callable[[SignInEvent], None]


def told_to_log(tenant: Tenant, of: str = "auditor") -> Told:
    """Writes each event into the tenant's log."""
    log = log_of(tenant)

    def tell(event: SignInEvent) -> None:
        write = log.warning if event.what == "failed" else log.info
        write(f"{of}_{event.what}", way=event.way, who=event.who, why=event.why)

    return tell
