"""Whether the receipts of services agree with our record, as far as they can be compared (decision 0000.20).

1. each receipt holds under the log's keys
2. its leaf is that of our record, and its record says the same
3. two receipts of one `sub` at a service are of one person in our ledger, and of another `sub` of another person: this
   finds a leaf that was filed under another person's key
4. a service has as many receipts of a period as our record has releases to it; those without one are named

If the operator also runs the service, nothing of this is found.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import select

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.filters import read_terms, read_way
from idp.audit.questions.ledger_summary import SummarisedLedger
from idp.audit.questions.opened import open_leaves
from idp.audit.questions.summary import BLOCK, BlockSummary
from idp.ledger.canonical_json import Json
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.record_contents import RELEASE
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.store import tables
from idp.store.engine import reading, snapshot
from policies.errors import SignatureInvalid
from policies.parties import ClientId

AT_ONCE = 500
# Releases without a receipt that are named; all are counted
MOST_NAMED = 1000


@dataclass(frozen=True, slots=True, order=True)
class Disagreement:
    """A receipt that does not agree: the name of its file, the check, and why."""

    file: str
    check: str
    what: str


@dataclass(frozen=True, slots=True)
class Unreceipted:
    """A release of which no receipt is in the folder."""

    index: int
    record: str
    time: int
    service: str


@dataclass(frozen=True, slots=True)
class ReceiptAgreement:
    """The result: how many receipts agree, what disagrees, and which of our releases have no receipt.

    `services` has for each service of the receipts how many receipts it has, and how many releases our record has between
    the first and the last of them.
    """

    agreeing: int
    disagreements: tuple[Disagreement, ...]
    unreceipted: tuple[Unreceipted, ...]
    missing: int
    services: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing disagrees."""
        return not self.disagreements

    def as_json(self) -> Mapping[str, Json]:
        """The answer as JSON."""
        return {
            "ok": self.holds,
            "agreeing": self.agreeing,
            "disagreements": [asdict(each) for each in self.disagreements],
            "missing": self.missing,
            "without_receipt": [asdict(each) for each in self.unreceipted],
            "services": {name: {"receipts": had, "releases": ours} for name, (had, ours) in self.services.items()},
        }


def compare_receipts(
    auditor: Auditor, ledger: SummarisedLedger, files: Iterable[tuple[str, bytes]], keys: Sequence[VerifierKey]
) -> ReceiptAgreement:
    """Compare receipts (each the name of a file, and its octets) with our record. Raises `StoreUnavailable`."""
    found = _Comparison(auditor)
    for name, octets in files:
        try:
            found.add(name, octets, keys)
        except SignatureInvalid as error:
            found.disagreements.append(Disagreement(name, error.check, error.detail))
    found.look_up()
    found.compare_persons()
    unreceipted, missing, services = found.without_receipt(ledger)
    disagreements = tuple(sorted(found.disagreements))
    wrong = {each.file for each in disagreements}
    agreeing = sum(name not in wrong for name in found.receipts)
    return ReceiptAgreement(agreeing, disagreements, tuple(unreceipted[:MOST_NAMED]), missing, services)


class _Comparison:
    """One folder of receipts beside one ledger."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor
        self.receipts: dict[str, ProvedReceipt] = {}
        self.disagreements: list[Disagreement] = []
        self._subjects: dict[str, bytes] = {}
        # The place of each record whose receipt agrees
        self._places: dict[str, int] = {}

    def add(self, name: str, octets: bytes, keys: Sequence[VerifierKey]) -> None:
        """Read one. Raises `SignatureInvalid` if it does not hold."""
        self.receipts[name] = verify_receipt(octets, keys)

    def _disagree(self, name: str, what: str) -> None:
        self.disagreements.append(Disagreement(name, "commitment", f"{what}: keep the receipt, which proves it"))

    def look_up(self) -> None:
        """Compare each with the record of its id."""
        records, leaves = tables.records.c, tables.leaves.c
        names = list(self.receipts)
        with reading(), snapshot(self._auditor.engine) as connection:
            for start in range(0, len(names), AT_ONCE):
                some = {bytes.fromhex(self.receipts[name].record): name for name in names[start : start + AT_ONCE]}
                query = select(records.record, records.leaf_hash, records.subject, records.position)
                mine = (records.tenant == self._auditor.tenant, records.record.in_(some))
                rows = {row.record: row for row in connection.execute(query.where(*mine))}
                hashes = [self.receipts[name].leaf_hash for name in names[start : start + AT_ONCE]]
                here = (leaves.tenant == self._auditor.tenant, leaves.leaf_hash.in_(hashes))
                found = connection.execute(select(leaves.leaf_hash, leaves.leaf_index).where(*here))
                placed = {row.leaf_hash: row.leaf_index for row in found}
                for name in names[start : start + AT_ONCE]:
                    receipt = self.receipts[name]
                    row = rows.get(bytes.fromhex(receipt.record))
                    index = placed.get(receipt.leaf_hash)
                    if row is None:
                        self._disagree(name, "the ledger has no record of it")
                    elif row.leaf_hash != receipt.leaf_hash:
                        self._disagree(name, "the ledger has another leaf for its record")
                    elif receipt.index is not None and index != receipt.index:
                        self._disagree(name, "the ledger has its leaf in another place")
                    else:
                        if index is not None:
                            self._places[receipt.record] = index
                        if row.subject is not None:
                            self._subjects[name] = row.subject

    def compare_persons(self) -> None:
        """Compare who signed in there with whose the record is here. Records that were erased are nobody's any more."""
        by_sub, by_subject = defaultdict[tuple[str, str], set[bytes]](set), defaultdict[tuple[str, bytes], set[str]](set)
        for name, subject in self._subjects.items():
            receipt = self.receipts[name]
            by_sub[receipt.client, receipt.sub].add(subject)
            by_subject[receipt.client, subject].add(receipt.sub)
        for name, subject in self._subjects.items():
            receipt = self.receipts[name]
            if len(by_sub[receipt.client, receipt.sub]) > 1:
                self._disagree(name, "records of the same sub at this service stand under the keys of two persons")
            party = self._auditor.configuration.parties.get(ClientId(receipt.client))
            # A service that registered itself gets another `sub` at each sign-in
            if len(by_subject[receipt.client, subject]) > 1 and party is not None and not party.registered:
                self._disagree(name, "records of another sub at this service stand under the key of the same person")

    def without_receipt(self, ledger: SummarisedLedger) -> tuple[list[Unreceipted], int, dict[str, tuple[int, int]]]:
        """Our releases to each service between its first receipt and its last one, and those without a receipt.

        A block's summary says how many releases it has: where as many receipts are of that block, none is missing.
        """
        spans: dict[str, tuple[int, int]] = {}
        had = defaultdict[str, set[str]](set)
        here = defaultdict[int, dict[str, int]](dict)
        for receipt in self.receipts.values():
            first, last = spans.get(receipt.client, (receipt.time, receipt.time))
            spans[receipt.client] = min(first, receipt.time), max(last, receipt.time)
            place = self._places.get(receipt.record)
            if place is not None and receipt.record not in had[receipt.client]:
                here[place // BLOCK][receipt.client] = here[place // BLOCK].get(receipt.client, 0) + 1
            had[receipt.client].add(receipt.record)
        named, missing, ours = list[Unreceipted](), 0, dict.fromkeys(spans, 0)
        for block, summary in enumerate(ledger.summaries):
            counted, sure = _releases(summary, spans)
            lacking = sum(counted.values()) - sum(here[block].values())
            if not sure or (counted != here[block] and len(named) < MOST_NAMED):
                counted, found = self._opened(block, min((block + 1) * BLOCK, ledger.size), spans, had)
                named, lacking = named + found, len(found)
            missing += lacking
            for service, count in counted.items():
                ours[service] += count
        return named, missing, {name: (len(had[name]), ours[name]) for name in sorted(spans)}

    def _opened(
        self, block: int, end: int, spans: Mapping[str, tuple[int, int]], had: Mapping[str, set[str]]
    ) -> tuple[dict[str, int], list[Unreceipted]]:
        """The releases of a block to each service in its period, leaf by leaf, and those without a receipt."""
        with reading(), snapshot(self._auditor.engine) as connection:
            leaves = open_leaves(connection, self._auditor.tenant, self._auditor.keys.openings, block * BLOCK, end).leaves
        counted, named = dict[str, int](), list[Unreceipted]()
        for leaf in leaves:
            if leaf is None or leaf.decision["kind"] != RELEASE:
                continue
            service, time = str(leaf.sent.get("client", "")), int(leaf.decision["time"])
            if service in spans and spans[service][0] <= time <= spans[service][1]:
                counted[service] = counted.get(service, 0) + 1
                if leaf.record.hex() not in had[service]:
                    named.append(Unreceipted(leaf.place, leaf.record.hex(), time, service))
        return counted, named


def _releases(summary: BlockSummary, spans: Mapping[str, tuple[int, int]]) -> tuple[dict[str, int], bool]:
    """How many releases a block has to each of these services in its period, and whether its sums can tell."""
    services = [read_terms(text).service for text in summary.tables["terms"]]
    releases = [read_way(text).outcome == RELEASE for text in summary.tables["way"]]
    counted, sure = dict[str, int](), True
    if not spans.keys().isdisjoint(services):
        columns = (summary.rows[name] for name in ("terms", "way", "count", "first", "last"))
        for terms, way, count, first, last in zip(*columns, strict=True):
            span = spans.get(services[terms])
            if span is None or not releases[way]:
                continue
            if span[0] <= first and last <= span[1]:
                counted[services[terms]] = counted.get(services[terms], 0) + count
            elif first <= span[1] and last >= span[0]:
                sure = False
    return counted, sure
