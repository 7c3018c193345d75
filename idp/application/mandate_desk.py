"""The desk at which two officers sign a grant, or the erasure of a person (decisions 0060, 0061).

Who asks, who agrees and who is refused is in the release ledger before it counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from idp.application.change_desk import ActRefused, Identity, account, read_signed
from idp.application.operator_acts import place, within
from idp.audit.grants import Grants, grant_of, number_of
from idp.changes.history import History
from idp.changes.mandates import ERASURE, GRANT, NEEDED, Mandates, OfficersMandate
from idp.citizen.erasures import Erasures
from idp.config.settings import Settings
from idp.ledger.canonical_json import Json
from idp.ledger.ledger_keys import DAY, LedgerKeys
from idp.ledger.operator_records import APPROVED, ASKED, ENDED, REFUSED, draft_mandate, is_reason
from idp.ledger.record_contents import new_record
from idp.ports import RecordDraft, Unit
from idp.store.records.erasure_rows import PendingErasure
from idp.store.store import Store
from policies.errors import ErasureRefused, NotFound, StoreUnavailable
from policies.load import Configuration, examine
from policies.load.table import IDENTIFIER
from policies.operators import Operators, is_officer

# No grant is longer: who needs more asks again
LONGEST_GRANT, LONGEST_PERIOD = 92 * 86400, 366 * 86400


@dataclass(frozen=True, slots=True)
class Step:
    """A mandate after a step, who made it, who has signed by now, and the erasure that it began."""

    mandate: OfficersMandate
    who: str
    officers: tuple[str, ...]
    erasure: PendingErasure | None = None

    @property
    def stands(self) -> bool:
        """Whether two have signed."""
        return len(self.officers) >= NEEDED


class MandateDesk:
    """One tenant's. Methods raise `ActRefused`, `StoreUnavailable`, and `Misconfigured` for a key that cannot be read."""

    def __init__(self, settings: Settings, store: Store, ledger: LedgerKeys) -> None:
        self._settings, self._store, self._ledger = settings, store, ledger
        self.mandates = Mandates(engine=store.engine, tenant=settings.tenant, keys=ledger)
        self.erasures = Erasures(engine=store.engine, tenant=settings.tenant, keys=ledger)
        self._history = History(engine=store.engine, tenant=settings.tenant, keys=ledger)
        self.grants = Grants(
            engine=store.engine,
            tenant=settings.tenant,
            keys=ledger,
            operators=self.operators,
            record=self.record,
        )

    def operators(self) -> Operators:
        """The officers: the persons of `operators/` of the configuration in force."""
        return self.in_force().operators

    def in_force(self) -> Configuration:
        """The configuration in force; an empty one before the first."""
        newest = self._history.newest()
        bundle = self._history.bundle(newest.digest) if newest else None
        return examine(bundle.files if bundle is not None else {})[0]

    def ask(self, kind: str, facts: Mapping[str, Json], identity: Identity, now: int) -> Step:
        """An officer asks, and signs."""
        operators = self._enough()
        reason = str(facts["reason"])
        if not is_reason(reason):
            raise ActRefused("give a reason of 1 to 200 visible characters on one line.")
        if kind == GRANT:
            _check_grant(facts, operators, now)
        else:
            try:
                self.erasures.person_of(bytes.fromhex(str(facts["record"])))
            except ErasureRefused as error:
                raise ActRefused(f"{error.detail}.") from None
        mandate = self.mandates.drafted(kind, facts)
        try:
            who, signature = read_signed(operators, mandate.document, identity)
        except ValueError as error:
            raise ActRefused(f"nobody is known by this key or signature: {error}.") from None
        self._tell(mandate, ASKED, who, reason, now)
        within(lambda: self.mandates.add(mandate))
        mandate = within(lambda: self.mandates.signed(mandate.mandate, who, signature))
        return Step(mandate, who, mandate.officers(operators))

    def approve(self, mandate_id: bytes, kind: str, identity: Identity, now: int) -> Step:
        """Another officer agrees. An erasure begins with that."""
        operators, mandate = self._enough(), self._of(mandate_id, kind)
        if mandate.ended or (kind == GRANT and grant_of(mandate, operators).state(now) == "ended"):
            self._refuse(mandate, identity, "it has ended", "ask for a new one.", now)
        if len(mandate.officers(operators)) >= NEEDED:
            self._refuse(mandate, identity, "two officers have signed it already", "nothing is left to do.", now)
        try:
            who, signature = read_signed(operators, mandate.document, identity)
        except ValueError as error:
            self._refuse(mandate, identity, "nobody is known by this key or signature", f"{error}.", now)
        if who in mandate.officers(operators):
            self._refuse(mandate, identity, "the same officer signed it already", "another one has to.", now, who)
        self._tell(mandate, APPROVED, who, str(mandate.facts["reason"]), now)
        mandate = within(lambda: self.mandates.signed(mandate_id, who, signature))
        officers = mandate.officers(operators)
        if kind != ERASURE or len(officers) < NEEDED:
            return Step(mandate, who, officers)
        record = bytes.fromhex(str(mandate.facts["record"]))
        try:
            erasure = within(lambda: self.erasures.ask_for(record, officers, now))
        except ErasureRefused as error:
            raise ActRefused(f"{error.detail}.") from None
        return Step(mandate, who, officers, erasure)

    def end(self, mandate_id: bytes, kind: str, identity: Identity, now: int) -> Step:
        """One officer ends a grant, or withdraws an erasure that officers began: what only takes away needs one."""
        operators, mandate = self._enough(), self._of(mandate_id, kind)
        try:
            who, _ = read_signed(operators, b"end " + mandate.document, identity)
        except ValueError as error:
            self._refuse(mandate, identity, "nobody is known by this key or signature", f"{error}.", now)
        record = bytes.fromhex(str(mandate.facts["record"])) if kind == ERASURE else b""
        if kind == ERASURE and mandate.stands(operators):
            try:
                pending = self.erasures.pending(self.erasures.person_of(record))
                within(lambda: self.erasures.withdraw(pending.erasure if pending else b"", who, now))
            except ErasureRefused as error:
                raise ActRefused(f"{error.detail}.") from None
        self._tell(mandate, ENDED, who, str(mandate.facts["reason"]), now)
        mandate = within(lambda: self.mandates.end(mandate_id, now))
        return Step(mandate, who, mandate.officers(operators))

    def record(self, draft: RecordDraft) -> None:
        """Put a record in the ledger, durably, and wait some seconds for its place."""
        within(lambda: self._store.commit(Unit(tenant=self._settings.tenant, record=draft)))
        try:
            within(lambda: place(self._settings, self._store, self._ledger, draft.record))
        except StoreUnavailable:
            return

    def _of(self, mandate_id: bytes, kind: str) -> OfficersMandate:
        try:
            found = self.mandates.of(mandate_id)
        except NotFound:
            found = None
        if found is None or found.kind != kind:
            raise ActRefused(
                f"there is no {kind} of this id: see ciconia ledger {'grant' if kind == GRANT else 'erase'} list."
            )
        return found

    def _enough(self) -> Operators:
        operators = self.operators()
        if len({*operators.values()}) < NEEDED:
            raise ActRefused("operators/ of what is in force names fewer than two persons: add their keys, and apply that.")
        return operators

    def _refuse(
        self, mandate: OfficersMandate, identity: Identity, reason: str, what: str, now: int, who: str = ""
    ) -> NoReturn:
        claimed = f" (as {identity.name})" if not who and IDENTIFIER.fullmatch(identity.name) else ""
        self._tell(mandate, REFUSED, who or account(), f"{reason}{claimed}", now)
        raise ActRefused(f"It is refused, and that is on record: {reason}: {what}")

    def _tell(self, mandate: OfficersMandate, act: str, who: str, reason: str, now: int) -> None:
        shown = grant_of(mandate, {}) if mandate.kind == GRANT else None
        self.record(
            draft_mandate(
                record=new_record(),
                time=now,
                act=act,
                of=mandate.kind,
                mandate=mandate.mandate.hex(),
                who=who,
                reason=reason,
                auditor=shown.auditor if shown else "",
                scope=shown.scope if shown else "person",
                until=shown.ends if shown else 0,
            )
        )


def _check_grant(facts: Mapping[str, Json], operators: Operators, now: int) -> None:
    ends, since, until = (number_of(facts, name) for name in ("ends", "since", "until"))
    if not now < ends <= now + LONGEST_GRANT:
        raise ActRefused("a grant lasts from one day to 92 days.")
    if not facts.get("record") and not 0 < until - since <= LONGEST_PERIOD:
        raise ActRefused("a grant opens one person, or a period of at most 366 days.")
    if until > ends + DAY:
        raise ActRefused("a period ends no later than the grant.")
    if not IDENTIFIER.fullmatch(str(facts["auditor"])):
        raise ActRefused("name the auditor by letters, digits, dots and hyphens.")
    if is_officer(str(facts["auditor"]), operators):
        raise ActRefused("an officer of operators/ has the auditor's name: who signs grants uses none.")
