"""Approvals that stand while the citizen is away: whether one still does, and the record of a release that rests on it.

A purpose that says `offline` lets a service have the same values again, by a refresh token. Each time is a release of its
own, and so is its record: under the same person, with the notice that they read at the sign-in.
"""

from collections.abc import Mapping

from idp.ledger.record_contents import DecidedBy, draft_release, new_record
from idp.login.approvals import Approvals
from idp.login.states import Approved, Grant
from idp.ports import RecordDraft
from policies.authentication import AskedAttribute, ServiceRequest
from policies.parties import PurposeId
from policies.purposes import Purpose
from policies.release import Decision, Reason, Ruling, RulingOutcome


class StandingApprovals:
    """One tenant's. Raises `StoreUnavailable` where nobody can say."""

    def __init__(self, *, issuer: str, purposes: Mapping[PurposeId, Purpose], approvals: Approvals) -> None:
        self._issuer, self._purposes, self._approvals = issuer, purposes, approvals

    def lapsed(self, grant: Grant, now: int) -> bool:
        """Whether the citizen withdrew or objected since, or let us remember the approval and it is remembered no more.

        One that was given anew is another one: what rested on the first has ended.
        """
        rests = grant.approved
        if rests is None:
            return False
        whose = rests.subject, grant.origin.service, grant.purpose_id, now
        standing = self._approvals.standing(*whose)
        if standing.stopped or (standing.stop and standing.stop != rests.stop):
            return True
        return bool(rests.given) and standing.given != rests.given

    def goes_again(self, grant: Grant) -> bool:
        """Whether values go without the citizen: they let us remember it, and the purpose says so in the words they read.

        An approval that nobody remembers cannot be taken back, so nothing goes for it again.
        """
        purpose, rests = self._purposes.get(grant.purpose_id), grant.approved
        if purpose is None or rests is None or not rests.given:
            return False
        return purpose.offline and purpose.digest == rests.policy

    def record(self, grant: Grant, approved: Approved, now: int) -> RecordDraft:
        """The record of a release of the grant's attributes, for a purpose that says so."""
        purpose = self._purposes[grant.purpose_id]
        rulings = [
            Ruling(
                name=one.name,
                asked=one.form,
                outcome=RulingOutcome.AS_ASKED,
                reason=Reason.AS_ASKED,
                required=purpose.needs[one.name].required,
                source=purpose.needs[one.name].source,
                released=one,
            )
            for one in grant.attributes
        ]
        request = ServiceRequest(
            origin=grant.origin,
            purpose_id=grant.purpose_id,
            asked=tuple(AskedAttribute(one.name, one.form) for one in grant.attributes),
            unknown=(),
            minimum_assurance=purpose.minimum_assurance,
        )
        return draft_release(
            record=new_record(),
            time=now,
            request=request,
            basis=purpose.basis,
            policy=approved.policy,
            notice=approved.notice,
            decision=Decision(tuple(rulings)),
            loa=grant.loa,
            source=grant.provider_id,
            subject=approved.subject,
            issuer=self._issuer,
            sub=grant.sub,
            evidence={"nonce": ""},
            path=DecidedBy.OFFLINE,
            transfer=approved.transfer,
        )
