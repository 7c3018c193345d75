"""The desk at which an officer confirms a link that a person asked for on the word of a register (decision 0086).

The officer has the number that the person's page shows, and sees no value. Their signature is over the number and the act,
so it counts for nothing else. Who confirmed or refused is in the release ledger before it counts.
"""

from dataclasses import dataclass

from idp.application.change_desk import ActRefused, Identity, read_signed
from idp.application.mandate_desk import MandateDesk
from idp.application.operator_acts import within
from idp.citizen.matching import link_record
from idp.config.settings import Settings
from idp.ledger.canonical_json import jcs
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import LINK_CONFIRMED, LINK_REFUSED, draft_act, is_reason
from idp.ledger.person_records import LINK, UNLINK
from idp.ledger.record_contents import new_record
from idp.login.finish import commit_fresh
from idp.login.identity_links import IdentityLinks, WaitingLink
from idp.ports import Unit
from idp.store.store import Store
from policies.errors import NotFound, Replayed
from policies.matching import ConfirmedBy
from policies.parties import PurposeId
from policies.purposes import Purpose

CONFIRM, REFUSE = "confirm", "refuse"


@dataclass(frozen=True, slots=True)
class WaitingMatch:
    """A link that waits, and the purpose under which the register was asked: None where that is gone or another one."""

    number: bytes
    found: WaitingLink
    purpose: Purpose | None


class MatchDesk:
    """One tenant's. Methods raise `ActRefused`, `StoreUnavailable`, and `Misconfigured` for a key that cannot be read."""

    def __init__(self, settings: Settings, store: Store, ledger: LedgerKeys) -> None:
        self._settings, self._store, self._origin = settings, store, ledger.origin
        self._officers = MandateDesk(settings, store, ledger)
        self._links = IdentityLinks(tenant=settings.tenant, subjects=ledger.subjects, rows=store, enabled=settings.matching)

    def waiting(self, number: bytes, now: int) -> WaitingMatch:
        """The link of this number."""
        try:
            found = within(lambda: self._links.waiting(number, now))
        except NotFound:
            raise ActRefused("no link of this number waits: it is undone, decided, or older than 30 days.") from None
        purpose = self._officers.in_force().purposes.get(PurposeId(found.link.waits))
        rule = purpose.matching if purpose else None
        asks = rule is not None and rule.confirmed_by is ConfirmedBy.OFFICER
        return WaitingMatch(number, found, purpose if asks else None)

    def document(self, number: bytes, act: str) -> bytes:
        """The text that an officer signs."""
        return jcs({"act": act, "kind": "match", "log": self._origin, "number": number.hex(), "v": 1})

    def decide(self, number: bytes, act: str, reason: str, identity: Identity, now: int) -> str:
        """Confirm or refuse a link; returns who did. Until then it counted for nothing."""
        if not is_reason(reason):
            raise ActRefused("give a reason of 1 to 200 visible characters on one line.")
        match = self.waiting(number, now)
        if act == CONFIRM and (match.purpose is None or not self._links.enabled):
            raise ActRefused("what is in force asks no officer under this purpose any more: refuse it.")
        try:
            who, _ = read_signed(self._officers.operators(), self.document(number, act), identity)
        except ValueError as error:
            raise ActRefused(f"nobody is known by this key or signature: {error}.") from None
        said = LINK_CONFIRMED if act == CONFIRM else LINK_REFUSED
        self._officers.record(
            draft_act(record=new_record(), time=now, act=said, about=number.hex(), who=who, reason=reason)
        )
        try:
            within(lambda: self._write(match, act, now))
        except (NotFound, Replayed):
            raise ActRefused("it was undone or decided meanwhile.") from None
        return who

    def _write(self, match: WaitingMatch, act: str, now: int) -> None:
        new, link = match.found.new, match.found.link
        back = self._links.to_new(link.other, now)
        if back is None:
            raise NotFound("no link of this number waits for an officer")
        confirms = act == CONFIRM
        kind, under, about = LINK if confirms else UNLINK, match.purpose if confirms else None, match.number.hex()
        rows = self._links.confirmed(match.found, now) if confirms else self._links.undone(new, link, now)
        record = link_record(kind, link.other, about, back.loa, now, under)
        commit_fresh(self._store, Unit(tenant=self._settings.tenant, record=record, approvals=rows))
        self._officers.record(link_record(kind, new, about, link.loa, now, under))
