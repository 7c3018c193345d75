"""Approvals that citizens let us remember: one row for each person, service and purpose, which nobody can read without us.

The row's digest is an HMAC under a key of the ledger's, and its content is AES-256-GCM under another: the keys that find a
person (decision 0067) find and open none of it. The content is a hash of what would go (the purpose's file, level,
pseudonym, names and forms, never values), the boxes that were ticked, when that was, and its end. So whoever reads the
database learns nobody's services or choices, and whoever writes to it lengthens none. A sending node remembers nothing
(decision 0000.26).

A second row, of another digest, says that the person took something back (decision 0064). Their acts write it, and a new
agreement on a page. A sign-in rests on that row as it was read: if it is another one by the commit, nothing is released.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os import urandom
from typing import TypeVar

from idp.ledger.leaf import NONCE_BYTES, open_opening, seal_opening
from idp.ledger.ledger_keys import derived, framed, mac
from idp.ledger.record_contents import DecidedBy
from idp.login.identity_links import IdentityLinks
from idp.login.state_codec import Codec
from idp.login.states import Decided, Earlier, Judged
from idp.ports import ApprovalRow, ApprovalRows, Opening, Remembered
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.errors import NotFound, Replayed, SignatureInvalid
from policies.forms import FILTERS
from policies.parties import PurposeId, ServiceId, Tenant
from policies.purposes import Purpose
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE
from policies.release import Decision

# What a person took back stays so until they agree anew
FOR_GOOD = 100 * 365 * 24 * 3600
# How much longer than all that it ends a row lives: clocks of two machines differ
HOUR = 3600
NAME_BYTES = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Content:
    shown: bytes
    shared: tuple[AttributeName, ...]
    given: int
    end: int
    # the level of the sign-in: nobody sees it on a page who signs in at a lower one
    loa: LevelOfAssurance = LevelOfAssurance.HIGH


@dataclass(frozen=True, slots=True)
class _Stop:
    """The random name of the last time that the person took something back; whether they agreed anew since."""

    name: bytes = b""
    lifted: bool = False


_NONE = _Content(b"", (), 0, 0)
_APPROVAL, _STOP = Codec(_Content), Codec(_Stop)


@dataclass(frozen=True, slots=True)
class HeldApproval:
    """An approval that is remembered: of which service and purpose, when it was given, and the level of that sign-in."""

    service: ServiceId
    purpose_id: PurposeId
    given: int
    loa: LevelOfAssurance


@dataclass(frozen=True, slots=True)
class ApprovalStanding:
    """One person's approval of a service and purpose, and what they took back of it, at one moment.

    `stop` names the last time that they took something back, b"" if they never did: what was issued under another name has
    ended, whatever the clocks of two machines say. `stopped`: they have not agreed anew since. `unchanged` is what a
    release rests on that writes no row.
    """

    digests: tuple[bytes, bytes]
    stop: bytes
    stopped: bool
    unchanged: ApprovalRows
    _content: _Content = field(repr=False)

    @property
    def given(self) -> int:
        """When the approval that is remembered was given; 0 where none is."""
        return self._content.given

    @property
    def loa(self) -> LevelOfAssurance:
        """The level of the sign-in at which it was given."""
        return self._content.loa

    def earlier(self, judged: Judged) -> Earlier | None:
        """It, beside what would go now; None where none is remembered."""
        found = self._content
        return Earlier(found.given, found.shared, same=found.shown == _shown(judged)) if found.given else None


class Approvals:
    """One tenant's. `links` are those of persons to their earlier identities: a release rests on them, too."""

    def __init__(self, *, tenant: Tenant, subjects: bytes, decisions: Remembered, matching: bool = False) -> None:
        self._tenant = tenant
        self.links = IdentityLinks(tenant=tenant, subjects=subjects, rows=decisions, enabled=matching)
        self._naming, self._stopping, self._sealing = (
            derived(subjects, b"", use) for use in (b"approvals name", b"stops name", b"approvals seal")
        )
        self._decisions = decisions

    def standing(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> ApprovalStanding:
        """Both rows, read at once."""
        digests = self.digests(subject, service, purpose_id)
        rows = {row.digest: row for row in self._decisions.approvals(self._tenant, digests)}
        stop, read = _Stop(), b""
        if row := rows.get(digests[1]):
            read = hashlib.sha256(row.content).digest()
            # One that does not open stops all that would go without a page
            stop = self._opened(_STOP, row) or _Stop(read[:NAME_BYTES])
        stopped = bool(stop.name) and not stop.lifted
        content = _NONE if stopped else self._living(rows.get(digests[0]), now)
        return ApprovalStanding(digests, stop.name, stopped, ApprovalRows(read=(digests[1], read)), content)

    def of(self, decided: Decided, now: int) -> ApprovalStanding:
        """Find what stands for the person, service and purpose of a login."""
        return self.standing(decided.judged.subject, decided.request.origin.service, decided.request.purpose_id, now)

    def relied_on(self, decided: Decided, now: int) -> ApprovalStanding:
        """Find what a release relies on. Raises `Replayed` where the person took something back after the answer came.

        Nobody read that on its page. And what was taken back before needs a page that asks.
        """
        standing = self.of(decided, now)
        if not self.links.holds(decided.judged.subject, decided.judged.link, now):
            raise Replayed("approval_ended", "the link to an earlier identity was undone")
        if standing.stop != decided.stop or (standing.stopped and decided.path is not DecidedBy.PAGE):
            raise Replayed("approval_ended", "the person took back what this is about")
        return standing

    def held(self, subject: bytes, pairs: Iterable[tuple[ServiceId, PurposeId]], now: int) -> Sequence[HeldApproval]:
        """Those of these services and purposes for which this person's approval is remembered."""
        named = {self.digests(subject, *pair)[0]: pair for pair in pairs}
        rows = {row.digest: row for row in self._decisions.approvals(self._tenant, named)}
        found = [(pair, self._living(rows.get(digest), now)) for digest, pair in named.items()]
        return [HeldApproval(*pair, one.given, one.loa) for pair, one in found if one.given]

    def kept(
        self, standing: ApprovalStanding, judged: Judged, shared: Iterable[AttributeName], given: int, end: int
    ) -> ApprovalRow:
        """The row of an approval that was given at `given`, with these boxes ticked. It lives until `end`."""
        content = _Content(_shown(judged), tuple(sorted(shared)), given, end, judged.loa)
        return self._row(standing.digests[0], _APPROVAL.dump(content), end)

    def agreed(self, standing: ApprovalStanding, now: int, *kept: ApprovalRow) -> ApprovalRows:
        """The rows of a release. Whoever had taken something back agreed anew by it.

        What was issued before stays ended: the row of that lives as long as any such token.
        """
        if standing.stopped:
            lifted = _STOP.dump(_Stop(standing.stop, lifted=True))
            kept = (*kept, self._row(standing.digests[1], lifted, now + LONGEST_REFRESH_LIFE + HOUR))
        return ApprovalRows(kept, standing.unchanged.read)

    def forgotten(self, standing: ApprovalStanding, now: int) -> ApprovalRows:
        """The rows that end what is remembered. A sign-in that read it a moment ago rests on another row then."""
        again = _STOP.dump(_Stop(standing.stop, lifted=not standing.stopped))
        end = FOR_GOOD if standing.stopped else LONGEST_REFRESH_LIFE + HOUR if standing.stop else 0
        stop = self._row(standing.digests[1], again, now + end)
        return ApprovalRows((ApprovalRow(standing.digests[0], b"", now), stop), standing.unchanged.read)

    def taken_back(self, subject: bytes, service: ServiceId, purpose_id: PurposeId, now: int) -> ApprovalRows:
        """The rows after which nothing goes without a page, and nothing that was issued before counts any more."""
        approval, stop = self.digests(subject, service, purpose_id)
        content = _STOP.dump(_Stop(urandom(NAME_BYTES)))
        return ApprovalRows((ApprovalRow(approval, b"", now), self._row(stop, content, now + FOR_GOOD)))

    def digests(self, subject: bytes, service: ServiceId, purpose_id: PurposeId) -> tuple[bytes, bytes]:
        """The digests of the two rows of a person, service and purpose."""
        whose = framed(self._tenant.encode(), subject, service.encode(), purpose_id.encode())
        return mac(self._naming, whose), mac(self._stopping, whose)

    def _row(self, digest: bytes, content: bytes, end: int) -> ApprovalRow:
        opening = Opening("approval", urandom(NONCE_BYTES), content)
        return ApprovalRow(digest, seal_opening(self._sealing, self._tenant, digest, opening), end)

    def _living(self, row: ApprovalRow | None, now: int) -> _Content:
        """The content of an approval that is remembered, and whose own end has not come."""
        found = self._opened(_APPROVAL, row) if row else None
        return found if found is not None and found.end > now else _NONE

    def _opened(self, codec: Codec[T], row: ApprovalRow) -> T | None:
        try:
            return codec.load(open_opening(self._sealing, self._tenant, row.digest, "approval", row.content).content)
        except (SignatureInvalid, NotFound):
            return None  # another key's or somebody else's: the citizen is asked


def tells_by_a_no(decision: Decision, purpose: Purpose) -> bool:
    """Whether a service would know a no by the refusal: without a page only that could be refused (decision 0029)."""
    return any(
        purpose.needs[one.name].must_be_true or (one.released and one.released.form.name in FILTERS)
        for one in decision.rulings
        if one.required
    )


def _shown(judged: Judged) -> bytes:
    """SHA-256 over what would go: a difference in any of it is another question."""
    facts = [judged.policy, judged.loa.label, judged.sub]
    # Whom they act for counts by itself: a pseudonym may be one that says nothing of that
    facts += [f"for {judged.represented.hex()} "] if judged.kind.acts else []
    facts += [f"named by {judged.named_by}"] if judged.named_by else []
    for one in filter(None, [ruling.released for ruling in judged.decision.rulings]):
        facts += [one.name, str(one.form), *([f"from {one.register}"] if one.register else [])]
    return hashlib.sha256(framed(*[fact.encode() for fact in facts])).digest()
