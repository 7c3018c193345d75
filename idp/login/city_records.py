"""The records of a city's logins, made of a login that is decided."""

from collections.abc import Mapping

from idp.ledger.record_contents import draft_refusal, draft_release, new_record
from idp.login.states import Decided
from idp.ports import RecordDraft
from policies.purposes import Purpose
from policies.release import Decision


def record_of_release(
    decided: Decided, chosen: Decision, evidence: Mapping[str, str], purpose: Purpose, issuer: str, now: int
) -> RecordDraft:
    """The record of a release. `chosen` is the decision after the citizen's choice, `evidence` binds it to the request."""
    judged = decided.judged
    return draft_release(
        record=new_record(),
        time=now,
        request=decided.request,
        basis=purpose.basis,
        policy=judged.policy,
        notice=judged.notice,
        decision=chosen,
        loa=judged.loa,
        source=decided.provider_id,
        subject=judged.subject,
        issuer=issuer,
        sub=judged.sub,
        evidence=evidence,
        path=decided.path,
        authorities=decided.authorities,
        transfer=judged.transfer,
        kind=judged.kind,
        represented=judged.represented,
        named_by=judged.named_by,
    )


def record_of_refusal(decided: Decided, kind: str, purpose: Purpose, now: int) -> RecordDraft:
    """The record of a `kind` without a release: a refusal, or a cancellation."""
    judged = decided.judged
    return draft_refusal(
        record=new_record(),
        time=now,
        request=decided.request,
        basis=purpose.basis,
        policy=judged.policy,
        notice=judged.notice,
        decision=decided.decision,
        source=decided.provider_id,
        kind=kind,
        path=decided.path,
    )
