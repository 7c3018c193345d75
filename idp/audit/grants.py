"""Grants: two officers open a period, or the records of one person, to a named auditor, for a reason and a time.

A grant counts while both signatures do (`idp.changes.mandates`), until its end. Each use is in the ledger before anything
is opened, and so is each refusal. Decision 0061 says what a grant is worth: it binds whoever goes through Ciconia.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, select

from idp.changes.mandates import GRANT, Mandates, OfficersMandate
from idp.ledger.canonical_json import Json
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import REFUSED, USED, draft_mandate
from idp.ledger.record_contents import new_record
from idp.ports import RecordDraft
from idp.store import tables
from idp.store.engine import reading
from policies.errors import GrantRefused, NotFound
from policies.operators import Operators, is_officer
from policies.parties import Tenant

PERSON, PERIOD = "person", "period"
NOBODY = "there is no such record, or it is about nobody (any more)"


@dataclass(frozen=True, slots=True)
class AuditorGrant:
    """A grant as it is shown to everybody. `record` is one of the person's, b"" where a period is opened (seconds)."""

    grant: bytes
    auditor: str
    reason: str
    begins: int
    ends: int
    record: bytes = field(default=b"", repr=False)
    since: int = 0
    until: int = 0
    officers: tuple[str, ...] = ()
    ended: int = 0
    # how often it opened something, and when it did so last (0: never)
    used: int = 0
    used_last: int = 0

    @property
    def scope(self) -> str:
        """The scope that it opens: never which person."""
        return PERSON if self.record else PERIOD

    def state(self, now: int) -> str:
        """waiting, open or ended."""
        if self.ended or now >= self.ends:
            return "ended"
        return "open" if len(self.officers) > 1 else "waiting"

    def as_json(self, now: int) -> Mapping[str, Json]:
        """The grant for everybody: it names no record of a person."""
        return {
            "grant": self.grant.hex(),
            "auditor": self.auditor,
            "scope": self.scope,
            "since": self.since,
            "until": self.until,
            "reason": self.reason,
            "begins": self.begins,
            "ends": self.ended or self.ends,
            "officers": list(self.officers),
            "state": self.state(now),
            "used": self.used,
            "used_last": self.used_last,
        }


class Grants:
    """One tenant's. `operators` are those of the configuration in force, `record` puts a record in the ledger, durably.

    Methods raise `StoreUnavailable`.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        tenant: Tenant,
        keys: LedgerKeys,
        operators: Callable[[], Operators],
        record: Callable[[RecordDraft], None],
    ) -> None:
        self._engine, self._tenant, self._operators, self._record = engine, tenant, operators, record
        self._mandates = Mandates(engine=engine, tenant=tenant, keys=keys)

    def listed(self) -> tuple[AuditorGrant, ...]:
        """All grants there ever were, the newest first."""
        operators = self._operators()
        found = [grant_of(one, operators) for one in self._mandates.listed(GRANT)]
        return tuple(sorted(found, key=lambda one: (-one.begins, one.grant)))

    def touching(self, subject: bytes) -> tuple[AuditorGrant, ...]:
        """The grants that reach records of this person, open, ended or waiting: for the person's own page."""
        if not (found := self.listed()):
            return ()
        table = tables.records.c
        query = select(table.record, table.time).where(table.tenant == self._tenant, table.subject == subject)
        with reading(), self._engine.connect() as connection:
            mine = {row.record: row.time for row in connection.execute(query)}
        return tuple(one for one in found if _reaches(one, mine))

    def use(self, grant: bytes, auditor: str, now: int, record: bytes = b"") -> tuple[AuditorGrant, bytes]:
        """The grant, for one use by this auditor, and the keyed index of the person whom it opens.

        `record` is one of that person: of a period's grant one in that period. The use is on record when this returns.
        Raises `GrantRefused`, which is on record, too: it waits for a second officer, is ended, is another auditor's, does
        not reach the record, or the auditor is an officer; `NotFound`, with the same record, where the person was erased.
        """
        found = self._found(grant)
        if found is None:
            raise GrantRefused("there is no such grant")
        subject, why = self._person_of(found, record)
        if found.auditor != auditor:
            why = "the grant is another auditor's"
        elif is_officer(auditor, self._operators()):
            why = "the auditor is an officer, too, who could have signed it"
        elif found.state(now) != "open":
            why = f"the grant is {found.state(now)}"
        elif now < found.begins:
            why = "the grant has not begun"
        if why or subject is None:
            self._tell(found, REFUSED, auditor, now, why or NOBODY)
            raise GrantRefused(why) if why else NotFound(NOBODY)
        self._mandates.count(grant, now)
        self._tell(found, USED, auditor, now, found.reason)
        return found, subject

    def _person_of(self, grant: AuditorGrant, record: bytes) -> tuple[bytes | None, str]:
        """The keyed index of the person whom a grant opens, None where the record is about nobody; or why it does not."""
        wanted = grant.record or record
        if grant.record and record and record != grant.record:
            return None, "the grant is for another person"
        table = tables.records.c
        query = select(table.subject, table.time).where(table.tenant == self._tenant, table.record == wanted)
        with reading(), self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None or row.subject is None:
            return None, ""
        if not grant.record and not grant.since <= row.time < grant.until:
            return None, "the record is not of the period that the grant opens"
        return bytes(row.subject), ""

    def _found(self, grant: bytes) -> AuditorGrant | None:
        try:
            mandate = self._mandates.of(grant)
        except NotFound:
            return None
        return grant_of(mandate, self._operators()) if mandate.kind == GRANT else None

    def _tell(self, grant: AuditorGrant, act: str, who: str, now: int, reason: str) -> None:
        self._record(
            draft_mandate(
                record=new_record(),
                time=now,
                act=act,
                of=GRANT,
                mandate=grant.grant.hex(),
                who=who,
                reason=reason,
                auditor=grant.auditor,
                scope=grant.scope,
                until=grant.ends,
            )
        )


def grant_of(mandate: OfficersMandate, operators: Operators) -> AuditorGrant:
    """The grant that a mandate is."""
    facts = mandate.facts
    return AuditorGrant(
        grant=mandate.mandate,
        auditor=str(facts["auditor"]),
        reason=str(facts["reason"]),
        begins=number_of(facts, "begins"),
        ends=number_of(facts, "ends"),
        record=bytes.fromhex(str(facts.get("record", ""))),
        since=number_of(facts, "since"),
        until=number_of(facts, "until"),
        officers=mandate.officers(operators),
        ended=mandate.ended,
        used=mandate.used,
        used_last=mandate.used_last,
    )


def number_of(facts: Mapping[str, Json], name: str) -> int:
    """A time of a grant (seconds); 0 where there is none."""
    value = facts.get(name, 0)
    return value if isinstance(value, int) else 0


def _reaches(grant: AuditorGrant, mine: Mapping[bytes, int]) -> bool:
    if grant.record:
        return grant.record in mine
    times: Iterable[int] = mine.values()
    return any(grant.since <= time < grant.until for time in times)
