"""All that was released about one person, opened by a citizen's receipt, which is their own key, or by a grant.

Without either the records of one person cannot be told from those of all others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from idp.audit.grants import AuditorGrant
from idp.audit.questions.auditor import Auditor
from idp.citizen.history import Histories, HistoryEntry
from idp.ledger.canonical_json import Json
from idp.ledger.checkpoint import VerifierKey
from idp.receipts.receipt import ReceiptHolder
from idp.receipts.receipt_verify import verify_receipt
from idp.store import tables
from idp.store.engine import reading
from policies.errors import NotFound, SignatureInvalid


@dataclass(frozen=True, slots=True)
class PersonsRecords:
    """A person's records, the newest first. `missing` are the numbers of those that are gone or do not open.

    It and `counter` are None where a grant opens a period: they would tell of records outside it.
    """

    receipt: str
    counter: int | None
    missing: tuple[int, ...] | None
    entries: tuple[HistoryEntry, ...] = field(repr=False)

    def as_json(self) -> Mapping[str, Json]:
        """The answer as JSON. It says nothing of who it is."""
        told: list[Json] = [
            {
                "number": each.position,
                "record": each.record.hex(),
                "kind": each.kind,
                "sent": dict(each.sent),
                "decision": dict(each.decision),
            }
            for each in self.entries
        ]
        missing = None if self.missing is None else list(self.missing)
        return {"receipt": self.receipt, "counter": self.counter, "missing": missing, "records": told}


def records_of_person(auditor: Auditor, receipt: bytes, keys: Sequence[VerifierKey]) -> PersonsRecords:
    """The records of the person whose receipt this is.

    Raises `SignatureInvalid` if the receipt does not hold under `keys`, is a service's, or is of another record or person
    than our ledger says; `NotFound` if its record is not there or was erased; `StoreUnavailable`.
    """
    proved = verify_receipt(receipt, keys)
    if proved.holder is not ReceiptHolder.CITIZEN or proved.subject is None:
        raise SignatureInvalid("openings", "it is a service's receipt, which does not open the records of a person")
    table = tables.records.c
    here = (table.tenant == auditor.tenant, table.record == bytes.fromhex(proved.record))
    with reading(), auditor.engine.connect() as connection:
        row = connection.execute(select(table.subject, table.leaf_hash).where(*here)).first()
    if row is None:
        raise NotFound("the ledger has no record of this receipt: keep the receipt, which proves that there was one")
    if row.leaf_hash != proved.leaf_hash:
        raise SignatureInvalid(
            "commitment", "the ledger has another leaf for its record: keep the receipt, which proves it"
        )
    if row.subject is None:
        raise NotFound("the records of this person were erased")
    if row.subject != proved.subject:
        what = "the ledger has its record under another person's key: keep the receipt, which proves it"
        raise SignatureInvalid("commitment", what)
    found = Histories(engine=auditor.engine, tenant=auditor.tenant, keys=auditor.keys).whole(proved.subject)
    return PersonsRecords(proved.record, found.counter, found.missing, found.entries)


def records_by_grant(auditor: Auditor, grant: AuditorGrant, subject: bytes) -> PersonsRecords:
    """The records of a person that a grant opens, after its use is on record (`Grants.use`). Raises `StoreUnavailable`."""
    found = Histories(engine=auditor.engine, tenant=auditor.tenant, keys=auditor.keys).whole(subject)
    if grant.record:
        return PersonsRecords("", found.counter, found.missing, found.entries)
    entries = tuple(each for each in found.entries if grant.since <= each.sent["time"] < grant.until)
    return PersonsRecords("", None, None, entries)
