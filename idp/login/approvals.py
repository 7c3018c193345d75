"""Approvals that citizens let us remember: one row for each person, service and purpose, which nobody can read without us.

The row's digest is an HMAC under the index key. Its content is AES-256-GCM under a key of the same: a hash of what would go
(the purpose's file, level, pseudonym, names and forms, never values), the boxes that were ticked, when that was, and its
end. So whoever reads the database learns nobody's services or choices, and whoever writes to it lengthens none. A sending
node remembers nothing (decision 0000.26).
"""

import hashlib
from dataclasses import dataclass
from os import urandom

from idp.ledger.leaf import NONCE_BYTES, open_opening, seal_opening
from idp.ledger.ledger_keys import framed, mac
from idp.login.state_codec import Codec
from idp.login.states import Earlier, Judged
from idp.ports import ApprovalRow, Opening, Remembered
from policies.attributes import AttributeName
from policies.authentication import ServiceRequest
from policies.errors import NotFound, SignatureInvalid
from policies.parties import PurposeId, ServiceId, Tenant

_COMPARTMENT = "approval"


@dataclass(frozen=True, slots=True)
class _Content:
    shown: bytes
    shared: tuple[AttributeName, ...]
    given: int
    end: int


_CODEC = Codec(_Content)


class Approvals:
    """One tenant's."""

    def __init__(self, *, tenant: Tenant, index_key: bytes, decisions: Remembered) -> None:
        self._tenant = tenant
        self._naming, self._sealing = mac(index_key, b"approvals name"), mac(index_key, b"approvals seal")
        self._decisions = decisions

    def earlier(self, request: ServiceRequest, judged: Judged, now: int) -> Earlier | None:
        """The approval that is remembered of this person for this service and purpose; None if none lives."""
        digest = self._digest(judged.subject, request.origin.service, request.purpose_id)
        found = self._opened(digest, now)
        return None if found is None else Earlier(found.given, found.shared, same=found.shown == _shown(judged))

    def given(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> int:
        """When the approval that is remembered was given; 0 where none is."""
        found = self._opened(self._digest(subject, service, purpose_id), now)
        return 0 if found is None else found.given

    def remembers(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> bool:
        """Whether one is remembered."""
        return self._opened(self._digest(subject, service, purpose_id), now) is not None

    def kept(
        self, request: ServiceRequest, judged: Judged, shared: frozenset[AttributeName], given: int, end: int
    ) -> ApprovalRow:
        """The row of an approval that was given at `given`, with these boxes ticked. It lives until `end`."""
        digest = self._digest(judged.subject, request.origin.service, request.purpose_id)
        content = _CODEC.dump(_Content(_shown(judged), tuple(sorted(shared)), given, end))
        opening = Opening(_COMPARTMENT, urandom(NONCE_BYTES), content)
        return ApprovalRow(digest, seal_opening(self._sealing, self._tenant, digest, opening), end)

    def forgotten(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> ApprovalRow:
        """The row that takes the place of one: empty, and ended."""
        return ApprovalRow(self._digest(subject, service, purpose_id), b"", now)

    def _opened(self, digest: bytes, now: int) -> _Content | None:
        row = self._decisions.approval(self._tenant, digest, now)
        try:
            sealed = open_opening(self._sealing, self._tenant, digest, _COMPARTMENT, row.content) if row else None
            found = _CODEC.load(sealed.content) if sealed else None
        except (SignatureInvalid, NotFound):
            return None  # another key's or somebody else's: the citizen is asked
        return found if found is not None and found.end > now else None

    def _digest(self, subject: bytes, service: ServiceId, purpose_id: PurposeId) -> bytes:
        return mac(self._naming, framed(self._tenant.encode(), subject, service.encode(), purpose_id.encode()))


def _shown(judged: Judged) -> bytes:
    """SHA-256 over what would go: a difference in any of it is another question."""
    facts = [judged.policy, judged.loa.label, judged.sub]
    facts += [part for one in judged.decision.rulings if one.released for part in (one.name, str(one.released.form))]
    return hashlib.sha256(framed(*[fact.encode() for fact in facts])).digest()
