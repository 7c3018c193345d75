"""The courier: a thread that sends what services have still to hear, in the worker that holds the ledger's lease.

While no worker holds it, all look: an entry of the queue is taken by one at a time.
"""

from collections.abc import Callable
from contextlib import suppress

from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import BrokerError
from policies.parties import Tenant

LOOK_SECONDS = 1.0
# The end of the process does not wait for a service that does not answer: its token stays due
STOP_SECONDS = 1.0


class Courier(Repeated):
    """Does what is due every second until `stop`. `elsewhere` says whether another worker does."""

    def __init__(self, step: Callable[[], None], *, elsewhere: Callable[[], bool], tenant: Tenant) -> None:
        super().__init__("logout-courier", LOOK_SECONDS, STOP_SECONDS)
        self._step, self._elsewhere, self._tenant = step, elsewhere, tenant
        self._said = ""

    def step(self) -> None:
        """One look, unless another worker does it. A failure is logged once."""
        if self._elsewhere():
            return
        try:
            self._step()
            self._said = ""
        except Exception as error:  # noqa: BLE001  a thread that died would tell nobody of a logout again
            self._say(error.detail if isinstance(error, BrokerError) else type(error).__name__)

    def _say(self, what: str) -> None:
        if self._said != what:
            self._said = what
            with suppress(Exception):  # the log itself may fail
                log_of(self._tenant).warning("logouts_failed", detail=what, fix="Look at the database.")
