"""Approvals that citizens let us remember: one row for each person, service and purpose, which nobody can read without us.

The row's digest is an HMAC under the index key. Its content is AES-256-GCM under a key of the same: a hash of what would go
(the purpose's file, level, pseudonym, names and forms, never values), the boxes that were ticked, when that was, and its
end. The same row says when the person withdrew or objected, and whether they agreed anew since (decision 0059). So whoever
reads the database learns nobody's services or choices, and whoever writes to it lengthens none. A sending node remembers
nothing (decision 0000.26).
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from os import urandom

from idp.ledger.leaf import NONCE_BYTES, open_opening, seal_opening
from idp.ledger.ledger_keys import framed, mac
from idp.login.state_codec import Codec
from idp.login.states import Decided, Earlier, Judged
from idp.ports import ApprovalRow, Opening, Remembered
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.authentication import ServiceRequest
from policies.errors import NotFound, SignatureInvalid
from policies.parties import PurposeId, ServiceId, Tenant
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE

_COMPARTMENT = "approval"
# What a person took back stays so until they agree anew
FOR_GOOD = 100 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class _Content:
    shown: bytes
    shared: tuple[AttributeName, ...]
    given: int
    end: int
    # the level of the sign-in: nobody sees it on a page who signs in at a lower one
    loa: LevelOfAssurance = LevelOfAssurance.HIGH
    # when the person took back what it stands for, 0 where they never did; and whether they agreed anew since
    stopped: int = 0
    lifted: bool = False


@dataclass(frozen=True, slots=True)
class HeldApproval:
    """An approval that is remembered: of which service and purpose, when it was given, and the level of that sign-in."""

    service: ServiceId
    purpose_id: PurposeId
    given: int
    loa: LevelOfAssurance


_CODEC = Codec(_Content)
_NONE = _Content(b"", (), 0, 0)


# The living rows of many digests
Finding = Callable[[Tenant, Collection[bytes], int], Sequence[ApprovalRow]]


class Approvals:
    """One tenant's."""

    def __init__(self, *, tenant: Tenant, index_key: bytes, decisions: Remembered) -> None:
        self._tenant = tenant
        self._naming, self._sealing = mac(index_key, b"approvals name"), mac(index_key, b"approvals seal")
        self._decisions = decisions

    def earlier(self, request: ServiceRequest, judged: Judged, now: int) -> Earlier | None:
        """The approval that is remembered of this person for this service and purpose; None if none lives."""
        digest = self.digest(judged.subject, request.origin.service, request.purpose_id)
        found = self._living(digest, now)
        return None if found is None else Earlier(found.given, found.shared, same=found.shown == _shown(judged))

    def given(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> int:
        """When the approval that is remembered was given; 0 where none is."""
        found = self._living(self.digest(subject, service, purpose_id), now)
        return 0 if found is None else found.given

    def remembers(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> bool:
        """Whether one is remembered."""
        return self.given(subject, service, purpose_id, now) > 0

    def held(
        self, subject: bytes, pairs: Iterable[tuple[ServiceId, PurposeId]], find: Finding, now: int
    ) -> Sequence[HeldApproval]:
        """Those of these services and purposes for which this person's approval is remembered. `find` reads many rows."""
        named = {self.digest(subject, *pair): pair for pair in pairs}
        rows = {row.digest: row for row in find(self._tenant, named, now)}
        found = [(pair, self._content(rows.get(digest))) for digest, pair in named.items()]
        return [
            HeldApproval(*pair, one.given, one.loa)
            for pair, one in found
            if one is not None and one.given and one.end > now
        ]

    def stopped(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> bool:
        """Whether the person withdrew or objected, and has not agreed anew since."""
        found = self._opened(self.digest(subject, service, purpose_id), now)
        return found is not None and bool(found.stopped) and not found.lifted

    def stopped_at(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> int:
        """When they did so last, agreed anew or not; 0 where they never did."""
        found = self._opened(self.digest(subject, service, purpose_id), now)
        return 0 if found is None else found.stopped

    def kept(
        self,
        request: ServiceRequest,
        judged: Judged,
        shared: frozenset[AttributeName],
        given: int,
        end: int,
        now: int = 0,
    ) -> ApprovalRow:
        """The row of an approval that was given at `given`, with these boxes ticked. It lives until `end`."""
        digest = self.digest(judged.subject, request.origin.service, request.purpose_id)
        before = self._opened(digest, now)
        stopped = 0 if before is None else before.stopped
        content = _Content(
            _shown(judged), tuple(sorted(shared)), given, end, judged.loa, stopped=stopped, lifted=bool(stopped)
        )
        return self._row(digest, content, max(end, stopped + LONGEST_REFRESH_LIFE if stopped else 0))

    def forgotten(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> ApprovalRow:
        """The row that takes the place of one: empty, and ended; or what is left where the person took something back."""
        digest = self.digest(subject, service, purpose_id)
        before = self._opened(digest, now)
        if before is None or not before.stopped:
            return ApprovalRow(digest, b"", now)
        return self._row(digest, replace(_NONE, stopped=before.stopped, lifted=before.lifted), now + FOR_GOOD)

    def taken_back(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> ApprovalRow:
        """The row after which nothing goes without a page, and nothing that was issued before counts any more."""
        digest = self.digest(subject, service, purpose_id)
        return self._row(digest, replace(_NONE, stopped=now), now + FOR_GOOD)

    def agreed_anew(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> ApprovalRow:
        """The row after they agreed on a page, and nothing is remembered: what was issued before stays ended."""
        digest = self.digest(subject, service, purpose_id)
        before = self._opened(digest, now) or _NONE
        return self._row(digest, replace(_NONE, stopped=before.stopped, lifted=True), before.stopped + LONGEST_REFRESH_LIFE)

    def _row(self, digest: bytes, content: _Content, end: int) -> ApprovalRow:
        opening = Opening(_COMPARTMENT, urandom(NONCE_BYTES), _CODEC.dump(content))
        return ApprovalRow(digest, seal_opening(self._sealing, self._tenant, digest, opening), end)

    def _living(self, digest: bytes, now: int) -> _Content | None:
        """The content of an approval that is remembered, and whose own end has not come."""
        found = self._opened(digest, now)
        return found if found is not None and found.given and found.end > now else None

    def _opened(self, digest: bytes, now: int) -> _Content | None:
        return self._content(self._decisions.approval(self._tenant, digest, now))

    def _content(self, row: ApprovalRow | None) -> _Content | None:
        try:
            sealed = (
                open_opening(self._sealing, self._tenant, row.digest, _COMPARTMENT, row.content)
                if row is not None
                else None
            )
            return _CODEC.load(sealed.content) if sealed else None
        except (SignatureInvalid, NotFound):
            return None  # another key's or somebody else's: the citizen is asked

    def digest(self, subject: bytes, service: ServiceId, purpose_id: PurposeId) -> bytes:
        """The digest of the row of a person, service and purpose."""
        return mac(self._naming, framed(self._tenant.encode(), subject, service.encode(), purpose_id.encode()))


def _shown(judged: Judged) -> bytes:
    """SHA-256 over what would go: a difference in any of it is another question."""
    facts = [judged.policy, judged.loa.label, judged.sub]
    facts += [part for one in judged.decision.rulings if one.released for part in (one.name, str(one.released.form))]
    return hashlib.sha256(framed(*[fact.encode() for fact in facts])).digest()


def whose(decided: Decided) -> tuple[bytes, ServiceId, PurposeId]:
    """Person, service and purpose: of one of these a remembered approval is."""
    return decided.judged.subject, decided.request.origin.service, decided.request.purpose_id
