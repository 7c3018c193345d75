"""Acts of a person about a release, on their page: each act is a record under their key, and counts at once.

The record, what it stops, and the word to the service are one unit. From then on nothing goes to that service for that
purpose without a page, and what was issued before counts no more: every worker reads that row at each step. Sessions in
which the service took part end right after.

Consent alone is withdrawn, and a public task alone is objected to (decision 0000.25). A remembered approval can be switched
off on any basis, and any sign-in can be disowned.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from os import urandom

from idp.citizen.history import HistoryEntry
from idp.citizen.visits import OwnPageVisit
from idp.ledger.person_records import APPROVAL_OFF, DISOWNED, OBJECTION, WITHDRAWAL, ActOn, draft_own_act
from idp.ledger.record_contents import RELEASE, new_record
from idp.login.approvals import Approvals
from idp.login.sessions import Sessions
from idp.ports import Commits, Mark, QueuedRow, Unit
from idp.store.logout_queue import EVENT, KEPT_SECONDS
from policies.errors import NotFound, RequestRefused
from policies.parties import ClientId, PurposeId, ServiceId, Tenant
from policies.purposes import Basis

ENTRY_BYTES = 16
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
    hears: Callable[[ClientId], bool]
    alerts: Callable[[str], None]

    def on_release(self, kind: str, visit: OwnPageVisit, entry: HistoryEntry, now: int) -> bytes:
        """Act on a release. Returns the record's id. Raises `RequestRefused` for an act that its basis does not know.

        Twice is once more: each is a record, and nothing else changes.
        """
        if entry.kind != RELEASE or entry.loa > visit.loa:
            raise NotFound("no release that this sign-in may see")
        sent = entry.sent
        if kind not in acts_on(sent["basis"]):
            raise RequestRefused(f"{kind} of what rests on {sent['basis']}", code="other_site")
        client, purpose_id = ServiceId(sent["client"]), PurposeId(sent["purpose"])
        on = ActOn(entry.record.hex(), client, purpose_id, sent["basis"], visit.loa.label)
        draft = draft_own_act(record=new_record(), time=now, kind=kind, subject=visit.subject, on=on)
        unit = Unit(
            tenant=self.tenant,
            record=draft,
            approval=self.approvals.taken_back(visit.subject, client, purpose_id, now),
        )
        if self.hears(ClientId(client)):
            about = f"{EVENT}{draft.record.hex()}"
            told = QueuedRow(urandom(ENTRY_BYTES), client, about, now, now, now + KEPT_SECONDS)
            unit = replace(unit, queued=(told,))
        if kind == DISOWNED:
            unit = replace(unit, marks=(Mark(DISOWNED, draft.record, now + DISOWNED_SECONDS),))
        self.commits.commit(unit)
        person, stored = self.sessions.of_index(visit.subject), self.sessions.stored
        # Whoever made that sign-in may sit in any session of this person
        self.sessions.end(stored.all_of_person(person) if kind == DISOWNED else stored.taking_part(person, client), now)
        if kind == DISOWNED:
            self.alerts(draft.record.hex())
        return draft.record

    def approval_off(self, visit: OwnPageVisit, service: ServiceId, purpose_id: PurposeId, basis: str, now: int) -> bytes:
        """Forget what is remembered for a service and a purpose. Raises `NotFound` where nothing is."""
        if not self.approvals.remembers(visit.subject, service, purpose_id, now):
            raise NotFound("no remembered approval for this service and purpose")
        on = ActOn("", service, purpose_id, basis, visit.loa.label)
        draft = draft_own_act(record=new_record(), time=now, kind=APPROVAL_OFF, subject=visit.subject, on=on)
        row = self.approvals.forgotten(visit.subject, service, purpose_id, now)
        self.commits.commit(Unit(tenant=self.tenant, record=draft, approval=row))
        return draft.record
