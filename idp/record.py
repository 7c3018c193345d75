"""What a login writes into the release ledger: drafts made from its states, and the hash of what was shown."""

from idp.login import Decided
from idp.ports import RecordDraft
from idp.transparency.draft import CANCELLATION, REFUSAL, draft_refusal, draft_release, draft_unsent, new_record
from idp.transparency.entry import subject_index
from policies.authentication import Assertion
from policies.notice import notice_hash
from policies.parties import Tenant
from policies.purposes import Purpose
from policies.release import Decision


class Recorder:
    """Makes the drafts of one tenant. `template` is the version of the pages, `index_key` keys the persons' index."""

    def __init__(self, *, tenant: Tenant, issuer: str, template: str, index_key: bytes) -> None:
        self._tenant = tenant
        self._issuer = issuer
        self._template = template
        self._index_key = index_key

    def subject_of(self, assertion: Assertion) -> bytes:
        """The person's keyed index in the ledger."""
        return subject_index(self._index_key, self._tenant, assertion.namespace, assertion.subject)

    def notice(self, language: str, purpose: Purpose, decision: Decision) -> str:
        """The hash of what the page shows: template, language, names and forms, never values (decisions.md 22)."""
        shown = self._template
        return notice_hash(template=shown, language=language, purpose_id=purpose.purpose_id, decision=decision)

    def release(self, decided: Decided, chosen: Decision, purpose: Purpose, now: int) -> RecordDraft:
        """A release: `chosen` is the decision after the citizen's choice."""
        return draft_release(
            record=new_record(),
            time=now,
            request=decided.request,
            basis=purpose.basis,
            policy=decided.policy,
            notice=decided.notice,
            decision=chosen,
            loa=decided.loa,
            source=decided.provider_id,
            subject=decided.subject,
            issuer=self._issuer,
            sub=decided.sub,
        )

    def refusal(self, decided: Decided, purpose: Purpose, word: str, now: int) -> RecordDraft:
        """The citizen saw the question and said no, or left: no subject, no values."""
        return draft_refusal(
            record=new_record(),
            time=now,
            request=decided.request,
            basis=purpose.basis,
            policy=decided.policy,
            notice=decided.notice,
            decision=decided.decision,
            source=decided.provider_id,
            kind=REFUSAL if word == "refuse" else CANCELLATION,
        )

    def unsent(self, about: bytes, now: int) -> RecordDraft:
        """What the record `about` says could not be answered."""
        return draft_unsent(record=new_record(), time=now, about=about)
