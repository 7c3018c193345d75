"""Logouts that a service never took: its citizens may be signed in there still."""

import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from idp.doctor.database import our_rows, place_of
from idp.doctor.examination import Examination
from idp.doctor.finding import WARNING, DoctorFinding
from idp.store.logout_queue import LogoutQueue
from policies.errors import StoreUnavailable
from policies.parties import ClientId

_WHY = "Somebody signed out or took something back, and that service does not know it."


def logouts(case: Examination) -> Iterator[DoctorFinding]:
    """Finds each service that did not take logout tokens, with why the last try failed."""
    with our_rows(case, sealed=False) as found, suppress(StoreUnavailable):  # its own check names a database that fails
        if found is None:
            return
        dead = [one for one in LogoutQueue(engine=found[0], tenant=case.settings.tenant).listed() if one.due is None]
        for client, count in sorted(Counter(one.client_id for one in dead).items()):
            last = next(one.failed for one in reversed(dead) if one.client_id == client)
            tokens = "1 logout token or event was" if count == 1 else f"{count} logout tokens or events were"
            party = case.configuration.parties.get(ClientId(client))
            where = party.source if party is not None else place_of(case)
            what = f"{tokens} given up that {client} did not take: {last}."
            fix = f"Ask its operator what is wrong there. Then: ciconia logout retry --service {shlex.quote(client)}"
            yield WARNING(where, "backchannel_logout_uri", what, _WHY, fix)
