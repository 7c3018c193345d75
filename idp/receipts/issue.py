"""Issues a tenant's receipts from the ledger and the configuration, at once, whatever the sequencer does.

If the leaf stands under a checkpoint, the receipt has its proof. Else the log promises that it will within `merge_seconds`
of the release; `/log/proof` then gives the proof to anybody who knows the leaf's hash.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from idp.ledger.canonical_json import Json
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_cosigned_note, open_own_note
from idp.ledger.cosignature import NOBODY_NAMED, WitnessPolicy
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import includes, leaf_hash
from idp.ports import Log
from idp.receipts.inclusion_proof import Placed
from idp.receipts.receipt import SEES, ReceiptHolder, make_receipt
from idp.receipts.receipt_record import Stated, names_of
from idp.store.records.release_record import Releases
from policies.attributes import AttributeName
from policies.errors import SignatureInvalid, StoreUnavailable
from policies.forms import parse_form
from policies.load import Configuration
from policies.parties import ClientId, PurposeId, Tenant

# Beyond the time between two checkpoints: what a start, a lease of another's or a slow disk may take (CT: a minute)
MERGE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Issued:
    """A receipt's file, and the parts that a page shows: the openings that its holder may see, the readable part."""

    octets: bytes = field(repr=False)
    openings: Mapping[str, Mapping[str, Json]] = field(repr=False)
    record: Mapping[str, Json] = field(repr=False)
    leaf_hash: bytes
    proved: bool
    # The other operators whose witnesses cosigned the tree in which it stands
    operators: tuple[str, ...] = ()


class Receipts:
    """Makes receipts for their holders."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        country: str,
        keys: LedgerKeys,
        log: Log,
        records: Releases,
        configuration: Configuration,
        checkpoint_seconds: float,
        witnesses: WitnessPolicy = NOBODY_NAMED,
    ) -> None:
        self._witnesses = witnesses
        self._tenant = tenant
        self._country = country
        self._keys = keys
        self._log = log
        self._records = records
        self._configuration = configuration
        self.merge_seconds = math.ceil(checkpoint_seconds) + MERGE_SECONDS

    def issue(self, holder: ReceiptHolder, record: bytes, values_nonce: bytes, now: int) -> Issued:
        """The receipt of a release for one of its holders.

        Raises `NotFound` if there is no such release, `StoreUnavailable` if a promise would be broken already.
        """
        found = self._records.release(record)
        contents: dict[str, Mapping[str, Json]] = {name: json.loads(found.openings[name].content) for name in SEES[holder]}
        hashed = leaf_hash(found.leaf)
        placed = placed_in(self._log, self._tenant, hashed, self._keys.log.published(now))
        by = found.time + self.merge_seconds
        if placed is None and now > by:
            raise StoreUnavailable("the sequencer gave a leaf no place in its time")
        octets = make_receipt(
            holder=holder,
            keys=self._keys,
            leaf=found.leaf,
            openings=found.openings,
            values_nonce=values_nonce,
            stated=self._stated(contents["sent"]),
            standing=by if placed is None else placed,
            now=now,
        )
        readable = json.loads(octets)["record"]
        return Issued(
            octets=octets,
            openings=contents,
            record=readable,
            leaf_hash=hashed,
            proved=placed is not None,
            operators=self._operators(placed),
        )

    def _operators(self, placed: Placed | None) -> tuple[str, ...]:
        if placed is None:
            return ()
        try:
            _, text, others = open_cosigned_note(placed.checkpoint.encode(), *self._keys.log.known)
            return tuple(sorted(self._witnesses.judge(text, others).operators()))
        except SignatureInvalid:
            return ()

    def _stated(self, sent: Mapping[str, Json]) -> Stated:
        """The configuration's part. A purpose whose file changed since says nothing about what was shown then."""
        purpose = self._configuration.purposes.get(PurposeId(str(sent["purpose"])))
        party = self._configuration.parties.get(ClientId(str(sent["client"])))
        shown = purpose if purpose is not None and purpose.digest == sent["policy"] else None
        return Stated(
            title=shown.title["en"] if shown else "",
            law=shown.law["en"] if shown else "",
            controller=shown.controller.name["en"] if shown else "",
            contact=shown.controller.contact if shown else "",
            recipient=party.title["en"] if party else "",
            jurisdiction=self._country,
            retention=shown.retention if shown else "",
            offline=shown is not None and shown.offline,
            claims=tuple(self._claim(name, form) for name, form in names_of(sent)),
        )

    def _claim(self, name: str, text: str) -> str:
        """The claim that carried an attribute; "" if the city's own catalogue does not have it any more."""
        catalogue, form = self._configuration.catalogue, parse_form(text)
        known = form is not None and catalogue.knows(AttributeName(name), form)
        return catalogue.claim_for(AttributeName(name), form) if known and form is not None else ""


def placed_in(log: Log, tenant: Tenant, hashed: bytes, keys: Sequence[VerifierKey]) -> Placed | None:
    """The place of a leaf under the recent checkpoint that most witnesses cosigned; None if `keys` signed none over it.

    If its key was revoked, the next checkpoint comes within seconds. Raises `StoreUnavailable` if the stored nodes do not
    prove the place.
    """
    index = log.index_of(tenant, hashed)
    if index is None:
        return None
    covering = [each for each in log.recent(tenant) if index < each.size]
    # The newest one may wait for its witnesses while an older one has them
    for best in sorted(covering, key=lambda each: len(each.cosignatures), reverse=True):
        try:
            head = TreeHead.read(open_own_note(best.note.encode(), *keys)[1])
        except SignatureInvalid:
            continue
        if index < head.size:
            break
    else:
        return None
    placed = Placed(index, tuple(log.inclusion(tenant, index, head.size)), best.cosigned_note)
    if not includes(index, head.size, hashed, placed.path, head.root):
        raise StoreUnavailable("what is stored does not prove the place of a leaf: run ciconia ledger verify")
    return placed
