"""A service reads its own leg of a sign-in in the flight recorder, by the reference on the citizen's page.

The reference finds and does not authorise: the service proves who it is, and gets the rows that name it, as they stand on
its own leg. Of an unknown, an ended and somebody else's reference it reads the same: no steps.
"""

from collections.abc import Callable, Sequence

from idp.monitoring.recorder.recorder import SERVICE
from idp.monitoring.recorder.rows import RecordedStep
from idp.monitoring.recorder.timeline import timeline
from idp.protocols.oidc.access import SUSPENDED, challenge
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, oauth_error, success, unavailable
from idp.protocols.oidc.grant_types import spend
from idp.protocols.oidc.parts import OpenIDParts
from policies.errors import RequestRefused, StoreUnavailable, about

PATH = "/why"


class OwnLeg:
    """One tenant's. `steps` gives what is recorded under a reference."""

    def __init__(self, parts: OpenIDParts, clients: Clients, steps: Callable[[str, int], Sequence[RecordedStep]]) -> None:
        self._parts, self._clients, self._steps = parts, clients, steps

    def why(self, call: DirectRequest, now: int) -> JsonAnswer:
        """Tell a service its leg."""
        try:
            return self._answer(call, now)
        except RequestRefused as error:
            of_client = error.status == 401  # noqa: PLR2004 # HTTP
            return oauth_error(error, challenge=challenge("Basic", self._parts.issuer) if of_client else "")
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _answer(self, call: DirectRequest, now: int) -> JsonAnswer:
        caller = self._clients.authenticate(call.given, call.authorization, now, call.certificate)
        client = caller.party.client_id
        with about(client):
            if self._parts.off(client):
                raise RequestRefused(SUSPENDED, oauth="invalid_client", status=401)
            spend(self._parts.commits, self._parts.tenant, caller)
            reference = call.given.get("reference", "").strip().lower()
            if not reference:
                raise RequestRefused("reference is absent.")
            found = timeline(reference, self._steps(reference, now), leg=SERVICE, party=client)
            return success({"move": "", "steps": []} if found is None else found.as_json())
