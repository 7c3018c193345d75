"""Ends all that was issued about a person before an erasure, or before they disowned a login.

A parked row under the digest of service and `sub` says when that was. A grant finds it by itself: nothing lists a person's
grants. The citizen's page has such a row, too: it ends its visits.
"""

import hashlib

from idp.ledger.ledger_keys import framed
from idp.login.states import Grant
from idp.ports import ENDED, Parked, ParkedRow
from policies.errors import NotFound
from policies.parties import Tenant
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE


def ended_row(service: str, sub: str, now: int) -> ParkedRow:
    """The row that ends all that was issued to a service about this `sub` until now."""
    return ParkedRow(ENDED, _digest(service, sub), now.to_bytes(8), now + LONGEST_REFRESH_LIFE)


def person_ended(parked: Parked, tenant: Tenant, grant: Grant, now: int) -> bool:
    """Whether a grant rests on a decision before such a moment. Raises `StoreUnavailable`."""
    try:
        row = parked.parked(tenant, ENDED, _digest(grant.origin.service, grant.sub), now)
    except NotFound:
        return False
    return grant.decided <= int.from_bytes(row)


def _digest(service: str, sub: str) -> bytes:
    return hashlib.sha256(framed(b"person", service.encode(), sub.encode())).digest()
