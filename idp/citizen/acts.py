"""Acts of a person about a release, on their page: each act is a record under their key, and counts at once.

The record, what it stops, and the word to the service are one unit. From then on nothing goes to that service for that
purpose without a page, and what was issued before counts no more: every worker reads that row at each step. Sessions in
which the service took part end right after. A sign-in that the person did not make ends more: all that was issued about
them to any service, all their sessions, and their other visits to the page.

Consent alone is withdrawn, and a public task alone is objected to (decision 0000.25). A remembered approval can be switched
off on any basis, and any sign-in can be disowned.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from os import urandom

from idp.citizen.history import Histories, HistoryEntry
from idp.citizen.visits import OwnPageVisit, others_end
from idp.ledger.ledger_keys import framed
from idp.ledger.person_records import APPROVAL_OFF, DISOWNED, OBJECTION, WITHDRAWAL, ActOn, draft_own_act
from idp.ledger.record_contents import RELEASE, new_record
from idp.login.approvals import FOR_GOOD, Approvals
from idp.login.ended_persons import ended_row
from idp.login.finish import commit_fresh
from idp.login.sessions import Sessions
from idp.ports import Commits, Mark, ParkedRow, QueuedRow, Unit
from idp.store.logout_queue import EVENT, KEPT_SECONDS
from policies.errors import Conflict, NotFound, RequestRefused
from policies.parties import ClientId, PurposeId, ServiceId, Tenant
from policies.purposes import Basis, Purpose

ENTRY_BYTES = 16
# The kind of the mark of an act, and how long the same one at once is kept from being two
OWN_ACT, TWICE_SECONDS = "own_act", 60
# How long an operator is told of a sign-in that nobody made
DISOWNED_SECONDS = 30 * 24 * 3600


def acts_on(basis: str) -> tuple[str, ...]:
    """The acts that a release on this basis takes."""
    by_basis = {Basis.CONSENT.value: (WITHDRAWAL,), Basis.PUBLIC_TASK.value: (OBJECTION,)}
    return (*by_basis.get(basis, ()), DISOWNED)


@dataclass(frozen=True, slots=True)
class CitizenActs:
    """One tenant's. `hears` says whether a service takes events, `alerts` is told of a sign-in that nobody made."""

    tenant: Tenant
    approvals: Approvals
    sessions: Sessions
    commits: Commits
    histories: Histories
    hears: Callable[[ClientId], bool]
    alerts: Callable[[str], None]

    def on_release(self, kind: str, visit: OwnPageVisit, entry: HistoryEntry, now: int) -> None:
        """Act on a release. Raises `RequestRefused` for an act that its basis does not know.

        What was taken back already is on record, and so is each sign-in that was disowned once: no other record comes.
        """
        if entry.kind != RELEASE or entry.loa > visit.loa:
            raise NotFound("no release that this sign-in may see")
        sent = entry.sent
        if kind not in acts_on(sent["basis"]):
            raise RequestRefused(f"{kind} of what rests on {sent['basis']}", code="other_site")
        client, purpose_id = ServiceId(sent["client"]), PurposeId(sent["purpose"])
        standing = self.approvals.standing(visit.subject, client, purpose_id, now)
        if kind != DISOWNED and standing.stopped:
            self._leave(visit.subject, client, now)
            return
        on = ActOn(entry.record.hex(), client, purpose_id, sent["basis"], visit.loa.label, sent["policy"])
        draft = draft_own_act(record=new_record(), time=now, kind=kind, subject=visit.subject, on=on)
        # Whoever agreed anew since may take it back again
        before = b"" if kind == DISOWNED else standing.stop
        once = hashlib.sha256(framed(kind.encode(), entry.record, before)).digest()
        unit = Unit(
            tenant=self.tenant,
            marks=(Mark(OWN_ACT, once, now + (FOR_GOOD if kind == DISOWNED else TWICE_SECONDS)),),
            record=draft,
            approvals=self.approvals.taken_back(visit.subject, client, purpose_id, now),
        )
        if self.hears(ClientId(client)):
            about = f"{EVENT}{draft.record.hex()}"
            told = QueuedRow(urandom(ENTRY_BYTES), client, about, now, now, now + KEPT_SECONDS)
            unit = replace(unit, queued=(told,))
        if kind == DISOWNED:
            self._disown(unit, visit, draft.record, now)
        else:
            self._recorded(unit)
            self._leave(visit.subject, client, now)

    def _recorded(self, unit: Unit) -> bool:
        """Whether this is the act that goes on record, and none before it."""
        try:
            self.commits.commit(unit)
        except Conflict as error:
            if error.kind != OWN_ACT:
                raise
            return False
        return True

    def _disown(self, unit: Unit, visit: OwnPageVisit, record: bytes, now: int) -> None:
        """End sessions and what was issued: somebody else may sit in a session, and hold what a service was given."""
        self._end_sessions(visit.subject, now)
        issued = self.histories.issued(visit.subject, now)
        told, ended = Mark(DISOWNED, record, now + DISOWNED_SECONDS), (*_ended(issued, now), others_end(visit, now))
        if self._recorded(replace(unit, marks=(*unit.marks, told), parked=ended)):
            self.alerts(record.hex())
        else:
            self.commits.commit(Unit(tenant=self.tenant, parked=ended))
        # What was decided before, and came into the ledger meanwhile
        self._end_sessions(visit.subject, now)
        if late := self.histories.issued(visit.subject, now) - issued:
            self.commits.commit(Unit(tenant=self.tenant, parked=_ended(late, now)))

    def _leave(self, subject: bytes, client: ServiceId, now: int) -> None:
        person = self.sessions.of_index(subject)
        self.sessions.end(self.sessions.stored.taking_part(person, client), now)

    def _end_sessions(self, subject: bytes, now: int) -> None:
        self.sessions.end(self.sessions.stored.all_of_person(self.sessions.of_index(subject)), now)

    def approval_off(self, visit: OwnPageVisit, service: ServiceId, purpose: Purpose, now: int) -> bytes:
        """Forget what is remembered for a service and a purpose. Raises `NotFound` where this sign-in may see nothing."""
        standing = self.approvals.standing(visit.subject, service, purpose.purpose_id, now)
        if not standing.given or standing.loa > visit.loa:
            raise NotFound("no remembered approval for this service and purpose that this sign-in may see")
        on = ActOn("", service, purpose.purpose_id, purpose.basis.value, visit.loa.label, purpose.digest)
        draft = draft_own_act(record=new_record(), time=now, kind=APPROVAL_OFF, subject=visit.subject, on=on)
        rows = self.approvals.forgotten(standing, now)
        commit_fresh(self.commits, Unit(tenant=self.tenant, record=draft, approvals=rows))
        return draft.record


def _ended(issued: Iterable[tuple[str, str]], now: int) -> tuple[ParkedRow, ...]:
    return tuple(ended_row(service, sub, now) for service, sub in issued)
