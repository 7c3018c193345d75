"""Links two identities of one person, and undoes it (decision 0086): by sign-ins with both, or by a register's word.

The link is a record under each identity, and one row from each side. It counts at once, or once an officer confirmed it:
from then on services know the new identity as the earlier one. The undo ends more: all that was issued to the new identity,
and its sessions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from idp.citizen.erasures import Erasures
from idp.citizen.history import Histories
from idp.citizen.own_page import PURPOSE, SERVICE
from idp.citizen.visits import OwnPageVisit
from idp.ledger.ledger_keys import framed
from idp.ledger.person_records import LINK, LINK_ASKED, UNLINK, ActOn, draft_own_act
from idp.ledger.record_contents import new_record
from idp.login.ended_persons import ended_row
from idp.login.finish import commit_fresh
from idp.login.identity_links import IdentityLink, IdentityLinks, LinkEnd
from idp.login.sessions import Sessions
from idp.ports import Commits, Mark, ParkedRow, RecordDraft, Unit
from policies.assurance import LevelOfAssurance
from policies.errors import NotFound
from policies.matching import ConfirmedBy
from policies.parties import Tenant
from policies.purposes import Basis, Purpose

OWN_ACT = "own_act"
OFFICER = ConfirmedBy.OFFICER


@dataclass(frozen=True, slots=True)
class Matching:
    """One tenant's. Every method may raise `StoreUnavailable`."""

    tenant: Tenant
    links: IdentityLinks
    erasures: Erasures
    histories: Histories
    sessions: Sessions
    commits: Commits

    def standing(self, visit: OwnPageVisit, now: int) -> tuple[IdentityLink | None, IdentityLink | None]:
        """The links of a visitor to an earlier identity and to a new one, as far as the level of the sign-in shows them."""
        found = self.links.to_earlier(visit.subject, now), self.links.to_new(visit.subject, now)
        earlier, new = (link if link and link.loa <= visit.loa else None for link in found)
        return earlier, new

    def may_link(self, visit: OwnPageVisit, earlier: OwnPageVisit, now: int) -> bool:
        """Whether two sign-ins do for a link: each at the highest level on record, and the new one not below the earlier.

        An identity has one earlier and one new one at most, and leads to none that leads to it.
        """
        if not self.links.enabled or visit.identity is None or earlier.identity is None:
            return False
        if earlier.beside != visit.called or visit.beside or earlier.loa > visit.loa or earlier.subject == visit.subject:
            return False
        # Whoever asked the register is whoever visits
        if earlier.purpose_id and earlier.asker != visit.subject:
            return False
        if any(one.loa < self.erasures.highest(one.subject) for one in (visit, earlier)):
            return False
        return self.links.may_join(visit.subject, earlier.subject, now)

    def link(self, visit: OwnPageVisit, earlier: OwnPageVisit, under: Purpose | None, now: int) -> None:
        """Link them, `under` the purpose of the register that was asked. The record has it.

        Raises `NotFound` where they may not be linked, and `Replayed` where another act came between.
        """
        if visit.identity is None or earlier.identity is None or not self.may_link(visit, earlier, now):
            raise NotFound("no two sign-ins that may be linked")
        # A register says nothing of the level of the earlier means: with whatever is left of them its holder may undo it
        seen = self.erasures.highest(earlier.subject) if earlier.purpose_id else earlier.loa
        waits = under.purpose_id if under and under.matching and under.matching.confirmed_by is OFFICER else ""
        kind = LINK_ASKED if waits else LINK
        draft = link_record(kind, earlier.subject, "", seen, now, under)
        ends = [LinkEnd(one.subject, one.identity, one.loa, one.country) for one in (visit, earlier) if one.identity]
        # Each visit links once
        once = Mark(OWN_ACT, hashlib.sha256(framed(LINK.encode(), visit.name)).digest(), visit.end)
        rows = self.links.made(ends[0], ends[1], draft.record, seen, now, waits)
        # First: no link counts that the record of the new identity does not have
        self._recorded(link_record(kind, visit.subject, draft.record.hex(), visit.loa, now, under))
        commit_fresh(self.commits, Unit(tenant=self.tenant, marks=(once,), record=draft, approvals=rows))

    def undo(self, visit: OwnPageVisit, record: str, now: int) -> None:
        """Undo the link of this record (hex), from either side. Raises `NotFound`, `Replayed`."""
        to_earlier, to_new = self.standing(visit, now)
        if to_earlier and to_earlier.record.hex() == record:
            new, link = visit.subject, to_earlier
        elif to_new and to_new.record.hex() == record and (found := self.links.to_earlier(to_new.other, now)):
            new, link = to_new.other, found
        else:
            raise NotFound("no such link that this sign-in may see")
        back = self.links.to_new(link.other, now)
        draft = link_record(UNLINK, link.other, record, back.loa if back else link.loa, now)
        rows = self.links.undone(new, link, now)
        # Somebody else may sit there, and hold what a service was given. First: a crash here leaves the link and its undo
        others = [new, *self.links.newer(new, now)]
        self.end_all(others, now)
        ended = self._ended(others, now)
        commit_fresh(self.commits, Unit(tenant=self.tenant, record=draft, approvals=rows, parked=ended))
        self._recorded(link_record(UNLINK, new, record, link.loa, now))
        # Again, twice: for what was decided before, and came late
        self.end_all(others * 2, now)

    def end_all(self, subjects: Sequence[bytes], now: int) -> None:
        """End the sessions of these identities, and all that was issued to them: services know them by another's name."""
        for subject in subjects:
            self.sessions.end(self.sessions.stored.all_of_person(self.sessions.of_index(subject)), now)
            if ended := self._ended((subject,), now):
                self.commits.commit(Unit(tenant=self.tenant, parked=ended))

    def _ended(self, subjects: Sequence[bytes], now: int) -> tuple[ParkedRow, ...]:
        issued = {each for subject in subjects for each in self.histories.issued(subject, now)}
        return tuple(ended_row(service, sub, now) for service, sub in issued)

    def _recorded(self, draft: RecordDraft) -> None:
        self.commits.commit(Unit(tenant=self.tenant, record=draft))


def link_record(
    kind: str, subject: bytes, about: str, loa: LevelOfAssurance, now: int, under: Purpose | None = None
) -> RecordDraft:
    """The record under one identity of a link, its undo, or that an officer is asked for it."""
    purpose, basis = (under.purpose_id, under.basis) if under else (PURPOSE, Basis.CONSENT)
    # No hash of the purpose's file: its retention is of what services have, and a link's record stays as long as the link
    on = ActOn(about, SERVICE, purpose, basis.value, loa.label, "")
    return draft_own_act(record=new_record(), time=now, kind=kind, subject=subject, on=on)
