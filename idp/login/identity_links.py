"""Links of a person's new identifier to their earlier one, which they made themselves by two sign-ins (decision 0086).

Two rows in the table of approvals stand for one link: one is found by the keyed index of the new identity, one by that of
the earlier. The first has the earlier identifier, under a key of its own that is derived from the new identifier: it opens
only while that person signs in. All else in both is sealed as approvals are. Neither has a value to look anybody up by.

A link speaks up to its level, the lower one of both sign-ins, and only for a sign-in that reaches it. One that waits for an
officer counts for nothing. A third row, which its number finds, says to them which one it is.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from os import urandom
from typing import TypeVar

from idp.ledger.leaf import NONCE_BYTES, open_opening, seal_opening
from idp.ledger.ledger_keys import derived, framed, mac
from idp.login.state_codec import Codec
from idp.ports import ApprovalRow, ApprovalRows, Opening, Remembered
from policies.assurance import LevelOfAssurance
from policies.authentication import Assertion, ServiceRequest
from policies.errors import AssertionRejected, AssuranceTooLow, NotFound, SignatureInvalid
from policies.parties import SubjectNamespace, Tenant
from policies.persons import PersonKind

# The frontend of the citizen's page (`Origin.frontend`)
OWN_PAGE = "own_page"
# A link ends by an undo or an erasure, and by no date
FOR_GOOD = 100 * 365 * 24 * 3600
# More earlier identifiers than anybody has
LONGEST_CHAIN = 8
# So long an officer may take
WAITING = 30 * 24 * 3600

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """A person as a source names them."""

    namespace: SubjectNamespace
    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """One link, from either side: `other` is the keyed index of the other identity, `record` the ledger's record of it."""

    record: bytes
    other: bytes = field(repr=False)
    loa: LevelOfAssurance
    made: int
    country: str  # who vouched for the other identity
    # of the new identity alone: the earlier one, sealed under the new identifier
    earlier: bytes = field(default=b"", repr=False)
    # the purpose of the register that said it, while an officer has to confirm it
    waits: str = ""


@dataclass(frozen=True, slots=True)
class WaitingLink:
    """One that an officer has to confirm: the keyed index of the new identity, who vouches for it, and its link."""

    new: bytes = field(repr=False)
    country: str
    link: IdentityLink


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One of the two sign-ins that make a link."""

    subject: bytes = field(repr=False)
    identity: LinkedIdentity
    loa: LevelOfAssurance
    country: str


@dataclass(frozen=True, slots=True)
class LinkStanding:
    """What a sign-in stands for: the identity that services know, up to a level. `proof` names the rows that say so."""

    identity: LinkedIdentity
    loa: LevelOfAssurance = LevelOfAssurance.HIGH
    proof: bytes = b""
    own_page: bool = False  # of a sign-in to the citizen's page, which is always about the person's own identity

    @property
    def person(self) -> tuple[SubjectNamespace, str]:
        """Namespace and identifier."""
        return self.identity.namespace, self.identity.identifier


_LINK, _IDENTITY = Codec(IdentityLink), Codec(LinkedIdentity)


class IdentityLinks:
    """One tenant's. Raises `AssertionRejected` for a row that does not open.

    With `enabled` False no link is made, and none counts. One that was made can still be undone.
    """

    def __init__(self, *, tenant: Tenant, subjects: bytes, rows: Remembered, enabled: bool) -> None:
        self._tenant, self._rows, self.enabled = tenant, rows, enabled
        self._to_earlier, self._to_new, self._to_number, self._sealing, self._identities = (
            derived(subjects, b"", b"links " + use) for use in (b"earlier", b"new", b"number", b"seal", b"identity")
        )

    def known(
        self, request: ServiceRequest, assertion: Assertion, subject: bytes, minimum: LevelOfAssurance, now: int
    ) -> LinkStanding:
        """The identity by which services know whoever signed in: the earliest one that is linked at `minimum` or above.

        At a service that needs more than a link's level nobody ever knew the earlier identity: there the person goes by
        their own. So does whoever acts for another. Raises `AssuranceTooLow` for a sign-in below a link's level.
        """
        own_page = request.origin.frontend == OWN_PAGE
        found = LinkStanding(LinkedIdentity(assertion.namespace, assertion.subject), own_page=own_page)
        if own_page or not self.enabled or assertion.kind is not PersonKind.NATURAL:
            return found
        for link, content in self._chain(subject, now):
            if link.loa < minimum or link.waits:
                break
            if assertion.offered.loa < link.loa:
                reached = assertion.offered.loa.label
                raise AssuranceTooLow("link_level", "below the level of the link to an earlier identity", reached=reached)
            digest = self._digest(self._to_earlier, subject)
            earlier = self._opened(_IDENTITY, self._key_of(found.identity), digest, "identity", link.earlier)
            found = LinkStanding(earlier, min(found.loa, link.loa), found.proof + hashlib.sha256(content).digest())
            subject = link.other
        return found

    def holds(self, subject: bytes, proof: bytes, now: int) -> bool:
        """Whether the links that `LinkStanding.proof` names still stand."""
        found = b"".join(hashlib.sha256(content).digest() for _, content in self._chain(subject, now)) if proof else b""
        return found.startswith(proof)

    def _chain(self, subject: bytes, now: int) -> Iterator[tuple[IdentityLink, bytes]]:
        """The links from an identity to its earlier one, and on from there, each with its row's content."""
        for _ in range(LONGEST_CHAIN):
            link, content = self._read(self._to_earlier, subject, now)
            if link is None:
                return
            yield link, content
            subject = link.other

    def to_earlier(self, subject: bytes, now: int) -> IdentityLink | None:
        """The link of a new identity."""
        return self._read(self._to_earlier, subject, now)[0]

    def to_new(self, subject: bytes, now: int) -> IdentityLink | None:
        """The link of an earlier identity, while the new one has it, too."""
        link = self._read(self._to_new, subject, now)[0]
        back = None if link is None else self.to_earlier(link.other, now)
        return link if link and back and (back.record, back.other) == (link.record, subject) else None

    def linked(self, subject: bytes, now: int) -> frozenset[bytes]:
        """The keyed indexes of all identities that one is linked to."""
        return frozenset(link.other for link, _ in self._chain(subject, now))

    def newer(self, subject: bytes, now: int) -> list[bytes]:
        """The keyed indexes of the identities that are linked to one, and to those, as far as rows open."""
        found = [subject]
        while len(found) <= LONGEST_CHAIN and (link := self._opening(self.to_new, found[-1], now)):
            found.append(link.other)
        return found[1:]

    def may_join(self, new: bytes, earlier: bytes, now: int) -> bool:
        """Whether a link of two identities is one of a chain that a sign-in follows to its end, and makes no circle."""
        if self.to_earlier(new, now) or self.to_new(earlier, now):
            return False
        before, after = self.linked(earlier, now), self.newer(new, now)
        return new not in before and len(after) + 1 + len(before) <= LONGEST_CHAIN

    def made(
        self, new: LinkEnd, earlier: LinkEnd, record: bytes, seen: LevelOfAssurance, now: int, waits: str = ""
    ) -> ApprovalRows:
        """The rows of a link. Nothing is written if the row of the earlier identity changed since it was read.

        From `seen` on a sign-in with the earlier identity sees it, and undoes it. See `IdentityLink.waits`.
        """
        loa, whose = min(new.loa, earlier.loa), self._digest(self._to_earlier, new.subject)
        content = Opening("identity", urandom(NONCE_BYTES), _IDENTITY.dump(earlier.identity))
        sealed = seal_opening(self._key_of(new.identity), self._tenant, whose, content)
        to_earlier = IdentityLink(record, earlier.subject, loa, now, earlier.country, sealed, waits)
        to_new = IdentityLink(record, new.subject, min(loa, seen), now, new.country, waits=waits)
        rows = [self._row(self._to_earlier, new.subject, to_earlier), self._row(self._to_new, earlier.subject, to_new)]
        if waits:
            rows.append(self._row(self._to_number, record, to_new))
        return ApprovalRows(tuple(rows), self._as_read(earlier.subject))

    def waiting(self, record: bytes, now: int) -> WaitingLink:
        """The link that waits for an officer under this number. Raises `NotFound`."""
        named = self._read(self._to_number, record, now)[0]
        link = self.to_earlier(named.other, now) if named else None
        if named is None or link is None or not link.waits or link.record != record:
            raise NotFound("no link of this number waits for an officer")
        return WaitingLink(named.other, named.country, link)

    def confirmed(self, found: WaitingLink, now: int) -> ApprovalRows:
        """The rows with which a link counts from now on."""
        back = self.to_new(found.link.other, now)
        if back is None:
            raise NotFound("no link of this number waits for an officer")
        sides = ((self._to_earlier, found.new, found.link), (self._to_new, found.link.other, back))
        rows = [self._row(key, subject, replace(link, waits="", made=now)) for key, subject, link in sides]
        gone = ApprovalRow(self._digest(self._to_number, found.link.record), b"", now)
        return ApprovalRows((*rows, gone), self._as_read(found.link.other))

    def undone(self, subject: bytes, link: IdentityLink, now: int) -> ApprovalRows:
        """The rows after which a link that the new identity `subject` has counts no more."""
        digests = [self._digest(self._to_earlier, subject), self._digest(self._to_new, link.other)]
        digests += [self._digest(self._to_number, link.record)] if link.waits else []
        return ApprovalRows(tuple(ApprovalRow(one, b"", now) for one in digests), self._as_read(link.other))

    def digests(self, subject: bytes, now: int = 0) -> list[bytes]:
        """The digests of all rows that have anything of a person, for their erasure: a damaged one holds nothing up."""
        found = [self._digest(key, subject) for key in (self._to_earlier, self._to_new)]
        if link := self._opening(self.to_earlier, subject, now):
            found += [self._digest(self._to_new, link.other), self._digest(self._to_number, link.record)]
        if link := self._opening(self.to_new, subject, now):
            found += [self._digest(self._to_earlier, link.other), self._digest(self._to_number, link.record)]
        return found

    def _opening(self, side: Callable[[bytes, int], IdentityLink | None], subject: bytes, now: int) -> IdentityLink | None:
        try:
            return side(subject, now)
        except AssertionRejected:
            return None

    def _digest(self, key: bytes, subject: bytes) -> bytes:
        return mac(key, framed(self._tenant.encode(), subject))

    def _key_of(self, identity: LinkedIdentity) -> bytes:
        parts = (self._tenant.encode(), identity.namespace.encode(), identity.identifier.encode())
        return mac(self._identities, framed(*parts))

    def _row(self, key: bytes, subject: bytes, link: IdentityLink) -> ApprovalRow:
        digest = self._digest(key, subject)
        opening = Opening("link", urandom(NONCE_BYTES), _LINK.dump(link))
        return ApprovalRow(
            digest,
            seal_opening(self._sealing, self._tenant, digest, opening),
            link.made + (WAITING if link.waits else FOR_GOOD),
        )

    def _as_read(self, earlier: bytes) -> tuple[bytes, bytes]:
        digest = self._digest(self._to_new, earlier)
        rows = self._rows.approvals(self._tenant, (digest,))
        return digest, hashlib.sha256(rows[0].content).digest() if rows else b""

    def _read(self, key: bytes, subject: bytes, now: int) -> tuple[IdentityLink | None, bytes]:
        digest = self._digest(key, subject)
        for row in self._rows.approvals(self._tenant, (digest,)):
            # Another machine that undid it may have a clock that is ahead
            if row.end > now and row.content:
                return self._opened(_LINK, self._sealing, digest, "link", row.content), row.content
        return None, b""

    def _opened(self, codec: Codec[T], key: bytes, digest: bytes, name: str, sealed: bytes) -> T:
        try:
            return codec.load(open_opening(key, self._tenant, digest, name, sealed).content)
        except (SignatureInvalid, NotFound):
            # Somebody wrote to the database: this is nobody's word about an earlier identity
            raise AssertionRejected("link_opens", "a link that does not open") from None
